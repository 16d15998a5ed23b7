"""Who holds a lease: a process, told from a later one of the same pid by its start time and the machine's boot."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """A process of one boot of this machine."""

    pid: int
    start_time: int
    """Clock ticks after boot: field 22 of `/proc/<pid>/stat`."""
    boot_id: str


def this_process() -> Owner:
    """The process that asks."""
    state = _state(os.getpid())
    return Owner(os.getpid(), state[1] if state else 0, _boot_id())


def lives(owner: Owner) -> bool:
    """Whether that very process still runs; a zombie does not."""
    if owner.boot_id != _boot_id():
        return False
    state = _state(owner.pid)
    return state is not None and state[0] not in "ZX" and state[1] == owner.start_time


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _state(pid: int) -> tuple[str, int] | None:
    """State letter and start time (proc_pid_stat(5)); None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field is the program's name in parentheses and may hold anything, parentheses too.
    fields = stat.rpartition(b")")[2].split()
    return fields[0].decode(), int(fields[19])
