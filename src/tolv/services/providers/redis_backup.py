"""Backups of Redis: its own snapshot, and by what a server that has loaded it is compared."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from tolv.errors import PlatformError, UsageError
from tolv.services.backup import Manifest, amount, reading, write, writing
from tolv.services.model import Instance
from tolv.services.protocols.resp import ReplyError, Resp
from tolv.services.provider import Tell
from tolv.services.providers.disk import is_full
from tolv.services.providers.redis_data import data
from tolv.services.providers.redis_users import administer

#: Seconds that saving or loading may take.
_DEADLINE = 3600.0
#: Milliseconds that writes may wait, at most, while the moment of the snapshot is taken.
_PAUSE = "20000"
#: Keys up to which all of them are compared, and not only counted: the server does nothing else meanwhile.
_COMPARED = 200_000

_KEYSPACE = re.compile(r"keys=(\d+),expires=(\d+)")


def backup(kind: str, instance: Instance, target: Path, tell: Tell) -> None:
    """Save all keys. Raises `PlatformError`; nothing is left at `target` then."""
    with is_full(instance), administer(instance, _DEADLINE) as connection, writing(target) as file:
        server = connection.info("server")
        version = server.get("valkey_version") or server["redis_version"]
        contents = _take_snapshot(connection, instance)
        tell(f"saving {_total(contents)} keys")
        _await(connection, "rdb_bgsave_in_progress", "rdb_last_bgsave_status", instance)
        with _taken(instance) as snapshot:
            size = write(file, kind, version, snapshot, tell, lambda: contents)
    tell(f"saved {amount(size)}")


def restore(kind: str, instance: Instance, source: Path, tell: Tell) -> None:
    """Load a backup into a server without keys, and compare.

    Raises `UsageError` for what is no whole backup, or keys that are there already; `PlatformError`.
    """
    with (
        is_full(instance),
        reading(source, kind, tell) as (manifest, snapshot),
        administer(instance, _DEADLINE) as connection,
    ):
        if _keys(connection):
            raise UsageError(
                "there are keys already",
                where=str(instance.directory),
                remedy="restore into a new resource, and swap to it",
            )
        tell(f"loading {amount(manifest.size)} of version {manifest.version}")
        _load(connection, instance, snapshot)
        _compare(connection, manifest, instance)
        tell(f"restored {_total(_contents(connection))} keys, all of them compared")


def _take_snapshot(connection: Resp, instance: Instance) -> dict[str, Any]:
    """Begin to save while no one writes, so that what is counted is what is saved."""
    deadline = time.monotonic() + _DEADLINE
    connection.call("CLIENT", "PAUSE", _PAUSE, "WRITE")
    try:
        contents = _contents(connection)
        while True:
            try:
                connection.call("BGSAVE")
                return contents
            except ReplyError as error:
                # It writes its log anew, which needs the same.
                if ("progress" not in str(error) and "child" not in str(error)) or time.monotonic() > deadline:
                    raise
                connection.call("CLIENT", "UNPAUSE")
                _poll(connection, lambda found: "1" not in (found[name] for name in _CHILDREN), instance)
                connection.call("CLIENT", "PAUSE", _PAUSE, "WRITE")
                contents = _contents(connection)
    finally:
        connection.call("CLIENT", "UNPAUSE")


_CHILDREN = ("rdb_bgsave_in_progress", "aof_rewrite_in_progress")


def _taken(instance: Instance) -> IO[bytes]:
    """The snapshot, which is gone as soon as it is closed."""
    path = data(instance) / "dump.rdb"
    try:
        file = path.open("rb")
        path.unlink()
    except OSError as error:
        raise PlatformError(f"the snapshot cannot be read: {error.strerror}", where=str(path)) from None
    return file


def _load(connection: Resp, instance: Instance, snapshot: IO[bytes]) -> None:
    """Put the snapshot where the server looks for one, let it load that, and then write its own log from it."""
    path = data(instance) / "dump.rdb"
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            if instance.user is not None and os.geteuid() == 0:
                os.fchown(file.fileno(), instance.user, instance.user)
            shutil.copyfileobj(snapshot, file, 1 << 20)
        _await(connection, "aof_rewrite_in_progress", "aof_last_bgrewrite_status", instance)
        connection.call("DEBUG", "RELOAD", "NOSAVE")
        connection.call("BGREWRITEAOF")
        _await(connection, "aof_rewrite_in_progress", "aof_last_bgrewrite_status", instance)
    except OSError as error:
        raise PlatformError(
            f"the backup cannot be restored: {error.strerror}",
            where=str(path),
            remedy="free some space, then try again",
        ) from None
    except ReplyError as error:
        raise PlatformError(
            f"the backup cannot be restored: {error}",
            where=str(instance.directory),
            remedy="see the service's log; a snapshot of a newer version cannot be loaded",
        ) from None
    finally:
        path.unlink(missing_ok=True)


def _compare(connection: Resp, manifest: Manifest, instance: Instance) -> None:
    """Keys that expire may have done so meanwhile; all others must be there."""
    found, wanted = _contents(connection), manifest.contents
    lost = [
        f"database {number} had {there['lasting']} keys that do not expire, and has {here['lasting']}"
        for number, there in wanted["databases"].items()
        if (here := found["databases"].get(number, _EMPTY))["lasting"] != there["lasting"]
        or here["expiring"] > there["expiring"]
    ]
    if not lost and wanted["digest"] is not None and not any(one["expiring"] for one in wanted["databases"].values()):
        lost = [] if found["digest"] == wanted["digest"] else ["the keys have other values than they had"]
    if lost:
        raise PlatformError(
            lost[0], where=str(instance.directory), remedy="restore into a new resource; keep the backup"
        )


_EMPTY = {"lasting": 0, "expiring": 0}


def _contents(connection: Resp) -> dict[str, Any]:
    databases = _keys(connection)
    total = sum(one["lasting"] + one["expiring"] for one in databases.values())
    digest = connection.call("DEBUG", "DIGEST").decode() if total <= _COMPARED else None
    return {"databases": databases, "digest": digest}


def _keys(connection: Resp) -> dict[str, dict[str, int]]:
    """By the number of each database, how many keys stay and how many will expire."""
    found = {}
    for name, value in connection.info("keyspace").items():
        counted = _KEYSPACE.match(value)
        if counted and name.startswith("db"):
            keys, expiring = int(counted[1]), int(counted[2])
            found[name[2:]] = {"lasting": keys - expiring, "expiring": expiring}
    return found


def _total(contents: dict[str, Any]) -> int:
    return sum(sum(one.values()) for one in contents["databases"].values())


def _await(connection: Resp, running: str, status: str, instance: Instance) -> None:
    """Until what the server does beside its work is done. Raises `PlatformError` if that failed."""
    found = _poll(connection, lambda found: found[running] == "0" and found["aof_rewrite_scheduled"] == "0", instance)
    if found[status] != "ok":
        raise PlatformError(
            "the service cannot write its data",
            where=str(instance.directory),
            remedy="free some space; the service's log says more",
        )


def _poll(connection: Resp, done: Callable[[dict[str, str]], bool], instance: Instance) -> dict[str, str]:
    deadline = time.monotonic() + _DEADLINE
    while True:
        found = connection.info("persistence")
        if done(found):
            return found
        if time.monotonic() > deadline:
            raise PlatformError(f"not saved within {_DEADLINE:.0f} s", where=str(instance.directory))
        time.sleep(0.05)
