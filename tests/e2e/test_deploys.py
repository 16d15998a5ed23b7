"""Deploys: what goes live, what does not, and what never stops meanwhile."""

from __future__ import annotations

import re
import sys

import pytest
from e2e.load import Load
from e2e.machine import Machine, eventually, git

PYTHON = sys.executable


def test_a_deploy_prints_the_contract_and_answers(machine: Machine, name: str) -> None:
    path = machine.app(name)
    value = machine.deploy(path)
    assert set(value) >= {"app", "environment", "release", "build", "commit", "url", "status"}
    assert (value["app"], value["environment"], value["release"], value["status"]) == (name, "prod", "v1", "live")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", value["build"])
    assert value["url"] == f"http://{name}-prod.localhost:{machine.port}"
    assert machine.get(f"{name}-prod").json["greeting"] == "hello"


def test_a_second_deploy_replaces_the_first_and_nothing_of_it_is_left(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    before = machine.ps(name)[0]["pid"]
    machine.greet(path, "hej")
    assert machine.deploy(path)["release"] == "v2"
    assert machine.get(f"{name}-prod").json["greeting"] == "hej"
    rows = eventually(lambda: [row for row in machine.ps(name) if row["release"] == "v1"] == [] and machine.ps(name))
    assert [(row["process"], row["state"], row["release"]) for row in rows] == [("web.1", "ready", "v2")]
    assert rows[0]["pid"] != before
    assert [(row["release"], row["status"]) for row in machine.releases(name)] == [("v2", "live"), ("v1", "superseded")]


def test_deploys_rollbacks_restarts_and_scalings_under_load_lose_no_request(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    with Load(machine.port, f"{name}-prod.localhost", paths=("/", "/", "/slow?s=1")) as load:
        for number in range(2):
            machine.greet(path, f"g{number}")
            machine.deploy(path)
            machine.tolv("scale", "web=3", "-a", name, "-e", "prod")
            machine.tolv("restart", "-a", name, "-e", "prod")
            machine.tolv("rollback", "-a", name, "-e", "prod")
            machine.tolv("scale", "web=1", "-a", name, "-e", "prod")
    assert load.failures == []
    assert load.answered > 50


def test_a_failing_release_phase_leaves_the_old_release_serving(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    pid = machine.ps(name)[0]["pid"]
    machine.commit(path, {"Procfile": f"web: {PYTHON} app.py\nrelease: echo no such table >&2; exit 3\n"})
    result = machine.tolv("deploy", str(path), "-e", "prod", "--json", ok=False)
    assert result.code == 1
    assert result.json["status"] == "failed"
    assert "exited with 3" in result.err
    assert "no such table" in result.err
    assert machine.ps(name)[0]["pid"] == pid
    newest = machine.releases(name)[0]
    assert (newest["release"], newest["status"], newest["restorable"]) == ("v2", "failed", False)
    log = machine.tolv("logs", "-a", name, "-e", "prod", "--process", "release.1", "--json").out
    assert "no such table" in log


def test_the_release_phase_runs_in_the_new_release_before_it_gets_requests(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": f"web: {PYTHON} app.py\nrelease: echo phase of $TOLV_RELEASE\n"})
    machine.deploy(path)
    machine.deploy(path)
    out = machine.tolv("logs", "-a", name, "-e", "prod", "--process", "release.1", "--json").out
    assert "phase of v1" in out
    assert "phase of v2" in out


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("exit 4", "exited with 4"),
        ("no-such-program", "exited with 127"),
        (f"{PYTHON} -c 'import time; time.sleep(60)'", "not ready within 1 s"),
    ],
)
def test_a_release_that_does_not_become_ready_leaves_the_old_one_serving(
    machine: Machine, name: str, command: str, reason: str
) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.commit(path, {"Procfile": f"web: {command}\n", "tolv.toml": "[processes.web]\nstart_deadline = 1\n"})
    result = machine.tolv("deploy", str(path), "-e", "prod", "--json", ok=False)
    assert (result.code, result.json["status"]) == (1, "failed")
    assert reason in result.err
    assert machine.get(f"{name}-prod").json["greeting"] == "hello"
    eventually(lambda: [row["release"] for row in machine.ps(name)] == ["v1"])


def test_a_server_that_listens_before_it_fails_to_load_the_app_is_not_ready(machine: Machine, name: str) -> None:
    """As gunicorn does."""
    path = machine.app(name)
    machine.deploy(path)
    early = (
        "import os, socket, sys, time\n"
        "listener = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))\n"
        "time.sleep(1)\n"
        "sys.exit('no module named shop')\n"
    )
    machine.commit(path, {"early.py": early, "Procfile": f"web: {PYTHON} early.py\n"})
    result = machine.tolv("deploy", str(path), "-e", "prod", "--json", ok=False)
    assert (result.code, result.json["status"]) == (1, "failed")
    assert "no module named shop" in result.err
    assert machine.get(f"{name}-prod").json["greeting"] == "hello"


@pytest.mark.parametrize("command", ["exec {python} boot.py", "{python} boot.py; exit 1"])
def test_a_worker_that_fails_while_it_boots_fails_the_deploy(machine: Machine, name: str, command: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    boot = "import time\nwhile time.process_time() < 0.1: pass\nraise SystemExit(1)\n"
    worker = command.format(python=PYTHON)
    machine.commit(path, {"boot.py": boot, "Procfile": f"web: {PYTHON} app.py\nworker: {worker}\n"})
    result = machine.tolv("deploy", str(path), "-e", "prod", "--json", ok=False)
    assert (result.code, result.json["status"]) == (1, "failed")
    assert "worker.1 exited with 1" in result.err
    assert machine.get(f"{name}-prod").status == 200


def test_a_health_path_must_answer_before_requests_come(machine: Machine, name: str) -> None:
    path = machine.app(name, {"tolv.toml": '[processes.web]\nhealth = "/missing"\nstart_deadline = 1\n'})
    result = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
    assert result.code == 1
    assert "GET /missing answered 404" in result.err
    machine.commit(path, {"tolv.toml": '[processes.web]\nhealth = "/fine"\n'})
    assert machine.deploy(path)["status"] == "live"


def test_a_deploy_takes_the_commit_and_never_the_dirty_tree(machine: Machine, name: str) -> None:
    path = machine.app(name)
    (path / "app.py").write_text("this is no Python")
    result = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
    assert result.code == 2
    assert "app.py" in result.err
    assert "--dirty" in result.err
    assert machine.deploy(path, "prod", "--ref", "HEAD")["status"] == "live"


def test_an_app_of_the_same_name_from_elsewhere_is_told(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    other = machine.app(f"{name}-copy", {"tolv.toml": f'name = "{name}"\n'})
    result = machine.tolv("deploy", str(other), "-e", "prod")
    assert f"was deployed from {path}" in result.out + result.err


def test_dirty_marks_the_build(machine: Machine, name: str) -> None:
    path = machine.app(name)
    clean = machine.deploy(path)
    machine.write(path, {"note.txt": "x"})
    dirty = machine.deploy(path, "prod", "--dirty")
    assert dirty["build"] != clean["build"]
    assert "with changes" in machine.releases(name)[0]["description"]


def test_an_older_commit_can_be_deployed_by_name(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.greet(path, "second")
    value = machine.deploy(path, "prod", "--ref", "HEAD~1")
    assert machine.get(f"{name}-prod").json["greeting"] == "hello"
    assert len(value["commit"]) == 40
    assert machine.tolv("deploy", str(path), "-e", "prod", "--ref", "nope", ok=False).code == 2


def test_a_promotion_moves_the_same_digest_with_the_other_environments_config(machine: Machine, name: str) -> None:
    path = machine.app(name, {".env.example": "COLOUR=\n"})
    refused = machine.tolv("deploy", str(path), "-e", "staging", ok=False)
    assert refused.code == 1
    assert "COLOUR" in refused.err
    machine.tolv("config", "set", "COLOUR=blue", "-a", name, "-e", "staging")
    staging = machine.deploy(path, "staging")
    refused = machine.tolv("promote", "staging", "prod", "-a", name, ok=False)
    assert refused.code == 1
    assert "COLOUR" in refused.err
    machine.tolv("config", "set", "COLOUR=red", "-a", name, "-e", "prod")
    prod = machine.tolv("promote", "staging", "prod", "-a", name, "--json").json
    assert prod["build"] == staging["build"]
    assert machine.get(f"{name}-staging").json["env"]["COLOUR"] == "blue"
    assert machine.get(f"{name}-prod").json["env"]["COLOUR"] == "red"


def test_a_rollback_restores_build_config_and_formation_as_a_new_release(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.tolv("deploy", str(path), "-e", "prod")
    machine.tolv("config", "set", "COLOUR=blue", "-a", name, "-e", "prod")
    machine.tolv("scale", "web=2", "-a", name, "-e", "prod")
    first = machine.releases(name)[0]
    machine.greet(path, "worse")
    machine.deploy(path)
    machine.tolv("config", "set", "COLOUR=red", "-a", name, "-e", "prod")
    machine.tolv("scale", "web=1", "-a", name, "-e", "prod")
    value = machine.tolv("rollback", "v2", "-a", name, "-e", "prod", "--json").json
    assert (value["release"], value["build"]) == ("v5", first["build"])
    answer = machine.get(f"{name}-prod").json
    assert (answer["greeting"], answer["env"]["COLOUR"]) == ("hello", "blue")
    eventually(lambda: [row["process"] for row in machine.ps(name) if row["state"] == "ready"] == ["web.1", "web.2"])
    assert machine.releases(name)[0]["description"] == "Rollback to v2"
    assert machine.tolv("releases", "--verify", "-a", name, "-e", "prod").code == 0


def test_a_rollback_says_when_a_release_phase_ran_in_between(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.commit(path, {"Procfile": f"web: {PYTHON} app.py\nrelease: echo migrating\n"})
    machine.deploy(path)
    value = machine.tolv("rollback", "-a", name, "-e", "prod", "--json").json
    assert any("v2 ran a release phase" in note for note in value["notes"])


def test_up_takes_the_tree_as_it_is_and_makes_no_release_when_nothing_changed(machine: Machine, name: str) -> None:
    path = machine.app(name, {".env.example": "COLOUR=\n"})
    machine.write(path, {".env": "COLOUR='light blue'\n"})
    first = machine.tolv("up", str(path), "--detach", "--json").json
    assert (first["environment"], first["release"]) == ("dev", "v1")
    assert machine.get(name).json["env"]["COLOUR"] == "light blue"
    assert machine.tolv("up", str(path), "--detach", "--json").json["release"] == "v1"
    machine.write(path, {".env": "COLOUR=green\n"})
    assert machine.tolv("up", str(path), "--detach", "--json").json["release"] == "v2"
    assert machine.get(name).json["env"]["COLOUR"] == "green"


def test_up_works_outside_git_and_says_what_is_missed(machine: Machine, name: str) -> None:
    path = machine.projects / name
    machine.write(path, {"app.py": "", "Procfile": f"web: {PYTHON} -m http.server $PORT --bind 127.0.0.1\n"})
    result = machine.tolv("up", str(path), "--detach")
    assert "not under version control" in result.out + result.err
    assert machine.get(name).status == 200
    assert machine.tolv("deploy", str(path), "-e", "prod", ok=False).code == 2


def test_a_repository_without_a_commit_is_told_to_commit_and_not_to_make_a_repository(
    machine: Machine, name: str
) -> None:
    path = machine.projects / name
    machine.write(path, {"Procfile": f"web: {PYTHON} -m http.server $PORT --bind 127.0.0.1\n"})
    git(path, "init", "-q")
    assert "no commit yet" in machine.tolv("up", str(path), "--detach").out
    refused = machine.tolv("deploy", str(path), "-e", "prod", ok=False)
    assert refused.code == 2
    assert "(git add .; git commit)" in refused.err


def test_a_type_declared_stop_first_never_overlaps_with_its_successor(machine: Machine, name: str) -> None:
    clock = "\n".join(
        [
            "import os, time",
            f"path = '{machine.projects}/{name}.lock'",
            "os.close(os.open(path, os.O_CREAT | os.O_EXCL))",
            "import signal, sys",
            "def end(*_):",
            "    os.unlink(path); sys.exit(0)",
            "signal.signal(signal.SIGTERM, end)",
            "print('alone', flush=True)",
            "while True: time.sleep(1)",
        ]
    )
    path = machine.app(
        name,
        {
            "clock.py": clock,
            "Procfile": f"web: {PYTHON} app.py\nclock: {PYTHON} clock.py\n",
            "tolv.toml": '[processes.clock]\nrollout = "stop-first"\n',
        },
    )
    machine.deploy(path)
    for greeting in ("a", "b"):
        machine.greet(path, greeting)
        assert machine.deploy(path)["status"] == "live"
    machine.tolv("restart", "-a", name, "-e", "prod")
    assert sum(row["restarts"] for row in machine.ps(name)) == 0
    machine.tolv("destroy", name, "--yes")


def test_a_deploy_while_another_runs_is_refused_by_name(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": f"web: {PYTHON} app.py\nrelease: sleep 3\n"})
    first = machine.start("deploy", str(path), "-e", "prod")
    try:
        eventually(lambda: (machine.tolv("apps", "--json").out.find(name)) >= 0)
        second = eventually(
            lambda: (result := machine.tolv("deploy", str(path), "-e", "prod", ok=False)).code != 0 and result
        )
        assert second.code == 2
        assert "busy" in second.err
    finally:
        first.communicate(timeout=60)
    assert first.returncode == 0


def test_an_apps_destruction_leaves_nothing_of_it(machine: Machine, name: str) -> None:
    path = machine.app(name)
    value = machine.deploy(path)
    pid = machine.ps(name)[0]["pid"]
    assert machine.tolv("destroy", name, ok=False).code == 2
    assert machine.tolv("destroy", name, "--dry-run").code == 0
    assert machine.get(f"{name}-prod").status == 200
    machine.tolv("destroy", name, "--yes")
    assert machine.get(f"{name}-prod").status == 404
    assert not machine.home.joinpath("logs", name).exists()
    assert name not in {one["app"] for one in machine.tolv("apps", "--json").json}
    digest = value["build"].removeprefix("sha256:")
    assert not list(machine.home.glob(f"**/{digest}"))
    from e2e.machine import alive

    assert not alive(pid)
    assert machine.deploy(path)["release"] == "v1"
