"""Garbage collection never takes what a live release or a rollback needs."""

from __future__ import annotations

import time

from store_fixtures import a_build, a_deploy, a_live_release, a_release

from tolv.release.releases import Releases
from tolv.release.retention import UNRELEASED_FOR, restorable, retained
from tolv.run.model import Exit
from tolv.store import tables
from tolv.store.builds import Builds
from tolv.store.one_offs import OneOffs
from tolv.store.operations import Operations
from tolv.store.owner import this_process
from tolv.store.store import Store

SHOP = ("shop", "prod")


def digests(*seeds: object, app: str = "shop") -> set[str]:
    return {a_build(app, seed).digest for seed in seeds}


def test_the_live_build_and_the_last_that_were_live_are_kept(store: Store) -> None:
    config = a_deploy(store, build=False)
    for seed in range(1, 15):
        a_live_release(store, config, seed=seed)
    assert retained(store).builds == digests(*range(4, 15))
    assert retained(store, kept=2).builds == digests(12, 13, 14)


def test_a_candidate_is_kept_and_a_failed_release_is_not(store: Store) -> None:
    config = a_deploy(store, build=False)
    a_live_release(store, config, seed="live")
    failed = a_release(store, config, seed="failed")
    Releases(store).mark_failed(*SHOP, failed.number, "no", "ada@host")
    a_release(store, config, seed="candidate")
    assert retained(store).builds == digests("live", "candidate")
    assert restorable(store, *SHOP) == {1}


def test_failed_releases_do_not_push_out_those_that_a_rollback_needs(store: Store) -> None:
    config = a_deploy(store, build=False)
    a_live_release(store, config, seed="good")
    a_live_release(store, config, seed="live")
    for turn in range(60):
        failed = a_release(store, config, seed=f"failed {turn}")
        Releases(store).mark_failed(*SHOP, failed.number, "no", "ada@host")
    assert retained(store, kept=1).builds == digests("good", "live", "failed 59")


def test_a_failed_newest_release_is_kept_as_its_build_is_tried_again_with_other_config(store: Store) -> None:
    config = a_deploy(store, build=False)
    failed = a_release(store, config, seed="failed")
    Releases(store).mark_failed(*SHOP, failed.number, "no", "ada@host")
    assert retained(store).builds == digests("failed")


def test_each_deploy_keeps_its_own(store: Store) -> None:
    for app, environment in [("shop", "prod"), ("shop", "staging"), ("blog", "prod")]:
        config = a_deploy(store, app, environment, build=False)
        for turn in range(3):
            a_live_release(store, config, app, environment, seed=f"{environment} {turn}")
    kept = retained(store, kept=1).builds
    assert kept == digests("prod 1", "prod 2", "staging 1", "staging 2") | digests("prod 1", "prod 2", app="blog")


def test_a_release_whose_build_was_removed_is_not_restorable_until_it_is_built_again(store: Store) -> None:
    config = a_deploy(store, build=False)
    for seed in ("old", "middle", "live"):
        a_live_release(store, config, seed=seed)
    Builds(store).mark_removed(digests("old", "middle"))
    assert restorable(store, *SHOP) == {3}
    assert retained(store).builds == digests("live")
    Builds(store).add(a_build(seed="old"))
    assert restorable(store, *SHOP) == {1, 3}
    assert retained(store).builds == digests("old", "live")


def test_a_build_without_a_release_is_kept_for_a_day(store: Store) -> None:
    a_deploy(store, build=False)
    Builds(store).add(a_build(seed="made by tolv build"))
    assert retained(store).builds == digests("made by tolv build")
    with store.write() as connection:
        connection.execute(tables.builds.update().values(created_at=time.time() - UNRELEASED_FOR - 1))
    assert retained(store).builds == set()


def test_what_a_running_one_off_or_an_open_operation_uses_is_kept_until_it_ends(store: Store) -> None:
    config = a_deploy(store, build=False)
    for seed in ("old", "live"):
        a_live_release(store, config, seed=seed)
    one_off = OneOffs(store).begin(*SHOP, 1, ["true"], by="ada@host")
    operation = Operations(store).begin(*SHOP, "deploy", "ada@host", this_process())
    Operations(store).advance(operation.id, "release", build=a_build(seed="new").digest)
    assert retained(store, kept=0).builds == digests("old", "live", "new")
    OneOffs(store).finish(one_off.process, Exit(at=1.0, code=0))
    Operations(store).finish(operation.id, "failed")
    assert retained(store, kept=0).builds == digests("live")


def test_the_release_before_the_live_one_is_needed_and_older_ones_are_spare_the_oldest_first(store: Store) -> None:
    config = a_deploy(store, build=False)
    for seed in ("oldest", "old", "before", "live"):
        a_live_release(store, config, seed=seed)
    found = retained(store)
    assert found.needed == digests("before", "live")
    assert found.spare == (a_build(seed="oldest").digest, a_build(seed="old").digest)
    a_live_release(store, config, seed="oldest", description="Rollback to v1")
    assert retained(store).spare == (a_build(seed="old").digest, a_build(seed="before").digest)
