"""What people meet who bring an app that was not written here: another Python, no service yet, config to find out."""

from __future__ import annotations

import sys
from collections.abc import Callable

from e2e.machine import APP, PROCFILE, Machine

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_another_python_than_the_app_asks_for_holds_for_the_one_command_that_says_so(
    fresh: Callable[..., Machine],
) -> None:
    machine = fresh()
    path = machine.app("shop", {".python-version": "3.99\n"})
    machine.environment["TOLV_PYTHON"] = OWN  # it starts the server, too
    assert "3.99" in machine.deploy(path)["notes"][0]
    del machine.environment["TOLV_PYTHON"]
    machine.commit(path)
    refused = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
    assert refused.code == 1
    assert "asks for Python 3.99" in refused.err
    machine.environment["TOLV_PYTHON"] = OWN
    assert machine.deploy(path)["release"] == "v2"


def test_a_worker_whose_service_is_away_can_be_scaled_to_none_before_the_first_release_is_live(
    machine: Machine, name: str
) -> None:
    path = machine.app(name, {"Procfile": f"{PROCFILE}worker: echo no service >&2; exit 1\n"})
    failed = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
    assert failed.code == 1
    assert "worker.1 | no service" in failed.err
    machine.tolv("scale", "-a", name, "-e", "prod", "worker=0")
    assert machine.deploy(path)["status"] == "live"
    assert [row["process"] for row in machine.ps(name)] == ["web.1"]


def test_a_failed_release_shows_what_the_app_wrote_and_names_the_release_that_serves_on(
    machine: Machine, name: str
) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.commit(path, {"Procfile": "web: echo no address; exit 4\n"})
    failed = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
    assert "web.1 exited with 4" in failed.err
    assert "web.1 | no address" in failed.err
    assert "next start" not in failed.err
    assert failed.err.rstrip().endswith("mend it and deploy again; v1 goes on serving")


def test_a_deploy_names_the_variables_that_have_the_defaults_of_the_schema(machine: Machine, name: str) -> None:
    example = "SECRET_KEY=secret\nGREETING=hello\nPORT=8000\n"
    path = machine.app(name, {"app.py": APP, ".env.example": example})
    machine.write(path, {".env": "GREETING=hi\n"})
    machine.commit(path, {".gitignore": ".env\n"})
    said = machine.tolv("up", str(path), "--detach").out
    assert "defaults of .env.example for SECRET_KEY\n" in said


def test_an_app_that_writes_into_its_release_is_told_where_to_write(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": "web: echo \"mkdir: Permission denied: 'logs'\"; exit 1\n"})
    failed = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
    assert "a release is read-only" in failed.err
