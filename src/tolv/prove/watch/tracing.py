"""What the processes of a tree execute, from strace(1): every program, those that were not found included.

It is a second way beside `processes.Executed`, for where strace is installed and the kernel lets it attach.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tolv.prove.watch.processes import Tree

#: Bytes of an argument that strace writes down.
_LONGEST = 4096
#: Seconds that strace has for attaching, and for letting go.
_PATIENCE = 10.0
_ATTACHED = re.compile(r"Process (\d+) attached")
_STRING = r'"(?:[^"\\]|\\.)*"'
_CALL = re.compile(
    rf"^(?P<pid>\d+) +execve(?:at)?\((?:[^\",]+, )?(?P<path>{_STRING})(?:\.\.\.)?, "
    rf"\[(?P<argv>(?:{_STRING}|[.,\s])*)\]"
    r".*?(?:\) += (?P<result>-?\d+|\?)(?: (?P<error>E[A-Z0-9]+))?|(?P<unfinished><unfinished \.\.\.>))"
)
_RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. execve(?:at)? resumed>.*\) += (?P<result>-?\d+|\?)(?: (?P<error>E\w+))?")
_ESCAPE = re.compile(rb'\\([0-7]{1,3}|x[0-9a-f]{2}|[abfnrtv"\\])')
_LETTERS = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13, b'"': 34, b"\\": 92}


class CannotTrace(Exception):
    """strace is not there, or may not attach; the text says which."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execve(2), whether it succeeded or not. A search through `PATH` is one for each directory."""

    pid: int
    path: str
    argv: tuple[str, ...]
    error: str | None
    """`ENOENT`; None: it was executed."""


class Traced:
    """Traces a tree for as long as it is entered; what it forks meanwhile is traced, too.

        with Traced(instance.pid) as traced:
            ...
        traced.attempts

    The processes run more slowly while they are traced. Entering raises `CannotTrace`.
    """

    how = "strace"

    def __init__(self, pid: int, cookie: str | None = None) -> None:
        self._tree = Tree(pid, cookie)
        self._attempts: tuple[Attempt, ...] | None = None
        """Set when it is over."""

    def __enter__(self) -> Traced:
        program = shutil.which("strace")
        if program is None:
            raise CannotTrace("strace is not installed")
        pids = [one.pid for one in self._tree.members()]
        if not pids:
            raise CannotTrace("the process has ended")
        self._directory = tempfile.TemporaryDirectory(prefix="tolv-trace-")
        self._output = Path(self._directory.name) / "calls"
        command = [program, "-f", "-s", str(_LONGEST), "-e", "trace=execve,execveat", "-e", "signal=none"]
        command += ["-o", str(self._output), *(part for pid in pids for part in ("-p", str(pid)))]
        said = Path(self._directory.name) / "said"
        with said.open("wb") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )
        try:
            self._wait_for(said, pids)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._attempts = self._read()
        self._stop()

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All so far, in the order in which they ended."""
        return self._read() if self._attempts is None else self._attempts

    def _read(self) -> tuple[Attempt, ...]:
        return tuple(parse_calls(self._output.read_text(errors="surrogateescape")))

    def _wait_for(self, said: Path, pids: list[int]) -> None:
        """Until it is attached to all of them, or says why not."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            ended = self._process.poll() is not None
            text = said.read_text(errors="replace")
            if {str(pid) for pid in pids} <= set(_ATTACHED.findall(text)):
                if all(_is_traced(one.pid) for one in self._tree.members()):
                    return
                raise CannotTrace("the process forked while strace attached to it")
            if ended or time.monotonic() > deadline:
                raise CannotTrace(" ".join(text.split()) or "strace did not attach in time")
            time.sleep(0.005)

    def _stop(self) -> None:
        self._process.terminate()  # it lets go of what it traces
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()


def _is_traced(pid: int) -> bool:
    """Whether a tracer has it, or it has ended."""
    try:
        return "\nTracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def parse_calls(text: str) -> Iterator[Attempt]:
    """The calls of a trace (`strace -f -o`); one that never returned is left out."""
    begun: dict[str, tuple[str, tuple[str, ...]]] = {}
    for line in text.splitlines():
        if call := _CALL.match(line):
            about = _text(call["path"]), tuple(_text(one) for one in re.findall(_STRING, call["argv"]))
            if call["unfinished"]:
                begun[call["pid"]] = about
                continue
        elif (call := _RESUMED.match(line)) and call["pid"] in begun:
            about = begun.pop(call["pid"])
        else:
            continue
        if call["result"] != "?":
            yield Attempt(int(call["pid"]), *about, call["error"])


def _text(literal: str) -> str:
    """What a C string stands for."""

    def byte(found: re.Match[bytes]) -> bytes:
        code = found[1]
        if code in _LETTERS:
            return bytes([_LETTERS[code]])
        return bytes([int(code[1:], 16) if code.startswith(b"x") else int(code, 8)])

    return os.fsdecode(_ESCAPE.sub(byte, literal[1:-1].encode(errors="surrogateescape")))
