"""Locks on the tables of a PostgreSQL service, so that a request that needs one of them has to wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tolv.errors import PlatformError
from tolv.prove.harness.backing import Service
from tolv.prove.probe import CannotProve

_TABLES = """
SELECT coalesce(string_agg(format('%I.%I', schemaname, tablename), ', '), '') FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""
_WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE datname = current_database() AND locktype = 'relation' AND NOT granted
"""
#: Seconds that are waited for those who use a table now.
_PATIENCE = 10


class TableLock:
    """Holds every table of a service's database, or none."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._leave = contextlib.ExitStack()
        self._connection = self._leave.enter_context(service.administer())
        self.held = False

    async def take(self) -> None:
        """Lock all tables: nobody reads or writes them. Raises `CannotProve` if that cannot be had."""
        try:
            await asyncio.to_thread(self._take)
        except Exception as error:
            raise CannotProve(f"the tables of {self._service.name} cannot be locked: {error}") from None
        self.held = True

    async def waiting(self) -> int:
        """How many wait for a table."""
        rows = await asyncio.to_thread(lambda: self._connection.execute(_WAITING).fetchall())
        return int(str(rows[0][0]))

    async def release(self) -> None:
        """Let all go on."""
        if self.held:
            self.held = False
            await asyncio.to_thread(self._connection.execute, "ROLLBACK")

    def _take(self) -> None:
        tables = str(self._connection.execute(_TABLES).fetchall()[0][0])
        if not tables:
            raise PlatformError("there are none")
        self._connection.execute("BEGIN")
        self._connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}s'")
        self._connection.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE".encode())

    def close(self) -> None:
        """Let go, and hang up. Blocks."""
        self._leave.close()


@contextlib.asynccontextmanager
async def table_lock(service: Service) -> AsyncIterator[TableLock]:
    """A lock that is not taken yet; let go of at the end."""
    lock = await asyncio.to_thread(TableLock, service)
    try:
        yield lock
    finally:
        await asyncio.to_thread(lock.close)
