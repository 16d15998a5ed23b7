"""Server, keeper and router: one job each, and none of them takes the apps along when it dies."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from e2e.load import Load
from e2e.machine import Machine, alive, eventually, kill

PYTHON = sys.executable
Fresh = Callable[..., Machine]
#: A worker that says that it was told to stop, and does so when it may.
SLOW = """\
import signal, time
from pathlib import Path

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
signal.sigwait({signal.SIGTERM})
Path("{at}/told").touch()
while not Path("{at}/free").exists():
    time.sleep(0.05)
"""


def test_the_server_is_started_when_needed_and_says_so(fresh: Fresh) -> None:
    machine = fresh()
    result = machine.tolv("apps")
    assert "started the Tolv server" in result.err
    socket = machine.home / "server.sock"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.home.stat().st_mode) == 0o700


def test_apps_and_router_go_on_while_the_server_is_dead_and_it_finds_them_again(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.app("shop", {"Procfile": f"web: {PYTHON} app.py\nworker: sleep 1000\n"})
    machine.deploy(path)
    machine.tolv("scale", "web=2", "-a", "shop", "-e", "prod")
    before = {row["process"]: row["pid"] for row in machine.ps("shop")}
    with Load(machine.port, "shop-prod.localhost") as load:
        dead = machine.kill_server()
        machine.get("shop-prod", "/print?text=while-it-was-dead")
        assert {row["process"]: row["pid"] for row in machine.ps("shop")} == before
        machine.greet(path, "hej")
        machine.deploy(path)
    assert load.failures == []
    assert machine.tolv("server", "status", "--json").json["pid"] != dead
    assert "while-it-was-dead" in machine.tolv("logs", "-a", "shop", "-e", "prod", "-n", "5000").out
    assert machine.get("shop-prod").json["greeting"] == "hej"


def test_a_deploy_that_the_server_dies_in_is_finished_or_undone(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.app("shop")
    machine.deploy(path)
    machine.commit(path, {"Procfile": f"web: sleep 2; exec {PYTHON} app.py\n"})
    deploying = machine.start("deploy", str(path), "-e", "prod", "--json")
    eventually(lambda: any(row["release"] == "v2" for row in machine.ps("shop")))
    machine.kill_server()
    deploying.communicate(timeout=60)
    assert deploying.returncode == 3
    assert machine.get("shop-prod").status == 200
    eventually(lambda: machine.releases("shop")[0]["status"] in ("live", "failed"))
    assert machine.get("shop-prod").status == 200
    rows = eventually(lambda: (rows := machine.ps("shop")) and len(rows) == 1 and rows)
    live = next(row["release"] for row in machine.releases("shop") if row["status"] == "live")
    assert rows[0]["release"] == live
    assert machine.deploy(path)["status"] == "live"


def test_a_router_that_is_killed_is_back_with_the_same_table(fresh: Fresh) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop"))
    for pid in machine.tolv("server", "status", "--json").json["router_pids"]:
        kill(pid)

    def answered() -> bool:
        try:
            return machine.get("shop-prod").status == 200
        except OSError:
            return False

    eventually(answered)


def test_processes_live_on_when_the_keeper_is_killed_and_stop_as_ever(fresh: Fresh) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop"))
    pid = machine.ps("shop")[0]["pid"]
    keeper = machine.tolv("server", "status", "--json").json["keeper_pid"]
    os.kill(keeper, signal.SIGKILL)
    machine.get("shop-prod", "/print?text=without-a-keeper")
    eventually(lambda: machine.tolv("server", "status", "--json").json["keeper_pid"] not in (keeper, None))
    assert machine.ps("shop")[0]["pid"] == pid
    eventually(lambda: "without-a-keeper" in machine.tolv("logs", "-a", "shop", "-e", "prod").out)
    machine.tolv("down", "-a", "shop", "-e", "prod")
    assert not alive(pid)


def test_the_same_releases_come_back_in_the_same_formation_after_a_stop(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.app("shop")
    machine.deploy(path)
    machine.tolv("scale", "web=2", "-a", "shop", "-e", "prod")
    stopped = machine.tolv("server", "stop")
    assert stopped.code == 0
    assert machine.survivors() == []
    eventually(lambda: [row["state"] for row in machine.ps("shop")] == ["ready", "ready"])
    assert machine.get("shop-prod").status == 200


def test_after_a_power_cut_the_same_releases_come_back_in_the_same_formation(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.app("shop", {"Procfile": f"web: {PYTHON} app.py\nworker: sleep 1000\n"})
    machine.deploy(path)
    machine.tolv("scale", "web=2", "-a", "shop", "-e", "prod")
    for pid in machine.survivors():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: machine.survivors() == [])
    rows = eventually(lambda: (rows := machine.ps("shop")) and {row["state"] for row in rows} == {"ready"} and rows)
    assert [row["process"] for row in rows] == ["web.1", "web.2", "worker.1"]
    assert {row["restarts"] for row in rows} == {0}
    assert machine.get("shop-prod").status == 200


def test_a_stop_ends_what_a_dead_server_left_running(fresh: Fresh) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop"))
    machine.kill_server()
    assert machine.tolv("server", "stop").code == 0
    assert machine.survivors() == []


def test_a_stop_does_not_wait_for_a_build(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.app("shop", {"tolv.toml": "[build]\ncommand = 'echo building; sleep 604'\n"})
    deploying = machine.start("deploy", str(path), "-e", "prod")
    eventually(lambda: any(b"sleep" in command for command in _commands()), "the build does not start")
    assert machine.tolv("server", "stop").code == 0
    deploying.communicate(timeout=60)
    assert deploying.returncode == 3
    assert machine.survivors() == []
    assert list((machine.home / "work").iterdir()) == []


def test_a_stop_lets_no_release_begin_that_was_on_its_way(fresh: Fresh) -> None:
    """The old release takes its time to stop, and the build of the next one is done meanwhile."""
    machine = fresh()
    at = machine.projects
    path = machine.app("shop", {"slow.py": SLOW.replace("{at}", str(at)), "Procfile": f"worker: {PYTHON} slow.py\n"})
    machine.deploy(path)
    build = f"touch {at}/building; until [ -e {at}/built ]; do sleep 0.05; done"
    machine.commit(path, {"tolv.toml": f'[build]\ncommand = "{build}"\n'})
    deploying = machine.start("deploy", str(path), "-e", "prod")
    eventually((at / "building").exists)
    stopping = machine.start("server", "stop")
    eventually((at / "told").exists)
    late = machine.tolv("restart", "-a", "shop", "-e", "prod", ok=False)
    assert (late.code, "the server is stopping" in late.err) == (3, True), late.err
    (at / "built").touch()
    _, said = deploying.communicate(timeout=60)
    assert deploying.returncode == 3, said
    assert "the server was told to stop" in said
    (at / "free").touch()
    _, said = stopping.communicate(timeout=60)
    assert stopping.returncode == 0, said
    assert machine.survivors() == []
    assert [(one["release"], one["status"]) for one in machine.releases("shop")] == [("v2", "failed"), ("v1", "live")]


def _commands() -> list[bytes]:
    """The command lines of all processes that sleep as that build does."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes())
        except OSError:
            continue
    return [command for command in found if command.endswith(b"sleep\x00604\x00")]


