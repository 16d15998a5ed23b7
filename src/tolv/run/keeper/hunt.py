"""Killing a tree that keeps replacing itself, where no control group holds it.

A list of members is old by the time that it is complete: on a busy machine a process that lives for milliseconds has
been replaced by its child meanwhile, and every signal comes too late. So each one is killed as it is found, and what
has died is reaped in between, as the dead make each look at the process table longer.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from tolv.run.keeper.tree import Tracked, read_cookie, read_process, send

#: Looks in a row that find nobody new, after which nobody is left.
_EMPTY = 2


def hunt(tree: Tracked, seconds: float, reap: Callable[[], None]) -> int:
    """SIGKILL to each member of the tree that can be told by itself (by its cookie, its session, its group or its
    parent), until nobody new is found or so many seconds are over. How many were killed.

    Strangers are looked at once, so that a look takes about a millisecond. `reap` lets go of the dead.
    """
    over, known, killed, empty = time.monotonic() + seconds, {os.getpid()}, set[int](), 0
    while empty < _EMPTY and time.monotonic() < over:
        empty += 1
        reap()
        there = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        known &= there
        for pid in sorted(there - known, reverse=True):  # the newest first: they have the longest to live
            known.add(pid)
            entry = read_process(pid)
            if entry is None or not entry.alive:
                empty = 0  # who has died between two looks may have been one of them, and its child is the next
                continue
            ours = tree.session_is_ours and tree.pid is not None and tree.pid in (entry.session, entry.group)
            if ours or entry.parent in killed or read_cookie(pid) == tree.cookie:
                send([entry], signal.SIGKILL)
                killed.add(pid)
                empty = 0
    return len(killed)
