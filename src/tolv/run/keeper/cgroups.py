"""A control group (version 2) per process tree, where one can be made: the kernel lists its members and kills them all.

Without one everything works as well, through `/proc` (see `tree`); with one nothing escapes, not even a process that
wipes its environment, changes session and closes its output before anyone looks. `TOLV_CGROUPS=off` does without.
"""

from __future__ import annotations

import contextlib
import os
import time

from tolv.run.keeper.limits import CONTROLLERS, read_counter, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds between a kill by the kernel and our looking for it, at the most.
_JUST = 10.0


#: Where systemd puts the server within the group that it delegates (DelegateSubgroup=), since a group that holds
#: processes cannot give its controllers on. The apps' groups lie beside it.
SUBGROUP = "/tolv"


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
            return (point + inside).rstrip("/").removesuffix(SUBGROUP)
    return None


class Groups:
    """The groups of one home's processes, `<base>/<process id>`. `base` is None where none can be made."""

    def __init__(self, name: str) -> None:
        own = None if os.environ.get("TOLV_CGROUPS") == "off" else own_directory()
        self.base = f"{own}/tolv-{name}" if own and _is_usable(own) else None
        self.controllers = self._enable()
        """Those that a group can have."""

    def make(self, id: str) -> str | None:
        """A group for a new process; None if there can be none."""
        if self.base is None:
            return None
        path = f"{self.base}/{id}"
        try:
            os.makedirs(path)
        except OSError:
            return None
        if self.controllers:
            self._enable()
        return path

    def _enable(self) -> tuple[str, ...]:
        """Have the kernel give controllers to the groups. It refuses where the keeper's own group holds processes, or
        a controller belongs to version 1."""
        if self.base is None:
            return ()
        own = os.path.dirname(self.base)
        wanted = [one for one in CONTROLLERS if one in _words(f"{own}/cgroup.controllers")]
        if not wanted:
            return ()
        with contextlib.suppress(OSError):
            os.makedirs(self.base, exist_ok=True)
        for directory in (own, self.base):
            for controller in wanted:
                write(f"{directory}/cgroup.subtree_control", f"+{controller}")
        return tuple(one for one in wanted if one in _words(f"{self.base}/cgroup.subtree_control"))


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []


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
    return write(f"{path}/cgroup.kill", "1")


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


def machine_kills() -> int:
    """How often the kernel killed anything on this machine for want of memory."""
    return read_counter("/proc/vmstat") or 0


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
