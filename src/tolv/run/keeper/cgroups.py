"""A control group (version 2) per process tree, where one can be made: the kernel lists its members and kills them all.

Without one everything works as well, through `/proc` (see `tree`); with one nothing escapes, not even a process that
wipes its environment, changes session and closes its output before anyone looks. `TOLV_CGROUPS=off` does without.
"""

from __future__ import annotations

import contextlib
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTROLLERS = ("memory", "pids")
#: Seconds between a kill by the kernel and our looking for it, at the most.
_JUST = 10.0


def own_directory() -> str | None:
    """The directory of the keeper's own group in the unified hierarchy, wherever that is mounted."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            own = next(line[3:].strip() for line in file if line.startswith("0::"))
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            mounts = [line.split() for line in file]
    except (OSError, StopIteration):
        return None
    for fields in mounts:
        root, point, kind = fields[3], fields[4], fields[fields.index("-") + 1]
        if kind == "cgroup2" and (root == "/" or own == root or own.startswith(root + "/")):
            inside = own if root == "/" else own[len(root) :]
            return (point + inside).rstrip("/")
    return None


class Groups:
    """The groups of one home's processes, `<base>/<process id>`. `base` is None where none can be made."""

    def __init__(self, name: str) -> None:
        own = None if os.environ.get("TOLV_CGROUPS") == "off" else own_directory()
        self.base = f"{own}/tolv-{name}" if own and _is_usable(own) else None

    def make(self, id: str, limits: dict[str, int | None]) -> str | None:
        """A group for a new process, with its limits where the controllers are there; None if there can be none."""
        if self.base is None:
            return None
        path = f"{self.base}/{id}"
        try:
            os.makedirs(path)
        except OSError:
            return None
        for directory in (os.path.dirname(self.base), self.base):
            for controller in _CONTROLLERS:
                # Refused where the group itself holds processes, or the controller belongs to version 1: rlimits then.
                _write(f"{directory}/cgroup.subtree_control", f"+{controller}")
        if limits.get("memory") and _write(f"{path}/memory.max", str(limits["memory"])):
            _write(f"{path}/memory.swap.max", "0")
            _write(f"{path}/memory.oom.group", "0")
        if limits.get("processes"):
            _write(f"{path}/pids.max", str(limits["processes"]))
        return path


def unlimited(path: str | None, limits: dict[str, int | None]) -> dict[str, int | None]:
    """The limits that a group does not hold: each process has to be given those itself."""
    held = {"memory": "memory.max", "processes": "pids.max"}
    return {
        name: None if path and name in held and os.path.exists(f"{path}/{held[name]}") else limit
        for name, limit in limits.items()
    }


def _is_usable(own: str) -> bool:
    """Whether groups can be made below `own` and processes moved there: one must be able to write both."""
    return os.access(own, os.W_OK | os.X_OK) and os.access(f"{own}/cgroup.procs", os.W_OK)


def members(path: str) -> list[int]:
    """The pids in a group and the groups below it (an app may make its own)."""
    found: list[int] = []
    for directory, _, _ in os.walk(path):
        with contextlib.suppress(OSError), open(f"{directory}/cgroup.procs", encoding="ascii") as file:
            found.extend(int(line) for line in file)
    return found


def kill(path: str) -> bool:
    """SIGKILL to all in the group at once, forks in flight included (Linux 5.14). False where that is not to be had."""
    return _write(f"{path}/cgroup.kill", "1")


def remove(path: str) -> None:
    """Remove an empty group and the groups below it; the kernel may need a moment after the last exit."""
    for _ in range(20):
        for directory, _, _ in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)
        if not os.path.exists(path):
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(path))  # of the home, unless there are others
            return
        time.sleep(0.001)


def group_kills(path: str | None) -> int | None:
    """How often the kernel killed in a group for want of memory; None where that is not counted."""
    return _counter(f"{path}/memory.events") if path else None


def machine_kills() -> int:
    """How often the kernel killed anything on this machine for want of memory."""
    return _counter("/proc/vmstat") or 0


def kernel_named(pid: int) -> bool | None:
    """Whether the kernel's log says that it just killed this process for want of memory; None where we may not read it.

    The count of the whole machine cannot tell whose kill it was; this can.
    """
    try:
        log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # A record is `level,sequence,microseconds since boot,flags;text`. Older ones may be of another process.
        recent = (time.monotonic() - _JUST) * 1e6
        text = b"Killed process %d (" % pid
        return any(text in record and int(record.split(b",", 3)[2]) > recent for record in _records(log))
    except PermissionError:
        return None
    finally:
        os.close(log)


def _records(log: int) -> Iterator[bytes]:
    while True:
        try:
            yield os.read(log, 8192)
        except BlockingIOError:
            return
        except BrokenPipeError:  # this record was overwritten while we read: the next one follows
            continue


def _counter(path: str) -> int | None:
    with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as lines:
        for line in lines:
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    return None


def _write(path: str, text: str) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(descriptor, text.encode())
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
