"""The store in a SQLite file: how it is opened, how a write begins, and what its errors mean."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry

from tolv.errors import PlatformError

#: Below this much free space (bytes), an I/O error is taken for a full disk: the WAL index reports one as the other.
_FULL = 1 << 20


def open_engine(url: URL, deadline: float) -> Engine:
    """An engine on the file that `url` names, which is made (mode 0600) if missing.

    `deadline` (seconds) bounds the wait for another process's write. Raises `PlatformError`.
    """
    path = _path(url)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise PlatformError(
            f"the store cannot be opened: {error.strerror}",
            where=str(path),
            remedy="make the directory and the file writable for the user that runs Tolv",
        ) from None
    engine = create_engine(url, connect_args={"timeout": deadline, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # The driver's own transactions begin late and deferred; ours begin where `begin_transaction` says.
        connection.isolation_level = None
        cursor = connection.cursor()
        # FULL: in WAL mode, NORMAL may lose the last commits with the power. Recursive triggers: without them
        # REPLACE removes rows behind the back of the triggers that keep releases.
        for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON"):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    @event.listens_for(engine, "handle_error")
    def _renew(context: ExceptionContext) -> None:
        # A connection that was opened while the files could not be written reads for ever; the next is a new one.
        name = getattr(context.original_exception, "sqlite_errorname", None) or ""
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            context.is_disconnect = True

    return engine


def begin_transaction(connection: Connection, *, write: bool, deadline: float) -> None:
    """Begin; a write takes the write lock at once, so that it never finds its snapshot stale in mid-way."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def explain(error: BaseException | None, url: URL) -> PlatformError | None:
    """What a driver's `error` means to a person; None for one that is no fault of the surroundings."""
    if not isinstance(error, sqlite3.Error):
        return None
    path = _path(url)
    kind = (getattr(error, "sqlite_errorname", None) or "").removeprefix("SQLITE_").partition("_")[0]
    if kind == "IOERR" and _free(path) < _FULL:
        kind = "FULL"
    meaning = _MEANINGS.get(kind)
    if meaning is None:
        return None
    problem, remedy = meaning
    return PlatformError(f"{problem} ({error})", where=str(path), remedy=remedy.format(path=path, folder=path.parent))


_DENIED = (
    "the store cannot be written",
    "make {folder} and the files in it writable for the user that runs Tolv",
)
_DAMAGED = (
    "the store is damaged",
    "stop the server, keep a copy of {path}, then restore a backup or try `sqlite3 {path} .recover`",
)
_MEANINGS = {
    "BUSY": ("the store is locked by another process", "see who holds it (`fuser {path}`), then try again"),
    "LOCKED": ("the store is locked by another process", "see who holds it (`fuser {path}`), then try again"),
    "FULL": ("no space left for the store", "free some space on the disk of {folder}, then try again"),
    "CORRUPT": _DAMAGED,
    "NOTADB": _DAMAGED,
    "IOERR": ("the store's disk failed", "look for disk errors (`dmesg`), check the file system of {folder}"),
    "CANTOPEN": _DENIED,
    "READONLY": _DENIED,
    "PERM": _DENIED,
    "AUTH": _DENIED,
}


def _path(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise PlatformError(
            "the store must be a file: SQLite in memory forgets everything",
            where=str(url),
            remedy="set TOLV_STORE_URL to sqlite:////absolute/path or postgresql://…",
        )
    return Path(url.database)


def _free(path: Path) -> int:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return _FULL
