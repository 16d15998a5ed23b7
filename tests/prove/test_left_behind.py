"""Whatever ends a proof, nothing of it is left: no process, no file but in the home's caches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tolv.prove.twins import make_twin

DEADLINE = 60.0


@pytest.fixture
def twin(tmp_path: Path) -> Path:
    make_twin(tmp_path / "twin", None)
    return tmp_path / "twin"


@contextmanager
def _proof(tolv_command: list[str], environment: dict[str, str], twin: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [*tolv_command, "prove", str(twin), "--only", "VII-P4"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as proof:
        yield proof
        with suppress(ProcessLookupError):
            proof.kill()


def _until(state: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not state():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def _grounds(environment: dict[str, str]) -> list[Path]:
    parent = Path(environment["TOLV_HOME"], "prove")
    return list(parent.iterdir()) if parent.is_dir() else []


def _processes(environment: dict[str, str]) -> set[int]:
    """All that the grounds' keepers have started, and the keepers themselves."""
    found = set()
    for ground in _grounds(environment):
        for record in ground.glob("keeper/processes/*/*.json"):
            with suppress(OSError, ValueError):
                found |= {value for key, value in json.loads(record.read_bytes()).items() if key == "pid" and value}
        with suppress(OSError, ValueError, KeyError):
            found.add(json.loads((ground / "keeper/keeper.json").read_bytes())["pid"])
    return found


def _wardens(environment: dict[str, str]) -> set[int]:
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                argv = Path("/proc", entry, "cmdline").read_bytes().split(b"\0")
                if b"tolv.prove.harness.warden" in argv and os.fsencode(environment["TOLV_HOME"]) in b"".join(argv):
                    found.add(int(entry))
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _apps(environment: dict[str, str]) -> int:
    """How many copies of the app stand."""
    return sum(1 for ground in _grounds(environment) for _ in ground.glob("stands/*/app/app.py"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_of_a_proof_that_was_ended(
    number: signal.Signals, tolv_command: list[str], tolv_environment: dict[str, str], twin: Path
) -> None:
    with _proof(tolv_command, tolv_environment, twin) as proof:
        _until(lambda: _apps(tolv_environment), "no instance stands")
        processes = _processes(tolv_environment)
        assert any(map(_alive, processes))
        proof.send_signal(number)
        assert proof.wait(DEADLINE) != 0
        _until(lambda: not _grounds(tolv_environment), "the ground is still there")
        _until(lambda: not any(map(_alive, processes)), "a process lives")
        _until(lambda: not _wardens(tolv_environment), "the warden lives")


def test_the_next_proof_clears_what_a_killed_one_and_its_warden_left(
    tolv_command: list[str], tolv_environment: dict[str, str], twin: Path
) -> None:
    with _proof(tolv_command, tolv_environment, twin) as proof:
        _until(lambda: _apps(tolv_environment), "no instance stands")
        processes = _processes(tolv_environment)
        for pid in _wardens(tolv_environment):
            os.kill(pid, signal.SIGKILL)
        proof.kill()
        proof.wait(DEADLINE)
    assert any(map(_alive, processes))
    again = subprocess.run(
        [*tolv_command, "prove", str(twin), "--only", "VII-P3", "--json"],
        env=tolv_environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert json.loads(again.stdout)["summary"]["proved"] == 1, again.stderr.decode()
    assert not any(map(_alive, processes))
    assert not _grounds(tolv_environment)
