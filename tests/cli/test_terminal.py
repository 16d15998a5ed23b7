"""What is drawn where a person looks, and what is not."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import Any

import pytest

from tolv.cli.main import SECTIONS

DEPLOY = "/v1/apps/shop/environments/dev"
RESULT = {"event": "result", "value": {}, "error": None}
LINE = {"time": "2026-01-31T10:31:07.120456Z", "release": "v1", "process": "web.1", "message": "hello"}


@pytest.fixture
def on_terminal(tolv_command: list[str], tolv_environment: dict[str, str]) -> Any:
    """Run `tolv` with a terminal as its standard output; what arrives there."""

    def run(*arguments: str, colour: bool) -> str:
        environment = {name: value for name, value in tolv_environment.items() if name != "NO_COLOR" or not colour}
        near, far = pty.openpty()
        with subprocess.Popen([*tolv_command, *arguments], env=environment, stdin=far, stdout=far) as command:
            os.close(far)
            seen = b""
            while data := _read(near):
                seen += data
            assert command.wait(timeout=60) == 0
        os.close(near)
        return seen.decode()

    return run


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says EIO when the far end is closed
        return b""


def test_each_process_has_a_colour_of_its_own(on_terminal: Any, fake: Any) -> None:
    fake.streams(f"GET {DEPLOY}/logs", LINE, {**LINE, "process": "worker.1"}, LINE)
    first, second, third = on_terminal("logs", colour=True).splitlines()
    colours = [line.split("m", 1)[0] for line in (first, second, third)]
    assert all(colour.startswith("\x1b[") for colour in colours)
    assert colours[0] == colours[2] != colours[1]


def test_no_color_means_none(on_terminal: Any, fake: Any) -> None:
    fake.streams(f"GET {DEPLOY}/logs", LINE)
    assert "\x1b[" not in on_terminal("logs", colour=False)


def test_an_app_can_colour_its_lines_but_not_take_over_the_terminal(on_terminal: Any, fake: Any) -> None:
    message = "\x1b[1mbold\x1b[0m \x1b]0;title\x07 \x1b[2J \r\b"
    fake.streams(f"GET {DEPLOY}/logs", {**LINE, "message": message})
    assert on_terminal("logs", colour=False).endswith("| \x1b[1mbold\x1b[0m \\x1b]0;title\\x07 \\x1b[2J \\r\\x08\r\n")


def test_a_pipe_gets_the_bytes_that_the_app_wrote(tolv: Any, fake: Any) -> None:
    fake.streams(f"GET {DEPLOY}/logs", {**LINE, "message": "\x1b]0;title\x07"})
    assert tolv("logs").stdout.endswith("| \x1b]0;title\x07\n")


def test_a_step_that_turned_is_gone_when_it_is_done(on_terminal: Any, fake: Any) -> None:
    begin = {"event": "progress", "step": "run", "message": "web=1", "elapsed": None, "state": "begin"}
    fake.streams(f"POST {DEPLOY}/restart", begin, {**begin, "state": "done", "elapsed": 75.2}, RESULT)
    last = on_terminal("restart", colour=False).splitlines()[-1].rpartition("\r\x1b[K")[2]
    assert last.split() == ["●", "run", "web=1", "ready", "in", "1", "min", "15", "s"]


def test_a_shell_can_complete_the_commands(tolv: Any) -> None:
    words = {"COMP_WORDS": "tolv re", "COMP_CWORD": "1", "_TOLV_COMPLETE": "bash_complete"}
    offered = [line.split(",")[1] for line in tolv(**words).stdout.splitlines()]
    assert offered == [name for names in SECTIONS.values() for name in names if name.startswith("re")]
