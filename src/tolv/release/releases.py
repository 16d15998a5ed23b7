"""Releases in the store: made, marked, read and verified. Each public method is one transaction."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, Row, Text, cast, insert, select

from tolv.codebase.model import RolloutPolicy
from tolv.errors import ConflictError, PlatformError, UsageError
from tolv.release import bakes
from tolv.release.chain import Link, VerifyResult, release_hash, verify_chain
from tolv.release.history import Event, EventKind, after, check_way
from tolv.release.model import Release, Status
from tolv.store import tables
from tolv.store.apps import change_deploy, read_deploy
from tolv.store.configs import config_digest
from tolv.store.store import Store

_releases = tables.releases
_events = tables.release_events
_deploys = tables.deploys
_configs = tables.configs


class Releases:
    """The releases in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self,
        app: str,
        environment: str,
        *,
        build: str,
        commit: str | None,
        config: int,
        formation: dict[str, int],
        description: str,
        by: str,
        release_phase: bool = False,
        rollout: RolloutPolicy | None = None,
    ) -> Release:
        """Make the next release, pending, and the deploy's candidate; its number follows the last one's, always.

        `build` must be known (`Builds.add`), `config` is a snapshot's id (`Configs.add`), `release_phase` says that a
        release command belongs to it, `rollout` how it is to be watched once it is live (None: not at all). Raises
        `UsageError` if there is no such deploy.
        """
        values: dict[str, Any] = {
            "app": app,
            "environment": environment,
            "build": build,
            "commit": commit,
            "config": config,
            "formation": formation,
            "description": description,
            "created": _iso(time.time()),
            "by": by,
            "release_phase": release_phase,
        }
        with self._store.write() as connection:
            deploy = read_deploy(connection, app, environment)
            release = _append(connection, values)
            if rollout is not None and rollout.bake > 0:
                bakes.prepare(connection, app, environment, release.number, deploy.live, rollout)
            change_deploy(connection, app, environment, candidate_release=release.number)
            return _tell(connection, release, "pending", by)

    def get(self, app: str, environment: str, number: int) -> Release:
        """The release. Raises `UsageError` if there is no such deploy or release."""
        with self._store.read() as connection:
            return _read(connection, app, environment, number)

    def events(self, app: str, environment: str, number: int | None = None) -> list[Event]:
        """What happened to the deploy's releases, or to one of them, in order."""
        with self._store.read() as connection:
            return _read_events(connection, app, environment, [] if number is None else [_events.c.number == number])

    def list(self, app: str, environment: str, limit: int | None = None) -> list[Release]:
        """The deploy's releases, the newest first. Raises `UsageError` if there is no such deploy."""
        with self._store.read() as connection:
            read_deploy(connection, app, environment)
            return read_releases(connection, app, environment, limit)

    def live(self, app: str, environment: str) -> Release | None:
        """The live release. Raises `UsageError` if there is no such deploy."""
        with self._store.read() as connection:
            number = read_deploy(connection, app, environment).live
            return None if number is None else _read(connection, app, environment, number)

    def mark_live(
        self,
        app: str,
        environment: str,
        number: int,
        formation: dict[str, int],
        by: str,
        looping: Collection[str] = (),
    ) -> Release:
        """Make a pending release the live one: the one before is superseded, or has failed when its bake said so, and
        the deploy runs, with its config and `formation`, from now on. Its own bake begins; `looping` are the process
        types that are in a crash loop already. A release that is live already stays so.

        Raises `ConflictError` if it failed or was superseded, `UsageError` if there is none.
        """
        with self._store.write() as connection:
            deploy = read_deploy(connection, app, environment)
            release = _read(connection, app, environment, number)
            if deploy.live == number:
                return release
            check_way(release, Status.LIVE)
            if deploy.live is not None:
                before = _read(connection, app, environment, deploy.live)
                reason = bakes.rolled_back(connection, app, environment, deploy.live)
                _tell(connection, before, "failed" if reason else "superseded", by, reason=reason)
            bakes.begin(connection, app, environment, number, looping)
            change_deploy(
                connection,
                app,
                environment,
                live_release=number,
                candidate_release=None,
                config_id=release.config,
                formation=formation,
                running=True,
            )
            return _tell(connection, release, "live", by, formation=formation)

    def mark_failed(self, app: str, environment: str, number: int, reason: str, by: str) -> Release:
        """Say that a pending release failed, and why; the deploy stays as it was. Of one that failed, nothing more.

        Raises `ConflictError` if it is or was live, `UsageError` if there is none.
        """
        with self._store.write() as connection:
            release = _read(connection, app, environment, number)
            if release.status is Status.FAILED:
                return release
            if release.status is Status.LIVE:
                raise ConflictError(f"{release.name} is live", remedy="go back to another with `tolv rollback`")
            check_way(release, Status.FAILED)
            if read_deploy(connection, app, environment).candidate == number:
                change_deploy(connection, app, environment, candidate_release=None)
            return _tell(connection, release, "failed", by, reason=reason)

    def set_formation(self, app: str, environment: str, formation: dict[str, int], by: str) -> None:
        """Change the formation that the deploy should have; the live release, if any, remembers it for rollbacks."""
        with self._store.write() as connection:
            deploy = read_deploy(connection, app, environment)
            change_deploy(connection, app, environment, formation=formation)
            if deploy.live is not None:
                release = _read(connection, app, environment, deploy.live)
                _tell(connection, release, "scaled", by, formation=formation)

    def verify(self, app: str, environment: str) -> VerifyResult:
        """Recompute the deploy's chain of hashes. Raises `UsageError` if there is no such deploy."""
        with self._store.read() as connection:
            read_deploy(connection, app, environment)
            head = connection.execute(select(_deploys).where(*_of(_deploys, app, environment))).one()
            links = _read_links(connection, app, environment)
            digests = _read_digests(connection, app, environment)
        return verify_chain(links, digests, head.last_release, head.last_hash)


