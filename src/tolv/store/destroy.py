"""Forgetting an app or one of its deploys: the one way in which releases leave the store."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from tolv.store import tables
from tolv.store.apps import read_deploy, unknown_app
from tolv.store.store import Store


@dataclass(frozen=True, slots=True)
class Removed:
    """What `destroy` removed, or would remove."""

    app: str
    environments: tuple[str, ...]
    whole_app: bool
    """The app itself is gone: these were all its environments."""
    releases: int
    configs: int
    one_offs: int
    domains: tuple[str, ...]
    builds: tuple[str, ...]
    """Digests of the app's builds, when the app itself is gone; their images are the caller's to remove."""


def destroy(store: Store, app: str, environment: str | None = None, *, dry_run: bool = False) -> Removed:
    """Remove a deploy, or the app with all its deploys, in one transaction; `dry_run` only tells what would go.

    Open operations stay: the one that destroys is among them. Raises `UsageError` if there is nothing of that name.
    """
    with store.write() as connection:
        environments = _environments(connection, app, environment)
        everything = _all_environments(connection, app)
        whole_app = environments == everything
        savepoint = connection.begin_nested()
        counts = {"releases": 0, "configs": 0, "one_offs": 0}
        domains = tuple(name for one in environments for name in _domains(connection, app, one))
        for one in environments:
            for table, count in _remove_deploy(connection, app, one).items():
                counts[table] += count
        # A single deploy leaves its builds to retention: another deploy may be about to make a release of one.
        builds = _remove_app(connection, app) if whole_app else ()
        if dry_run:
            savepoint.rollback()
        return Removed(app, tuple(environments), whole_app, **counts, domains=domains, builds=builds)


def _environments(connection: Connection, app: str, environment: str | None) -> list[str]:
    if environment is not None:
        return [read_deploy(connection, app, environment).environment]
    if connection.execute(select(func.count()).where(tables.apps.c.name == app)).scalar_one() == 0:
        raise unknown_app(connection, app)
    return _all_environments(connection, app)


def _all_environments(connection: Connection, app: str) -> list[str]:
    column = tables.deploys.c.environment
    return list(connection.execute(select(column).where(tables.deploys.c.app == app).order_by(column)).scalars())


def _domains(connection: Connection, app: str, environment: str) -> list[str]:
    table = tables.domains
    mine = select(table.c.name).where(table.c.app == app, table.c.environment == environment)
    return list(connection.execute(mine.order_by(table.c.name)).scalars())


def _remove_deploy(connection: Connection, app: str, environment: str) -> dict[str, int]:
    """Remove the rows of one deploy; the count of each table that a person asks about."""
    # The triggers that keep releases let them go only while this row is there, and no other transaction ever sees it.
    connection.execute(insert(tables.meta).values(key="destroying", value=f"{app}/{environment}"))
    counts = {}
    for table in (
        tables.bakes,
        tables.release_events,
        tables.releases,
        tables.configs,
        tables.one_offs,
        tables.domains,
        tables.deploys,
    ):
        gone = connection.execute(delete(table).where(table.c.app == app, table.c.environment == environment))
        counts[table.name] = gone.rowcount
    operations = tables.operations
    connection.execute(
        delete(operations).where(
            operations.c.app == app, operations.c.environment == environment, operations.c.finished.is_not(None)
        )
    )
    connection.execute(delete(tables.meta).where(tables.meta.c.key == "destroying"))
    return {name: counts[name] for name in ("releases", "configs", "one_offs")}


def _remove_app(connection: Connection, app: str) -> tuple[str, ...]:
    """Remove what is the app's own, all its deploys being gone; the digests of its builds.

    The same code is the same build, whatever app it is deployed as: one that another app's releases name becomes that
    app's.
    """
    builds, operations, releases = tables.builds, tables.operations, tables.releases
    heir = select(func.min(releases.c.app)).where(releases.c.build == builds.c.digest).scalar_subquery()
    shared = builds.c.digest.in_(select(releases.c.build))
    connection.execute(update(builds).where(builds.c.app == app, shared).values(app=heir))
    mine = select(builds.c.digest).where(builds.c.app == app).order_by(builds.c.digest)
    digests = tuple(connection.execute(mine).scalars())
    connection.execute(delete(builds).where(builds.c.app == app))
    connection.execute(delete(operations).where(operations.c.app == app, operations.c.finished.is_not(None)))
    connection.execute(delete(tables.apps).where(tables.apps.c.name == app))
    return digests
