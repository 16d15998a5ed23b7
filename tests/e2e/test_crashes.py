"""kill -9 of the server after any act of any command: nothing is lost, nothing is left over.

Every third act, to keep the suite fast; `TOLV_TEST_STRIDE=1` tries every single one.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Callable

import pytest
from e2e.bomb import start_with_bomb, survives
from e2e.invariants import check
from e2e.machine import Machine, eventually
from e2e.secure import get, on_free_ports

PYTHON = sys.executable
Fresh = Callable[..., Machine]

#: Commands by name, with what they may say of a deploy `shop` in `prod`. Each is killed after its first act, its
#: fourth, and so on until it gets through.
COMMANDS = {
    "deploy": ["deploy", "{path}", "-e", "prod"],
    "rollback": ["rollback", "-a", "shop", "-e", "prod"],
    "scale": ["scale", "web={count}", "worker=2", "-a", "shop", "-e", "prod"],
    "config": ["config", "set", "TURN={turn}", "-a", "shop", "-e", "prod"],
    "promote": ["promote", "prod", "staging", "-a", "shop"],
    "restart": ["restart", "-a", "shop", "-e", "prod"],
}
_MOST = 100
PROD = "/apps/shop/environments/prod"
_STRIDE = int(os.environ.get("TOLV_TEST_STRIDE", "3"))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_killed_after_any_act_loses_nothing_and_leaves_nothing_over(fresh: Fresh, command: str) -> None:
    machine = fresh()
    path = machine.app("shop", {"Procfile": f"web: {PYTHON} app.py\nworker: sleep 1000\nrelease: true\n"})
    start_with_bomb(machine)
    for _ in range(2):
        machine.deploy(path)
    for turn in range(1, _MOST, _STRIDE):
        machine.greet(path, f"turn {turn}")
        words = [word.format(path=path, turn=turn, count=turn // _STRIDE % 2 + 1) for word in COMMANDS[command]]
        if survives(machine, turn, words):
            break
        assert machine.get("shop-prod").status == 200
        start_with_bomb(machine)
        check(machine)
        assert machine.get("shop-prod").status == 200
    else:
        pytest.fail(f"{command} never got through")
    assert turn > 3, "the server was never killed"
    assert machine.tolv("releases", "--verify", "-a", "shop", "-e", "prod").code == 0


@pytest.mark.timeout(240)
def test_a_server_killed_after_any_act_of_a_rollback_by_itself_still_rolls_back(fresh: Fresh) -> None:
    machine = fresh()
    good = f"web: {PYTHON} app.py\nworker: sleep 1000\n"
    path = machine.app("shop", {"Procfile": good})
    start_with_bomb(machine)
    machine.deploy(path)
    machine.commit(path, {"Procfile": good + "mail: sleep 1.5; exit 7\n"})
    fuse, survived = machine.home / "crash-after", False
    for turn in range(1, _MOST, 4 * _STRIDE):
        bad = machine.deploy(path)["release"]
        fuse.write_text(str(turn))
        eventually(lambda bad=bad: not fuse.exists() or _failed(machine, bad))
        survived = fuse.exists()
        fuse.unlink(missing_ok=True)
        assert machine.get("shop-prod").status == 200
        start_with_bomb(machine)
        eventually(lambda bad=bad: _failed(machine, bad))
        check(machine)
        live = next(one for one in machine.api(f"{PROD}/releases") if one["status"] == "live")
        assert str(live["description"]).startswith("Rollback to ")
        if survived:
            break
    assert survived, "it never got through"
    assert turn > 1, "the server was never killed"
    assert machine.tolv("releases", "--verify", "-a", "shop", "-e", "prod").code == 0


def _failed(machine: Machine, release: str) -> bool:
    """Whether the release was live and has failed; no server may answer just now."""
    try:
        found = machine.api(f"{PROD}/releases")
    except (OSError, http.client.HTTPException):
        return False
    return any((one["release"], one["status"]) == (release, "failed") for one in found)


@pytest.mark.timeout(120)
def test_a_destruction_that_was_cut_off_can_be_repeated(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.app("shop")
    for turn in range(1, _MOST, _STRIDE):
        start_with_bomb(machine)
        machine.deploy(path)
        if survives(machine, turn, ["destroy", "shop", "--yes"]):
            break
        start_with_bomb(machine)
        machine.tolv("destroy", "shop", "--yes", ok=False)
        assert machine.api("/apps") == []
        check(machine)
    assert turn > 2, "the server was never killed"
    assert machine.get("shop-prod").status == 404


@pytest.mark.timeout(180)
@pytest.mark.parametrize("command", ["add", "remove"])
def test_a_change_of_domains_that_was_cut_off_is_done_or_undone(fresh: Fresh, command: str) -> None:
    machine = fresh(**on_free_ports())
    start_with_bomb(machine)
    machine.deploy(machine.app("shop"))
    words = ["domains", command, "shop.localhost", *(["-a", "shop", "-e", "prod"] if command == "add" else [])]
    for turn in range(1, _MOST, _STRIDE):
        machine.tolv("domains", "remove" if command == "add" else "add", *words[2:3], *_DEPLOY[command], ok=False)
        if survives(machine, turn, words):
            break
        start_with_bomb(machine)
        if machine.api("/domains"):
            eventually(lambda: machine.tolv("domains", "ca", ok=False).code == 0)
            eventually(lambda: get(machine, "shop.localhost").status == 200)
        else:
            eventually(lambda: machine.api("/server")["edge_pid"] is None)
            assert machine.get("shop-prod").status == 200
    assert turn > 2, "the server was never killed"
    assert [one["domain"] for one in machine.api("/domains")] == ["shop.localhost"] * (command == "add")


#: What the command that takes back what another did says of its deploy.
_DEPLOY = {"add": [], "remove": ["-a", "shop", "-e", "prod"]}
