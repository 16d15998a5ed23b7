"""The store in PostgreSQL: how it is opened, how a write begins, and what its errors mean."""

from __future__ import annotations

from sqlalchemy import URL, Connection, Engine, create_engine

from tolv.errors import PlatformError

#: Key of the advisory lock that every write holds: "tolv" in ASCII. One writer at a time, as in SQLite, so that one
#: reasoning holds for both; the store sees a few writes a second.
_WRITE_LOCK = 0x746F6C76


def open_engine(url: URL, deadline: float) -> Engine:
    """An engine on the database that `url` names; connects at the first use.

    Raises `PlatformError` if the driver is not installed.
    """
    url = url.set(drivername="postgresql+psycopg")
    try:
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": max(2, round(deadline))})
    except ModuleNotFoundError:
        raise PlatformError(
            "the driver for PostgreSQL is not installed",
            where=url.render_as_string(),
            remedy="install it: pip install 'psycopg[binary]'",
        ) from None


def begin_transaction(connection: Connection, *, write: bool, deadline: float) -> None:
    """A write waits for its turn, at most `deadline` seconds; a read sees one moment of the database."""
    if write:
        connection.exec_driver_sql(
            f"SET LOCAL lock_timeout = {round(deadline * 1000)}; SET LOCAL synchronous_commit = on; "
            f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})"
        )
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def explain(error: BaseException | None, url: URL) -> PlatformError | None:
    """What a driver's `error` means to a person; None for one that is no fault of the surroundings."""
    import psycopg

    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate
    if state is None and not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    detail = " ".join(str(error).split())
    # libpq keeps the state of a refused connection to itself: only the text tells that there was a server at all.
    kind = state or ("28" if "FATAL:" in detail else "08")
    meaning = _MEANINGS.get(kind) or _MEANINGS.get(kind[:3]) or _MEANINGS.get(kind[:2])
    if meaning is None:
        return None
    problem, remedy = meaning
    return PlatformError(f"{problem} ({detail})", where=url.render_as_string(), remedy=remedy)


_MEANINGS = {
    "08": ("the store's database is away", "start PostgreSQL, or correct TOLV_STORE_URL, then try again"),
    "57P": ("the store's database goes down", "start PostgreSQL again, then try again"),
    "28": (
        "the store's database refuses the connection",
        "correct database, user and password in TOLV_STORE_URL; `createdb` makes a database",
    ),
    "42501": ("the store's database denies access", "grant the user of TOLV_STORE_URL the rights on its schema"),
    "25006": ("the store's database is read-only", "name the primary server in TOLV_STORE_URL"),
    "53100": ("no space left for the store", "free some space on the disk of the PostgreSQL server, then try again"),
    "53": ("the store's database is out of resources", "see the log of the PostgreSQL server, then try again"),
    "55P03": ("the store is locked by another process", "see who holds it (pg_locks), then try again"),
    "58": ("the store's disk failed", "see the log of the PostgreSQL server"),
    "XX": ("the store is damaged", "see the log of the PostgreSQL server; restore a backup"),
}
