"""Processes that hang, are unwell, crash or run out of memory: who notices, what happens, and what is said."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.load import Load
from e2e.machine import Machine, alive, eventually

PYTHON = sys.executable
#: Looks at the health path in quick succession; ten in a row without an answer are a hang.
QUICK = """
[processes.web]
health = "/healthz"
health_interval = 0.1
health_timeout = 0.5
health_failures = 4
"""
#: One request at a time, each on a connection of its own. It is as well as a file says, and deadlocks when asked to.
APP = """
import os, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer

ILL = os.path.join(os.environ["WARD"], os.environ["TOLV_PROCESS"])

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/deadlock":
            threading.Event().wait()
        if self.path == "/slow":
            time.sleep(0.1)
        if self.path == "/grow":
            grown.append(b"x" * (512 << 20))
        if self.path == "/healthz":
            print("asked", flush=True)
        ill = self.path == "/healthz" and os.path.exists(ILL)
        self.send_response(503 if ill else 200)
        self.end_headers()
        self.wfile.write(os.environ["TOLV_PROCESS"].encode())
    def log_message(self, *args):
        pass

grown = []
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Server(HTTPServer):
    request_queue_size = 64
    def handle_error(self, *args):
        super().handle_error(*args)
        if isinstance(sys.exc_info()[1], MemoryError):
            os._exit(3)
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def ward(machine: Machine, name: str) -> Path:
    """A directory whose files say which processes are ill."""
    directory = machine.projects / f"{name}.ward"
    directory.mkdir()
    return directory


@pytest.fixture
def deploy(machine: Machine, name: str, ward: Path) -> Callable[..., None]:
    def make(manifest: str = QUICK, web: int = 1, **files: str) -> None:
        path = machine.app(name, {"app.py": APP, "tolv.toml": manifest, **files})
        machine.deploy(path, "prod", ok=False)  # its config is not set yet: the app is known now
        machine.tolv("config", "set", f"WARD={ward}", "-a", name, "-e", "prod")
        machine.deploy(path)
        if web != 1:
            machine.tolv("scale", f"web={web}", "-a", name, "-e", "prod")

    return make


def row(machine: Machine, app: str, process: str = "web.1") -> dict[str, Any]:
    """The newest row of a process."""
    return next((one for one in reversed(machine.ps(app)) if one["process"] == process), {})


def platform_log(machine: Machine, app: str) -> str:
    return (machine.home / "logs" / app / "prod" / "platform.log").read_text()


def test_a_process_that_is_frozen_is_replaced_and_nobody_waits_for_it(
    machine: Machine, name: str, deploy: Callable[..., None]
) -> None:
    deploy(web=2)
    frozen = row(machine, name)["pid"]
    with Load(machine.port, f"{name}-prod.localhost", threads=2) as load:
        os.kill(frozen, signal.SIGSTOP)
        found = eventually(lambda: (one := row(machine, name))["state"] == "ready" and one["pid"] != frozen and one)
        answered = load.answered
        eventually(lambda: load.answered > answered + 20)
    assert found["restarts"] == 1
    assert found["reason"] == "liveness: GET /healthz: no answer in 0.5 s, 4 times"
    assert f"crashed: {found['reason']}" in platform_log(machine, name)
    eventually(lambda: not alive(frozen))
    eventually(lambda: [one["process"] for one in machine.ps(name)] == ["web.1", "web.2"])
    # Only what the frozen process had in hand when it froze could not be saved.
    assert len(load.failures) <= 2


def test_a_process_that_deadlocks_is_replaced_even_if_it_is_the_only_one(
    machine: Machine, name: str, deploy: Callable[..., None]
) -> None:
    deploy()
    stuck = row(machine, name)["pid"]
    with contextlib.suppress(TimeoutError):
        machine.get(f"{name}-prod", "/deadlock", timeout=0.3)
    found = eventually(lambda: (one := row(machine, name)).get("state") == "ready" and one["pid"] != stuck and one)
    assert found["reason"].startswith("liveness: GET /healthz: no answer")
    assert machine.get(f"{name}-prod").status == 200


def test_a_process_that_is_busy_with_slow_requests_is_left_alone(
    machine: Machine, name: str, deploy: Callable[..., None]
) -> None:
    deploy(QUICK.replace("health_timeout = 0.5", "health_timeout = 0.15").replace("= 4", "= 10"))
    before = row(machine, name)
    with Load(machine.port, f"{name}-prod.localhost", paths=("/slow",), threads=6) as load:
        eventually(lambda: "no answer" in platform_log(machine, name))
        asked = _asked(machine, name)
        eventually(lambda: _asked(machine, name) > asked + 14)
    assert load.failures == []
    after = row(machine, name)
    assert (after["pid"], after["restarts"]) == (before["pid"], 0)


