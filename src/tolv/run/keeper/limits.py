"""What a process tree may take: memory, processes, processor time. The kernel's controllers hold it where they can.

In version 2 of control groups the tree's own group holds them; where a controller belongs to version 1 the tree gets a
group in that hierarchy, too. What no controller holds each process is given by itself (rlimits), as far as that goes.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tolv.run.keeper.cgroups import Groups

    Limits = dict[str, float | None]

CONTROLLERS = ("memory", "pids", "cpu")
#: The limit that each controller holds.
_HOLDS = {"memory": "memory", "pids": "processes", "cpu": "cpu"}
#: Microseconds over which processor time is shared out.
_PERIOD = 100_000


def offered(own: str | None) -> tuple[str, ...]:
    """The controllers that groups below ours can have, as far as one can tell without making any. `own` is our group of
    version 2."""
    version_1 = _own_directories()
    names = [one for one in CONTROLLERS if _is_usable(version_1.get(one))]
    if own is not None and _is_usable(own):
        try:
            with open(f"{own}/cgroup.controllers", encoding="ascii") as file:
                names += file.read().split()
        except OSError:
            pass
    return tuple(one for one in CONTROLLERS if one in names)


class Controllers:
    """The controllers that the groups of one home's processes can have."""

    def __init__(self, name: str, groups: Groups) -> None:
        self._groups = groups
        self._version_1: dict[str, str] = {}
        if os.environ.get("TOLV_CGROUPS") != "off":
            own = _own_directories()
            self._version_1 = {one: f"{own[one]}/tolv-{name}" for one in CONTROLLERS if _is_usable(own.get(one))}
        self.names = tuple(one for one in CONTROLLERS if one in self._version_1 or one in groups.controllers)

    def apply(self, id: str, group: str | None, limits: Limits) -> dict[str, str]:
        """Limit a new tree: the directory of the group that holds each limit, by controller."""
        held = {}
        for controller in self.names:
            limit = limits.get(_HOLDS[controller])
            if limit is None:
                continue
            path = self._group(controller, id) if controller in self._version_1 else group
            if path is not None and _set(controller, path, limit):
                held[controller] = path
        return held

    def _group(self, controller: str, id: str) -> str | None:
        path = f"{self._version_1[controller]}/{id}"
        try:
            os.makedirs(path, exist_ok=True)
        except OSError:
            return None
        return path


def not_held(held: dict[str, str], limits: Limits) -> Limits:
    """The limits that no group holds: each process has to be given those itself."""
    names = {_HOLDS[controller] for controller in held}
    return {name: None if name in names else limit for name, limit in limits.items()}


def kills(held: dict[str, str]) -> int | None:
    """How often the kernel killed in the tree for want of memory; None where that is not counted."""
    path = held.get("memory")
    if path is None:
        return None
    for name in ("memory.events", "memory.oom_control"):
        count = read_counter(f"{path}/{name}")
        if count is not None:
            return count
    return None


def read_counter(path: str) -> int | None:
    """The `oom_kill` of a file of counters."""
    try:
        with open(path, encoding="ascii") as file:
            for line in file:
                name, _, value = line.partition(" ")
                if name == "oom_kill":
                    return int(value)
    except (OSError, ValueError):
        pass
    return None


def write(path: str, text: str) -> bool:
    """Write a file of the kernel's; whether it took it."""
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


def _set(controller: str, path: str, limit: float) -> bool:
    if controller == "pids":
        return write(f"{path}/pids.max", str(int(limit)))
    if controller == "cpu":
        quota = max(1000, round(limit * _PERIOD))
        if write(f"{path}/cpu.max", f"{quota} {_PERIOD}"):
            return True
        return write(f"{path}/cpu.cfs_period_us", str(_PERIOD)) and write(f"{path}/cpu.cfs_quota_us", str(quota))
    if write(f"{path}/memory.max", str(int(limit))):
        write(f"{path}/memory.swap.max", "0")
        return True
    if write(f"{path}/memory.limit_in_bytes", str(int(limit))):
        write(f"{path}/memory.memsw.limit_in_bytes", str(int(limit)))
        return True
    return False


def _own_directories() -> dict[str, str]:
    """Where the keeper's own group is in each hierarchy of version 1, by controller."""
    own: dict[str, str] = {}
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            for line in file:
                _, names, path = line.rstrip("\n").split(":", 2)
                own.update((name, path) for name in names.split(",") if name in CONTROLLERS)
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            mounts = [line.split() for line in file]
    except (OSError, ValueError):
        return {}
    found = {}
    for fields in mounts:
        kind = fields[fields.index("-") + 1]
        for name in fields[-1].split(",") if kind == "cgroup" else []:
            inside, root = own.get(name), fields[3]
            if inside is not None and (root == "/" or inside == root or inside.startswith(root + "/")):
                found[name] = (fields[4] + (inside if root == "/" else inside[len(root) :])).rstrip("/")
    return found


def _is_usable(own: str | None) -> bool:
    return own is not None and os.access(own, os.W_OK | os.X_OK) and os.access(f"{own}/cgroup.procs", os.W_OK)
