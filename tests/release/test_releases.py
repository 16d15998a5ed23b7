"""Releases in the store, on each database."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from store_fixtures import a_deploy, a_live_release, a_release, make_store

from tolv.errors import ConflictError, PlatformError, UsageError
from tolv.release.model import Status
from tolv.release.releases import Releases
from tolv.store.apps import Deploys
from tolv.store.configs import Configs
from tolv.store.store import Store

SHOP = ("shop", "prod")


def test_a_new_release_is_pending_and_the_candidate_and_changes_nothing_else(store: Store) -> None:
    config = a_deploy(store)
    live = a_live_release(store, config)
    made = a_release(store, config, description="Deploy 1234567", release_phase=True)
    assert (made.name, made.status, made.release_phase) == ("v2", Status.PENDING, True)
    assert made.previous_hash == live.hash
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made.created)
    assert Releases(store).get(*SHOP, 2) == made
    deploy = Deploys(store).get(*SHOP)
    assert (deploy.live, deploy.candidate) == (1, 2)
    assert Releases(store).live(*SHOP) == live


def test_going_live_supersedes_the_one_before_and_moves_the_deploy_in_one_step(store: Store) -> None:
    releases = Releases(store)
    first = a_deploy(store)
    a_live_release(store, first)
    second = Configs(store).add(*SHOP, b"newer", by="ada@host")
    made = a_release(store, second)
    live = releases.mark_live(*SHOP, made.number, {"web": 3}, "ada@host")
    assert (live.status, live.last_formation) == (Status.LIVE, {"web": 3})
    assert [one.status for one in releases.list(*SHOP)] == [Status.LIVE, Status.SUPERSEDED]
    deploy = Deploys(store).get(*SHOP)
    assert (deploy.live, deploy.candidate, deploy.config, deploy.formation) == (2, None, second, {"web": 3})


def test_marking_the_live_release_live_again_changes_nothing(store: Store) -> None:
    releases = Releases(store)
    live = a_live_release(store, a_deploy(store))
    before = releases.events(*SHOP)
    assert releases.mark_live(*SHOP, 1, {"web": 9}, "bob@host") == live
    assert releases.events(*SHOP) == before


def test_a_failed_release_leaves_the_deploy_as_it_was_and_says_why(store: Store) -> None:
    releases = Releases(store)
    first = a_deploy(store)
    a_live_release(store, first)
    before = Deploys(store).get(*SHOP)
    made = a_release(store, Configs(store).add(*SHOP, b"broken", by="ada@host"))
    failed = releases.mark_failed(*SHOP, made.number, "release phase exited with 1", "ada@host")
    assert (failed.status, failed.reason) == (Status.FAILED, "release phase exited with 1")
    assert Deploys(store).get(*SHOP) == before
    assert releases.mark_failed(*SHOP, made.number, "another reason", "ada@host").reason == failed.reason
    with pytest.raises(ConflictError, match="v2 of shop in prod is failed"):
        releases.mark_live(*SHOP, made.number, {"web": 1}, "ada@host")


def test_a_live_release_cannot_fail_and_a_superseded_one_cannot_come_back(store: Store) -> None:
    releases = Releases(store)
    config = a_deploy(store)
    a_live_release(store, config)
    a_live_release(store, config)
    with pytest.raises(ConflictError):
        releases.mark_failed(*SHOP, 2, "too late", "ada@host")
    with pytest.raises(ConflictError):
        releases.mark_live(*SHOP, 1, {"web": 1}, "ada@host")
    assert [one.status for one in releases.list(*SHOP)] == [Status.LIVE, Status.SUPERSEDED]


def test_scaling_is_remembered_by_the_deploy_and_by_the_live_release(store: Store) -> None:
    releases = Releases(store)
    config = a_deploy(store)
    releases.set_formation(*SHOP, {"web": 2}, "ada@host")
    assert Deploys(store).get(*SHOP).formation == {"web": 2}
    a_live_release(store, config)
    releases.set_formation(*SHOP, {"web": 5, "worker": 1}, "bob@host")
    a_live_release(store, config)
    assert releases.get(*SHOP, 1).last_formation == {"web": 5, "worker": 1}
    told = [(one.kind, one.by) for one in releases.events(*SHOP, 1)]
    assert told == [
        ("pending", "ada@host"),
        ("live", "ada@host"),
        ("scaled", "bob@host"),
        ("superseded", "ada@host"),
    ]
    assert releases.verify(*SHOP).ok


def test_releases_are_listed_newest_first_and_per_deploy(store: Store) -> None:
    config, staging = a_deploy(store), a_deploy(store, "shop", "staging")
    for _ in range(5):
        a_live_release(store, config)
    a_release(store, staging, "shop", "staging")
    releases = Releases(store)
    assert [one.number for one in releases.list(*SHOP)] == [5, 4, 3, 2, 1]
    assert [one.number for one in releases.list(*SHOP, limit=2)] == [5, 4]
    assert [one.status for one in releases.list(*SHOP, limit=2)] == [Status.LIVE, Status.SUPERSEDED]
    assert [one.number for one in releases.list("shop", "staging")] == [1]
    assert releases.live("shop", "staging") is None


def test_what_is_not_there_is_named(store: Store) -> None:
    config = a_deploy(store)
    releases = Releases(store)
    with pytest.raises(UsageError, match="shop has no release v4 in prod"):
        releases.get(*SHOP, 4)
    with pytest.raises(UsageError, match="no environment of shop named qa"):
        releases.verify("shop", "qa")
    with pytest.raises(UsageError):
        a_release(store, config, "shop", "qa")
    with pytest.raises(PlatformError, match="config snapshot 999 is gone"):
        a_release(store, 999)
    assert releases.list(*SHOP) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE releases SET description = 'nothing happened' WHERE number = 1",
        "UPDATE releases SET number = 7 WHERE number = 2",
        "DELETE FROM releases WHERE number = 2",
        "DELETE FROM release_events",
        "UPDATE release_events SET kind = 'failed' WHERE number = 2",
        "DELETE FROM configs",
    ],
)
def test_the_database_itself_refuses_to_change_the_past(store: Store, statement: str) -> None:
    config = a_deploy(store)
    a_live_release(store, config)
    a_live_release(store, config)
    before = Releases(store).list(*SHOP)
    with pytest.raises(IntegrityError, match="append-only"), store.write() as connection:
        connection.execute(text(statement))
    assert Releases(store).list(*SHOP) == before


@pytest.mark.parametrize("number", [0, 1, 4])
def test_the_database_itself_refuses_a_number_that_does_not_come_next(store: Store, number: int) -> None:
    config = a_deploy(store)
    a_live_release(store, config)
    a_live_release(store, config)
    columns = (
        "app, environment, build, {c}, config, config_digest, formation, description, created, {b}, "
        "release_phase, previous_hash, hash"
    ).format(c='"commit"', b='"by"')
    with pytest.raises(IntegrityError, match="no gaps"), store.write() as connection:
        connection.execute(
            text(f"INSERT INTO releases (number, {columns}) SELECT {number}, {columns} FROM releases WHERE number = 1")
        )


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)  # PostgreSQL keeps no JSON that is none
def test_a_row_that_cannot_even_be_read_is_named(store: Store) -> None:
    a_live_release(store, a_deploy(store))
    with store.write() as connection:
        for statement in _without_triggers(store, "UPDATE releases SET formation = 'web=2'"):
            connection.execute(text(statement))
    assert Releases(store).verify(*SHOP).problem == "v1 was changed after it was made"


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)  # SQLite has no TRUNCATE
def test_postgresql_refuses_to_empty_the_tables(store: Store) -> None:
    a_live_release(store, a_deploy(store))
    with pytest.raises(IntegrityError, match="append-only"), store.write() as connection:
        connection.execute(text("TRUNCATE releases, release_events, bakes"))


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)  # PostgreSQL has no REPLACE
def test_sqlite_does_not_let_replace_slip_past_the_triggers(store: Store) -> None:
    a_live_release(store, a_deploy(store))
    with pytest.raises(IntegrityError, match="append-only"), store.write() as connection:
        connection.execute(
            text(
                'REPLACE INTO release_events (id, app, environment, number, kind, at, "by") '
                "SELECT id, app, environment, number, 'failed', at, \"by\" FROM release_events"
            )
        )


TAMPER = {
    "v2 was changed after it was made": "UPDATE releases SET description = 'innocent' WHERE number = 2",
    "v2 is missing": "DELETE FROM releases WHERE number = 2",
    "v3 is missing": "DELETE FROM releases WHERE number = 3",
    "the config of v1 was changed after it was made": "UPDATE configs SET sealed = 'x'",
    "v3 was changed after it was made": "UPDATE releases SET formation = '\"web=2\"' WHERE number = 3",
}


@pytest.mark.parametrize("problem", sorted(TAMPER))
def test_someone_who_gets_past_the_triggers_is_found_out(store: Store, problem: str) -> None:
    config = a_deploy(store)
    for _ in range(3):
        a_live_release(store, config)
    assert Releases(store).verify(*SHOP).ok
    with store.write() as connection:
        for statement in _without_triggers(store, TAMPER[problem]):
            connection.execute(text(statement))
    result = Releases(store).verify(*SHOP)
    assert (result.ok, result.problem) == (False, problem)


def _without_triggers(store: Store, statement: str) -> list[str]:
    if store.where.startswith("sqlite"):
        with store.read() as connection:
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        opened = [f"DROP TRIGGER {name}" for name in names]
    else:
        opened = ["SET LOCAL session_replication_role = replica"]
    # What points at a release goes before it.
    first = [statement.replace("releases", "release_events")] if statement.startswith("DELETE") else []
    return [*opened, *first, statement]


class AnyOrder(RuleBasedStateMachine):
    """Releases made, marked and scaled in any order agree with a dictionary, and the chain always holds."""

    @initialize()
    def open(self) -> None:
        import tempfile

        self.directory = tempfile.TemporaryDirectory()
        self.store = make_store(f"sqlite:///{self.directory.name}/store.db")
        self.config = a_deploy(self.store)
        self.releases = Releases(self.store)
        self.statuses: dict[int, Status] = {}
        self.formations: dict[int, dict[str, int] | None] = {}

    @rule()
    def create(self) -> None:
        number = a_release(self.store, self.config).number
        assert number == len(self.statuses) + 1
        self.statuses[number] = Status.PENDING
        self.formations[number] = None

    @precondition(lambda self: self.statuses)
    @rule(data=st.data(), web=st.integers(0, 3))
    def mark_live(self, data: st.DataObject, web: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.statuses)))
        status = self.statuses[number]
        if status in (Status.SUPERSEDED, Status.FAILED):
            with pytest.raises(ConflictError):
                self.releases.mark_live(*SHOP, number, {"web": web}, "ada")
            return
        self.releases.mark_live(*SHOP, number, {"web": web}, "ada")
        if status is Status.PENDING:
            for other, its in self.statuses.items():
                if its is Status.LIVE:
                    self.statuses[other] = Status.SUPERSEDED
            self.statuses[number] = Status.LIVE
            self.formations[number] = {"web": web}

    @precondition(lambda self: self.statuses)
    @rule(data=st.data())
    def mark_failed(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.statuses)))
        if self.statuses[number] in (Status.LIVE, Status.SUPERSEDED):
            with pytest.raises(ConflictError):
                self.releases.mark_failed(*SHOP, number, "no", "ada")
            return
        self.releases.mark_failed(*SHOP, number, "no", "ada")
        self.statuses[number] = Status.FAILED

    @rule(web=st.integers(0, 3))
    def scale(self, web: int) -> None:
        self.releases.set_formation(*SHOP, {"web": web}, "ada")
        for number, status in self.statuses.items():
            if status is Status.LIVE:
                self.formations[number] = {"web": web}

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "store"):
            return
        listed = self.releases.list(*SHOP)
        assert {one.number: one.status for one in listed} == self.statuses
        assert {one.number: one.last_formation for one in listed} == self.formations
        live = [number for number, status in self.statuses.items() if status is Status.LIVE]
        assert [Deploys(self.store).get(*SHOP).live] == (live or [None])
        assert self.releases.verify(*SHOP).ok

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.directory.cleanup()


AnyOrder.TestCase.settings = settings(
    max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnyOrder = AnyOrder.TestCase
