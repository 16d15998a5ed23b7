"""How a line of the Procfile becomes a process."""

from __future__ import annotations

import subprocess

import pytest

from tolv.run.local.launch import shell


@pytest.mark.parametrize("line", ["sleep 5", "python -m app --port $PORT", "'my app' \"$X y\" *.txt", "./run.sh"])
def test_a_simple_line_takes_the_shells_place(line: str) -> None:
    assert shell(line) == ("/bin/sh", "-c", f"exec {line}")


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("A=1 printenv A", "1"),
        ("cd / && pwd", "/"),
        ("exit 0", ""),
        ("echo one; echo two", "one\ntwo"),
        ("echo $(echo inner)", "inner"),
        ("if true; then echo yes; fi", "yes"),
        ("export A=2; printenv A", "2"),
        (": nothing", ""),
        ("echo plain", "plain"),
    ],
)
def test_every_line_means_what_it_means_to_the_shell(line: str, printed: str) -> None:
    assert subprocess.check_output(shell(line), text=True).strip() == printed
