"""What this machine offers Tolv and its apps: kernel features, tools, interpreters, disk, ports. Only looks."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tolv.home import Home

#: `ok`: there. `less`: Tolv does without, with the loss that `detail` names. `missing`: Tolv cannot work.
State = Literal["ok", "less", "missing"]

_GIB = 1 << 30
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_VERSION_FLAG = 1


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing looked at, what was seen, and what to do when it falls short."""

    name: str
    state: State
    detail: str
    remedy: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def examine(home: Home) -> list[Observation]:
    """Everything that matters, in the order in which a person would mend it."""
    looks: tuple[Callable[[], Observation], ...] = (
        lambda: _home(home),
        lambda: _disk(home),
        lambda: _port(home),
        _kernel,
        _cgroups,
        _landlock,
        _open_files,
        _names,
        _git,
        _uv,
        _pythons,
        _node,
    )
    return [look() for look in looks]


def _home(home: Home) -> Observation:
    path = home.root
    while not path.exists():
        path = path.parent
    if os.access(path, os.W_OK | os.X_OK):
        return Observation("home", "ok", f"{home.root} can be written")
    return Observation("home", "missing", f"{home.root} cannot be written", "set TOLV_HOME to a directory that you own")


def _disk(home: Home) -> Observation:
    path = home.root
    while not path.exists():
        path = path.parent
    space = os.statvfs(path)
    free, nodes = space.f_bavail * space.f_frsize / _GIB, space.f_favail
    detail = f"{free:.1f} GiB free"
    if free < 0.5 or (space.f_files and nodes < 10_000):
        return Observation("disk", "missing", f"{detail}, {nodes} inodes", "make room, or move TOLV_HOME")
    if free < 3:
        return Observation("disk", "less", f"{detail}: few builds fit", "make room, or move TOLV_HOME")
    return Observation("disk", "ok", detail)


def _port(home: Home) -> Observation:
    port = int(os.environ.get("TOLV_PORT") or 8080)
    if any(home.router.glob("router-*.sock")):
        return Observation("port", "ok", f"{port} is the router's")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Observation(
                "port", "missing", f"{port} cannot be had: {error.strerror}", "set TOLV_PORT to a free port"
            )
    return Observation("port", "ok", f"{port} is free")


def _kernel() -> Observation:
    release = platform.release()
    if platform.system() != "Linux":
        return Observation("kernel", "missing", f"{platform.system()} {release}", "run Tolv on Linux")
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return Observation("kernel", "missing", f"Linux {release} has no pidfd", "use Linux 5.4 or newer")
    return Observation("kernel", "ok", f"Linux {release}, pidfd")


def _cgroups() -> Observation:
    root = Path("/sys/fs/cgroup")
    if not (root / "cgroup.controllers").exists():
        return Observation("cgroups", "less", "no cgroup v2: strays are found by scanning /proc", None)
    own = next((line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line[:3] == "0::"), "/")
    if os.access(root / own.lstrip("/"), os.W_OK):
        return Observation("cgroups", "ok", "cgroup v2, writable here")
    return Observation(
        "cgroups",
        "less",
        "cgroup v2, not delegated: strays are found by scanning /proc",
        "run the server by `tolv server --print-systemd-unit`, which delegates",
    )


def _landlock() -> Observation:
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION_FLAG)
    if version > 0:
        return Observation("landlock", "ok", f"ABI {version}")
    return Observation("landlock", "less", "not offered by this kernel: file access is not confined", None)


def _open_files() -> Observation:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        return Observation("open files", "less", f"at most {hard}: few connections", "raise the limit (ulimit -Hn)")
    return Observation("open files", "ok", f"{soft}, at most {hard if hard >= 0 else 'unlimited'}")


def _names() -> Observation:
    try:
        socket.getaddrinfo("tolv.localhost", None)
    except OSError:
        return Observation(
            "localhost",
            "less",
            "*.localhost does not resolve here; browsers and curl know it all the same",
            "send the Host header, or install libnss-myhostname",
        )
    return Observation("localhost", "ok", "*.localhost resolves")


def _git() -> Observation:
    if version := _version("git"):
        return Observation("git", "ok", version)
    return Observation("git", "missing", "not found: only `tolv up` outside git works", "install git")


def _uv() -> Observation:
    try:
        from uv import find_uv_bin

        program = find_uv_bin()
    except (ImportError, FileNotFoundError):
        program = shutil.which("uv") or ""
    if program and (version := _version(program)):
        return Observation("uv", "ok", version.split(" (")[0])
    return Observation("uv", "missing", "not found: Python apps cannot be built", "install uv beside Tolv")


def _pythons() -> Observation:
    versions = sorted(
        {version.removeprefix("Python ") for minor in range(8, 16) if (version := _version(f"python3.{minor}"))},
        key=lambda version: int(version.split(".")[1]),
    )
    if versions:
        return Observation("python", "ok", ", ".join(versions))
    return Observation("python", "less", "only the one that runs Tolv", "install the versions that your apps ask for")


def _node() -> Observation:
    if version := _version("node"):
        tools = [name for name in ("npm", "pnpm", "yarn") if shutil.which(name)]
        return Observation("node", "ok", " ".join([version, *tools]))
    return Observation("node", "less", "not found: Node apps cannot be built", "install Node.js and npm")


def _version(program: str) -> str | None:
    """The first line of `program --version`; None when it cannot be run (a shim without a version behind it)."""
    try:
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return (asked.stdout or asked.stderr).strip().splitlines()[0]
