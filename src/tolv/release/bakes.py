"""Bakes in the store: how each release is watched once it is live, and what was seen so far.

All of it is written down, so that a server that was killed in the midst of a bake window goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from tolv.codebase.model import RolloutPolicy
from tolv.store import tables
from tolv.store.store import Store

_bakes = tables.bakes


class BakeStatus(StrEnum):
    """Where a bake is. The last four last."""

    WAITING = "waiting"
    """The release is not live yet."""
    BAKING = "baking"
    FAILING = "failing"
    """The verdict is there: a rollback is on its way."""
    PASSED = "passed"
    ROLLED_BACK = "rolled back"
    STAYS = "stays"
    """It failed, and it is live all the same: there is nothing to go back to, or that was not wanted."""
    ENDED = "ended"
    """Stopped, or superseded, before anything was known."""


UNDER_WAY = (BakeStatus.BAKING, BakeStatus.FAILING)


@dataclass(frozen=True, slots=True)
class Bake:
    """One release's bake. Times are seconds since 1970."""

    app: str
    environment: str
    release: int
    status: BakeStatus
    policy: RolloutPolicy
    target: int | None
    """The release to go back to: the last one that was live and was found to be good."""
    live: float | None
    """When it went live."""
    until: float | None
    seen: float | None
    """When it was last looked at: what was not watched does not count."""
    observed: dict[str, Any]
    """Counts of each router process, those of the release before, crashes."""
    reason: str | None
    """The evidence, or why it ended."""

    @property
    def name(self) -> str:
        return f"v{self.release}"

    @property
    def target_name(self) -> str | None:
        return None if self.target is None else f"v{self.target}"

    def left(self, now: float) -> float | None:
        """Seconds for which it is still watched; None when it is not."""
        if self.status not in UNDER_WAY or self.until is None:
            return None
        return max(0.0, self.until - now)

    def to_dict(self) -> dict[str, Any]:
        """As `tolv releases --json` prints it."""
        left = self.left(time.time())
        return {
            "status": str(self.status),
            "left_s": None if left is None else round(left, 1),
            "back_to": self.target_name if self.policy.auto_rollback else None,
            "reason": self.reason,
        }


class Bakes:
    """The bakes in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, app: str, environment: str, release: int) -> Bake | None:
        """The release's bake; None if it is not watched."""
        with self._store.read() as connection:
            return find_bake(connection, app, environment, release)

    def of(self, app: str, environment: str) -> dict[int, Bake]:
        """All bakes of a deploy, by release."""
        query = select(_bakes).where(_bakes.c.app == app, _bakes.c.environment == environment)
        with self._store.read() as connection:
            return {row.release: _bake(row) for row in connection.execute(query)}

    def under_way(self) -> list[Bake]:
        """Those that a server that comes back must go on with."""
        query = select(_bakes).where(_bakes.c.status.in_([str(one) for one in UNDER_WAY]))
        with self._store.read() as connection:
            return [_bake(row) for row in connection.execute(query)]

    def note(self, bake: Bake, observed: dict[str, Any], seen: float, until: float) -> None:
        """Write down what was seen so far."""
        self._change(bake, {"observed": observed, "seen": seen, "until": until}, UNDER_WAY)

    def conclude(self, bake: Bake, status: BakeStatus, reason: str | None = None) -> None:
        """Say what came of it; of a bake that has ended, nothing more."""
        values = {"status": str(status), "seen": time.time(), **({} if reason is None else {"reason": reason})}
        self._change(bake, values, UNDER_WAY)

    def stop(self, app: str, environment: str, reason: str) -> None:
        """End what is watched of a deploy: its processes are stopped."""
        with self._store.write() as connection:
            _end(connection, app, environment, reason)

    def _change(self, bake: Bake, values: dict[str, Any], while_: Iterable[BakeStatus]) -> None:
        with self._store.write() as connection:
            connection.execute(
                update(_bakes)
                .where(*_is(bake.app, bake.environment, bake.release), _bakes.c.status.in_([str(x) for x in while_]))
                .values(**values)
            )


def find_bake(connection: Connection, app: str, environment: str, release: int) -> Bake | None:
    """The release's bake, within a transaction."""
    row = connection.execute(select(_bakes).where(*_is(app, environment, release))).one_or_none()
    return _bake(row) if row else None


def prepare(
    connection: Connection, app: str, environment: str, release: int, live: int | None, policy: RolloutPolicy
) -> None:
    """Have a release that is made now watched once it is live, within the transaction that makes it.

    It goes back to the `live` release. When that one still bakes, to the one that it would have gone back to, if there
    is one, and is compared with that: nobody knows yet whether the live one is any good.
    """
    before = None if live is None else find_bake(connection, app, environment, live)
    target, observed = live, {}
    if before is not None and before.status in UNDER_WAY and before.target is not None:
        target, observed = before.target, {"before": before.observed.get("before")}
    connection.execute(
        insert(_bakes).values(
            app=app,
            environment=environment,
            release=release,
            status=str(BakeStatus.WAITING),
            policy=policy.to_dict(),
            target=target,
            observed=observed,
        )
    )


def begin(connection: Connection, app: str, environment: str, release: int, looping: Iterable[str]) -> None:
    """The release goes live: its window begins, and that of any other ends. Within the same transaction."""
    _end(connection, app, environment, f"v{release} took over")
    bake = find_bake(connection, app, environment, release)
    if bake is None:
        return
    now = time.time()
    connection.execute(
        update(_bakes)
        .where(*_is(app, environment, release))
        .values(
            status=str(BakeStatus.BAKING),
            live=now,
            seen=now,
            until=now + bake.policy.bake,
            observed={**bake.observed, "looping": sorted(looping)},
        )
    )


def rolled_back(connection: Connection, app: str, environment: str, release: int) -> str | None:
    """Why the release that is replaced now has failed, within the transaction that replaces it; None if it has not."""
    bake = find_bake(connection, app, environment, release)
    if bake is None or bake.status is not BakeStatus.FAILING:
        return None
    connection.execute(update(_bakes).where(*_is(app, environment, release)).values(status=str(BakeStatus.ROLLED_BACK)))
    return bake.reason or "it failed"


def _end(connection: Connection, app: str, environment: str, reason: str) -> None:
    connection.execute(
        update(_bakes)
        .where(
            _bakes.c.app == app,
            _bakes.c.environment == environment,
            _bakes.c.status.in_([str(one) for one in UNDER_WAY]),
        )
        .values(status=str(BakeStatus.ENDED), reason=reason)
    )


def _is(app: str, environment: str, release: int) -> tuple[Any, ...]:
    return _bakes.c.app == app, _bakes.c.environment == environment, _bakes.c.release == release


def _bake(row: Row[Any]) -> Bake:
    values = dict(row._mapping)
    return Bake(
        **{**values, "status": BakeStatus(row.status), "policy": RolloutPolicy.from_dict(row.policy)},
    )
