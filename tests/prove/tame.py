"""Processes for tests: each lives until its standard input ends, which is at the end of the test at the latest."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_PRELUDE = """
import os, signal, socket, sys, time
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def stay():
    while os.read(0, 1): pass
    os._exit(0)
def daemon():
    "Twice forked, in a session of its own. The parent goes on at once."
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            return True
        os._exit(0)
    os.wait()
    return False
"""


class Tame:
    """A Python program that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid

    def hear(self) -> list[str]:
        """The words of its next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "it ended without a word"
        return line.split()

    def tell(self, text: str = "x") -> None:
        """Let it go on: one character a read."""
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()


@contextmanager
def tame(program: str, *arguments: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> Iterator[Tame]:
    """Run a program that has `say`, `stay` and `daemon`, in a session of its own."""
    command = [sys.executable, "-I", "-S", "-c", _PRELUDE + program, *arguments]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Tame(process)
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
