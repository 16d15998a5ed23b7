"""Bugs that come back in every platform of this kind; each is a promise here."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e.load import Load
from e2e.machine import PROCFILE, Machine, alive, eventually, kill

PYTHON = sys.executable
Fresh = Callable[..., Machine]


def test_an_app_that_is_slow_to_boot_gets_no_request_before_it_is_ready(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.commit(path, {"Procfile": f"web: sleep 1; exec {PYTHON} app.py\n"})
    with Load(machine.port, f"{name}-prod.localhost") as load:
        machine.deploy(path)
        machine.tolv("restart", "-a", name, "-e", "prod")
    assert load.failures == []
    assert load.answered


def test_a_daemon_that_ignores_its_signal_does_not_outlive_its_deploy(machine: Machine, name: str) -> None:
    """The leader ends at once; what it left behind ignores TERM, in a session of its own."""
    left = machine.projects / f"{name}.pid"
    daemon = f"trap '' TERM; echo $$ > {left}; while :; do sleep 1; done"
    files = {
        "daemon.sh": daemon,
        "Procfile": f"{PROCFILE}worker: setsid sh daemon.sh & sleep 1000\n",
        "tolv.toml": "[processes.worker]\ngrace = 0.5\n",
    }
    machine.deploy(machine.app(name, files))
    pid = int(eventually(lambda: left.exists() and left.read_text().strip()))
    machine.tolv("down", "-a", name, "-e", "prod")
    assert not alive(pid)
    assert machine.ps(name) == []


def test_the_state_is_that_of_the_processes_and_not_of_what_was_asked_for(fresh: Fresh) -> None:
    """Whoever dies while nobody looks is not said to be ready."""
    machine = fresh()
    path = machine.app(
        "shop", {"Procfile": f"{PROCFILE}worker: test ! -e {machine.projects}/ended && exec sleep 1000\n"}
    )
    machine.deploy(path)
    pid = next(row["pid"] for row in machine.ps("shop") if row["type"] == "worker")
    machine.kill_server()
    (machine.projects / "ended").touch()
    kill(pid)
    row = eventually(
        lambda: next(
            (row for row in machine.ps("shop") if row["type"] == "worker" and row["state"] == "crashed"),
            None,
        )
    )
    assert (row["pid"], row["release"]) == (None, "v1")
    assert row["reason"]


def test_no_output_and_no_file_of_tolvs_tells_a_secret_that_nobody_asked_for(machine: Machine, name: str) -> None:
    secret = "s3cr3t-of-the-house"
    url = f"postgresql://shop:{secret}@db.internal/shop"
    path = machine.app(name, {"Procfile": f'{PROCFILE}release: test -z "$FAIL" || exit 7\n'})
    deploy = ("-a", name, "-e", "prod")
    machine.deploy(path)
    said = machine.tolv("config", "set", f"DATABASE_URL={url}", f"TOKEN={secret}", *deploy)
    assert machine.tolv("config", "get", "TOKEN", *deploy).out == f"{secret}\n"
    spoken = [
        said,
        machine.tolv("config", *deploy),
        machine.tolv("config", "--json", *deploy),
        machine.tolv("config", "set", "FAIL=1", *deploy, ok=False),
        machine.tolv("config", "unset", "TOKEN", "NOPE", *deploy, ok=False),
        machine.tolv("config", "set", f"PORT={secret}", *deploy, ok=False),
        machine.tolv("config", "set", "TOKEN", *deploy, ok=False),
        machine.tolv("config", "diff", "prod", "prod", "-a", name, "--json"),
        machine.tolv("releases", "--json", *deploy),
        machine.tolv("ps", "--json", *deploy),
        machine.tolv("apps", "--json"),
        machine.tolv("logs", *deploy),
        machine.tolv("server", "status"),
        machine.tolv("rollback", *deploy, "--json", ok=False),
        machine.tolv("promote", "prod", "staging", "-a", name, ok=False),
    ]
    for result in spoken:
        assert secret not in result.out + result.err
    for file in _files(machine.home):
        assert secret.encode() not in file.read_bytes(), file


def _files(home: Path) -> Iterator[Path]:
    for one in home.rglob("*"):
        if one.is_file() and not one.is_symlink() and "layers" not in one.parts:
            yield one


def test_builds_stay_within_bounds_and_what_is_listed_as_restorable_can_be_restored(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.app("shop")
    for number in range(13):
        machine.greet(path, f"number {number}")
        assert machine.deploy(path)["status"] == "live"

    def restorable() -> list[str]:
        return [one["release"] for one in machine.releases("shop") if one["restorable"]]

    eventually(lambda: len(restorable()) == 11, "the live one, and ten to go back to")
    assert len(list((machine.home / "builds").glob("[!.]*"))) == 11
    oldest = restorable()[-1]
    assert machine.tolv("rollback", oldest, "-a", "shop", "-e", "prod", "--json").json["status"] == "live"
    assert machine.get("shop-prod").json["greeting"] == f"number {int(oldest[1:]) - 1}"
    gone = machine.tolv("rollback", "v1", "-a", "shop", "-e", "prod", ok=False)
    assert gone.code == 1
    assert "--ref" in gone.err


def test_after_everything_of_tolvs_was_killed_the_next_command_needs_no_advice(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.app("shop")
    machine.deploy(path)
    before = machine.ps("shop")[0]["pid"]
    app = machine.get("shop-prod").json["pid"]
    state = machine.tolv("server", "status", "--json").json
    for pid in (state["pid"], state["keeper_pid"], *state["router_pids"]):
        os.kill(pid, signal.SIGKILL)
    for pid in (state["pid"], state["keeper_pid"], *state["router_pids"]):
        eventually(lambda pid=pid: not alive(pid))
    for stale in ("server.sock", "server.json", "server.lock", "keeper/keeper.sock", "keeper/keeper.json"):
        assert (machine.home / stale).exists()
    assert [(row["pid"], row["state"]) for row in machine.ps("shop")] == [(before, "ready")]
    assert machine.get("shop-prod").json["pid"] == app
    machine.greet(path, "after")
    machine.deploy(path)
    assert machine.get("shop-prod").json["greeting"] == "after"
    assert not alive(before)


@pytest.mark.parametrize("command", ["no-such-program --port $PORT", "./app.py", "/etc"])
def test_a_program_that_cannot_be_started_is_one_clear_error_and_the_server_goes_on(
    machine: Machine, name: str, command: str
) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.commit(path, {"Procfile": f"web: {command}\n"})
    result = machine.tolv("deploy", str(path), "-e", "prod", "--json", ok=False)
    assert result.code == 1
    assert result.json["status"] == "failed"
    error = json.loads(result.err)["error"]
    assert "exited with 12" in error["problem"]  # 126: may not be run, 127: not found
    assert "not found" in error["where"] or "ermission denied" in error["where"]
    assert machine.get(f"{name}-prod").status == 200
    assert [row["release"] for row in machine.ps(name)] == ["v1"]
