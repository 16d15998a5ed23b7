"""Which builds must be kept, and which releases can therefore be restored."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from tolv.budgets import Budgets
from tolv.release.model import Release, Status
from tolv.release.releases import read_releases
from tolv.store import tables
from tolv.store.store import Store

#: Restorable releases that are kept per deploy, besides the live one.
KEPT = Budgets().releases

#: Seconds that a build without a release is kept: `tolv build` made it, or its release is about to be made.
UNRELEASED_FOR = 24 * 3600.0
#: Seconds in which its release may be about to be made: until then it goes for no budget.
_FRESH = 600.0
#: How many releases are read at a time in the search for restorable ones: most are.
_PAGE = 50

_ONCE_LIVE = (Status.LIVE, Status.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Retained:
    """The builds that garbage collection leaves alone."""

    needed: frozenset[str]
    """Whatever they take: those of the live release, of the one before it, of the candidate, of the newest release (it
    failed, perhaps, and is tried again), of one-offs that run; those that an open operation wrote down as `build`; and
    those that were just made."""
    spare: tuple[str, ...]
    """The rest of the last that can be restored, and those of the last day without a release, the oldest first: they
    may go when the disk budget says so."""

    @property
    def builds(self) -> set[str]:
        return {*self.needed, *self.spare}


def retained(store: Store, kept: int = KEPT) -> Retained:
    """What is kept of all deploys, `kept` restorable releases of each besides the live one."""
    deploys = tables.deploys
    with store.read() as connection:
        gone = _removed(connection)
        spare = _unreleased(connection, UNRELEASED_FOR)
        needed = _in_use(connection) | _unreleased(connection, _FRESH).keys()
        for row in connection.execute(select(deploys.c.app, deploys.c.environment)).all():
            found = _restorable_builds(connection, row.app, row.environment, gone, kept)
            needed |= set(list(found)[:1])
            for digest, created in found.items():
                spare[digest] = max(created, spare.get(digest, 0.0))
    oldest_first = sorted(spare.keys() - needed, key=lambda digest: (spare[digest], digest))
    return Retained(frozenset(needed), tuple(oldest_first))


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


def _restorable_builds(
    connection: Connection, app: str, environment: str, gone: set[str], kept: int
) -> dict[str, float]:
    """The builds of the deploy's last `kept` restorable releases, each with when its newest was made, newest first."""
    found: list[Release] = []
    below: int | None = None
    while len(found) < kept:
        page = read_releases(connection, app, environment, _PAGE, below=below)
        if not page:
            break
        found += [one for one in page if one.status is Status.SUPERSEDED and one.build not in gone]
        below = page[-1].number
    builds: dict[str, float] = {}
    for one in found[:kept]:
        builds.setdefault(one.build, datetime.fromisoformat(one.created).timestamp())
    return builds


def _removed(connection: Connection) -> set[str]:
    builds = tables.builds
    return set(connection.execute(select(builds.c.digest).where(builds.c.removed.is_not(None))).scalars())


def _unreleased(connection: Connection, seconds: float) -> dict[str, float]:
    """Builds of the last `seconds` that no release names, each with when it was made."""
    builds, releases = tables.builds, tables.releases
    young = select(builds.c.digest, builds.c.created_at).where(
        builds.c.created_at > time.time() - seconds,
        builds.c.removed.is_(None),
        builds.c.digest.not_in(select(releases.c.build)),
    )
    return {row.digest: row.created_at for row in connection.execute(young)}


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
