"""Processes: what they see, how they start, crash, stop and come back."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

from e2e.load import Load
from e2e.machine import Machine, alive, eventually

PYTHON = sys.executable


def test_without_a_web_process_wanted_no_request_waits_for_one(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    machine.tolv("scale", "web=0", "-a", name, "-e", "prod")
    assert machine.get(f"{name}-prod", timeout=15).status == 503
    machine.tolv("scale", "web=1", "-a", name, "-e", "prod")
    assert machine.get(f"{name}-prod").status == 200


def test_a_process_sees_exactly_its_releases_environment(machine: Machine, name: str) -> None:
    path = machine.app(name)
    value = machine.deploy(path)
    machine.tolv("config", "set", "COLOUR=blue", "-a", name, "-e", "prod")
    env = machine.get(f"{name}-prod").json["env"]
    env.pop("LC_CTYPE", None)  # Python sets it itself when no locale is set (PEP 538)
    assert set(env) <= {
        *("COLOUR", "PATH", "HOME", "TMPDIR", "PORT", "PYTHONUNBUFFERED", "PYTHONPATH", "PWD"),
        *("USER", "LOGNAME"),
        *("TOLV_APP", "TOLV_ENVIRONMENT", "TOLV_RELEASE", "TOLV_COMMIT", "TOLV_PROCESS", "TOLV_PROCESS_ID"),
    }
    assert (env["TOLV_APP"], env["TOLV_ENVIRONMENT"], env["TOLV_RELEASE"]) == (name, "prod", "v2")
    assert (env["TOLV_COMMIT"], env["TOLV_PROCESS"]) == (value["commit"], "web.1")


def test_each_web_process_has_a_port_and_a_temporary_directory_of_its_own(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.tolv("scale", "web=3", "-a", name, "-e", "prod")
    rows = machine.ps(name)
    assert len({row["port"] for row in rows}) == 3
    seen = [machine.get(f"{name}-prod").json["env"] for _ in range(12)]
    assert len({env["TMPDIR"] for env in seen}) == 3
    tmp = Path(seen[0]["TMPDIR"])
    assert tmp.stat().st_mode & 0o777 == 0o700
    machine.tolv("down", "-a", name, "-e", "prod")
    assert not tmp.exists()


def test_scaling_starts_and_stops_what_is_asked_and_refuses_what_is_not_there(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": f"web: {PYTHON} app.py\nworker: sleep 1000\n"})
    machine.deploy(path)
    machine.tolv("scale", "web=2", "worker=3", "-a", name, "-e", "prod")
    rows = machine.ps(name)
    assert sorted(row["process"] for row in rows) == ["web.1", "web.2", "worker.1", "worker.2", "worker.3"]
    pids = {row["process"]: row["pid"] for row in rows}
    machine.tolv("scale", "worker=1", "-a", name, "-e", "prod")
    assert [row["process"] for row in machine.ps(name) if row["type"] == "worker"] == ["worker.1"]
    assert not alive(pids["worker.3"])
    assert alive(pids["worker.1"])
    for wrong in ("wrker=1", "web=-1", "web=many", "web"):
        result = machine.tolv("scale", wrong, "-a", name, "-e", "prod", ok=False)
        assert result.code == 2, wrong
    assert [row["process"] for row in machine.ps(name) if row["type"] == "web"] == ["web.1", "web.2"]


def test_a_killed_process_is_started_again_and_ps_says_why(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    pid = machine.ps(name)[0]["pid"]
    os.kill(pid, signal.SIGKILL)
    row = eventually(
        lambda: next((row for row in machine.ps(name) if row["state"] == "ready" and row["pid"] != pid), None)
    )
    assert row["restarts"] == 1
    assert row["reason"] == "killed by SIGKILL"
    assert "killed by SIGKILL" in machine.tolv("logs", "-a", name, "-e", "prod").out
    assert machine.get(f"{name}-prod").status == 200


def test_a_crash_loop_is_named_with_its_next_attempt_and_a_stop_ends_it(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": f"web: {PYTHON} app.py\nworker: sleep 0.7; exit 9\n"})
    machine.deploy(path)
    row = eventually(
        lambda: next(
            (row for row in machine.ps(name) if row["state"] == "crashed" and (row["next_attempt_s"] or 0) > 1.5), None
        )
    )
    assert row["process"] == "worker.1"
    assert row["reason"] == "exited with 9"
    assert row["restarts"] >= 2
    machine.tolv("scale", "worker=0", "-a", name, "-e", "prod")
    assert [row["process"] for row in machine.ps(name)] == ["web.1"]


def test_a_restart_replaces_processes_without_losing_a_request(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.tolv("scale", "web=2", "-a", name, "-e", "prod")
    before = {row["process"]: row["pid"] for row in machine.ps(name)}
    with Load(machine.port, f"{name}-prod.localhost") as load:
        machine.tolv("restart", "web.1", "-a", name, "-e", "prod")
        middle = {row["process"]: row["pid"] for row in machine.ps(name)}
        machine.tolv("restart", "web", "-a", name, "-e", "prod")
    assert load.failures == []
    after = {row["process"]: row["pid"] for row in machine.ps(name)}
    assert middle["web.1"] != before["web.1"]
    assert middle["web.2"] == before["web.2"]
    assert not {*before.values(), middle["web.1"]} & set(after.values())
    assert machine.tolv("restart", "nobody", "-a", name, "-e", "prod", ok=False).code == 2


def test_stopping_is_said_only_when_the_whole_tree_is_dead(machine: Machine, name: str) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\n"
    stubborn += "while True: time.sleep(1)\n"
    daemon = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n"
    daemon += "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('away', flush=True)\n"
    daemon += "while True: time.sleep(1)\n"
    path = machine.app(
        name,
        {
            "stubborn.py": stubborn,
            "daemon.py": daemon,
            "Procfile": "\n".join(
                [
                    f"deaf: {PYTHON} stubborn.py",
                    f"leaderless: {PYTHON} stubborn.py & {PYTHON} daemon.py; sleep 1000",
                    "",
                ]
            ),
            "tolv.toml": "[processes.deaf]\ngrace = 0.3\n[processes.leaderless]\ngrace = 0.3\n",
        },
    )
    machine.deploy(path)
    eventually(lambda: machine.tolv("logs", "-a", name, "-e", "prod").out.count("deaf") >= 2)
    eventually(lambda: "away" in machine.tolv("logs", "-a", name, "-e", "prod").out)
    tree = _with_app(name)
    assert len(tree) >= 4
    machine.tolv("down", "-a", name, "-e", "prod")
    assert machine.ps(name) == []
    assert [pid for pid in tree if alive(pid)] == []


def test_requests_in_flight_are_finished_before_a_process_stops(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    with Load(machine.port, f"{name}-prod.localhost", paths=("/slow?s=2",), threads=3) as load:
        eventually(lambda: "path=" in machine.tolv("logs", "-a", name, "-e", "prod").out)
        machine.tolv("restart", "-a", name, "-e", "prod")
    assert load.failures == []
    eventually(lambda: "finished" in machine.tolv("logs", "-a", name, "-e", "prod").out)


def test_a_port_that_another_program_takes_is_noticed(machine: Machine, name: str) -> None:
    """A squatter that answers on the process's own port, before the process binds it."""
    squat = (
        "import os, socket, subprocess, sys, time\n"
        f"mark = '{machine.projects}/{name}.squatted'\n"
        "if not os.path.exists(mark):\n"
        "    open(mark, 'w').close()\n"
        "    time.sleep(60)\n"
        "os.execvp(sys.executable, [sys.executable, 'app.py'])\n"
    )
    path = machine.app(name, {"squat.py": squat, "Procfile": f"web: {PYTHON} squat.py\n"})
    mark = machine.projects / f"{name}.squatted"
    mark.unlink(missing_ok=True)
    deploying = machine.start("deploy", str(path), "-e", "prod", "--json")
    try:
        eventually(mark.exists)
        port = eventually(lambda: next((row["port"] for row in machine.ps(name)), None))
        with socket.create_server(("127.0.0.1", port)):
            _, err = deploying.communicate(timeout=60)
    finally:
        mark.unlink(missing_ok=True)
    assert deploying.returncode == 0, err
    assert machine.ps(name)[0]["port"] != port
    assert "taken by another program" in machine.tolv("logs", "-a", name, "-e", "prod").out


def test_down_keeps_the_deploy_and_the_next_start_brings_it_back(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.tolv("down", "-a", name, "-e", "prod")
    assert machine.get(f"{name}-prod").status == 503
    machine.tolv("restart", "-a", name, "-e", "prod")
    assert machine.get(f"{name}-prod").status == 200
    assert machine.ps(name)[0]["release"] == "v1"


def test_config_set_while_stopped_is_there_at_the_next_start(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    machine.tolv("down", "-a", name, "-e", "prod")
    machine.tolv("config", "set", "COLOUR=blue", "-a", name, "-e", "prod")
    assert machine.ps(name) == []
    machine.tolv("restart", "-a", name, "-e", "prod")
    env = machine.get(f"{name}-prod").json["env"]
    assert (env["COLOUR"], env["TOLV_RELEASE"]) == ("blue", "v2")


def _with_app(name: str) -> list[int]:
    """Pids of processes that carry the app's name in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"TOLV_APP={name}\0".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found
