"""The store: what Tolv remembers, in SQLite by default and PostgreSQL by URL, behind one object.

    store = Store("sqlite:////home/me/.tolv/store.db")
    store.migrate()
    with store.write() as connection:
        connection.execute(…)

Writes are transactions, one at a time in all processes, on disk when the `with` ends. Everything else in this package
is a small class over `Store`, each public method one transaction. SQLAlchemy takes 0.4 s to import: the CLI stays clear
of this package.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from sqlalchemy import Connection, Engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tolv.errors import PlatformError
from tolv.store import postgresql, sqlite
from tolv.store.tables import HEAD

_DIALECTS: dict[str, ModuleType] = {"sqlite": sqlite, "postgresql": postgresql, "postgres": postgresql}

#: Alembic keeps its context in module globals: one migration at a time in a process.
_MIGRATING = threading.Lock()


class Store:
    """A database that Tolv keeps its state in. Thread-safe; opens connections as they are needed."""

    def __init__(self, url: str, *, deadline: float = 10.0) -> None:
        """`deadline` (seconds) bounds the wait for other writers.

        Raises `PlatformError` if the URL makes no sense, its driver is missing or the file cannot be opened.
        """
        try:
            self._url = make_url(url)
        except (ArgumentError, ValueError):
            raise _unknown_url(url) from None
        backend = self._url.get_backend_name()
        if backend not in _DIALECTS:
            raise _unknown_url(self._url.render_as_string())
        self._dialect = _DIALECTS[backend]
        self._deadline = deadline
        self._engine: Engine = self._dialect.open_engine(self._url, deadline)
        # Threads wait here, in order and without polling; only processes meet at the database's own lock.
        self._turn = threading.Lock()
        event.listen(self._engine, "begin", self._begin)

    @property
    def where(self) -> str:
        """The store's URL without its password."""
        return self._url.render_as_string()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: alone in all processes, committed and synced to disk when the block ends.

        An exception in the block undoes it. Not to be nested. Raises `PlatformError` if the store is locked for longer
        than the deadline, away, damaged or out of space.
        """
        if not self._turn.acquire(timeout=self._deadline):
            raise PlatformError(
                f"another write took longer than {self._deadline:g} s",
                where=self.where,
                remedy="try again; if it lasts, restart the server (`tolv server stop`)",
            )
        try:
            with self._transaction(write=True) as connection:
                yield connection
        finally:
            self._turn.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the store and holds nobody up. Raises `PlatformError` as `write`."""
        with self._transaction(write=False) as connection:
            yield connection

    def migrate(self) -> None:
        """Bring the schema to this version's; does nothing, and quickly, when it is there.

        Raises `PlatformError` if a newer Tolv wrote the store.
        """
        if self._revision() == HEAD:
            return
        from tolv.store.migrate import upgrade

        with _MIGRATING, self.write() as connection:
            upgrade(connection, where=self.where)

    def close(self) -> None:
        """Close every connection that is not in use; the store can still be used afterwards."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                connection = connection.execution_options(tolv_write=write)
                with connection.begin():
                    yield connection
        except (DBAPIError, sqlite3.Error) as error:
            explained = self._dialect.explain(getattr(error, "orig", error), self._url)
            if explained is None:
                raise
            raise explained from error
        except PoolTimeoutError as error:
            raise PlatformError(
                "all connections to the store are in use", where=self.where, remedy="try again in a moment"
            ) from error

    def _begin(self, connection: Connection) -> None:
        write = bool(connection.get_execution_options().get("tolv_write"))
        self._dialect.begin_transaction(connection, write=write, deadline=self._deadline)

    def _revision(self) -> str | None:
        with self.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _unknown_url(url: str) -> PlatformError:
    return PlatformError(
        "the store's URL names no database that Tolv can use",
        where=url,
        remedy="set TOLV_STORE_URL to sqlite:////absolute/path or postgresql://user:password@host/database",
    )
