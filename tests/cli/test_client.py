"""The client: what it makes of every answer, and of none."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

DEPLOY = "/v1/apps/shop/environments/dev"
DONE = {"event": "result", "value": {"app": "shop", "release": "v2"}, "error": None}


def step(name: str, message: str, elapsed: float | None = None, state: str = "done") -> dict[str, Any]:
    return {"event": "progress", "step": name, "message": message, "elapsed": elapsed, "state": state}


@pytest.mark.parametrize("pieces", [1, 2, 7, 1 << 20])
def test_a_stream_of_events_is_read_whole_however_it_is_cut(tolv: Any, fake: Any, pieces: int) -> None:
    fake.streams(f"POST {DEPLOY}/restart", step("run", "web=1 … wörker=1", 0.84), DONE, pieces=pieces)
    done = tolv("restart")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("● run        web=1 … wörker=1 ")
    assert done.stdout.endswith("   ready in 0.8 s\n")


def test_json_mode_prints_the_value_and_nothing_else(tolv: Any, fake: Any) -> None:
    fake.streams(f"POST {DEPLOY}/rollback", step("release", "v2"), DONE)
    done = tolv("rollback", "v1", "--json")
    assert json.loads(done.stdout) == DONE["value"]
    assert done.stderr == ""
    assert fake.sent(f"POST {DEPLOY}/rollback")["release"] == "v1"


def test_a_failed_release_prints_its_value_and_its_error_and_ends_with_1(tolv: Any, fake: Any) -> None:
    error = {"problem": "it failed", "where": "release phase", "remedy": "mend it", "exit_code": 1}
    fake.streams(f"POST {DEPLOY}/rollback", {**DONE, "error": error})
    as_json = tolv("rollback", "--json")
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)["release"] == "v2"
    assert json.loads(as_json.stderr) == {"error": error}
    for_people = tolv("rollback")
    assert for_people.returncode == 1
    assert for_people.stderr == "error: it failed\n  where: release phase\n  remedy: mend it\n"


@pytest.mark.parametrize("code", [1, 2, 3])
def test_an_error_of_the_servers_ends_with_its_exit_code(tolv: Any, fake: Any, code: int) -> None:
    error = {"problem": "no such thing", "where": None, "remedy": "name another", "exit_code": code}
    fake.says(f"GET {DEPLOY}/processes", {"error": error}, status=404)
    done = tolv("ps")
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == "error: no such thing\n  remedy: name another\n"


def test_an_answer_that_is_no_error_of_tolvs_is_still_one_clear_error(tolv: Any, fake: Any) -> None:
    fake.says(f"GET {DEPLOY}/processes", "Internal Server Error", status=500)
    done = tolv("ps")
    assert done.returncode == 3
    assert "the Tolv server answered 500" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_goes_away_in_the_middle_is_said_and_ends_with_3(tolv: Any, fake: Any) -> None:
    fake.streams(f"POST {DEPLOY}/restart", step("run", "web=1"), end="cut")
    done = tolv("restart")
    assert done.returncode == 3
    assert "went away" in done.stderr
    assert "server.log" in done.stderr


def test_a_server_that_does_not_come_up_says_why_in_the_commands_own_error(tolv: Any) -> None:
    done = tolv("apps", TOLV_STORE_URL="nonsense://nowhere")
    assert done.returncode == 3
    assert done.stderr.startswith("error: the store's URL names no database that Tolv can use\n  where: nonsense://")
    assert "remedy: set TOLV_STORE_URL to" in done.stderr
    as_json = tolv("apps", "--json", TOLV_PORT="nonsense")
    assert as_json.returncode == 2
    error = json.loads(as_json.stderr)["error"]
    assert error["problem"] == "TOLV_PORT=nonsense is not a port"
    assert error["remedy"] == "set it to a number from 1 to 65535"


def test_a_home_that_cannot_be_made_is_one_clear_error(tolv: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = tolv("ps", TOLV_HOME=str(tmp_path / "file" / "home"))
    assert done.returncode == 3
    assert "TOLV_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_deeper_than_a_socket_path_can_be_still_works(tolv: Any, fake: Any, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.parent.mkdir()
    deep.symlink_to(tmp_path / "tolv-home")
    assert tolv("server", "status", "--json", TOLV_HOME=str(deep)).returncode == 0


def test_an_interrupt_ends_with_130_and_no_traceback(
    tolv_command: list[str], tolv_environment: dict[str, str], fake: Any
) -> None:
    fake.streams(f"POST {DEPLOY}/restart", step("run", "begun", state="info"), end="open")
    command = subprocess.Popen(
        [*tolv_command, "restart"], env=tolv_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert command.stdout is not None
    assert "begun" in command.stdout.readline()
    command.send_signal(signal.SIGINT)
    _, errors = command.communicate(timeout=30)
    assert command.returncode == 130
    assert errors.strip() == "tolv: interrupted; the server goes on with it: `tolv ps` shows where things stand"


def test_a_reader_that_has_enough_ends_it_quietly(
    tolv_command: list[str], tolv_environment: dict[str, str], fake: Any
) -> None:
    line = {"time": "2026-01-31T10:00:00.000000Z", "release": "v1", "process": "web.1", "message": "x" * 2000}
    fake.streams(f"GET {DEPLOY}/logs", *[line] * 500)
    pipeline = 'set -o pipefail; "$@" logs | head -n 1'
    done = subprocess.run(
        ["bash", "-c", pipeline, "bash", *tolv_command],
        env=tolv_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert done.returncode == 141