def test_a_process_that_says_it_is_unwell_gets_no_requests_until_it_is_well_again(
    machine: Machine, name: str, ward: Path, deploy: Callable[..., None]
) -> None:
    deploy(web=2)
    pids = [row(machine, name, one)["pid"] for one in ("web.1", "web.2")]
    (ward / "web.1").touch()
    found = eventually(lambda: (one := row(machine, name))["state"] == "unready" and one)
    assert found["reason"] == "GET /healthz answered 503"
    assert _answering(machine, name) == {"web.2"}
    (ward / "web.2").touch()
    eventually(lambda: row(machine, name, "web.2")["state"] == "unready")
    # Nobody is well: a poor answer is better than none.
    eventually(lambda: _answering(machine, name) == {"web.1", "web.2"})
    (ward / "web.1").unlink()
    eventually(lambda: row(machine, name)["state"] == "ready")
    assert _answering(machine, name) == {"web.1"}
    (ward / "web.2").unlink()
    eventually(lambda: _answering(machine, name) == {"web.1", "web.2"})
    assert [row(machine, name, one)["pid"] for one in ("web.1", "web.2")] == pids


def test_want_of_memory_is_named_when_an_allocation_fails(
    machine: Machine, name: str, deploy: Callable[..., None]
) -> None:
    deploy(QUICK + 'memory = "96M"\n')
    machine.get(f"{name}-prod", "/grow")
    found = eventually(lambda: (one := row(machine, name)).get("restarts") and one)
    # Where a cgroup holds the limit, the kernel ends the process and says so itself.
    assert found["reason"] in (
        "out of memory (limit 96M): MemoryError; exited with 3",
        "out of memory: the kernel killed it",
    )


def test_want_of_memory_is_named_when_the_kernel_kills(
    machine: Machine, name: str, deploy: Callable[..., None], narrow: Callable[[int], None]
) -> None:
    deploy()
    narrow(row(machine, name)["pid"])
    machine.get(f"{name}-prod", "/grow")
    found = eventually(lambda: (one := row(machine, name)).get("restarts") and one)
    assert found["reason"] == "out of memory: the kernel killed it"
    assert "crashed: out of memory" in platform_log(machine, name)


@pytest.fixture
def narrow() -> Iterator[Callable[[int], None]]:
    """Puts a process into a group of 64 MB."""
    group = Path("/sys/fs/cgroup/memory")
    if not os.access(group, os.W_OK) or not (group / "memory.limit_in_bytes").exists():
        pytest.skip("needs a memory controller (version 1) that one may use")
    path = group / f"tolv-test-health-{os.getpid()}"
    path.mkdir()
    (path / "memory.limit_in_bytes").write_text(str(64 << 20))

    def put(pid: int) -> None:
        (path / "cgroup.procs").write_text(str(pid))

    yield put
    eventually(lambda: not (path / "cgroup.procs").read_text())
    path.rmdir()


def test_a_stop_during_the_pause_after_a_crash_stays_stopped_also_for_a_new_server(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": f"web: {PYTHON} app.py\nworker: sleep 0.3; exit 9\n"})
    machine.deploy(path)
    eventually(lambda: (row(machine, name, "worker.1").get("next_attempt_s") or 0) > 1)
    machine.tolv("down", "-a", name, "-e", "prod")
    assert machine.ps(name) == []
    machine.kill_server()
    assert machine.ps(name) == []
    log = platform_log(machine, name)
    eventually(lambda: machine.tolv("ps", "-a", name, "-e", "prod").out)
    assert platform_log(machine, name) == log


def test_a_new_server_knows_how_often_a_process_crashed(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    os.kill(row(machine, name)["pid"], signal.SIGKILL)
    eventually(lambda: (one := row(machine, name)).get("restarts") == 1 and one["state"] == "ready")
    before = row(machine, name)
    machine.kill_server()
    after = row(machine, name)
    assert (after["pid"], after["restarts"], after["reason"]) == (before["pid"], 1, "killed by SIGKILL")


def _answering(machine: Machine, app: str) -> set[str]:
    return {machine.get(f"{app}-prod").body.decode() for _ in range(12)}


def _asked(machine: Machine, app: str) -> int:
    return machine.tolv("logs", "-a", app, "-e", "prod", "-p", "web", "-n", "100000").out.count("asked")
