"""Faults that nobody does on purpose: damaged and missing files, processes that hang, clocks that jump, power cuts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from e2e.bomb import start_server
from e2e.disk import AS_ROOT
from e2e.invariants import check
from e2e.machine import PROCFILE, Machine, alive, eventually, kill

PYTHON = sys.executable
Fresh = Callable[..., Machine]
SHOP = ("-a", "shop", "-e", "prod")


def status(machine: Machine) -> Any:
    return machine.tolv("server", "status", "--json").json


def pids(machine: Machine) -> dict[str, int]:
    return {row["process"]: row["pid"] for row in machine.ps("shop")}


def answers(machine: Machine) -> bool:
    try:
        return machine.get("shop-prod", timeout=10).status == 200
    except OSError:
        return False


# The machine.


@pytest.mark.timeout(180)
def test_a_machine_that_restarts_brings_back_what_should_run_and_nothing_else(fresh: Fresh) -> None:
    """In the midst of a deploy, with an app that was stopped and a one-off; pids now belong to others."""
    machine = fresh()
    path = machine.app("shop", {"Procfile": f"{PROCFILE}worker: sleep 1000\n"})
    machine.deploy(path)
    machine.tolv("scale", "web=2", *SHOP)
    machine.get("shop-prod", "/print?text=before-the-cut")
    machine.deploy(machine.app("idle"))
    machine.tolv("down", "-a", "idle", "-e", "prod")
    machine.tolv("run", "--detach", *SHOP, "--", "sleep", "1001")
    machine.commit(path, {"Procfile": f"web: sleep 2; exec {PYTHON} app.py\nworker: sleep 1000\n"})
    deploying = machine.start("deploy", str(path), "-e", "prod")
    eventually(lambda: any(row["release"] == "v2" for row in machine.ps("shop")))
    eventually(lambda: "before-the-cut" in machine.tolv("logs", *SHOP).out)
    for pid in machine.survivors():
        os.kill(pid, signal.SIGKILL)
    deploying.communicate(timeout=30)
    eventually(lambda: machine.survivors() == [])
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        for record in (machine.home / "keeper" / "processes").glob("*/started.json"):
            started = json.loads(record.read_text())
            record.write_text(json.dumps({**started, "pid": bystander.pid, "boot_id": "another"}))
        server = machine.home / "server.json"
        server.write_text(json.dumps({**json.loads(server.read_text()), "pid": bystander.pid, "boot_id": "another"}))
        machine.tolv("server", "start")
        check(machine)
        assert bystander.poll() is None
    finally:
        kill(bystander.pid)
        bystander.wait()
    rows = machine.ps("shop")
    assert [row["process"] for row in rows] == ["web.1", "web.2", "worker.1"]
    live = next(one["release"] for one in machine.releases("shop") if one["status"] == "live")
    assert {row["release"] for row in rows} == {live}
    assert {row["restarts"] for row in rows} == {0}
    assert machine.ps("idle") == []
    assert machine.get("shop-prod").status == 200
    assert machine.get("idle-prod").status == 503
    assert "before-the-cut" in machine.tolv("logs", *SHOP, "-n", "5000").out


# Files that are damaged or gone.


def test_a_store_that_knows_nothing_ends_nothing_that_runs(fresh: Fresh) -> None:
    """Another store by mistake, or one that was lost: the server says so, and the apps go on."""
    machine = fresh()
    machine.deploy(machine.app("shop"))
    before = pids(machine)
    machine.kill_server()
    store, aside = machine.home / "store.db", machine.home / "aside"
    aside.mkdir()
    for one in machine.home.glob("store.db*"):
        one.rename(aside / one.name)
    found = machine.tolv("ps", *SHOP, ok=False)
    assert found.code == 3
    assert str(store) in found.err
    assert "TOLV_STORE_URL" in found.err
    assert str(before["web.1"]) in found.err
    assert machine.get("shop-prod").status == 200
    for one in machine.home.glob("store.db*"):
        one.unlink()
    for one in aside.iterdir():
        one.rename(machine.home / one.name)
    assert pids(machine) == before
    check(machine)


def test_a_router_table_that_cannot_be_read_is_made_anew(fresh: Fresh) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop"))
    table = machine.home / "router" / "table.json"
    for content in (b"{", b'{"version": 7, "routes": [{}]}'):
        table.write_bytes(content)
        kill(status(machine)["router_pids"][0])
        eventually(lambda: answers(machine))
        machine.kill_server()
        table.write_bytes(content)
        kill(json.loads((machine.home / "router" / "router-0.json").read_text())["pid"])
        machine.tolv("server", "start")
        eventually(lambda: answers(machine))
    check(machine)


@pytest.mark.parametrize(
    ("name", "server_too"),
    [("spec.json", False), ("spec.json", True), ("started.json", False)],
    ids=["order", "order, server killed too", "start"],
)
def test_a_record_of_the_keepers_that_makes_no_sense_leaves_no_orphan(
    fresh: Fresh, name: str, server_too: bool
) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop", {"Procfile": f"{PROCFILE}worker: sleep 1000\n"}))
    before, state = pids(machine), status(machine)
    web = next((machine.home / "keeper" / "processes").glob("*-web.1-*"))
    (web / name).write_text('{"id": "sh')
    for pid in [state["keeper_pid"], *([state["pid"]] if server_too else [])]:
        kill(pid)
    machine.tolv("server", "start")
    eventually(lambda: not alive(before["web.1"]), "it is ended, and another one takes its place")
    check(machine)
    after = pids(machine)
    assert after["worker.1"] == before["worker.1"], "the others are as they were"
    eventually(lambda: answers(machine))


def test_sockets_that_somebody_removed_are_there_again(fresh: Fresh) -> None:
    """Cleaners of temporary directories do so."""
    machine = fresh()
    machine.deploy(machine.app("shop"))
    before, state = pids(machine), status(machine)
    sockets = [machine.home / name for name in ("server.sock", "keeper/keeper.sock", "router/router-0.sock")]
    for one in sockets:
        one.unlink()
    eventually(lambda: all(one.exists() for one in sockets))
    assert status(machine) == state
    kill(state["pid"])
    machine.tolv("server", "start")
    found = status(machine)
    assert (found["keeper_pid"], found["router_pids"]) == (state["keeper_pid"], state["router_pids"])
    assert pids(machine) == before
    check(machine)


@AS_ROOT
def test_a_home_that_becomes_read_only_leaves_what_runs_alone(fresh: Fresh) -> None:
    """As a file system does after an error of its disk."""
    machine = fresh()
    path = machine.app("shop")
    machine.deploy(path)
    before = pids(machine)
    subprocess.run(["mount", "--bind", str(machine.home), str(machine.home)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(machine.home)], check=True)
        machine.greet(path, "second")
        found = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
        assert found.code == 3
        assert "ead-only" in found.err
        assert "Traceback" not in found.err
        assert machine.get("shop-prod").status == 200
        assert pids(machine) == before
    finally:
        subprocess.run(["umount", "-l", str(machine.home)], check=True)
    eventually(lambda: machine.tolv("deploy", str(path), "-e", "prod", ok=False).code == 0)
    assert machine.get("shop-prod").json["greeting"] == "second"
    check(machine)


# Processes that hang, and clocks.


def test_a_server_and_a_keeper_that_hang_hold_up_nobody_and_go_on_afterwards(fresh: Fresh) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop"))
    before, state = pids(machine), status(machine)
    hung = [state["pid"], state["keeper_pid"]]
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert machine.get("shop-prod", "/print?text=meanwhile").status == 200
    finally:
        for pid in hung:
            os.kill(pid, signal.SIGCONT)
    eventually(lambda: "meanwhile" in machine.tolv("logs", *SHOP).out)
    assert pids(machine) == before
    check(machine)


def test_a_keeper_or_router_that_is_told_to_end_is_back_at_once(fresh: Fresh) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop"))
    before, former = pids(machine), status(machine)
    for pid in (former["keeper_pid"], *former["router_pids"]):
        os.kill(pid, signal.SIGTERM)
    for whom in ("keeper_pid", "router_pids"):
        eventually(lambda whom=whom: status(machine)[whom] not in (former[whom], None, []))
    eventually(lambda: answers(machine))
    assert pids(machine) == before
    check(machine)


def test_a_clock_that_jumps_holds_up_no_restart(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.app("shop")
    start_server(machine, "jumping_server")
    machine.deploy(path)
    for jump in (0, -7200, 7200):  # from the second crash on there is a pause before the next start
        pid = pids(machine)["web.1"]
        kill(pid)
        if jump:
            eventually(lambda: machine.ps("shop")[0]["state"] == "crashed")
            (machine.home / "clock").write_text(str(jump))
        eventually(lambda pid=pid: pids(machine).get("web.1") not in (pid, None))
        eventually(lambda: answers(machine))
    check(machine)
    machine.greet(path, "after the jump")
    machine.deploy(path)
    assert machine.get("shop-prod").json["greeting"] == "after the jump"
    assert "ready" in machine.tolv("logs", *SHOP).out
