"""The router's bounds: what a client, an upstream or the machine may cost it. Bytes and seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound of one router process; `docs/router.md` explains each."""

    head_bytes: int = 64 * 1024
    """The longest head (start line and header fields) of a request or a response."""
    target_bytes: int = 16 * 1024
    """The longest request target; beyond it the answer is 414."""
    buffer_bytes: int = 64 * 1024
    """How much is read ahead (pipelined requests, a body whose upstream is not connected yet) before reading stops."""
    connections: int = 16_384
    """Clients at a time; lowered to what the limit on open files allows."""
    head_timeout: float = 30.0
    """From the first byte of a request's head to its last: 408."""
    idle_timeout: float = 75.0
    """A kept-alive connection without a request is closed."""
    body_timeout: float = 60.0
    """A request body that does not move: 408."""
    body_rate: int = 256
    """Bytes a second that a body must bring on the average, from `body_timeout` on: 408."""
    write_timeout: float = 60.0
    """A client that accepts nothing of its response is cut off."""
    half_closed_timeout: float = 60.0
    """A client that sends nothing more and whose response stands still for so long has left."""
    connect_timeout: float = 5.0
    """For one upstream to accept a connection."""
    connect_patience: float = 2.0
    """How long a request whose upstreams all refused waits for a better table before it is answered 502."""
    linger: float = 2.0
    """How long a refused client's remaining bytes are read and thrown away, so that it can read its answer."""
    close_handshake: float = 1.0
    """How long a WebSocket that was told to close (1001) may take before it is cut."""
    upstream_idle: int = 64
    """Idle connections kept to one upstream."""
    upstream_idle_seconds: float = 60.0
    """How long an idle connection to an upstream is kept."""
    stale_after: float = 1.0
    """A request that must not be sent twice only takes an idle connection used this recently."""
