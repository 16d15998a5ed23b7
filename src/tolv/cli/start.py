"""Starting the server of a home in the background."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tolv.cli.options import OVERRIDES
from tolv.errors import PlatformError, error_from_text
from tolv.home import Home
from tolv.interpreter import own_program

#: Seconds that a server has to answer its first request.
_START_DEADLINE = 30.0
#: Lines of the server's log that a failed start shows.
_LAST_LINES = 20


def start_server(
    home: Home, status: Callable[[], dict[str, Any] | None], environment: Mapping[str, str] = os.environ
) -> int | None:
    """Start a server on `home` and wait until it answers; its pid, or None when another command was first.

    Raises `PlatformError` with the last lines of the server's log if it does not come up.
    """
    home.make()
    with open(home.root / "start.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_our_turn(home, status):
            return None
        with open(home.server_log, "ab") as log:
            written_before = log.tell()
            child = _spawn(home, log.fileno(), environment)
        _await_answer(home, status, child, written_before)
        return child.pid


def _is_our_turn(home: Home, status: Callable[[], dict[str, Any] | None]) -> bool:
    """True when no server has the home. One that has it either comes up and answers, or is on its way out."""
    deadline = time.monotonic() + _START_DEADLINE
    while time.monotonic() < deadline:
        if status():
            return False
        with open(home.server_lock, "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                pass
        time.sleep(0.02)
    raise PlatformError(
        "a Tolv server has this home, and does not answer", where=str(home.server_lock), remedy="see its log, or end it"
    )


def _spawn(home: Home, log: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    inherited = {name: value for name, value in environment.items() if name not in OVERRIDES.values()}
    return subprocess.Popen(
        own_program("tolv.server"),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env={**inherited, "TOLV_HOME": str(home.root)},
        start_new_session=True,
    )


def _await_answer(
    home: Home, status: Callable[[], dict[str, Any] | None], child: subprocess.Popen[bytes], written_before: int
) -> None:
    deadline = time.monotonic() + _START_DEADLINE
    while time.monotonic() < deadline and child.poll() is None:
        if status():
            return
        time.sleep(0.02)
    if child.returncode and (said := _last_words(home.server_log, written_before)):
        raise error_from_text(said, child.returncode)
    if child.returncode is None:
        child.terminate()
        how = f"did not answer within {_START_DEADLINE:.0f} s"
    else:
        how = f"ended with status {child.returncode}"
    raise PlatformError(
        f"the Tolv server {how}:\n{_tail(home.server_log, written_before)}",
        where=str(home.server_log),
        remedy="see its last lines above; `tolv doctor` checks this machine",
    )


def _last_words(log: Path, offset: int) -> str:
    """The error that the server ended with, if it ended with one."""
    _, marker, said = ("\n" + _written(log, offset)).rpartition("\ntolv-server: ")
    return said if marker else ""


def _tail(log: Path, offset: int) -> str:
    lines = _written(log, offset).splitlines()[-_LAST_LINES:]
    return "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"


def _written(log: Path, offset: int) -> str:
    with open(log, "rb") as file:
        file.seek(max(offset, os.fstat(file.fileno()).st_size - 65536))
        return file.read().decode("utf-8", "backslashreplace")
