"""What follows a `101 Switching Protocols`: bytes in both directions, and a polite end for WebSockets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tolv.route.exchange import Exchange

_GOING_AWAY: Final = (1001).to_bytes(2, "big")


def _close_to_client() -> bytes:
    return b"\x88\x02" + _GOING_AWAY


def _close_to_upstream() -> bytes:
    """A client's frames are masked (RFC 6455, 5.3)."""
    mask = os.urandom(4)
    return b"\x88\x82" + mask + bytes(a ^ b for a, b in zip(_GOING_AWAY, mask, strict=False))


class FrameBoundaries:
    """Where WebSocket frames end in a stream of bytes: only there may another frame be put in."""

    __slots__ = ("_head", "_left", "closed")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self.closed = False
        """A Close frame has passed."""

    @property
    def between(self) -> bool:
        """Whether the stream so far ends with a whole frame."""
        return not self._left and not self._head

    def feed(self, data: bytes) -> int:
        """Go on by `data`. Gives the first position in it that lies between two frames, -1 if there is none."""
        position, first = 0, -1
        while position < len(data):
            if self._left:
                step = min(self._left, len(data) - position)
                self._left -= step
                position += step
            else:
                self._head += data[position : position + 1]
                position += 1
                self._read_head()
            if first < 0 and self.between:
                first = position
        return first

    def _read_head(self) -> None:
        head = self._head
        if len(head) < 2:
            return
        length = head[1] & 0x7F
        extended = {126: 2, 127: 8}.get(length, 0)
        size = 2 + extended + (4 if head[1] & 0x80 else 0)
        if len(head) == size:
            self._left = int.from_bytes(head[2 : 2 + extended], "big") if extended else length
            self.closed = self.closed or head[0] & 0x0F == 0x8
            self._head = b""


class Tunnel:
    """Two connections that have become one."""

    __slots__ = ("_closing", "_exchange", "_from_client", "_from_upstream", "_timer", "_to_client", "_to_upstream")

    def __init__(self, exchange: Exchange, client: asyncio.Transport, upstream: asyncio.Transport, *, websocket: bool):
        self._exchange = exchange
        self._to_client: asyncio.Transport | None = client
        self._to_upstream: asyncio.Transport | None = upstream
        self._from_client = FrameBoundaries() if websocket else None
        self._from_upstream = FrameBoundaries() if websocket else None
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None

    def from_client(self, data: bytes) -> None:
        """Bytes from the client."""
        self._to_upstream = self._pass(data, self._from_client, self._to_upstream, _close_to_upstream)
        if self._closing and self._from_client is not None and self._from_client.closed:
            self.end()

    def from_upstream(self, data: bytes) -> None:
        """Bytes from the upstream."""
        self._exchange.sent_bytes += len(data)
        self._to_client = self._pass(data, self._from_upstream, self._to_client, _close_to_client)

    def _pass(
        self,
        data: bytes,
        boundaries: FrameBoundaries | None,
        to: asyncio.Transport | None,
        close_frame: Callable[[], bytes],
    ) -> asyncio.Transport | None:
        """Write on; while closing only to the end of the frame under way, then Close. Gives who gets more."""
        end = boundaries.feed(data) if boundaries is not None else -1
        if to is None or not self._closing or end < 0:
            if to is not None:
                to.write(data)
            return to
        to.write(data[:end] + close_frame())
        return None

    def close_gently(self, seconds: float) -> None:
        """Tell both sides that this end goes away (1001), and cut them after `seconds` if they have not gone."""
        if self._closing:
            return
        self._closing = True
        if self._from_client is None or self._from_upstream is None:
            self._exchange.cut()
            return
        if self._from_upstream.between and self._to_client is not None:
            self._to_client.write(_close_to_client())
            self._to_client = None
        if self._from_client.between and self._to_upstream is not None:
            self._to_upstream.write(_close_to_upstream())
            self._to_upstream = None
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end)

    def client_lost(self) -> None:
        """The client is gone or has nothing more to say."""
        self.end()

    def upstream_lost(self) -> None:
        """The upstream ended its side. While closing, the client's answer to the Close frame is waited for."""
        if not self._closing:
            self.end()

    def end(self) -> None:
        """Close both sides after what was written to them."""
        if self._timer is not None:
            self._timer.cancel()
        self._exchange.leave_tunnel()
