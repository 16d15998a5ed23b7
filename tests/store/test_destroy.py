"""Destroying removes a deploy whole, or not at all, and nothing beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select
from store_fixtures import a_build, a_deploy, a_live_release

from tolv.errors import UsageError
from tolv.release.releases import Releases
from tolv.store import tables
from tolv.store.apps import Apps, Deploys
from tolv.store.builds import Builds
from tolv.store.destroy import destroy
from tolv.store.one_offs import OneOffs
from tolv.store.operations import Operations
from tolv.store.owner import this_process
from tolv.store.store import Store


def rows(store: Store) -> dict[str, int]:
    with store.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables.metadata.sorted_tables
        }


def fill(store: Store, app: str, *environments: str) -> None:
    for environment in environments:
        config = a_deploy(store, app, environment)
        a_live_release(store, config, app, environment)
        a_live_release(store, config, app, environment)
        OneOffs(store).begin(app, environment, 2, ["true"], by="ada@host")


def test_an_app_goes_with_all_that_is_its_own(store: Store) -> None:
    fill(store, "blog", "prod")
    before = rows(store)
    fill(store, "shop", "prod", "staging")
    removed = destroy(store, "shop")
    assert removed.environments == ("prod", "staging")
    assert removed.whole_app
    assert (removed.releases, removed.configs, removed.one_offs) == (4, 2, 2)
    assert removed.builds == (a_build("shop").digest,)
    assert rows(store) == before
    assert Releases(store).verify("blog", "prod").ok


def test_a_build_that_another_app_has_too_stays_for_it(store: Store) -> None:
    """The same code deployed under two names is one build, and the row says the name of whoever made it last."""
    config = a_deploy(store, "shop", "prod")
    a_live_release(store, config, "shop", "prod")
    shared = a_build("shop")
    a_live_release(store, a_deploy(store, "twin", "prod"), "twin", "prod", build=shared.digest)
    Builds(store).add(replace(shared, app="twin"))
    assert destroy(store, "twin").builds == (a_build("twin").digest,)
    assert Builds(store).find(shared.digest) is not None
    assert Releases(store).verify("shop", "prod").ok
    assert destroy(store, "shop").builds == (shared.digest,)


def test_a_single_environment_goes_and_the_others_stay(store: Store) -> None:
    fill(store, "shop", "prod", "staging")
    removed = destroy(store, "shop", "staging")
    assert removed.environments == ("staging",)
    assert not removed.whole_app
    assert removed.builds == ()
    assert [one.environment for one in Deploys(store).list("shop")] == ["prod"]
    assert Builds(store).find(a_build("shop").digest) is not None
    assert Releases(store).verify("shop", "prod").checked == 2


def test_the_last_environment_takes_the_app_with_it(store: Store) -> None:
    fill(store, "shop", "prod")
    assert destroy(store, "shop", "prod").whole_app
    assert Apps(store).find("shop") is None


def test_a_dry_run_tells_the_same_and_removes_nothing(store: Store) -> None:
    fill(store, "shop", "prod", "staging")
    before = rows(store)
    told = destroy(store, "shop", dry_run=True)
    assert rows(store) == before
    assert destroy(store, "shop") == told


def test_the_operation_that_destroys_can_still_be_finished(store: Store) -> None:
    fill(store, "shop", "prod")
    operations = Operations(store)
    finished = operations.begin("shop", "prod", "deploy", "ada@host", this_process())
    operations.finish(finished.id, "live")
    destroying = operations.begin("shop", None, "destroy", "ada@host", this_process())
    destroy(store, "shop")
    assert operations.unfinished() == [destroying]
    operations.finish(destroying.id, "destroyed")
    assert rows(store)["operations"] == 1


def test_an_app_that_comes_back_starts_at_v1(store: Store) -> None:
    fill(store, "shop", "prod")
    destroy(store, "shop")
    config = a_deploy(store, "shop", "prod")
    assert a_live_release(store, config).name == "v1"
    assert Releases(store).verify("shop", "prod").ok


def test_what_is_not_there_cannot_be_destroyed(store: Store) -> None:
    fill(store, "shop", "prod")
    before = rows(store)
    with pytest.raises(UsageError):
        destroy(store, "shoop")
    with pytest.raises(UsageError):
        destroy(store, "shop", "staging")
    assert rows(store) == before
