"""One-offs: `run.1`, `run.2` … of a deploy, each written down before it starts."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from tolv.run.model import Exit
from tolv.store import tables
from tolv.store.apps import read_deploy
from tolv.store.store import Store

_one_offs = tables.one_offs


@dataclass(frozen=True, slots=True)
class OneOff:
    """An admin process. Times are seconds since 1970."""

    process: str
    """Its id for the keeper, unique for ever: `guestbook-dev-v2-run.7-3f9a0c`."""
    app: str
    environment: str
    number: int
    release: int
    command: tuple[str, ...]
    by: str
    detached: bool
    started: float
    deadline: float | None
    """When it is stopped, if it has not ended."""
    exit: Exit | None
    """How it ended; None: it runs, or starts."""

    @property
    def name(self) -> str:
        return f"run.{self.number}"


class OneOffs:
    """The one-offs in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(
        self,
        app: str,
        environment: str,
        release: int,
        command: Sequence[str],
        *,
        by: str,
        detached: bool = False,
        time_limit: float | None = None,
    ) -> OneOff:
        """Give a one-off its number and id; it is yet to be started. `time_limit` in seconds.

        Raises `UsageError` if there is no such deploy.
        """
        now = time.time()
        with self._store.write() as connection:
            read_deploy(connection, app, environment)
            last = select(func.coalesce(func.max(_one_offs.c.number), 0)).where(
                _one_offs.c.app == app, _one_offs.c.environment == environment
            )
            number = connection.execute(last).scalar_one() + 1
            row = connection.execute(
                insert(_one_offs)
                .values(
                    process=f"{app}-{environment}-v{release}-run.{number}-{secrets.token_hex(3)}",
                    app=app,
                    environment=environment,
                    number=number,
                    release=release,
                    command=list(command),
                    by=by,
                    detached=detached,
                    started=now,
                    deadline=None if time_limit is None else now + time_limit,
                )
                .returning(_one_offs)
            ).one()
        return _one_off(row)

    def finish(self, process: str, exit: Exit) -> None:
        """Write down how it ended; the first end stays."""
        with self._store.write() as connection:
            connection.execute(
                update(_one_offs)
                .where(_one_offs.c.process == process, _one_offs.c.exit.is_(None))
                .values(exit=exit.to_dict())
            )

    def find(self, process: str) -> OneOff | None:
        """The one-off of that process id."""
        with self._store.read() as connection:
            row = connection.execute(select(_one_offs).where(_one_offs.c.process == process)).one_or_none()
        return _one_off(row) if row else None

    def unfinished(self) -> list[OneOff]:
        """All that have not ended, of all deploys, the oldest first."""
        query = select(_one_offs).where(_one_offs.c.exit.is_(None)).order_by(_one_offs.c.started)
        with self._store.read() as connection:
            return [_one_off(row) for row in connection.execute(query)]

    def list(self, app: str, environment: str, limit: int = 50) -> list[OneOff]:
        """The latest of a deploy, the newest first."""
        query = select(_one_offs).where(_one_offs.c.app == app, _one_offs.c.environment == environment)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(_one_offs.c.number.desc()).limit(limit))
            return [_one_off(row) for row in rows]


def _one_off(row: Row[Any]) -> OneOff:
    values = dict(row._mapping)
    return OneOff(
        **{
            **values,
            "command": tuple(values["command"]),
            "exit": None if values["exit"] is None else Exit(**values["exit"]),
        }
    )