def test_a_server_told_to_leave_takes_nothing_along(fresh: Fresh) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop"))
    server = machine.tolv("server", "status", "--json").json["pid"]
    os.kill(server, signal.SIGTERM)
    eventually(lambda: not alive(server))
    assert machine.get("shop-prod").status == 200
    assert machine.ps("shop")[0]["state"] == "ready"


def test_a_server_that_is_terminated_clears_up_and_ends_well(fresh: Fresh, tmp_path: Path) -> None:
    machine = fresh()
    (tmp_path / "json.py").write_text("raise SystemExit('taken over')")  # for the router, which the server starts
    command = machine.command("server")
    with subprocess.Popen(command, env=machine.environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert any("serving on" in line for line in server.stderr)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    assert not (machine.home / "server.sock").exists()
    assert not (machine.home / "server.json").exists()


def test_a_server_that_is_terminated_while_it_recovers_leaves_all_as_it_is(fresh: Fresh) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop"))
    [pid] = [row["pid"] for row in machine.ps("shop")]
    machine.kill_server()
    early = Path(__file__).with_name("terminated_server.py")
    done = subprocess.run([PYTHON, "-P", early], env=machine.environment, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, "serving on" in done.stderr) == (0, False), done.stderr
    assert machine.get("shop-prod").json["pid"] == pid
    assert [row["pid"] for row in machine.ps("shop")] == [pid]


def test_two_homes_on_one_machine_do_not_disturb_each_other(fresh: Fresh) -> None:
    left, right = fresh(), fresh()
    left.deploy(left.app("shop"))
    path = right.app("shop")
    right.greet(path, "right")
    right.deploy(path)
    left.tolv("destroy", "shop", "--yes")
    assert left.get("shop-prod").status == 404
    assert right.get("shop-prod").json["greeting"] == "right"
    left.tolv("server", "stop")
    assert right.get("shop-prod").json["greeting"] == "right"


def test_a_taken_port_is_one_clear_error(fresh: Fresh) -> None:
    import socket

    machine = fresh()
    with socket.create_server(("127.0.0.1", machine.port)):
        result = machine.tolv("up", str(machine.app("shop")), "--detach", ok=False)
    assert result.code == 3
    assert str(machine.port) in result.err
    assert "TOLV_PORT" in result.err
    assert "Traceback" not in result.err
    eventually(lambda: machine.survivors() == [])


def test_the_api_document_is_served_and_kept(fresh: Fresh) -> None:
    import http.client
    import socket

    machine = fresh()
    machine.tolv("apps")
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(machine.home / "server.sock"))
    connection.request("GET", "/v1/openapi.json")
    served = json.loads(connection.getresponse().read())
    connection.close()
    kept = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
    assert served == kept, "docs/openapi.json is not current: run `python -m tolv.server.openapi > docs/openapi.json`"
