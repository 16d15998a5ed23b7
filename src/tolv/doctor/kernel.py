"""What the kernel and the init system offer to keep processes together, confined and alive."""

from __future__ import annotations

import ctypes
import getpass
import os
import resource
import time

from tolv.doctor.check import Check, read_text
from tolv.run.keeper import cgroups

#: What adjtimex(2) returns while nobody keeps the clock.
_TIME_ERROR = 5

#: A clock that shows an earlier moment than this (1 January 2025) was never set.
_NEVER_BEFORE = 1735689600

#: Descriptors that a router with a few thousand connections needs.
_OPEN_FILES = 4096


def kernel() -> Check:
    """Version, and pidfd_open(2), by which the keeper waits for a process that is not its child (Linux 5.3)."""
    release = os.uname().release
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):
        return Check(
            "kernel",
            "fail",
            f"Linux {release} without pidfd_open",
            "run Linux 5.3 or later; in a container, allow the system call pidfd_open",
        )
    return Check("kernel", "ok", f"Linux {release}")


def cgroup() -> Check:
    """Whether a cgroup (v2) is ours to divide: then a process tree is killed as one, whatever it does to hide."""
    lost = "process trees are tracked by group, environment and descent"
    own = cgroups.own_directory()
    if own is None:
        return Check(
            "cgroup",
            "warn",
            f"no cgroup v2: {lost}",
            "boot with systemd.unified_cgroup_hierarchy=1, or use a newer system",
        )
    if not (os.access(own, os.W_OK) and os.access(f"{own}/cgroup.procs", os.W_OK)):
        return Check(
            "cgroup",
            "warn",
            f"{own} is not delegated: {lost}",
            "run the server as a systemd unit: tolv server --print-systemd-unit (it says Delegate=yes)",
        )
    return Check("cgroup", "ok", f"{own} is ours: process trees are held and ended as one")


def user_namespaces() -> Check:
    """Whether an unprivileged process may make a user namespace."""
    switches = {
        "/proc/sys/user/max_user_namespaces": "0",
        "/proc/sys/kernel/unprivileged_userns_clone": "0",
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
    }
    for path, off in switches.items():
        if os.path.exists(path) and read_text(path) == off:
            name = path.removeprefix("/proc/sys/").replace("/", ".")
            return Check(
                "user namespaces", "warn", f"switched off by {name}={off}", f"allow them: sysctl {name}={1 - int(off)}"
            )
    if not os.path.exists("/proc/self/ns/user"):
        return Check("user namespaces", "warn", "not in this kernel", "run a kernel with CONFIG_USER_NS")
    return Check("user namespaces", "ok", "allowed")


def open_files() -> Check:
    """The limit on open descriptors; Tolv raises its soft limit to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _OPEN_FILES:
        return Check(
            "open files",
            "warn",
            f"at most {hard}: about {hard // 2} connections at once",
            f"raise it to {_OPEN_FILES} or more: LimitNOFILE= of the systemd unit, or /etc/security/limits.conf",
        )
    return Check("open files", "ok", f"{_limit(soft)}, up to {_limit(hard)}")


def clock() -> Check:
    """Whether the clock was set, and somebody keeps it: releases and log lines carry its time."""
    if time.time() < _NEVER_BEFORE:
        shown = time.strftime("%Y-%m-%d", time.gmtime())
        return Check("clock", "fail", f"it shows {shown}", "set it (`date -s`), and run systemd-timesyncd or chrony")
    # struct timex starts with `modes`, 0: only ask. Larger than on any architecture.
    if ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) == _TIME_ERROR:
        return Check("clock", "warn", "set, but nothing keeps it", "run systemd-timesyncd or chrony")
    return Check("clock", "ok", "synchronised")


def systemd() -> Check:
    """Whether systemd can start the server with the machine."""
    if not os.path.isdir("/run/systemd/system"):
        return Check(
            "systemd", "warn", "not the init system here", "let your init start `tolv server` with the machine"
        )
    if os.geteuid() == 0:
        return Check("systemd", "ok", "system manager")
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    if not os.path.exists(f"{runtime}/systemd/private"):
        return Check("systemd", "warn", "no session of this user's", "log in through PAM, or: loginctl enable-linger")
    if not os.path.exists(f"/var/lib/systemd/linger/{_user()}"):
        return Check("systemd", "warn", "user session, ends when you log out", "let it stay: loginctl enable-linger")
    return Check("systemd", "ok", "user session that stays")


def _limit(value: int) -> str:
    return "unlimited" if value == resource.RLIM_INFINITY else str(value)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())
