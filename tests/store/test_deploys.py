"""Apps, deploys, builds and config snapshots."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from store_fixtures import a_build, a_deploy

from tolv.errors import PlatformError, UsageError
from tolv.store.apps import Apps, Deploys
from tolv.store.builds import Builds
from tolv.store.configs import Configs
from tolv.store.store import Store


def test_an_app_that_moved_is_found_at_its_new_place(store: Store) -> None:
    first = Apps(store).register("shop", "/src/shop")
    moved = Apps(store).register("shop", "/elsewhere/shop")
    assert moved.source_path == "/elsewhere/shop"
    assert moved.created == first.created
    assert Apps(store).list() == [moved]


def test_an_unknown_app_is_an_error_that_names_what_comes_close(store: Store) -> None:
    a_deploy(store, "guestbook")
    with pytest.raises(UsageError, match="did you mean guestbook"):
        Apps(store).get("gestbook")
    with pytest.raises(UsageError, match="did you mean guestbook"):
        Deploys(store).get("guestbok", "prod")


def test_an_unknown_environment_is_an_error_that_names_those_that_there_are(store: Store) -> None:
    a_deploy(store, "shop", "prod")
    a_deploy(store, "shop", "staging")
    with pytest.raises(UsageError, match="did you mean staging") as caught:
        Deploys(store).get("shop", "stagging")
    assert "prod, staging" in (caught.value.remedy or "")


def test_the_apps_of_a_directory_are_those_of_the_innermost_root_around_it(store: Store) -> None:
    for name, path in {"all": "/src", "api": "/src/api", "web": "/src/web", "jobs": "/src/api"}.items():
        Apps(store).register(name, path)
    at = Apps(store).at
    assert [one.name for one in at(Path("/src/api/handlers/deep"))] == ["api", "jobs"]
    assert [one.name for one in at(Path("/src/docs"))] == ["all"]
    assert at(Path("/src-of-another")) == ()


def test_a_deploy_is_made_once_and_then_stays(store: Store) -> None:
    Apps(store).register("shop", "/src/shop")
    made = Deploys(store).ensure("shop", "prod")
    assert (made.config, made.formation, made.live, made.candidate, made.running) == (None, {}, None, None, False)
    Deploys(store).set_running("shop", "prod", True)
    assert Deploys(store).ensure("shop", "prod").running
    assert len(Deploys(store).list()) == 1


def test_the_config_head_moves_only_when_it_is_told_to(store: Store) -> None:
    first = a_deploy(store)
    configs, deploys = Configs(store), Deploys(store)
    assert configs.head("shop", "prod") is None
    deploys.set_config("shop", "prod", first)
    second = configs.add("shop", "prod", b"\x00newer\xff", by="bob@host")
    assert second > first
    head = configs.head("shop", "prod")
    assert head is not None
    assert (head.id, head.sealed) == (first, b"sealed")
    assert configs.get(second).sealed == b"\x00newer\xff"


def test_a_config_snapshot_cannot_be_changed(store: Store) -> None:
    config = a_deploy(store)
    for statement in ("UPDATE configs SET sealed = 'x'", "DELETE FROM configs"):
        with pytest.raises(IntegrityError, match="append-only"), store.write() as connection:
            connection.execute(text(statement))
    assert Configs(store).get(config).sealed == b"sealed"
    with pytest.raises(PlatformError, match="gone"):
        Configs(store).get(config + 1)


def test_a_build_comes_back_as_it_was(store: Store) -> None:
    build = a_build()
    builds = Builds(store)
    assert builds.find(build.digest) is None
    builds.add(build)
    builds.mark_removed([build.digest])
    builds.add(build)
    assert builds.find(build.digest) == build
