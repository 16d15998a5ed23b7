"""Bakes in the store: they begin and end with the releases that they watch, in the same step."""

from __future__ import annotations

import time

import pytest
from store_fixtures import a_build, a_deploy

from tolv.codebase.model import RolloutPolicy
from tolv.errors import AppError, ConflictError
from tolv.release.bakes import Bake, Bakes, BakeStatus
from tolv.release.model import Release, Status
from tolv.release.releases import Releases
from tolv.release.retention import restorable
from tolv.release.rollback import rollback_target
from tolv.store.destroy import destroy
from tolv.store.store import Store

SHOP = ("shop", "prod")
BAKE = RolloutPolicy(bake=60.0)


def made(store: Store, config: int, rollout: RolloutPolicy | None = BAKE) -> Release:
    return Releases(store).create(
        *SHOP,
        build=a_build().digest,
        commit=None,
        config=config,
        formation={"web": 1},
        description="Deploy",
        by="ada@host",
        rollout=rollout,
    )


def live(store: Store, config: int, rollout: RolloutPolicy | None = BAKE) -> Bake | None:
    """A release that has just gone live; its bake."""
    number = made(store, config, rollout).number
    Releases(store).mark_live(*SHOP, number, {"web": 1}, "ada@host", looping={"worker"})
    return Bakes(store).find(*SHOP, number)


def baking(store: Store, config: int) -> Bake:
    found = live(store, config)
    assert found is not None
    return found


def test_the_window_begins_when_the_release_goes_live_and_not_before(store: Store) -> None:
    config = a_deploy(store)
    waiting = Bakes(store).find(*SHOP, made(store, config).number)
    assert waiting is not None
    assert (waiting.status, waiting.until, waiting.left(0.0)) == (BakeStatus.WAITING, None, None)
    assert Bakes(store).under_way() == []
    before = time.time()
    one = baking(store, config)
    assert one.status is BakeStatus.BAKING
    assert one.until is not None
    assert one.until >= before + 60
    assert one.observed["looping"] == ["worker"]
    assert Bakes(store).under_way() == [one]


def test_a_release_whose_window_is_nothing_is_not_watched(store: Store) -> None:
    config = a_deploy(store)
    assert live(store, config, RolloutPolicy(bake=0)) is None
    assert live(store, config, None) is None


def test_the_first_release_has_nothing_to_go_back_to_and_the_next_has_it(store: Store) -> None:
    config = a_deploy(store)
    assert [baking(store, config).target for _ in range(3)] == [None, 1, 1]
    Bakes(store).conclude(Bakes(store).of(*SHOP)[3], BakeStatus.PASSED)
    assert baking(store, config).target == 3


def test_a_release_that_nobody_has_found_good_yet_is_no_target_and_no_measure(store: Store) -> None:
    config, bakes = a_deploy(store), Bakes(store)
    live(store, config, None)
    second = baking(store, config)
    bakes.note(second, {"before": {"requests": 100, "errors": 1}, "counts": {"x": {}}}, 5.0, 6.0)
    third = baking(store, config)
    assert (second.target, third.target) == (1, 1)
    assert third.observed == {"before": {"requests": 100, "errors": 1}, "looping": ["worker"]}
    ended = bakes.of(*SHOP)[2]
    assert (ended.status, ended.reason) == (BakeStatus.ENDED, "v3 took over")


def test_a_release_that_stays_although_it_failed_is_the_one_to_go_back_to(store: Store) -> None:
    config, bakes = a_deploy(store), Bakes(store)
    live(store, config, None)
    bakes.conclude(baking(store, config), BakeStatus.STAYS, "web.1 crashed 3 times")
    assert baking(store, config).target == 2


def test_the_release_that_replaces_a_failing_one_marks_it_failed_in_the_same_step(store: Store) -> None:
    config, bakes = a_deploy(store), Bakes(store)
    live(store, config, None)
    bakes.conclude(baking(store, config), BakeStatus.FAILING, "web.1 crashed 3 times")
    assert Releases(store).get(*SHOP, 2).status is Status.LIVE
    assert [one.release for one in bakes.under_way()] == [2]
    live(store, config, None)
    bad = Releases(store).get(*SHOP, 2)
    assert (bad.status, bad.reason) == (Status.FAILED, "web.1 crashed 3 times")
    assert bakes.of(*SHOP)[2].status is BakeStatus.ROLLED_BACK
    assert bakes.under_way() == []


def test_what_was_rolled_back_is_never_gone_back_to(store: Store) -> None:
    config, bakes = a_deploy(store), Bakes(store)
    live(store, config, None)
    bakes.conclude(baking(store, config), BakeStatus.FAILING, "web.1 crashed 3 times")
    live(store, config, None)
    releases = Releases(store).list(*SHOP)
    assert restorable(store, *SHOP) == {1, 3}
    assert rollback_target(releases, None, {1, 3}).number == 1
    with pytest.raises(AppError, match="v2 failed and was rolled back: web.1 crashed 3 times"):
        rollback_target(releases, 2, {1, 2, 3})


def test_a_bake_that_has_ended_stays_as_it_is(store: Store) -> None:
    config, bakes = a_deploy(store), Bakes(store)
    one = baking(store, config)
    bakes.stop(*SHOP, "stopped")
    bakes.conclude(one, BakeStatus.PASSED)
    bakes.note(one, {"counts": {}}, 1.0, 2.0)
    found = bakes.of(*SHOP)[1]
    assert (found.status, found.reason, found.observed) == (BakeStatus.ENDED, "stopped", one.observed)


def test_a_live_release_is_marked_failed_by_what_replaces_it_alone(store: Store) -> None:
    baking(store, a_deploy(store))
    with pytest.raises(ConflictError):
        Releases(store).mark_failed(*SHOP, 1, "no", "ada@host")


def test_bakes_go_with_their_deploy(store: Store) -> None:
    baking(store, a_deploy(store))
    destroy(store, "shop")
    assert Bakes(store).under_way() == []
