"""The bake window: a release that fails once it is live goes again by itself, and says why."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import pytest
from e2e.load import Load
from e2e.machine import Machine, eventually

PYTHON = sys.executable
#: Answers well, and from request `FROM` on one in three of `/buy` with 500.
APP = """
import itertools, os, signal, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
FROM = 10**9
served = itertools.count(1)
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        number = next(served)
        fails = number > FROM and number % 3 == 0
        if fails:
            print("no such column: price", file=sys.stderr, flush=True)
        self.send_response(500 if fails else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Server(ThreadingHTTPServer):
    daemon_threads = True
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
BAD = APP.replace("FROM = 10**9", "FROM = 50")
#: A worker that boots, and ends a moment later.
LOOP = f"web: {PYTHON} app.py\nmail: sleep 0.8; echo no such host; exit 7\n"


def bakes(machine: Machine, app: str) -> dict[str, Any]:
    return {one["release"]: one for one in machine.releases(app)}


def status(machine: Machine, app: str, release: str) -> str:
    one = bakes(machine, app).get(release)
    return "" if one is None else one["bake"]["status"] if one["bake"] else one["status"]


def platform_log(machine: Machine, app: str) -> str:
    return (machine.home / "logs" / app / "prod" / "platform.log").read_text()


def test_a_release_that_fails_requests_goes_again_by_itself_and_not_one_more_is_lost(
    machine: Machine, name: str
) -> None:
    path = machine.app(name, {"app.py": APP})
    machine.deploy(path)
    with Load(machine.port, f"{name}-prod.localhost", paths=("/buy",), threads=2) as load:
        eventually(lambda: load.answered > 500)
        machine.commit(path, {"app.py": BAD})
        deploying = machine.start("deploy", str(path), "-e", "prod", "--wait")
        eventually(lambda: "v2 is watched for another" in machine.tolv("ps", "-a", name, "-e", "prod").out)
        assert "live, watched for" in machine.tolv("releases", "-a", name, "-e", "prod").out
        out, err = deploying.communicate(timeout=90)
        answered = load.answered
        eventually(lambda: load.answered > answered + 200)
    assert deploying.returncode == 1, out + err
    assert "watched for 60 s; if it fails, v1 comes back by itself" in out
    assert "v2 failed and was rolled back to v1: v2 answered " in err
    assert "web.1 | no such column: price" in err
    # All that failed was answered by the release that fails: 500, and nothing cut or refused.
    assert {one.split(":")[1].split()[0] for one in load.failures} == {"500"}
    found = bakes(machine, name)
    assert (found["v3"]["status"], found["v3"]["by"]) == ("live", "tolv")
    assert found["v3"]["description"].startswith("Rollback to v1 by itself: v2 answered ")
    assert (found["v2"]["status"], found["v2"]["restorable"]) == ("failed", False)
    assert "; v1 had 0 of " in found["v2"]["reason"]
    assert "most at: GET /buy (" in found["v2"]["reason"]
    assert found["v3"]["bake"] is None
    assert "rolled back to v1 by itself: v3 is live" in platform_log(machine, name)
    assert machine.tolv("rollback", "v2", "-a", name, "-e", "prod", ok=False).code == 1


def test_a_crash_loop_after_a_release_went_live_ends_it(machine: Machine, name: str) -> None:
    path = machine.app(name, {"app.py": APP})
    machine.deploy(path)
    machine.commit(path, {"Procfile": LOOP + "release: true\n"})
    value = machine.deploy(path)
    assert (value["status"], value["bake"]["back_to"]) == ("live", "v1")
    eventually(lambda: status(machine, name, "v3") == "live")
    found = bakes(machine, name)["v2"]
    assert found["status"] == "failed"
    assert found["reason"].startswith("mail.1 crashed 3 times in ")
    assert found["reason"].endswith("exited with 7")
    assert {one["process"] for one in machine.ps(name)} == {"web.1"}
    log = platform_log(machine, name)
    assert "v2 ran a release phase: what it did to a database stays done" in log
    assert log.count("release phase") == 1


def test_a_release_stays_when_there_is_nothing_to_go_back_to_or_nobody_wants_it(machine: Machine, name: str) -> None:
    path = machine.app(name, {"app.py": APP, "Procfile": LOOP})
    failed = machine.tolv("deploy", str(path), "-e", "prod", "--wait", ok=False)
    assert failed.code == 1
    assert "it stays, as there is no earlier release to go back to" in failed.err
    assert "mail.1 | no such host" in failed.err
    machine.commit(path, {"Procfile": LOOP.replace("mail:", "post:")})
    kept = machine.tolv("deploy", str(path), "-e", "prod", "--no-auto-rollback", "--wait", ok=False)
    assert kept.code == 1
    assert "it stays, as nothing is to be rolled back by itself" in kept.err
    assert "post.1 crashed 3 times" in machine.tolv("releases", "-a", name, "-e", "prod").out
    # What looped before does not speak against what comes after it.
    machine.commit(path, {"tolv.toml": "[rollout]\nbake = 3\n"})
    holds = machine.tolv("deploy", str(path), "-e", "prod", "--wait")
    assert "v3 holds: 0 of 0 requests failed, " in holds.out
    assert [one["status"] for one in machine.releases(name)] == ["live", "superseded", "superseded"]


def test_a_few_failed_requests_and_a_process_that_somebody_kills_roll_nothing_back(machine: Machine, name: str) -> None:
    path = machine.app(name, {"app.py": APP})
    machine.deploy(path)
    with Load(machine.port, f"{name}-prod.localhost") as load:
        eventually(lambda: load.answered > 200)
    broken = APP.replace("fails = ", "fails = True or ")
    machine.commit(path, {"app.py": broken, "tolv.toml": "[rollout]\nbake = 6\n"})
    deploying = machine.start("deploy", str(path), "-e", "prod", "--wait")
    for count in (1, 2, 3):
        row = eventually(
            lambda count=count: next(
                (
                    one
                    for one in machine.ps(name)
                    if (one["release"], one["state"], one["restarts"]) == ("v2", "ready", count - 1)
                ),
                None,
            )
        )
        assert machine.get(f"{name}-prod").status == 500
        os.kill(row["pid"], signal.SIGKILL)
    out, err = deploying.communicate(timeout=60)
    assert deploying.returncode == 0, err
    assert "v2 holds: 3 of 3 requests failed (100 %, too few to judge), no crash" in out
    assert status(machine, name, "v2") == "passed"


def test_a_release_that_hangs_goes_again_by_itself(machine: Machine, name: str) -> None:
    quick = '[processes.web]\nhealth = "/"\nhealth_interval = 0.2\nhealth_timeout = 0.5\n'
    path = machine.app(name, {"app.py": APP, "tolv.toml": quick})
    machine.deploy(path)
    machine.deploy(path)
    os.kill(machine.ps(name)[0]["pid"], signal.SIGSTOP)
    eventually(lambda: status(machine, name, "v3") == "live")
    assert bakes(machine, name)["v2"]["reason"] == "web.1 hung: liveness: GET /: no answer in 0.5 s, 3 times"


def test_a_stop_or_another_release_ends_the_window_and_up_has_none(machine: Machine, name: str) -> None:
    path = machine.app(name, {"app.py": APP})
    machine.deploy(path)
    assert machine.tolv("config", "set", "A=1", "-a", name, "-e", "prod", "--json").json["bake"]["left_s"] > 0
    assert status(machine, name, "v1") == "ended"
    machine.tolv("down", "-a", name, "-e", "prod")
    assert status(machine, name, "v2") == "ended"
    machine.tolv("restart", "-a", name, "-e", "prod")
    assert machine.ps(name)[0]["baking_s"] is None
    up = machine.tolv("up", str(path), "-e", "dev", "--detach", "--json").json
    assert up["bake"] is None


@pytest.mark.timeout(120)
def test_a_server_that_was_killed_in_the_window_goes_on_watching(machine: Machine, name: str) -> None:
    path = machine.app(name, {"app.py": APP})
    machine.deploy(path)
    host = f"{name}-prod.localhost"
    with Load(machine.port, host) as load:
        eventually(lambda: load.answered > 300)
    machine.commit(path, {"app.py": APP.replace("FROM = 10**9", "FROM = 200")})
    machine.deploy(path)
    machine.kill_server()
    with Load(machine.port, host, threads=2) as load:
        eventually(lambda: len(load.failures) > 30)
        eventually(lambda: status(machine, name, "v3") == "live")
    found = bakes(machine, name)["v2"]
    assert found["status"] == "failed"
    # What the release before had, and what was asked while no server ran, is known all the same.
    assert "; v1 had 0 of " in found["reason"]
