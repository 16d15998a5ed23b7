"""The values of the run stage: what should run, what does run, how a process ended. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """The life of a process, as `tolv ps` shows it."""

    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"
    """It was ready, and its health path does not answer well now: others get its requests."""
    DRAINING = "draining"
    STOPPED = "stopped"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one process tree; None leaves the system's."""

    memory: int | None = None
    """Bytes."""
    open_files: int | None = None
    """Of each process."""
    processes: int | None = None
    """Threads count, too."""
    cpu: float | None = None
    """Processors: 0.5 is half of one."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How a process is confined: docs/sandbox.md says what each part does."""

    user: int | None
    """Uid and gid that it runs as; None: the keeper's own."""
    view: bool
    """A file system of its own, with what it may see and nothing else."""
    landlock: bool
    reads: tuple[str, ...]
    """Paths that it may read, besides the system's."""
    writes: tuple[str, ...]
    """Paths that it may write, besides its temporary directory."""
    tmp_size: int | None = None
    """Bytes that the temporary directory may hold, which then lies in memory."""
    network: int | None = None
    """Pid of a process whose network namespace it joins before all else; None: the keeper's network."""
    init: bool = False
    """It is pid 1 of a pid namespace of its own, as in a container: needs `view`. The process that the keeper knows
    is its parent, which hands on signals and ends as it does."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """All that the keeper needs to start a process, save its environment, which never touches a disk."""

    id: str
    """Unique for ever, `[A-Za-z0-9._-]+`: `guestbook-dev-v2-web.1-3f9a0c`."""
    argv: tuple[str, ...]
    directory: str
    """Working directory."""
    tmp: str
    """Private temporary directory: made (mode 0700) before the start, removed once the whole tree is dead."""
    stdout: str | None = None
    """File that the keeper moves standard output to (`<path>.idx` beside it); None for an attached one-off."""
    stderr: str | None = None
    limits: Limits = field(default_factory=Limits)
    sandbox: Sandbox | None = None
    """None: not confined."""
    tty: bool = False
    """The descriptor that an attached client sent is a terminal: make it the controlling one."""
    labels: dict[str, str] = field(default_factory=dict)
    """What whoever finds the process again must know of it (app, release, port …); kept with the process."""
    log_group: str | None = None
    """Living processes of one group share `log_limit`: those of an app."""
    log_limit: int | None = None
    """Bytes that the logs of the group's living processes may take on disk; beyond it the oldest go."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended. Exactly one of `code` and `signal` is set, neither when nobody saw (`unknown`)."""

    at: float
    """Seconds since 1970."""
    code: int | None = None
    signal: int | None = None
    out_of_memory: bool = False

    @property
    def unknown(self) -> bool:
        return self.code is None and self.signal is None

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Kept:
    """What the keeper says of one process: what is, not what should be."""

    id: str
    pid: int | None
    """Of the leader; None when the start failed before there was one."""
    started_at: float
    alive: bool
    """The leader runs."""
    members: int
    """Processes of its tree that are alive, the leader included; 0: the whole tree is dead."""
    exit: Exit | None
    """The leader's end, once it ended."""
    labels: dict[str, str] = field(default_factory=dict)
    """Those of its `ProcessSpec`."""
    empty: bool = False
    """The whole tree is dead, its log complete, its temporary directory gone."""
