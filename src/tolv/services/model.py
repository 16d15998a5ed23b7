"""The values of backing services: what runs, what is said of it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Binaries:
    """A server's programs on this machine."""

    version: str
    """As the program says it: `16.2`."""
    directory: Path
    """Where the programs lie."""
    origin: str
    """Where they come from, for people: `pgserver 0.1.4`, `the host's /usr/lib/postgresql/15/bin`."""
    reads: tuple[Path, ...] = ()
    """What else of the file system the programs need, besides the system's own."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One local server: where it lies and how it is reached."""

    id: str
    """Unique for ever on this machine, `[a-z0-9-]+`."""
    directory: Path
    """All that it keeps lies below; it exists, belongs to `user`, mode 0700. Outside any release."""
    port: int
    """On 127.0.0.1, its own as long as the instance exists."""
    user: int | None
    """Uid and gid that it runs as; None: Tolv's own (Tolv is not root)."""
    password: str
    """Of Tolv's own administrator in it: letters and digits."""
    binaries: Binaries


@dataclass(frozen=True, slots=True)
class Command:
    """How an instance's server is run. It stays in the foreground and logs to standard output or standard error."""

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    """Exactly what it sees, beside PATH, HOME and TMPDIR."""
    stop_signal: str = "SIGTERM"
    grace: float = 30.0
    """Seconds between the stop signal and SIGKILL."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a running server says of itself when it is asked over its own protocol."""

    version: str
    """`16.2`; empty where the protocol does not tell."""
    size: int | None = None
    """Bytes that it keeps for whoever asks (the database, the bucket); None where it cannot be told."""
    read_only: bool = False
