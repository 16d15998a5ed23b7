"""Looking at an app's processes from outside: which there are, and what they execute.

What belongs to a tree is found as the keeper finds it (`tolv.run.keeper.tree`): a process that has changed its session
or lost its parent is found, too.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tolv.run.keeper.program import STARTER
from tolv.run.keeper.tree import Proc, Table, Tracked, find_members, read_cookie, read_process, read_table

#: Seconds between two looks of `Executed`.
PAUSE = 0.004
#: No process has this as its cookie: the character ends a variable.
_NO_COOKIE = "\0"


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as it was at one moment."""

    pid: int
    parent: int
    group: int
    session: int
    started: int
    """Clock ticks since boot: with the pid it names a process."""
    argv: tuple[str, ...]
    """Empty of one that has just ended."""
    exe: str | None
    """The file that it executes, as it sees the file system; None where that cannot be told."""
    cwd: str | None

    @property
    def program(self) -> str:
        """The name of what it executes: `python3.11`."""
        return os.path.basename(self.exe or (self.argv[0] if self.argv else "")).removesuffix(" (deleted)")


class Tree:
    """The processes that descend from a leader, wherever they have gone.

    A tree that is looked at often remembers its members: what loses its parent and its session without keeping the
    environment is found only if it was seen before.
    """

    def __init__(self, pid: int, cookie: str | None = None) -> None:
        """`cookie`: the leader's, for one that may have ended already; otherwise it is read from the leader."""
        leader = read_process(pid)
        own = leader is not None and leader.session == pid
        self._tracked = Tracked("tree", cookie or read_cookie(pid) or _NO_COOKIE, pid, own)
        if leader is not None and leader.alive:
            self._tracked.seen = {pid: leader.started}
        self.pid = pid

    def members(self) -> tuple[Seen, ...]:
        """The living members, in the order in which they were started."""
        return _describe(self._living())

    def pids(self) -> list[int]:
        """The same, by number alone: it costs a part of that."""
        return [one.pid for one in sorted(self._living(), key=_age)]

    def _living(self) -> list[Proc]:
        return find_members(read_table(), [self._tracked])["tree"]


def snapshot(pid: int) -> tuple[Seen, ...]:
    """The living processes of the tree of `pid`, in the order in which they were started."""
    return Tree(pid).members()


def strays(members: Iterable[Seen], leader: int) -> tuple[Seen, ...]:
    """Those that went into a session of their own and whose parent is not of the tree: daemons."""
    members = tuple(members)
    pids = {one.pid for one in members}
    session = next((one.session for one in members if one.pid == leader), leader)
    return tuple(
        one for one in members if one.pid != leader and one.session != session and one.parent not in pids | {leader}
    )


@dataclass(frozen=True, slots=True)
class Execution:
    """A process of the tree, at the look that first saw it with this program and these arguments."""

    at: float
    """`time.monotonic()` of the look."""
    process: Seen


class Executed:
    """Collects what the processes of a tree execute, for as long as it is entered.

        with Executed(instance.pid) as executed:
            ...
        executed.programs  # {"python3.11", "pg_dump"}

    It looks every few milliseconds, in a thread of its own: a process that lives shorter than that may be missed, so
    that what it has not seen has not been shown to be absent. The keeper's launcher, which a process of the app is
    until it executes the app's command, is not the app's.
    """

    how = "polling"

    def __init__(self, pid: int, cookie: str | None = None, pause: float = PAUSE) -> None:
        self._tracked = Tree(pid, cookie)._tracked
        self._pause = pause
        self._strangers: set[int] = set()
        self._known: set[tuple[int, int, str | None, tuple[str, ...]]] = set()
        self._executions: list[Execution] = []
        self._over = threading.Event()
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="executed", daemon=True)

    def __enter__(self) -> Executed:
        self._thread.start()
        self._looked.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def executions(self) -> tuple[Execution, ...]:
        """All so far, in the order in which they were seen. A process that executes another program counts again."""
        return tuple(self._executions)

    @property
    def programs(self) -> frozenset[str]:
        """The names of the files that were executed so far."""
        return frozenset(one.process.program for one in self.executions)

    def _watch(self) -> None:
        while True:
            self._look()
            self._looked.set()
            if self._over.wait(self._pause):
                return

    def _look(self) -> None:
        """One look: at members, and at what is new in the process table. Strangers stay strangers."""
        pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        self._strangers &= pids
        table: Table = {}
        for pid in pids - self._strangers:
            entry = read_process(pid)
            if entry is not None and entry.alive and not entry.kernel:
                table[pid] = entry
        members = find_members(table, [self._tracked])["tree"]
        self._strangers |= pids.difference(one.pid for one in members)
        now = time.monotonic()
        for seen in _describe(members):
            key = (seen.pid, seen.started, seen.exe, seen.argv)
            if seen.argv and STARTER not in seen.argv and key not in self._known:
                self._known.add(key)
                self._executions.append(Execution(now, seen))


def status(pid: int) -> dict[str, str]:
    """`/proc/<pid>/status`, by key; empty of one that has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


def _describe(members: Iterable[Proc]) -> tuple[Seen, ...]:
    return tuple(
        Seen(
            one.pid,
            one.parent,
            one.group,
            one.session,
            one.started,
            _argv(one.pid),
            _link(one.pid, "exe"),
            _link(one.pid, "cwd"),
        )
        for one in sorted(members, key=_age)
    )


def _age(process: Proc) -> tuple[int, int]:
    """The order in which processes were started."""
    return process.started, process.pid


def _argv(pid: int) -> tuple[str, ...]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            line = file.readall()
    except OSError:
        return ()
    return tuple(os.fsdecode(part) for part in line.removesuffix(b"\0").split(b"\0")) if line else ()


def _link(pid: int, name: str) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return None
