"""What a Redis instance has on disk: its configuration, its users, its log of all changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tolv.errors import PlatformError
from tolv.services.model import Instance
from tolv.services.programs import order

#: Tolv's own user in each instance.
ADMINISTRATOR = "tolv"

_SETTINGS = """\
bind 127.0.0.1
protected-mode yes
port {port}
dir "{data}"
aclfile "{users}"
daemonize no
supervised no
logfile ""
always-show-logo no
databases 16
tcp-keepalive 60
maxmemory-policy noeviction
appendonly yes
appendfsync everysec
save ""
"""

#: Of Redis 7 and Valkey: the administrator alone may debug, which is how a snapshot is loaded.
_SETTINGS_7 = """\
enable-debug-command local
"""


def configuration(instance: Instance) -> Path:
    """The server's configuration."""
    return instance.directory / "redis.conf"


def data(instance: Instance) -> Path:
    """Where the server keeps its data."""
    return instance.directory / "data"


def prepare(instance: Instance) -> None:
    """Write the configuration, and the users if there are none yet.

    Raises `PlatformError`; also if a newer version wrote the data, which this one could not read.
    """
    try:
        _check_version(instance)
        for stale in instance.directory.glob(".*.new"):
            stale.unlink()
        if not data(instance).is_dir():
            data(instance).mkdir(mode=0o700)
        _give(instance, data(instance))
        users = instance.directory / "users.acl"
        settings = _SETTINGS + (_SETTINGS_7 if order(instance.binaries.version) >= (7,) else "")
        text = settings.format(port=instance.port, data=_quoted(data(instance)), users=_quoted(users))
        write(instance, configuration(instance), text)
        if not users.exists():
            write(instance, users, _first_users(instance.password))
        write(instance, instance.directory / "version", f"{instance.binaries.version}\n")
    except OSError as error:
        raise PlatformError(
            f"the service cannot be prepared: {error.strerror or error}",
            where=str(instance.directory),
            remedy="free some space, then try again",
        ) from None


def hashed(password: str) -> str:
    """A password as Redis keeps it."""
    return hashlib.sha256(password.encode()).hexdigest()


def write(instance: Instance, path: Path, text: str) -> None:
    """Write a file of the instance's: whole or not at all, for its user alone. Raises `OSError`."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _give(instance, aside)
    aside.replace(path)


def _give(instance: Instance, path: Path) -> None:
    if instance.user is not None and os.geteuid() == 0:
        os.chown(path, instance.user, instance.user, follow_symlinks=False)


def _first_users(password: str) -> str:
    """Nobody but the administrator; `default` would be let in without a password if it were not named."""
    return f"user {ADMINISTRATOR} on #{hashed(password)} ~* &* +@all\nuser default off -@all\n"


def _check_version(instance: Instance) -> None:
    try:
        found = (instance.directory / "version").read_text().strip()
    except FileNotFoundError:
        return
    if order(found)[:2] > order(instance.binaries.version)[:2]:
        raise PlatformError(
            f"the data is of version {found}, the programs are of {instance.binaries.version}",
            where=str(instance.directory),
            remedy=f"ask for version {found} again; an older one cannot read what it wrote",
        )


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
