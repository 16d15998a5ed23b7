"""One app's trouble is not another's: the quiet one answers every request, and what the other takes is bounded."""

from __future__ import annotations

import os
import resource
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from e2e.load import Load
from e2e.machine import Machine, eventually

MIB = 1 << 20
#: Does what it is told to once the file is there; until then it is as quiet as anyone.
TROUBLE = """
import os, sys, time
go, kind = sys.argv[1:]
while not os.path.exists(go):
    time.sleep(0.02)
if kind == "crash":
    sys.exit(3)
if kind == "flood":
    line = b"x" * 99 + b"\\n"
    while True:
        os.write(1, line * 600)
if kind == "fill":
    number = 0
    while True:
        with open(os.environ["TMPDIR"] + f"/{number}", "wb") as file:
            file.write(b"x" * (4 << 20))
        number += 1
        time.sleep(0.01)
"""


@pytest.fixture
def street(fresh: Callable[..., Machine], name: str) -> Iterator[tuple[Machine, str]]:
    """A machine with narrow bounds, where a quiet app answers under load from begin to end, whatever the test does."""
    machine = fresh(TOLV_LOG_BUDGET="4M", TOLV_TMP_BUDGET="32M")
    quiet = f"{name}-quiet"
    machine.deploy(machine.app(quiet))
    with Load(machine.port, f"{quiet}-prod.localhost", threads=2) as load:
        yield machine, name
        answered = load.answered
        eventually(lambda: load.answered >= answered + 50 or load.failures, "the quiet app answers no more")
    assert load.failures == []
    assert [(row["state"], row["restarts"]) for row in machine.ps(quiet)] == [("ready", 0)]


def trouble(machine: Machine, name: str, kind: str) -> Path:
    """Deploy an app that makes trouble as soon as the file is there that this gives."""
    go = machine.projects / f"{name}.go"
    machine.deploy(
        machine.app(
            name, {"trouble.py": TROUBLE, "Procfile": f"worker: exec {sys.executable} trouble.py {go} {kind}\n"}
        )
    )
    return go


def worker(machine: Machine, name: str) -> dict[str, object]:
    return machine.ps(name)[0]


def test_a_crash_loop_slows_itself_down(street: tuple[Machine, str]) -> None:
    machine, name = street
    trouble(machine, name, "crash").touch()
    row = eventually(lambda: (one := worker(machine, name))["restarts"] >= 3 and one["next_attempt_s"] and one)
    assert row["state"] == "crashed"
    assert "exited with 3" in str(row["reason"])
    starts = [
        line
        for line in machine.tolv("logs", "-a", name, "-e", "prod", "-n", "1000").out.splitlines()
        if "next start" in line
    ]
    pauses = [float(line.rpartition(" in ")[2].removesuffix(" s")) for line in starts if " in " in line]
    assert pauses == sorted(pauses)
    assert pauses[-1] > pauses[0]


def test_a_log_flood_keeps_within_its_bound(street: tuple[Machine, str]) -> None:
    machine, name = street
    trouble(machine, name, "flood").touch()
    directory = machine.home / "logs" / name / "prod"

    def written() -> int:
        return max((path.stat().st_size for path in directory.glob("*-worker.1-*.out")), default=0)

    most = 0
    while written() < 100 * MIB:
        most = max(most, sum(path.stat().st_blocks * 512 for path in directory.iterdir()))
    assert most < 6 * MIB
    assert worker(machine, name)["state"] == "ready"
    machine.tolv("down", "--force", "-a", name, "-e", "prod")


def test_a_process_that_fills_the_disk_with_temporary_files_is_ended_and_says_why(street: tuple[Machine, str]) -> None:
    machine, name = street
    trouble(machine, name, "fill").touch()
    row = eventually(lambda: (one := worker(machine, name))["reason"] and one)
    assert "its temporary directory was over 32 MiB" in str(row["reason"])
    machine.tolv("down", "-a", name, "-e", "prod")
    assert not [path for path in (machine.home / "tmp").iterdir() if f"{name}-prod" in path.name]
    log = machine.tolv("logs", "-a", name, "-e", "prod", "--process", "worker").out
    assert "crashed: its temporary directory was over 32 MiB" in log


def test_more_connections_than_the_router_has_room_for_do_not_shut_out_the_neighbour(
    fresh: Callable[..., Machine], name: str
) -> None:
    machine = fresh()
    # The router has as many descriptors as whoever starts the server: here it takes 384 connections.
    command = ["sh", "-c", 'ulimit -n 1024; exec "$@"', "sh", *machine.command("server", "start")]
    subprocess.run(command, env=machine.environment, check=True, capture_output=True)
    machine.deploy(machine.app(f"{name}-quiet"))
    machine.deploy(machine.app(name))
    request = f"GET / HTTP/1.1\r\nHost: {name}-prod.localhost\r\n\r\n".encode()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with ExitStack() as opened, Load(machine.port, f"{name}-quiet-prod.localhost", threads=2) as load:
            poll = select.poll()
            crowd = {}
            for _ in range(min(1200, hard - 200)):
                one = opened.enter_context(socket.socket())
                one.setblocking(False)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it leaves for good
                one.connect_ex(("127.0.0.1", machine.port))
                crowd[one.fileno()] = one
                poll.register(one, select.POLLOUT)
            asking: set[int] = set()

            def more_ask() -> bool:
                for descriptor, event in poll.poll(1000):
                    poll.unregister(descriptor)
                    if event == select.POLLOUT:
                        crowd[descriptor].send(request)
                        asking.add(descriptor)
                return len(asking) >= 500

            eventually(more_ask, "the crowd gets no connections")
            answered = load.answered
            eventually(lambda: load.answered >= answered + 100 or load.failures, "the quiet app answers no more")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert load.failures == []
    assert load.answered >= 100


def test_apps_come_after_tolv_for_the_processor_and_before_it_when_memory_is_short(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    pid = machine.ps(name)[0]["pid"]
    status = machine.tolv("server", "status", "--json").json
    ours = [status["pid"], status["keeper_pid"], *status["router_pids"]]
    assert os.getpriority(os.PRIO_PROCESS, pid) > max(os.getpriority(os.PRIO_PROCESS, one) for one in ours)

    def score(one: int) -> int:
        return int(Path(f"/proc/{one}/oom_score_adj").read_text())

    assert score(pid) > max(map(score, ours))
