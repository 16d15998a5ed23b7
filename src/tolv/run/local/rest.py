"""Whether a process has come to rest: it has booted, and waits for something to do.

A process without a port cannot be asked whether it is ready. But it can be seen to compute while it boots (it loads
code, it reads its config), and what goes wrong then goes wrong before its first rest.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress

#: Seconds without any work that count as rest, and between two looks: short, as a rollout waits for the last one.
_REST, _LOOK = 0.015, 0.005


async def until_rest(leader: int, longest: float) -> None:
    """Wait until nothing in the session of `leader` has computed for a moment, `longest` seconds at most.

    On a kernel that does not tell (no `schedstat`) it is `longest` in any case.
    """
    deadline = since = time.monotonic()
    deadline += longest
    session = _Session(leader)
    while (now := time.monotonic()) < deadline:
        if session.computes():
            since = now
        elif now - since >= _REST:
            return
        await asyncio.sleep(_LOOK)


class _Session:
    """What each thread of a session has computed, as of the last look.

    While one of them computes the others are not looked at: the app that boots needs the processor more.
    """

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._used: dict[str, dict[str, str] | None] = {}

    def computes(self) -> bool:
        """Whether any of it has computed since the last look, or has just come to it."""
        for name, before in list(self._used.items()):
            used = self._used[name] = _used(name)
            if used is None or used != before:
                if not os.path.exists(f"/proc/{name}"):
                    del self._used[name]
                return True
        fresh = [name for name in self._members() if name not in self._used]
        self._used.update((name, _used(name)) for name in fresh)
        return bool(fresh) or not self._used

    def _members(self) -> Iterator[str]:
        """Only processes that are younger than the leader are looked at, by number: others cannot be of its session,
        until numbers wrap."""
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) >= self._leader:
                with suppress(OSError):
                    session = _read(f"/proc/{name}/stat").rpartition(")")[2].split()[3]
                    # The leader may not have made its session yet.
                    if int(session) == self._leader or int(name) == self._leader:
                        yield name


def _used(name: str) -> dict[str, str] | None:
    """The processor time (ns) that each thread of a process has had; None while its first one runs, or waits for a
    disk, and where it cannot be told."""
    try:
        if _read(f"/proc/{name}/stat").rpartition(")")[2].split()[0] in "RD":
            return None
        threads = os.listdir(f"/proc/{name}/task")
        return {one: _read(f"/proc/{name}/task/{one}/schedstat").split()[0] for one in threads}
    except OSError:
        return None


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()
