"""What each command sends and prints."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.cli.config import _assignment
from tolv.cli.output import duration

DEPLOY = "/v1/apps/shop/environments/dev"
SET = {"event": "result", "value": {"app": "shop", "environment": "dev", "release": None, "keys": ["A"]}, "error": None}
LINE = {
    "time": "2026-01-31T10:31:07.120456Z",
    "app": "shop",
    "environment": "dev",
    "release": "v1",
    "process": "web.1",
    "stream": "stdout",
    "message": "hello",
}


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_value_set_by_argument_arrives_as_it_is(value: str) -> None:
    assert _assignment(f"KEY={value}") == ("KEY", value)


@pytest.mark.parametrize("value", ["", "-", "a=b", " spaced ", "quo'te\"", "$HOME # no comment", "two\nlines\n", "åäö"])
def test_config_set_sends_a_value_byte_for_byte(tolv: Any, fake: Any, value: str) -> None:
    fake.streams(f"PATCH {DEPLOY}/config", SET)
    assert tolv("config", "set", f"A={value}").returncode == 0
    assert fake.sent(f"PATCH {DEPLOY}/config")["set"] == {"A": value}
    assert tolv("config", "set", "A", "--stdin", input=value).returncode == 0
    assert fake.sent(f"PATCH {DEPLOY}/config")["set"] == {"A": value}


def test_config_export_for_a_shell_gives_the_same_values_in_it(tolv: Any, fake: Any) -> None:
    values = {"A": 'it\'s $HOME # "x"\n two ', "B": "`date` \\ ö"}
    fake.says(f"GET {DEPLOY}/config", values)
    fake.says(f"GET {DEPLOY}/config-references", {})
    exported = tolv("config", "export", "--format", "shell").stdout
    assert fake.asked(f"GET {DEPLOY}/config") == {"reveal": "true"}
    shell = subprocess.run(
        ["sh", "-c", 'eval "$1"; printf "%s|%s" "$A" "$B"', "sh", exported], capture_output=True, text=True, check=True
    )
    assert shell.stdout == f"{values['A']}|{values['B']}"


def test_config_masks_unless_it_is_asked_to_reveal(tolv: Any, fake: Any) -> None:
    fake.says(f"GET {DEPLOY}/config", {"A": "••••••"})
    tolv("config")
    assert fake.asked(f"GET {DEPLOY}/config") == {"reveal": "false"}


def test_a_value_of_several_lines_keeps_its_row(tolv: Any, fake: Any) -> None:
    fake.says(f"GET {DEPLOY}/config", {"A": "two\nlines", "B": "x"})
    assert tolv("config", "--reveal").stdout.splitlines() == ["NAME  VALUE", "A     two\\nlines", "B     x"]


def test_a_value_that_is_not_utf8_is_refused(tolv_command: list[str], tolv_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [*tolv_command, "config", "set", "-a", "shop", "-e", "dev", "A", "--stdin"],
        input=b"\xff\xfe",
        capture_output=True,
        env=tolv_environment,
        check=False,
    )
    assert done.returncode == 2
    assert b"UTF-8" in done.stderr


@pytest.mark.parametrize("word", ["web=-1", "web=two", "web", "=1", "web=1.5", "web="])
def test_scale_refuses_what_is_no_quantity_before_it_asks_anyone(tolv: Any, word: str) -> None:
    done = tolv("scale", word)
    assert done.returncode == 2
    assert word in done.stderr


def test_an_app_in_several_environments_wants_one_named(tolv: Any, fake: Any) -> None:
    fake.says("GET /v1/resolve", {"app": "shop", "environments": ["staging", "prod"]})
    done = tolv("ps", "--json")
    assert done.returncode == 2
    assert "prod, staging" in json.loads(done.stderr)["error"]["problem"]


def test_an_app_that_is_not_there_is_told_with_those_that_are(tolv: Any, fake: Any) -> None:
    fake.says("GET /v1/apps", [{"app": "shop", "source": "/shop", "environments": []}])
    done = tolv("ps", "-a", "shopp")
    assert done.returncode == 2
    assert "shop" in done.stderr.split("remedy:")[1]


def test_the_options_may_stand_before_the_command(tolv: Any, fake: Any) -> None:
    fake.says("GET /v1/apps/shop/environments/prod/processes", [])
    assert json.loads(tolv("--json", "-a", "shop", "-e", "prod", "ps").stdout) == []


def test_ps_says_why_a_process_is_down_and_when_it_is_tried_again(tolv: Any, fake: Any) -> None:
    process = {"process": "web.1", "type": "web", "state": "crashed", "pid": None, "release": "v3", "port": 5001}
    process |= {"uptime_s": 0, "restarts": 3, "reason": "exit 1", "next_attempt_s": 4.2}
    fake.says(f"GET {DEPLOY}/processes", [process])
    fake.says(f"GET {DEPLOY}/maintenance", {"maintenance": None})
    headings, row = tolv("ps").stdout.splitlines()
    assert headings.split() == ["PROCESS", "STATE", "RELEASE", "PID", "PORT", "UPTIME", "RESTARTS", "REASON"]
    assert row.endswith("exit 1; next attempt in 4 s")


def test_logs_are_drawn_with_time_release_and_process(tolv: Any, fake: Any) -> None:
    fake.streams(f"GET {DEPLOY}/logs", LINE)
    assert tolv("logs", TZ="UTC").stdout == "10:31:07.120 v1 web.1     | hello\n"
    assert json.loads(tolv("logs", "--json").stdout) == LINE


def test_logs_are_asked_for_by_lines_or_by_time(tolv: Any, fake: Any) -> None:
    fake.streams(f"GET {DEPLOY}/logs", LINE)
    tolv("logs")
    assert fake.asked(f"GET {DEPLOY}/logs") == {"lines": "100", "follow": "false"}
    tolv("logs", "--since", "10m", "--process", "web")
    assert fake.asked(f"GET {DEPLOY}/logs") == {"follow": "false", "process": "web", "since": "10m"}


def test_a_followed_log_goes_on_after_the_server_went_away_and_says_nothing_twice(
    tolv_command: list[str], tolv_environment: dict[str, str], fake: Any
) -> None:
    later = {**LINE, "time": "2026-01-31T10:31:08.000000Z", "message": "later"}
    fake.streams(f"GET {DEPLOY}/logs", LINE, end="cut")
    with subprocess.Popen([*tolv_command, "logs", "-f"], env=tolv_environment, stdout=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert b"hello" in command.stdout.readline()
        fake.streams(f"GET {DEPLOY}/logs", LINE, later, end="open")
        assert b"later" in command.stdout.readline()
        command.send_signal(signal.SIGINT)
    asked = fake.asked(f"GET {DEPLOY}/logs")
    assert asked["follow"] == "true"
    assert asked["since"] < LINE["time"], "a little before the last line: between streams times go back"


def test_destroy_names_what_goes_and_wants_an_answer(tolv: Any, fake: Any) -> None:
    value = {"app": "shop", "environments": ["dev"], "releases": 3, "configs": 2, "builds": ["sha256:1"]}
    value |= {"domains": ["shop.example.com"], "services": [], "kept": ["database of dev"]}
    fake.streams("DELETE /v1/apps/shop", {"event": "result", "value": value, "error": None})
    refused = tolv("destroy", "shop")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert fake.asked("DELETE /v1/apps/shop")["dry_run"] == "true"
    shown = tolv("destroy", "shop", "--dry-run").stdout
    assert "would be removed: shop in dev" in shown
    assert "with the domains shop.example.com" in shown
    assert (
        "but not the data of database of dev: --with-data, or later tolv services destroy database -a shop -e dev"
        in shown
    )
    assert fake.asked("DELETE /v1/apps/shop")["dry_run"] == "true"
    assert tolv("destroy", "shop", "--yes").returncode == 0
    assert fake.asked("DELETE /v1/apps/shop")["dry_run"] == "false"


def test_up_follows_the_logs_and_an_interrupt_stops_the_app(
    tolv_command: list[str], tolv_environment: dict[str, str], fake: Any
) -> None:
    value = {"app": "shop", "environment": "dev", "release": "v1", "status": "live"}
    fake.streams("POST /v1/deploys", {"event": "result", "value": value, "error": None})
    fake.streams(f"GET {DEPLOY}/logs", LINE, end="open")
    running = [{"process": name, "type": name[:-2], "state": "ready"} for name in ("web.1", "worker.1")]
    fake.says(f"GET {DEPLOY}/processes", running)
    fake.streams(f"POST {DEPLOY}/down", {"event": "result", "value": {}, "error": None})
    command = subprocess.Popen(
        [*tolv_command, "up", "."], env=tolv_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert command.stdout is not None
    assert "hello" in command.stdout.readline()
    command.send_signal(signal.SIGINT)
    output, errors = command.communicate(timeout=30)
    assert (output, errors) == ("  stopping web.1 worker.1 … done\n", "")
    assert command.returncode == 0
    assert fake.sent("POST /v1/deploys")["mode"] == "up"


def test_server_status_starts_nothing(tolv: Any, tolv_environment: dict[str, str]) -> None:
    done = tolv("server", "status", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout) == {"pid": None, "home": tolv_environment["TOLV_HOME"]}
    assert tolv("server", "stop").returncode == 0


def test_the_systemd_unit_leaves_the_apps_alone_and_survives_odd_paths(tolv: Any) -> None:
    unit = tolv("server", "--print-systemd-unit", TOLV_HOME="/srv/my home/100%", TOLV_PORT="8090").stdout
    assert "\nKillMode=process\n" in unit
    assert '\nEnvironment="TOLV_HOME=/srv/my home/100%%"\n' in unit
    assert "\nEnvironment=TOLV_PORT=8090\n" in unit
    assert "/bin/tolv server\n" in unit


def test_doctor_looks_and_says_what_to_do(tolv: Any, tmp_path: Any) -> None:
    seen = {one["name"]: one for one in json.loads(tolv("doctor", "--json").stdout)}
    assert seen["git"]["status"] == "ok"
    assert all(one["remedy"] for one in seen.values() if one["status"] != "ok")


def test_doctor_notices_a_port_that_is_taken(tolv: Any, tolv_environment: dict[str, str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", int(tolv_environment["TOLV_PORT"]))):
        done = tolv("doctor", "--json")
    assert done.returncode == 3
    assert any("TOLV_PORT" in one["remedy"] for one in json.loads(done.stdout) if one["status"] == "fail")


def test_a_span_is_said_in_its_largest_unit() -> None:
    assert [duration(one) for one in (0.2, 59, 60, 7199, 7200, 200_000)] == [
        "0 s",
        "59 s",
        "1 min",
        "1 h",
        "2 h",
        "2 d",
    ]


def test_a_url_with_a_password_can_come_by_standard_input(
    tolv_command: list[str], tolv_environment: dict[str, str], fake: Any
) -> None:
    fake.streams(f"POST {DEPLOY}/services", {"event": "result", "value": {}, "error": None})
    url = "postgres://shop:secret@db.example.com/shop"
    command = [*tolv_command, "attach", "database", "--url", "-", "-a", "shop", "-e", "dev"]
    subprocess.run(command, env=tolv_environment, input=f"{url}\n", text=True, check=True)
    assert fake.sent(f"POST {DEPLOY}/services")["url"] == url
