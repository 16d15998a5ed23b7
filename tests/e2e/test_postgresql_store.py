"""The whole of Tolv on a PostgreSQL: as on SQLite, and the apps go on when the database is away."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e.machine import Machine, eventually

# Tests are no package: what two folders of them share is found by its path.
sys.path.insert(0, str(Path(__file__).parents[1] / "store"))

from store_fixtures import end_postgresql, postgresql_server

__all__ = ["end_postgresql"]

Fresh = Callable[..., Machine]
SHOP = ("-a", "shop", "-e", "prod")


@pytest.fixture
def on_postgresql(fresh: Fresh) -> Iterator[Machine]:
    with postgresql_server().database() as url:
        machine = fresh(TOLV_STORE_URL=url)
        yield machine
        machine.close()


def test_deploys_config_and_rollbacks_outlive_the_server(on_postgresql: Machine) -> None:
    machine = on_postgresql
    path = machine.app("shop")
    started = machine.tolv("up", str(path), "--detach", "--json").json
    assert (started["release"], started["status"]) == ("v1", "live")
    # The deploy that was settled is held for a moment after its release is known.
    assert eventually(lambda: machine.deploy(path, ok=False))["status"] == "live"
    machine.greet(path, "second")
    machine.deploy(path)
    machine.tolv("config", "set", "COLOUR=light blue", *SHOP)
    machine.tolv("scale", "web=2", *SHOP)
    machine.kill_server()
    assert [row["state"] for row in machine.ps("shop")] == ["ready", "ready"]
    assert machine.tolv("config", "get", "COLOUR", *SHOP).out == "light blue\n"
    assert machine.tolv("rollback", "v1", *SHOP, "--json").json["release"] == "v4"
    seen = machine.get("shop-prod").json
    assert (seen["greeting"], "COLOUR" in seen["env"]) == ("hello", False)
    assert "unchanged" in machine.tolv("releases", "--verify", *SHOP).out
    assert machine.tolv("destroy", "shop", "--yes", "--json").json["releases"] == 5
    assert machine.tolv("apps", "--json").json == []
    assert not list(machine.home.glob("store.db*"))


def test_a_deploy_that_the_server_dies_in_is_settled(on_postgresql: Machine) -> None:
    machine = on_postgresql
    path = machine.app("shop")
    machine.deploy(path)
    machine.commit(path, {"Procfile": f"web: sleep 1; exec {sys.executable} app.py\n"})
    deploying = machine.start("deploy", str(path), "-e", "prod", "--json")
    eventually(lambda: any(row["release"] == "v2" for row in machine.ps("shop")))
    machine.kill_server()
    deploying.communicate(timeout=60)
    assert deploying.returncode == 3
    assert machine.get("shop-prod").status == 200
    eventually(lambda: machine.releases("shop")[0]["status"] in ("live", "failed"))
    # The deploy that was settled is held for a moment after its release is known.
    assert eventually(lambda: machine.deploy(path, ok=False))["status"] == "live"


def test_while_the_database_is_away_each_command_says_so_and_the_apps_serve(on_postgresql: Machine) -> None:
    machine = on_postgresql
    path = machine.app("shop")
    machine.deploy(path)
    url = machine.environment["TOLV_STORE_URL"]
    machine.kill_server()
    machine.environment["TOLV_STORE_URL"] = "postgresql://tolv:hunter2@127.0.0.1:1/tolv"
    result = machine.tolv("ps", *SHOP, "--json", ok=False)
    assert result.code == 3
    error = json.loads(result.err)["error"]
    assert "database is away" in error["problem"]
    assert "TOLV_STORE_URL" in error["remedy"]
    assert "hunter2" not in result.err
    assert machine.get("shop-prod").status == 200
    machine.environment["TOLV_STORE_URL"] = url
    assert machine.ps("shop")[0]["state"] == "ready"
