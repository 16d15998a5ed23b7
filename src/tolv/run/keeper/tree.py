"""Finds every process of a tree, wherever it has gone, and signals it.

Where a cgroup holds the tree the kernel knows it. Elsewhere a process belongs to a tree by any of these signs:
it carries the cookie (`TOLV_PROCESS_ID=<id>@<home>` in the environment that it was started with), it is in the
leader's session or group, it descends from a member, it was seen as a member before, it is in the leader's own mount
namespace, or it holds the log pipe open.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
from collections.abc import Iterable

#: The variable that marks a process and all that descends from it, whatever session or parent it moves to.
COOKIE = "TOLV_PROCESS_ID"
_MARK = f"\0{COOKIE}=".encode()
_PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, the 64 bytes of struct pidfd_info that all versions have)
_PIDFD_INFO_EXIT = 1 << 3
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD


class Proc:
    """One line of the process table. `started` is in clock ticks since boot: with the pid it names a process."""

    __slots__ = ("alive", "group", "kernel", "parent", "pid", "session", "started")

    def __init__(self, pid: int, stat: bytes) -> None:
        # The name, in parentheses, may hold anything, spaces and parentheses too: count from the last one.
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.pid = pid
        self.parent = int(fields[1])
        self.group = int(fields[2])
        self.session = int(fields[3])
        self.kernel = bool(int(fields[6]) & _KERNEL_THREAD)
        self.started = int(fields[19])
        # A leader thread that ended is shown as a zombie while its other threads run on.
        self.alive = fields[0] not in (b"Z", b"X") or int(fields[17]) > 1


class Tracked:
    """What identifies one tree for the search."""

    __slots__ = ("cookie", "id", "namespace", "pid", "pipes", "seen", "session_is_ours")

    def __init__(self, id: str, cookie: str, pid: int | None, session_is_ours: bool) -> None:
        self.id = id
        self.cookie = cookie
        """Names the home too: another keeper's process may have the same id."""
        self.pid = pid
        self.session_is_ours = session_is_ours
        """False when nobody watched the leader end: its number may have become another session's since."""
        self.seen: dict[int, int] = {}
        """Members found so far: pid and start time."""
        self.namespace: str | None = None
        """The mount namespace that its view of the file system is, once it was seen."""
        self.pipes: frozenset[tuple[int, int]] = frozenset()
        """The log pipes (device, inode)."""


Table = dict[int, Proc]


def read_process(pid: int) -> Proc | None:
    """The entry of `pid`, or None if there is none any more."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return Proc(pid, file.read())
    except (OSError, ValueError):
        return None


def read_table() -> Table:
    """All living processes but the kernel's own."""
    table: Table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            entry = read_process(int(name))
            if entry is not None and entry.alive and not entry.kernel:
                table[entry.pid] = entry
    return table


def find_members(table: Table, trees: Iterable[Tracked]) -> dict[str, list[Proc]]:
    """The living members of each tree; each tree remembers them."""
    wanted = {tree.id: tree for tree in trees}
    leaders = {tree.pid: tree for tree in wanted.values() if tree.pid and tree.session_is_ours}
    cookies = {tree.cookie: tree for tree in wanted.values()}
    namespaces = {tree.namespace: tree for tree in wanted.values() if tree.namespace}
    seen = {item: tree for tree in wanted.values() for item in tree.seen.items()}
    owners: dict[int, Tracked | None] = {os.getpid(): None}

    def owner(entry: Proc) -> Tracked | None:
        """The tree of the nearest ancestor that has one, from `entry` itself upwards."""
        path = []
        while entry.pid not in owners:
            path.append(entry.pid)
            # A guard as well: pids are read one after the other, so that parents might seem to form a circle.
            owners[entry.pid] = tree = (
                seen.get((entry.pid, entry.started))
                or leaders.get(entry.session)
                or leaders.get(entry.group)
                or cookies.get(read_cookie(entry.pid) or "")
                or (namespaces.get(read_namespace(entry.pid) or "") if namespaces else None)
            )
            if tree is not None or entry.parent not in table:
                break
            entry = table[entry.parent]
        tree = owners[entry.pid]
        owners.update((pid, tree) for pid in path)
        return tree

    members: dict[str, list[Proc]] = {id: [] for id in wanted}
    for entry in table.values():
        tree = owner(entry)
        if tree is not None:
            members[tree.id].append(entry)
    for id, tree in wanted.items():
        tree.seen = {entry.pid: entry.started for entry in members[id]}
    return members


def find_holders(table: Table, tree: Tracked) -> list[Proc]:
    """Processes that hold the tree's log pipe open for writing: members that every other sign has missed."""
    holders = [entry for entry in table.values() if entry.pid != os.getpid() and _writes_to(entry.pid, tree.pipes)]
    tree.seen.update((entry.pid, entry.started) for entry in holders)
    return holders


def send(members: Iterable[Proc], number: int) -> None:
    """Signal each of `members`, and no process that has taken over the number of one."""
    for member in members:
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(member.pid)
            try:
                now = read_process(member.pid)
                if now is not None and now.started == member.started:
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)


def send_group(group: int, number: int) -> None:
    """Signal a whole group at once: no fork slips through in between, as one may from a list of pids."""
    with contextlib.suppress(OSError):
        os.killpg(group, number)


def read_cookie(pid: int) -> str | None:
    """The cookie of `pid`, or None."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            environment = b"\0" + file.readall()
    except OSError:
        return None
    start = environment.find(_MARK)
    if start < 0:
        return None
    start += len(_MARK)
    return environment[start : environment.find(b"\0", start)].decode(errors="replace")


def read_namespace(pid: int) -> str | None:
    """The mount namespace of `pid`, or None."""
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError:
        return None


def exit_status(handle: int) -> int | None:
    """How the process of a pidfd ended: its exit code, or its signal negated. None if the kernel does not say.

    Linux 6.15 tells anyone who held the handle when the process was reaped (PIDFD_GET_INFO, PIDFD_INFO_EXIT).
    """
    try:
        answer = fcntl.ioctl(handle, _PIDFD_GET_INFO, struct.pack("<Q56x", _PIDFD_INFO_EXIT))
    except OSError:
        return None
    mask, status = struct.unpack("<Q52xi", answer)
    return os.waitstatus_to_exitcode(status) if mask & _PIDFD_INFO_EXIT else None


def tells_exit_status() -> bool:
    """Whether this kernel may answer `exit_status` at all."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor.split("-")[0])) >= (6, 15)


def _writes_to(pid: int, pipes: frozenset[tuple[int, int]]) -> bool:
    directory = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):
            with contextlib.suppress(OSError):
                status = os.stat(f"{directory}/{name}")
                if (status.st_dev, status.st_ino) in pipes and os.lstat(f"{directory}/{name}").st_mode & 0o200:
                    return True
    return False
