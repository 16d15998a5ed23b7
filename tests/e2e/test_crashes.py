"""kill -9 of the server after any act of any command: nothing is lost, nothing is left over.

Every third act, to keep the suite fast; `TOLV_TEST_STRIDE=1` tries every single one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.machine import Machine, alive, eventually
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
_STRIDE = int(os.environ.get("TOLV_TEST_STRIDE", "3"))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_killed_after_any_act_loses_nothing_and_leaves_nothing_over(fresh: Fresh, command: str) -> None:
    machine = fresh()
    path = machine.app("shop", {"Procfile": f"web: {PYTHON} app.py\nworker: sleep 1000\nrelease: true\n"})
    _start(machine)
    for _ in range(2):
        machine.deploy(path)
    for turn in range(1, _MOST, _STRIDE):
        machine.greet(path, f"turn {turn}")
        words = [word.format(path=path, turn=turn, count=turn // _STRIDE % 2 + 1) for word in COMMANDS[command]]
        if _survives(machine, turn, words):
            break
        assert machine.get("shop-prod").status == 200
        _start(machine)
        _check(machine)
    else:
        pytest.fail(f"{command} never got through")
    assert turn > 3, "the server was never killed"
    assert machine.tolv("releases", "--verify", "-a", "shop", "-e", "prod").code == 0


@pytest.mark.timeout(120)
def test_a_destruction_that_was_cut_off_can_be_repeated(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.app("shop")
    for turn in range(1, _MOST, _STRIDE):
        _start(machine)
        machine.deploy(path)
        if _survives(machine, turn, ["destroy", "shop", "--yes"]):
            break
        _start(machine)
        machine.tolv("destroy", "shop", "--yes", ok=False)
        assert machine.api("/apps") == []
        assert _kept(machine) == set()
    assert turn > 2, "the server was never killed"
    assert machine.get("shop-prod").status == 404


@pytest.mark.timeout(180)
@pytest.mark.parametrize("command", ["add", "remove"])
def test_a_change_of_domains_that_was_cut_off_is_done_or_undone(fresh: Fresh, command: str) -> None:
    machine = fresh(**on_free_ports())
    _start(machine)
    machine.deploy(machine.app("shop"))
    words = ["domains", command, "shop.localhost", *(["-a", "shop", "-e", "prod"] if command == "add" else [])]
    for turn in range(1, _MOST, _STRIDE):
        machine.tolv("domains", "remove" if command == "add" else "add", *words[2:3], *_DEPLOY[command], ok=False)
        if _survives(machine, turn, words):
            break
        _start(machine)
        if machine.api("/domains"):
            eventually(lambda: get(machine, "shop.localhost").status == 200)
        else:
            eventually(lambda: machine.api("/server")["edge_pid"] is None)
            assert machine.get("shop-prod").status == 200
    assert turn > 2, "the server was never killed"
    assert [one["domain"] for one in machine.api("/domains")] == ["shop.localhost"] * (command == "add")


#: What the command that takes back what another did says of its deploy.
_DEPLOY = {"add": [], "remove": ["-a", "shop", "-e", "prod"]}


def _survives(machine: Machine, acts: int, words: list[str]) -> bool:
    """Run the command with the bomb set; whether it got through."""
    fuse = machine.home / "crash-after"
    fuse.write_text(str(acts))
    done = machine.tolv(*words, ok=False)
    if fuse.exists():
        fuse.unlink(missing_ok=True)
        assert done.code == 0, done.err
        return True
    return False


def _start(machine: Machine) -> None:
    """The server with the bomb, in place of one that a command may have started."""
    state = machine.home / "server.json"
    pid, bomb = _server(machine)
    if bomb:
        return
    if pid:
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not alive(pid))
    state.unlink(missing_ok=True)
    machine.home.mkdir(mode=0o700, exist_ok=True)
    with (machine.home / "server.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("crashing_server.py"))],
            env=machine.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    eventually(state.exists, machine.server_log())


def _server(machine: Machine) -> tuple[int | None, bool]:
    """The pid of the server that runs, and whether it has the bomb."""
    try:
        pid: int = json.loads((machine.home / "server.json").read_text())["pid"]
        return (pid, b"crashing_server" in Path(f"/proc/{pid}/cmdline").read_bytes()) if alive(pid) else (None, False)
    except (OSError, ValueError):
        return None, False


def _check(machine: Machine) -> None:
    """What must hold once a server has come back."""
    assert eventually(lambda: _settled(machine))
    for environment in ("prod", "staging"):
        rows = _rows(machine, environment)
        if not rows:
            continue
        releases = _releases(machine, environment)
        live = [one["release"] for one in releases if one["status"] == "live"]
        assert len(live) == 1
        assert {row["release"] for row in rows} == set(live)
        assert {row["state"] for row in rows} == {"ready"}
        formation = machine.api(f"/apps/shop/environments/{environment}/formation")
        assert sorted(row["process"] for row in rows) == sorted(
            f"{name}.{number}" for name, count in formation.items() for number in range(1, count + 1)
        )
        assert machine.get(f"shop-{environment}").status == 200
    everything = {row["pid"] for environment in ("prod", "staging") for row in _rows(machine, environment)}
    assert len(_kept(machine)) == len(everything)
    assert len(list((machine.home / "tmp").iterdir())) == len(everything)
    assert list((machine.home / "work").iterdir()) == []


def _settled(machine: Machine) -> bool:
    for environment in ("prod", "staging"):
        releases = _releases(machine, environment)
        live = [one["release"] for one in releases if one["status"] == "live"]
        if any(row["state"] != "ready" or row["release"] not in live for row in _rows(machine, environment)):
            return False
        if any(one["status"] == "pending" for one in releases):
            return False
    return len(_kept(machine)) == sum(len(_rows(machine, one)) for one in ("prod", "staging"))


def _rows(machine: Machine, environment: str) -> list[dict[str, object]]:
    found = machine.api(f"/apps/shop/environments/{environment}/processes")
    return found if isinstance(found, list) else []


def _releases(machine: Machine, environment: str) -> list[dict[str, object]]:
    found = machine.api(f"/apps/shop/environments/{environment}/releases")
    return found if isinstance(found, list) else []


def _kept(machine: Machine) -> set[str]:
    """What the keeper has on record."""
    return {path.name for path in (machine.home / "keeper" / "processes").iterdir()}
