"""Whether a process has come to rest: it has booted, and waits for something to do.

A process without a port cannot be asked whether it is ready. But it can be seen to compute while it boots (it loads
code, it reads its config), and what goes wrong then goes wrong before its first rest.
"""

from __future__ import annotations

import asyncio
import os
import time

#: Seconds without any work that count as rest, and between two looks: short, as a rollout waits for the last one.
_REST, _LOOK = 0.025, 0.005


async def until_rest(leader: int, longest: float) -> None:
    """Wait until nothing in the session of `leader` has computed for a moment, `longest` seconds at most.

    On a kernel that does not tell (no `schedstat`) it is `longest` in any case.
    """
    deadline = time.monotonic() + longest
    before, since = None, time.monotonic()
    while (now := time.monotonic()) < deadline:
        used = _used(leader)
        if used is None or used != before:
            before, since = used, now
        elif now - since >= _REST:
            return
        await asyncio.sleep(_LOOK)


def _used(leader: int) -> dict[str, str] | None:
    """The processor time (ns) that each thread of the session has had; None while one runs, or waits for a disk.

    Only processes that are younger than the leader are looked at, by number: others cannot be of its session, until
    numbers wrap.
    """
    used: dict[str, str] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) < leader:
            continue
        try:
            state, _parent, _group, session = _read(f"/proc/{name}/stat").rpartition(")")[2].split()[:4]
            if int(session) != leader and int(name) != leader:  # the leader may not have made its session yet
                continue
            if state in "RD":
                return None
            for thread in os.listdir(f"/proc/{name}/task"):
                used[thread] = _read(f"/proc/{name}/task/{thread}/schedstat").split()[0]
        except OSError:
            return None
    return used or None


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()
