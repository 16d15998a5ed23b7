"""Servers with something added: a bomb (`crashing_server.py`), a clock that jumps (`jumping_server.py`)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from e2e.machine import Machine, alive, eventually


def survives(machine: Machine, acts: int, words: list[str]) -> bool:
    """Run the command, which must succeed, with the bomb set to so many acts; whether it got through."""
    fuse = machine.home / "crash-after"
    fuse.write_text(str(acts))
    done = machine.tolv(*words, ok=False)
    if fuse.exists():
        fuse.unlink(missing_ok=True)
        assert done.code == 0, done.err
        return True
    return False


#: By home, what makes its servers with a bomb.
_makers: dict[Path, subprocess.Popen[bytes]] = {}


def start_with_bomb(machine: Machine) -> None:
    """The server with the bomb, in place of one that a command may have started."""
    start_server(machine, "crashing_server", _one_more)


def start_server(machine: Machine, kind: str, start: Callable[[Machine, str], object] | None = None) -> None:
    """The server that a file of that name beside this one makes, in place of one that a command may have started."""
    state = machine.home / "server.json"
    pid, ours = _server(machine, kind)
    if ours:
        return
    if pid:
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not alive(pid))
    state.unlink(missing_ok=True)
    machine.home.mkdir(mode=0o700, exist_ok=True)
    (start or _program)(machine, kind)
    eventually(state.exists, machine.server_log())


def _program(machine: Machine, kind: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    with (machine.home / "server.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name(f"{kind}.py"))],
            env=machine.environment,
            stdin=stdin,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _one_more(machine: Machine, kind: str) -> None:
    maker = _makers.get(machine.home)
    if maker is None or maker.poll() is not None:
        maker = _makers[machine.home] = _program(machine, kind, subprocess.PIPE)
    assert maker.stdin is not None
    maker.stdin.write(b"!")
    maker.stdin.flush()


def _server(machine: Machine, kind: str) -> tuple[int | None, bool]:
    """The pid of the server that runs, and whether it is of that kind."""
    try:
        pid: int = json.loads((machine.home / "server.json").read_text())["pid"]
        return (pid, kind.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()) if alive(pid) else (None, False)
    except (OSError, ValueError):
        return None, False
