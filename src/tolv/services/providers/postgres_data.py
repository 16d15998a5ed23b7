"""The data directory of a PostgreSQL instance: made by initdb, whole or not at all."""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from tolv.errors import PlatformError
from tolv.services.model import Instance
from tolv.services.providers.disk import settle

#: Tolv's own user in each instance, a superuser.
ADMINISTRATOR = "tolv"

_DEADLINE = 120.0


def directory(instance: Instance) -> Path:
    """Where the cluster lies."""
    return instance.directory / "data"


def prepare(instance: Instance) -> None:
    """Make the cluster if there is none.

    Raises `PlatformError`; also for a cluster of another major version than the programs, which could not read it.
    """
    data = directory(instance)
    if data.exists():
        _check_version(instance, data)
        return _forget_the_dead(data)
    try:
        _remove_remains(instance.directory, f"{data.name}-")
        # Each time another name: an initdb that outlived its Tolv goes on writing to the one that it knows.
        with tempfile.TemporaryDirectory(prefix=f"{data.name}-", dir=instance.directory) as name:
            made = Path(name, "data")
            if instance.user is None or os.geteuid() != 0:
                _initdb(instance.binaries.directory, made, instance, None)
            else:
                _initdb_as_nobody(made, instance, instance.user)
            settle(instance.directory)
            made.rename(data)
        settle(instance.directory)
    except OSError as error:
        raise PlatformError(
            f"the database cannot be made: {error.strerror or error}",
            where=str(instance.directory),
            remedy="free some space, then try again",
        ) from None


def major(version: str) -> str:
    """The part of a version within which the files are the same: `16` of `16.2`, `9.6` of `9.6.24`."""
    parts = version.split(".")
    return ".".join(parts[:2]) if int(parts[0]) < 10 else parts[0]


def _check_version(instance: Instance, data: Path) -> None:
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise PlatformError(
            f"the database's files cannot be read: {error.strerror}",
            where=str(data),
            remedy="restore a backup into a new resource",
        ) from None
    if found != major(instance.binaries.version):
        raise PlatformError(
            f"the data is of PostgreSQL {found}, the programs are of {instance.binaries.version}",
            where=str(data),
            remedy=f"ask for version {found} again; to change it, back up and restore into a new resource",
        )


def _remove_remains(directory: Path, prefix: str) -> None:
    """What a Tolv left that was killed in the middle, as far as it is Tolv's and of this instance."""
    for entry in os.scandir(directory):
        mine = entry.name.startswith(prefix) and "-" not in entry.name.removeprefix(prefix)
        found = entry.stat(follow_symlinks=False) if mine else None
        if found and stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
            shutil.rmtree(entry.path, ignore_errors=True)


def _forget_the_dead(data: Path) -> None:
    """Remove the lock of a server that was killed, where another process has its number by now.

    PostgreSQL would take that one for a server on this data, and not start until it ends. Whether a child of the dead
    server still has the data open it finds out by itself.
    """
    lock = data / "postmaster.pid"
    try:
        number = lock.read_text().split(maxsplit=1)[0]
        said = Path("/proc", number, "cmdline").read_bytes() if number.isdecimal() else b""
    except (OSError, IndexError):
        said = b""
    if os.fsencode(data) not in said.split(b"\0"):
        lock.unlink(missing_ok=True)


def _initdb_as_nobody(made: Path, instance: Instance, user: int) -> None:
    """initdb wants a user who has a name, which an instance's has not: it runs as nobody, where nobody may be."""
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise PlatformError("initdb needs the user nobody", where="/etc/passwd", remedy="add it") from None
    prefix = f"tolv-initdb-{hashlib.sha256(os.fsencode(instance.directory)).hexdigest()[:16]}-"
    _remove_remains(Path(tempfile.gettempdir()), prefix)
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        place, own = Path(name), Path(name, "own")
        place.chmod(0o711)
        own.mkdir(mode=0o700)
        os.chown(own, nobody.pw_uid, nobody.pw_gid)
        _initdb(_within_reach(instance, place / "programs"), own / "data", instance, nobody)
        os.chown(own, 0, 0)  # from here on no other process of nobody's gets at it
        shutil.move(own / "data", made)
    for path, _, names in os.walk(made):
        for one in (path, *(os.path.join(path, name) for name in names)):
            os.chown(one, user, user, follow_symlinks=False)


def _within_reach(instance: Instance, copy: Path) -> Path:
    """The programs, or a copy of them where nobody can not get at them."""
    programs = instance.binaries.directory
    if all(one.stat().st_mode & 0o001 for one in (programs, *programs.parents)) or not instance.binaries.reads:
        return programs
    root = instance.binaries.reads[0]
    shutil.copytree(root, copy, symlinks=True, copy_function=_link, ignore=shutil.ignore_patterns("include"))
    copy.chmod(0o755)
    return copy / programs.relative_to(root)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _initdb(programs: Path, data: Path, instance: Instance, user: pwd.struct_passwd | None) -> None:
    command = [
        *(() if user else _as_nobody()),
        str(programs / "initdb"),
        *("--pgdata", str(data), "--username", ADMINISTRATOR, "--pwfile", "/dev/stdin"),
        *("--auth-host", "scram-sha-256", "--auth-local", "scram-sha-256"),
        *("--encoding", "UTF8", "--locale", _locale(), "--data-checksums", "--no-sync"),
    ]
    reading, writing = os.pipe()
    try:
        # A pipe, as neither argv nor a file keeps a password; it is opened anew, which its owner alone may do.
        if user is not None:
            os.fchown(reading, user.pw_uid, user.pw_gid)
        os.write(writing, f"{instance.password}\n".encode())
        os.close(writing)
        done = subprocess.run(
            command,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": str(data.parent)},
            cwd=data.parent,
            stdin=reading,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DEADLINE,
            umask=0o077,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
        )
    except subprocess.TimeoutExpired:
        raise PlatformError(f"initdb took more than {_DEADLINE:.0f} s", where=str(instance.directory)) from None
    finally:
        os.close(reading)
    if done.returncode != 0:
        detail = " ".join((done.stderr.strip() or done.stdout.strip()).split())[-500:]
        remedy = f"see what is wrong with {instance.binaries.origin}"
        if "No space left" in detail:
            remedy = "free some space, then try again"
        elif "unshare" in detail:
            remedy = f"add a line for user {os.geteuid()} to /etc/passwd, which initdb asks for"
        raise PlatformError(f"the database cannot be made: {detail}", where=str(instance.directory), remedy=remedy)


def _as_nobody() -> tuple[str, ...]:
    """Where Tolv's own user has no name: it is called nobody for as long as initdb runs, in a namespace of its own."""
    try:
        pwd.getpwuid(os.geteuid())
        return ()
    except KeyError:
        nobody = pwd.getpwnam("nobody")
    return ("unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}", "--")


def _locale() -> str:
    """UTF-8 without a language, so that text sorts alike on every machine; where libc has it not, plain C."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.newlocale.restype = ctypes.c_void_p
    libc.newlocale.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
    libc.freelocale.argtypes = (ctypes.c_void_p,)
    every_category = 0x1FBF  # LC_ALL_MASK
    found = libc.newlocale(every_category, b"C.UTF-8", None)
    if not found:
        return "C"
    libc.freelocale(found)
    return "C.UTF-8"
