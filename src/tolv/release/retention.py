"""Which builds must be kept, and which releases can therefore be restored."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, select

from tolv.release.model import Release, Status
from tolv.release.releases import read_releases
from tolv.store import tables
from tolv.store.store import Store

#: Restorable releases that are kept per deploy, besides the live one.
KEPT = 10

#: Seconds that a build without a release is kept: `tolv build` made it, or its release is about to be made.
UNRELEASED_FOR = 24 * 3600.0
#: How many releases are read at a time in the search for restorable ones: most are.
_PAGE = 50

_ONCE_LIVE = (Status.LIVE, Status.SUPERSEDED)


def builds_to_keep(store: Store, kept: int = KEPT) -> set[str]:
    """Digests that garbage collection must not touch, of all deploys.

    Those of the live release, the candidate, the newest release (it failed, perhaps, and is tried again) and the last
    `kept` releases that can be restored, of each deploy; of one-offs that run; those that an open operation wrote down
    as `build`; and those of the last day that have no release yet.
    """
    deploys = tables.deploys
    with store.read() as connection:
        gone = _removed(connection)
        keep = _in_use(connection) | _unreleased(connection)
        for row in connection.execute(select(deploys.c.app, deploys.c.environment)).all():
            keep |= _restorable_builds(connection, row.app, row.environment, gone, kept)
    return keep


def restorable(store: Store, app: str, environment: str, holds: Callable[[str], bool] = lambda _: True) -> set[int]:
    """Numbers of the deploy's releases that a rollback can restore: they were live, and their build is there.

    `holds` looks whether it is: somebody may have removed it by hand.
    """
    with store.read() as connection:
        gone = _removed(connection)
        found = read_releases(connection, app, environment)
    candidates = [one for one in found if _can_be_restored(one, gone)]
    there = {digest for digest in {one.build for one in candidates} if holds(digest)}
    return {one.number for one in candidates if one.build in there}


def _can_be_restored(release: Release, gone: set[str]) -> bool:
    return release.status in _ONCE_LIVE and release.build not in gone


def _restorable_builds(connection: Connection, app: str, environment: str, gone: set[str], kept: int) -> set[str]:
    builds: list[str] = []
    below: int | None = None
    while len(builds) < kept:
        page = read_releases(connection, app, environment, _PAGE, below=below)
        if not page:
            break
        builds += [one.build for one in page if one.status is Status.SUPERSEDED and one.build not in gone]
        below = page[-1].number
    return set(builds[:kept])


def _removed(connection: Connection) -> set[str]:
    builds = tables.builds
    return set(connection.execute(select(builds.c.digest).where(builds.c.removed.is_not(None))).scalars())


def _unreleased(connection: Connection) -> set[str]:
    """Young builds that no release names."""
    builds, releases = tables.builds, tables.releases
    young = select(builds.c.digest).where(
        builds.c.created_at > time.time() - UNRELEASED_FOR, builds.c.digest.not_in(select(releases.c.build))
    )
    return set(connection.execute(young).scalars())


def _in_use(connection: Connection) -> set[str]:
    """Builds of live, candidate and newest releases, running one-offs and open operations."""
    releases, deploys, one_offs, operations = tables.releases, tables.deploys, tables.one_offs, tables.operations
    of_deploys = select(releases.c.build).join(
        deploys,
        (releases.c.app == deploys.c.app)
        & (releases.c.environment == deploys.c.environment)
        & releases.c.number.in_([deploys.c.live_release, deploys.c.candidate_release, deploys.c.last_release]),
    )
    of_one_offs = (
        select(releases.c.build)
        .join(
            one_offs,
            (releases.c.app == one_offs.c.app)
            & (releases.c.environment == one_offs.c.environment)
            & (releases.c.number == one_offs.c.release),
        )
        .where(one_offs.c.exit.is_(None))
    )
    details = connection.execute(select(operations.c.details).where(operations.c.finished.is_(None))).scalars()
    return {
        *connection.execute(of_deploys).scalars(),
        *connection.execute(of_one_offs).scalars(),
        *(str(one["build"]) for one in details if "build" in one),
    }
