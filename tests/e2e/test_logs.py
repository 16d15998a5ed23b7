"""Logs: one stream, of past releases and dead processes too."""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from e2e.machine import DEADLINE, Machine, eventually

PYTHON = sys.executable
LINES = 400_000
#: Writes that many numbered lines of 100 bytes when the file `go` is there, and ends them with `the end`.
FLOOD = """
import os, sys, time
print("waiting", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
out = sys.stdout.buffer
for start in range(0, int(sys.argv[2]), 1000):
    out.write(b"".join(b"%07d " % number + b"x" * 91 + b"\\n" for number in range(start, start + 1000)))
out.write(b"the end\\n")
out.flush()
time.sleep(1000)
"""


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
    eventually(lambda: held() <= 51_000_000, lambda: f"{held()} held of {written()} written")
    assert "the end" in {line["message"] for line in lines(machine, name, "-n", "5")}


def a_flood(machine: Machine, name: str, count: int = LINES) -> tuple[Path, Callable[[], int], Callable[[], bool]]:
    """An app that waits to flood its log: what lets it go, what its logs take on disk, and whether it has finished."""
    go = machine.projects / f"{name}.go"
    machine.deploy(machine.app(name, {"flood.py": FLOOD, "Procfile": f"noise: exec {PYTHON} flood.py {go} {count}\n"}))
    directory = machine.home / "logs" / name / "prod"

    def held() -> int:
        return sum(path.stat().st_blocks * 512 for path in directory.iterdir())

    def finished() -> bool:
        return max(path.stat().st_size for path in directory.glob("*-noise.1-*.out")) == 8 + count * 100 + 8

    return go, held, finished


def test_a_flood_keeps_within_the_budget_while_no_server_runs(fresh: Callable[..., Machine], name: str) -> None:
    machine = fresh(TOLV_LOG_BUDGET="8M")
    go, held, finished = a_flood(machine, name)
    machine.kill_server()
    go.touch()
    most = 0

    def over() -> bool:
        nonlocal most
        most = max(most, held())
        return finished()

    eventually(over, "the flood does not end")
    assert most <= 10 << 20
    assert not (machine.home / "server.sock").exists() or machine.tolv("server", "status", ok=False).code == 3
    found = [line["message"] for line in lines(machine, name, "-n", "1000")]
    assert found[-1] == "the end"
    numbers = [int(text[:7]) for text in found if text[:7].isdigit()]
    assert numbers == list(range(LINES - len(numbers), LINES))


def test_a_follower_that_stops_reading_holds_up_nobody_and_is_told_what_it_missed(
    fresh: Callable[..., Machine], name: str
) -> None:
    machine = fresh(TOLV_LOG_BUDGET="8M")
    go, _, finished = a_flood(machine, name)
    server = machine.tolv("server", "status", "--json").json["pid"]
    following = http.client.HTTPConnection("localhost", timeout=DEADLINE)
    following.sock = socket.socket(socket.AF_UNIX)
    following.sock.settimeout(DEADLINE)
    following.sock.connect(str(machine.home / "server.sock"))
    following.request("GET", f"/v1/apps/{name}/environments/prod/logs?follow=true&process=noise")
    stream = following.getresponse()
    before = resident(server)
    go.touch()
    eventually(finished, "a follower holds the app up")
    assert resident(server) - before < 64 << 20
    messages = []
    while not messages or messages[-1] != "the end":
        messages.append(json.loads(stream.readline())["message"])
    following.close()
    missed = sum(int(text.split()[1]) for text in messages if " bytes were dropped here" in text)
    read = [text for text in messages if text[:7].isdigit()]
    assert missed > 0
    assert missed + len(read) * 100 == LINES * 100
    numbers = [int(text[:7]) for text in read]
    assert numbers == sorted(set(numbers))


def test_a_follower_misses_no_line_and_prints_none_twice_when_the_server_is_killed(machine: Machine, name: str) -> None:
    go, _, _ = a_flood(machine, name, count := 60_000)
    following = machine.start("logs", "-f", "-a", name, "-e", "prod", "--json", "--process", "noise")
    try:
        assert following.stdout is not None
        assert any("waiting" in json.loads(line)["message"] for line in iter(following.stdout.readline, ""))
        go.touch()
        numbers = []
        for line in following.stdout:
            text = json.loads(line)["message"]
            if text[:7].isdigit():
                numbers.append(int(text[:7]))
                if len(numbers) in (count // 10, count // 2):
                    machine.kill_server()
            if text == "the end":
                break
        assert numbers == list(range(count))
    finally:
        following.terminate()
        following.communicate()


def test_a_name_that_no_line_can_have_is_refused_with_those_that_there_are(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    refused = machine.tolv("logs", "-a", name, "-e", "prod", "--process", "nobody", ok=False)
    assert refused.code == 2
    assert "no process 'nobody' has logs" in refused.err
    assert "web.1" in refused.err
    for words in (["--process", "web.7"], ["--release", "v9"], ["--process", "nobody", "-f"]):
        assert machine.tolv("logs", "-a", name, "-e", "prod", *words, ok=False).code == 2
    for known in ("web", "web.1", "router"):
        assert machine.tolv("logs", "-a", name, "-e", "prod", "--process", known).code == 0


def resident(pid: int) -> int:
    """Bytes of memory that a process has now."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * 4096
