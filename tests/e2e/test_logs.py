"""Logs: one stream, of past releases and dead processes too."""

from __future__ import annotations

import json
import sys

from e2e.machine import Machine, eventually

PYTHON = sys.executable


def lines(machine: Machine, name: str, *words: str) -> list[dict[str, str]]:
    out = machine.tolv("logs", "-a", name, "-e", "prod", "--json", *words).out
    return [json.loads(line) for line in out.splitlines()]


def test_lines_carry_time_release_process_and_stream(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": f"web: echo oops >&2; exec {PYTHON} app.py\n"})
    machine.deploy(path)
    eventually(lambda: any(line["message"] == "listening" for line in lines(machine, name)))
    found = {line["message"]: line for line in lines(machine, name)}
    assert found["oops"]["stream"] == "stderr"
    listening = found["listening"]
    assert set(listening) == {"time", "app", "environment", "release", "process", "stream", "message"}
    assert (listening["app"], listening["environment"]) == (name, "prod")
    assert (listening["release"], listening["process"], listening["stream"]) == ("v1", "web.1", "stdout")
    assert listening["time"].endswith("Z")
    assert any(line["stream"] == "platform" and line["message"] == "ready" for line in lines(machine, name))


def test_requests_stand_in_the_same_stream(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.get(f"{name}-prod", "/hello?x=1")
    line = eventually(lambda: next((line for line in lines(machine, name) if line["stream"] == "router"), None))
    assert "status=200" in line["message"]
    assert "/hello" in line["message"]


def test_the_logs_of_past_releases_and_dead_processes_can_be_read(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.get(f"{name}-prod", "/print?text=from-the-first")
    machine.deploy(path)
    eventually(lambda: [row["release"] for row in machine.ps(name)] == ["v2"])
    assert "from-the-first" in machine.tolv("logs", "-a", name, "-e", "prod").out
    machine.tolv("down", "-a", name, "-e", "prod")
    assert any(line["message"] == "finished" for line in lines(machine, name, "--process", "web.1"))


def test_awkward_output_survives(machine: Machine, name: str) -> None:
    speaker = (
        "import os, sys, time\n"
        "out = sys.stdout.buffer\n"
        "out.write(b'x' * 1_000_000 + b'\\n')\n"
        "out.write(b'junk \\xff\\xfe\\x00 end\\n')\n"
        "out.write(b'\\n')\n"
        "out.write('smörgås\\n'.encode())\n"
        "out.write(b'no newline at the end')\n"
        "out.flush()\n"
    )
    path = machine.app(name, {"speak.py": speaker, "Procfile": f"web: {PYTHON} app.py\nrelease: {PYTHON} speak.py\n"})
    machine.deploy(path)
    found = [line["message"] for line in lines(machine, name, "--process", "release.1") if line["stream"] == "stdout"]
    assert len(found) == 5
    assert len(found[0]) == 1_000_000
    assert "junk" in found[1]
    assert found[2:] == ["", "smörgås", "no newline at the end"]


def test_the_number_of_lines_and_the_process_can_be_chosen(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": f"web: {PYTHON} app.py\nrelease: seq 1 500\n"})
    machine.deploy(path)
    found = lines(machine, name, "--process", "release", "-n", "10")
    printed = [line["message"] for line in found if line["stream"] == "stdout"]
    assert len(found) == 10
    assert printed[-1] == "500"
    every = [line["message"] for line in lines(machine, name, "--process", "release.1", "-n", "10000")]
    assert [text for text in every if text.isdigit()] == [str(number) for number in range(1, 501)]
    assert {line["process"] for line in lines(machine, name, "--process", "web")} == {"web.1"}


def test_follow_shows_lines_as_they_come_over_a_deploy(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    following = machine.start("logs", "-f", "-a", name, "-e", "prod", "--json", "-n", "1")
    try:
        assert following.stdout is not None
        seen: list[str] = [json.loads(following.stdout.readline())["message"]]
        machine.get(f"{name}-prod", "/print?text=first")
        while "first" not in seen:
            seen.append(json.loads(following.stdout.readline())["message"])
        machine.deploy(path)
        machine.get(f"{name}-prod", "/print?text=second")
        while "second" not in seen:
            seen.append(json.loads(following.stdout.readline())["message"])
        assert seen.count("first") == 1
    finally:
        following.terminate()
        following.communicate()


def test_logs_stay_within_their_bounds_while_an_app_writes_without_a_deploy(machine: Machine, name: str) -> None:
    flood = "sleep 2; yes 0123456789012345678901234567890123456789 | head -c 123000000; echo the end; sleep 1000"
    machine.deploy(machine.app(name, {"Procfile": f"noise: {flood}\n"}))
    directory = machine.home / "logs" / name / "prod"

    def held() -> int:
        return sum(path.stat().st_blocks * 512 for path in directory.iterdir())

    def written() -> int:
        return sum(path.stat().st_size for path in directory.glob("*-noise.1-*.out"))

    eventually(lambda: written() > 120_000_000)
    eventually(lambda: held() <= 51_000_000)
    assert "the end" in {line["message"] for line in lines(machine, name, "-n", "5")}
