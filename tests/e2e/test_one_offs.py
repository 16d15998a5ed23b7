"""One-offs: admin processes in the live release."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys

import pytest
from e2e.machine import Machine, alive, eventually

PYTHON = sys.executable


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_status_is_passed_through(machine: Machine, name: str, code: int) -> None:
    machine.deploy(machine.app(name))
    result = machine.tolv("run", "-a", name, "-e", "prod", "--", "sh", "-c", f"exit {code}", ok=False)
    assert result.code == code


def test_a_one_off_has_the_releases_code_and_config_and_the_callers_streams(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    machine.tolv("config", "set", "COLOUR=blue", "-a", name, "-e", "prod")
    script = "ls app.py; echo $COLOUR $TOLV_PROCESS $TOLV_RELEASE; cat; echo problem >&2"
    result = machine.tolv("run", "-a", name, "-e", "prod", "--", "sh", "-c", script, stdin="piped in")
    assert result.out == "app.py\nblue run.1 v2\npiped in"
    assert "problem" in result.err


def test_one_offs_and_the_release_phase_are_confined_like_any_process(machine: Machine, name: str) -> None:
    look = "id -un; grep NoNewPrivs /proc/self/status; touch $PWD/x /etc/x 2>/dev/null || echo refused"
    path = machine.app(name, {"Procfile": f"web: {PYTHON} app.py\nrelease: {look}\n"})
    machine.deploy(path)
    attached = machine.tolv("run", "-a", name, "-e", "prod", "--", look).out
    logged = machine.tolv("logs", "-a", name, "-e", "prod").out
    for said in (attached, logged):
        assert "NoNewPrivs:\t1" in said
        assert "refused" in said
    if os.geteuid() == 0:
        assert "root" not in attached.split()


def test_a_process_types_name_stands_for_its_command(machine: Machine, name: str) -> None:
    machine.deploy(
        machine.app(
            name,
            {
                "Procfile": f"web: {PYTHON} app.py\nhello: echo hello\n",
                "tolv.toml": "[processes.hello]\nquantity = 0\n",
            },
        )
    )
    assert machine.tolv("run", "-a", name, "-e", "prod", "--", "hello", "big world").out == "hello big world\n"


def test_a_signal_to_the_command_reaches_the_one_off_and_its_death_is_told(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    running = machine.start("run", "-a", name, "-e", "prod", "--", "sh", "-c", "echo here; exec sleep 1000")
    assert running.stdout is not None
    assert running.stdout.readline() == "here\n"
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=30)
    assert running.returncode == 128 + signal.SIGTERM


def test_a_one_off_ends_with_its_client(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    running = machine.start("run", "-a", name, "-e", "prod", "--", "sh", "-c", "echo $$; exec sleep 1000")
    assert running.stdout is not None
    pid = int(running.stdout.readline())
    assert "run.1" in {row["process"] for row in machine.ps(name)}
    running.kill()
    running.communicate()
    eventually(lambda: not alive(pid))
    eventually(lambda: "run.1" not in {row["process"] for row in machine.ps(name)})


def test_with_a_terminal_the_one_off_has_one(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    leader, follower = pty.openpty()
    command = machine.command("run", "-a", name, "-e", "prod", "--", "sh", "-c", "tty -s && echo terminal")
    with subprocess.Popen(
        command, env=machine.environment, cwd=machine.projects, stdin=follower, stdout=follower, stderr=follower
    ) as running:
        os.close(follower)
        seen = b""
        while b"terminal" not in seen:
            seen += os.read(leader, 1000)
        assert running.wait(timeout=30) == 0
    os.close(leader)


def test_the_time_limit_holds_for_an_attached_one_off_too(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    words = ("run", "-a", name, "-e", "prod", "--time-limit", "1", "--", "sleep", "99")
    with machine.start(*words) as running:
        assert running.wait(timeout=30) == 128 + signal.SIGTERM
        running.communicate()
    assert "limit of 1 s" in machine.tolv("logs", "-a", name, "-e", "prod", "--process", "run.1").out


def test_with_a_terminal_the_one_off_knows_its_kind_and_without_one_nothing_of_it(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    command = machine.command("run", "-a", name, "-e", "prod", "--", "sh", "-c", "echo kind=$TERM.")
    environment = {**machine.environment, "TERM": "xterm-256color"}
    leader, follower = pty.openpty()
    with subprocess.Popen(command, env=environment, stdin=follower, stdout=follower, stderr=follower) as running:
        os.close(follower)
        seen = b""
        while b"." not in seen:
            seen += os.read(leader, 1000)
        assert running.wait(timeout=30) == 0
    os.close(leader)
    assert b"kind=xterm-256color." in seen
    piped = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert b"kind=dumb." in piped.stdout or b"kind=." in piped.stdout


def test_a_detached_one_off_is_listed_logged_and_limited_in_time(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    started = machine.tolv(
        "run",
        "--detach",
        "--json",
        "--time-limit",
        "2",
        "-a",
        name,
        "-e",
        "prod",
        "--",
        "sh",
        "-c",
        "echo working; sleep 99",
    ).json
    assert started["process"] == "run.1"
    assert "run.1" in {row["process"] for row in machine.ps(name)}
    eventually(lambda: "run.1" not in {row["process"] for row in machine.ps(name)})
    log = machine.tolv("logs", "-a", name, "-e", "prod", "--process", "run.1").out
    assert "working" in log
    assert "limit" in log


def test_a_command_that_is_not_there_fails_as_in_a_shell(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    result = machine.tolv("run", "-a", name, "-e", "prod", "--", "no-such-program", ok=False)
    assert result.code == 127
    assert "no-such-program" in result.err
