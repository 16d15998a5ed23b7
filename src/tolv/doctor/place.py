"""The directory that Tolv keeps its state in: whose it is, on what disk, how much room there is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tolv.doctor.check import Check, in_bytes, read_text
from tolv.home import Home

#: Bytes: below the first nothing can be built, below the second a few builds fill the disk.
_SPACE_FAIL, _SPACE_WARN = 256 << 20, 2 << 30

#: The environment of one app takes a few thousand.
_INODES_FAIL, _INODES_WARN = 10_000, 100_000

#: File systems on which SQLite's shared memory or locks do not work, or not for sure.
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph"}

#: `sockaddr_un.sun_path` without its final NUL.
_SOCKET_PATH = 107


def place(home: Home) -> list[Check]:
    """All about the home; of one that is not there yet, about the directory that it will be made in."""
    there = _nearest(home.root)
    return [_home(home, there), _file_system(there), _space(there), _inodes(there), _socket_path(home)]


def _home(home: Home, there: Path) -> Check:
    choose = "set TOLV_HOME to a directory that you own"
    if not there.is_dir():
        return Check("home", "fail", f"{there} is not a directory", choose)
    if not os.access(there, os.W_OK | os.X_OK):
        return Check("home", "fail", f"{there} cannot be written", choose)
    if there != home.root:
        return Check("home", "ok", f"{home.root}, not made yet")
    found = home.root.stat()
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.geteuid():
        return Check("home", "warn", f"{home.root} belongs to user {found.st_uid}", choose)
    if mode & 0o077:
        return Check("home", "warn", f"{home.root} is open to others (mode {mode:04o})", f"chmod 700 {home.root}")
    return Check("home", "ok", f"{home.root}, mode {mode:04o}")


def _file_system(there: Path) -> Check:
    kind = _mounted(there)
    if kind in _REMOTE:
        return Check(
            "file system",
            "warn",
            f"{there} is on {kind}: SQLite cannot lock there for sure",
            "set TOLV_HOME to a local disk, or TOLV_STORE_URL to a PostgreSQL",
        )
    return Check("file system", "ok", kind)


def _space(there: Path) -> Check:
    disk = os.statvfs(there)
    free = disk.f_bavail * disk.f_frsize
    if free >= _SPACE_WARN:
        return Check("disk space", "ok", f"{in_bytes(free)} free")
    return Check(
        "disk space",
        "fail" if free < _SPACE_FAIL else "warn",
        f"{in_bytes(free)} free at {there}",
        f"free some, or set TOLV_HOME to a larger disk; {in_bytes(_SPACE_WARN)} is a good start",
    )


def _inodes(there: Path) -> Check:
    disk = os.statvfs(there)
    if disk.f_files == 0:
        return Check("inodes", "ok", "made as they are needed")
    if disk.f_favail >= _INODES_WARN:
        return Check("inodes", "ok", f"{disk.f_favail} free")
    return Check(
        "inodes",
        "fail" if disk.f_favail < _INODES_FAIL else "warn",
        f"{disk.f_favail} free at {there}",
        "remove directories with many small files (caches), or set TOLV_HOME to another disk",
    )


def _socket_path(home: Home) -> Check:
    length = max(len(os.fsencode(path)) for path in (home.server_socket, home.keeper_socket))
    if length <= _SOCKET_PATH:
        return Check("socket path", "ok", f"{length} of {_SOCKET_PATH} bytes")
    return Check(
        "socket path",
        "warn",
        f"{length} bytes, {_SOCKET_PATH} fit: Tolv works, other tools cannot connect to its sockets",
        "set TOLV_HOME to a shorter path",
    )


def _nearest(path: Path) -> Path:
    """The path itself, or its first parent that exists."""
    for one in (path, *path.parents):
        if one.exists() or one.is_symlink():
            return one
    return Path("/")


def _mounted(path: Path) -> str:
    """Type of the file system that `path` lies on: the last mount among those that contain it, deepest first."""
    real = path.resolve()
    around = {str(real), *map(str, real.parents)}
    best = ("", "unknown")
    for line in (read_text("/proc/self/mounts") or "").splitlines():
        _, where, kind, *_ = line.split(" ")
        where = where.replace("\\040", " ")
        if where in around and len(where) >= len(best[0]):
            best = (where, kind)
    return best[1]
