"""Operations: what the server is about. An open one is the lease of its deploy, held by a process, not by a client.

Each step is on disk before it is done, so that a server that comes back after a crash finds in `unfinished` what it
was in and how far it got.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from tolv.errors import ConflictError
from tolv.store import tables
from tolv.store.owner import Owner, lives
from tolv.store.store import Store

_operations = tables.operations

#: In `environment`: the operation is on the whole app.
_WHOLE_APP = "*"


@dataclass(frozen=True, slots=True)
class Operation:
    """One act on a deploy: a deploy, a rollback, a scaling … Times are seconds since 1970."""

    id: int
    app: str
    environment: str | None
    """None: the whole app."""
    kind: str
    """`deploy`, `rollback`, `config`, `scale` …"""
    by: str
    phase: str
    """How far it got, in words of its kind; `begun` at first."""
    release: int | None
    """Number of the release that it makes."""
    details: dict[str, Any]
    """What recovery needs to know; under `build`, a digest that must not be collected as garbage."""
    started: float
    owner: Owner
    finished: float | None = None
    outcome: str | None = None


class Operations:
    """The operations in a store, one at a time per deploy."""

    def __init__(self, store: Store, alive: Callable[[Owner], bool] = lives) -> None:
        """`alive` tells whether the process that holds a lease still runs."""
        self._store = store
        self._alive = alive

    def begin(self, app: str, environment: str | None, kind: str, by: str, owner: Owner) -> Operation:
        """Take the lease of a deploy, or of all deploys of the app (`environment` None).

        A lease of a process that is dead is ended with the outcome `abandoned`. Raises `ConflictError`, which says
        who does what since when, if a living one holds it.
        """
        with self._store.write() as connection:
            for other in _open(connection, app, environment):
                if self._alive(other.owner):
                    raise _conflict(other)
                _finish(connection, other.id, "abandoned")
            row = connection.execute(
                insert(_operations)
                .values(
                    app=app,
                    environment=_WHOLE_APP if environment is None else environment,
                    kind=kind,
                    by=by,
                    phase="begun",
                    details={},
                    started=time.time(),
                    owner_pid=owner.pid,
                    owner_start_time=owner.start_time,
                    owner_boot_id=owner.boot_id,
                )
                .returning(_operations)
            ).one()
            return _operation(row)

    def advance(self, operation: int, phase: str, *, release: int | None = None, **details: Any) -> Operation:
        """Write down that `phase` comes next; `release` and `details` add to what is known of the operation."""
        with self._store.write() as connection:
            row = connection.execute(select(_operations).where(_operations.c.id == operation)).one()
            values = {
                "phase": phase,
                "release": row.release if release is None else release,
                "details": {**row.details, **details},
            }
            changed = update(_operations).where(_operations.c.id == operation).values(**values)
            return _operation(connection.execute(changed.returning(_operations)).one())

    def finish(self, operation: int, outcome: str) -> None:
        """End the operation and give the lease back; the first outcome stays."""
        with self._store.write() as connection:
            _finish(connection, operation, outcome)

    def take_over(self, operation: int, owner: Owner) -> Operation:
        """Make the lease the caller's: a server that came back goes on with what its predecessor began."""
        values = {
            "owner_pid": owner.pid,
            "owner_start_time": owner.start_time,
            "owner_boot_id": owner.boot_id,
        }
        with self._store.write() as connection:
            changed = update(_operations).where(_operations.c.id == operation).values(**values)
            return _operation(connection.execute(changed.returning(_operations)).one())

    def any(self) -> bool:
        """Whether anything was ever done."""
        with self._store.read() as connection:
            return connection.execute(select(_operations.c.id).limit(1)).first() is not None

    def unfinished(self) -> list[Operation]:
        """All open operations, the oldest first, whoever holds them."""
        query = select(_operations).where(_operations.c.finished.is_(None)).order_by(_operations.c.id)
        with self._store.read() as connection:
            return [_operation(row) for row in connection.execute(query)]

    def current(self, app: str, environment: str) -> Operation | None:
        """The open operation that holds the deploy, if there is one."""
        with self._store.read() as connection:
            return next(iter(_open(connection, app, environment)), None)


def _open(connection: Connection, app: str, environment: str | None) -> list[Operation]:
    query = select(_operations).where(_operations.c.app == app, _operations.c.finished.is_(None))
    if environment is not None:
        query = query.where(or_(_operations.c.environment == environment, _operations.c.environment == _WHOLE_APP))
    return [_operation(row) for row in connection.execute(query.order_by(_operations.c.id))]


def _finish(connection: Connection, operation: int, outcome: str) -> None:
    connection.execute(
        update(_operations)
        .where(_operations.c.id == operation, _operations.c.finished.is_(None))
        .values(finished=time.time(), outcome=outcome)
    )


def _conflict(other: Operation) -> ConflictError:
    place = other.app if other.environment is None else f"{other.app} in {other.environment}"
    since = datetime.fromtimestamp(other.started, UTC)
    return ConflictError(
        f"{place} is busy: {other.by} runs {other.kind} since {since:%Y-%m-%dT%H:%M:%SZ} (at: {other.phase})",
        remedy="wait until it is done, then try again",
    )


def _operation(row: Row[Any]) -> Operation:
    return Operation(
        id=row.id,
        app=row.app,
        environment=None if row.environment == _WHOLE_APP else row.environment,
        kind=row.kind,
        by=row.by,
        phase=row.phase,
        release=row.release,
        details=row.details,
        started=row.started,
        owner=Owner(row.owner_pid, row.owner_start_time, row.owner_boot_id),
        finished=row.finished,
        outcome=row.outcome,
    )
