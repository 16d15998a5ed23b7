"""Apps and their deploys: which there are, and what should run in each environment."""

from __future__ import annotations

import difflib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from tolv.errors import UsageError
from tolv.route.model import Maintenance
from tolv.store import tables
from tolv.store.store import Store

_apps = tables.apps
_deploys = tables.deploys


@dataclass(frozen=True, slots=True)
class AppRecord:
    """An app that Tolv knows. `created` is seconds since 1970."""

    name: str
    source_path: str
    """Absolute: where its code was when it was last built."""
    created: float


@dataclass(frozen=True, slots=True)
class Deploy:
    """An app in an environment, as it should be."""

    app: str
    environment: str
    config: int | None
    """Id of the config snapshot that the next release takes (the head); None: nothing was ever set."""
    formation: dict[str, int]
    live: int | None
    """Number of the live release."""
    candidate: int | None
    """Number of the release that is on its way to be live."""
    running: bool
    """Whether processes should run: False after `tolv down`, until the next deploy or start."""
    maintenance: Maintenance | None
    """Whether requests are kept from it."""
    created: float


class Apps:
    """The apps in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, name: str, source_path: str) -> AppRecord:
        """Make the app known; of one that is known already, remember where its code is now."""
        with self._store.write() as connection:
            row = connection.execute(select(_apps).where(_apps.c.name == name)).one_or_none()
            if row is None:
                connection.execute(insert(_apps).values(name=name, source_path=source_path, created=time.time()))
            elif row.source_path != source_path:
                connection.execute(update(_apps).where(_apps.c.name == name).values(source_path=source_path))
            return AppRecord(**connection.execute(select(_apps).where(_apps.c.name == name)).one()._mapping)

    def find(self, name: str) -> AppRecord | None:
        """The app of that name, or None."""
        with self._store.read() as connection:
            row = connection.execute(select(_apps).where(_apps.c.name == name)).one_or_none()
        return AppRecord(**row._mapping) if row else None

    def get(self, name: str) -> AppRecord:
        """The app of that name. Raises `UsageError`, naming what comes close."""
        with self._store.read() as connection:
            row = connection.execute(select(_apps).where(_apps.c.name == name)).one_or_none()
            if row is None:
                raise unknown_app(connection, name)
            return AppRecord(**row._mapping)

    def list(self) -> list[AppRecord]:
        """All apps, by name."""
        with self._store.read() as connection:
            return [AppRecord(**row._mapping) for row in connection.execute(select(_apps).order_by(_apps.c.name))]

    def at(self, path: Path) -> tuple[AppRecord, ...]:
        """The apps whose code is at `path` or around it; those of the innermost such directory alone."""
        around = [str(path), *map(str, path.parents)]
        found = [one for one in self.list() if one.source_path in around]
        innermost = max((len(one.source_path) for one in found), default=0)
        return tuple(one for one in found if len(one.source_path) == innermost)


class Deploys:
    """The deploys in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ensure(self, app: str, environment: str) -> Deploy:
        """The deploy, made if it is not there: nothing in it, and not running. The app must be registered."""
        with self._store.write() as connection:
            found = find_deploy(connection, app, environment)
            if found is None:
                connection.execute(
                    insert(_deploys).values(
                        app=app,
                        environment=environment,
                        formation={},
                        running=False,
                        created=time.time(),
                        last_release=0,
                        last_hash="",
                    )
                )
            return found or read_deploy(connection, app, environment)

    def find(self, app: str, environment: str) -> Deploy | None:
        """The deploy, or None."""
        with self._store.read() as connection:
            return find_deploy(connection, app, environment)

    def get(self, app: str, environment: str) -> Deploy:
        """The deploy. Raises `UsageError`, naming the environments that there are."""
        with self._store.read() as connection:
            return read_deploy(connection, app, environment)

    def list(self, app: str | None = None) -> list[Deploy]:
        """All deploys, or those of one app, by app and environment."""
        query = select(_deploys).order_by(_deploys.c.app, _deploys.c.environment)
        if app is not None:
            query = query.where(_deploys.c.app == app)
        with self._store.read() as connection:
            return [_deploy(row) for row in connection.execute(query)]

    def set_config(self, app: str, environment: str, config: int) -> None:
        """Move the head: the next release takes this snapshot."""
        self._change(app, environment, config_id=config)

    def set_running(self, app: str, environment: str, running: bool) -> None:
        """Say whether processes should run."""
        self._change(app, environment, running=running)

    def set_maintenance(self, app: str, environment: str, maintenance: Maintenance | None) -> None:
        """Keep requests from it, or let them through."""
        self._change(app, environment, maintenance=maintenance.to_json() if maintenance else None)

    def _change(self, app: str, environment: str, **values: Any) -> None:
        with self._store.write() as connection:
            read_deploy(connection, app, environment)
            change_deploy(connection, app, environment, **values)


def find_deploy(connection: Connection, app: str, environment: str) -> Deploy | None:
    """The deploy, within a transaction."""
    row = connection.execute(select(_deploys).where(*_is(app, environment))).one_or_none()
    return _deploy(row) if row else None


def read_deploy(connection: Connection, app: str, environment: str) -> Deploy:
    """The deploy, within a transaction. Raises `UsageError` if there is none."""
    found = find_deploy(connection, app, environment)
    if found is not None:
        return found
    environments = list(connection.execute(select(_deploys.c.environment).where(_deploys.c.app == app)).scalars())
    if not environments:
        raise unknown_app(connection, app)
    raise _unknown(
        f"environment of {app}",
        environment,
        environments,
        remedy=f"name one of: {', '.join(sorted(environments))}; or deploy it: tolv deploy PATH -e {environment}",
    )


def unknown_app(connection: Connection, app: str) -> UsageError:
    """That there is no such app, and what comes close."""
    known = list(connection.execute(select(_apps.c.name)).scalars())
    return _unknown("app", app, known, remedy="see `tolv apps`, or deploy it: tolv deploy PATH")


def change_deploy(connection: Connection, app: str, environment: str, **values: Any) -> None:
    """Set columns of the deploy, within a transaction."""
    connection.execute(update(_deploys).where(*_is(app, environment)).values(**values))


def _is(app: str, environment: str) -> tuple[Any, Any]:
    return _deploys.c.app == app, _deploys.c.environment == environment


def _deploy(row: Row[Any]) -> Deploy:
    return Deploy(
        app=row.app,
        environment=row.environment,
        config=row.config_id,
        formation=row.formation,
        live=row.live_release,
        candidate=row.candidate_release,
        running=row.running,
        maintenance=Maintenance.from_json(row.maintenance) if row.maintenance else None,
        created=row.created,
    )


def _unknown(kind: str, name: str, known: list[str], *, remedy: str) -> UsageError:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f", did you mean {close[0]}?" if close else ""
    return UsageError(f"there is no {kind} named {name}{hint}", remedy=remedy)