def read_releases(
    connection: Connection, app: str, environment: str, limit: int | None = None, *, below: int | None = None
) -> list[Release]:
    """The releases of a deploy, the newest first, within a transaction; those with a number below `below` alone."""
    query = select(_releases).where(*_of(_releases, app, environment)).order_by(_releases.c.number.desc())
    if below is not None:
        query = query.where(_releases.c.number < below)
    found = [_release(row) for row in connection.execute(query.limit(limit))]
    events: dict[int, list[Event]] = defaultdict(list)
    if found:
        numbers = _events.c.number.between(found[-1].number, found[0].number)
        for event in _read_events(connection, app, environment, [numbers]):
            events[event.number].append(event)
    return [after(one, events[one.number]) for one in found]


def _append(connection: Connection, values: dict[str, Any]) -> Release:
    """Insert the next link of the chain."""
    app, environment, config = values["app"], values["environment"], values["config"]
    head = connection.execute(select(_deploys).where(*_of(_deploys, app, environment))).one()
    sealed = connection.execute(select(_configs.c.sealed).where(_configs.c.id == config)).scalar_one_or_none()
    if sealed is None:
        raise PlatformError(f"config snapshot {config} is gone from the store", remedy="restore a backup of the store")
    digest = config_digest(sealed)
    unsigned = Release(**values, number=head.last_release + 1, previous_hash=head.last_hash, hash="")
    row = {
        **values,
        "number": unsigned.number,
        "previous_hash": unsigned.previous_hash,
        "hash": release_hash(unsigned, digest),
        "config_digest": digest,
    }
    inserted = connection.execute(insert(_releases).values(**row).returning(_releases)).one()
    change_deploy(connection, app, environment, last_release=unsigned.number, last_hash=row["hash"])
    return _release(inserted)


def _tell(
    connection: Connection,
    release: Release,
    kind: EventKind,
    by: str,
    *,
    reason: str | None = None,
    formation: dict[str, int] | None = None,
) -> Release:
    """Add an event to the release; the release as it is then."""
    event = Event(release.number, kind, time.time(), by, reason, formation)
    connection.execute(
        insert(_events).values(
            app=release.app,
            environment=release.environment,
            number=event.number,
            kind=event.kind,
            at=event.at,
            by=event.by,
            reason=event.reason,
            formation=event.formation,
        )
    )
    return after(release, [event])


def _read(connection: Connection, app: str, environment: str, number: int) -> Release:
    row = connection.execute(
        select(_releases).where(*_of(_releases, app, environment), _releases.c.number == number)
    ).one_or_none()
    if row is None:
        read_deploy(connection, app, environment)
        raise UsageError(
            f"{app} has no release v{number} in {environment}",
            remedy=f"see `tolv releases -a {app} -e {environment}`",
        )
    return after(_release(row), _read_events(connection, app, environment, [_events.c.number == number]))


def _read_events(connection: Connection, app: str, environment: str, conditions: list[Any]) -> list[Event]:
    query = select(_events).where(*_of(_events, app, environment), *conditions).order_by(_events.c.id)
    return [Event(row.number, row.kind, row.at, row.by, row.reason, row.formation) for row in connection.execute(query)]


def _read_links(connection: Connection, app: str, environment: str) -> list[Link]:
    """The chain as it lies in the store, also where somebody's hand made it unreadable."""
    columns: list[ColumnElement[Any]] = [column for column in _releases.c if column.name != "formation"]
    columns.append(cast(_releases.c.formation, Text).label("formation"))
    query = select(*columns).where(*_of(_releases, app, environment)).order_by(_releases.c.number)
    links = []
    for row in connection.execute(query):
        release = _release(row)
        with suppress(ValueError, TypeError):
            release = dataclasses.replace(release, formation=json.loads(row.formation))
        links.append(Link(release, row.config_digest))
    return links


def _read_digests(connection: Connection, app: str, environment: str) -> dict[int, str]:
    """The digest of each config snapshot of the deploy, as it lies in the store."""
    sealed = cast(_configs.c.sealed, LargeBinary).label("sealed")  # SQLite keeps text where bytes belong
    rows = connection.execute(select(_configs.c.id, sealed).where(*_of(_configs, app, environment)))
    return {row.id: config_digest(row.sealed) for row in rows}


def _release(row: Row[Any]) -> Release:
    """The release without what its events say."""
    fields = {name: value for name, value in row._mapping.items() if name != "config_digest"}
    return Release(**fields)


def _of(table: Any, app: str, environment: str) -> tuple[Any, Any]:
    return table.c.app == app, table.c.environment == environment


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
