"""What a tree executes, as strace tells it."""

from __future__ import annotations

from pathlib import Path

import pytest
from prove.tame import tame

from tolv.prove.watch.processes import snapshot
from tolv.prove.watch.tracing import Attempt, CannotTrace, Traced, parse_calls

TRACE = r"""
96 execve("/nowhere/tool", ["tool", "a b\n\"\303\274", "x, [y]"], 0x7f4d /* 1 var */) = -1 ENOENT (No such file)
97 execve("/bin/true", ["true"], 0x7ffe /* 35 vars */ <unfinished ...>
96 +++ exited with 255 +++
98 execve("/bin/never", ["never"], 0x7ffe /* 35 vars */ <unfinished ...>
97 <... execve resumed>)               = 0
99 execveat(3, "script", ["script"], 0x7ffe /* 2 vars */, AT_EMPTY_PATH) = 0
98 <... execve resumed>) = ?
"""


def test_a_trace_is_read_with_what_strings_stand_for() -> None:
    assert list(parse_calls(TRACE)) == [
        Attempt(96, "/nowhere/tool", ("tool", 'a b\n"ü', "x, [y]"), "ENOENT"),
        Attempt(97, "/bin/true", ("true",), None),
        Attempt(99, "script", ("script",), None),
    ]


def test_without_strace_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotTrace, match="not installed"), Traced(1):
        pytest.fail("it was entered")


def test_what_strace_says_is_the_reason_when_it_may_not_attach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "strace").write_text("#!/bin/sh\necho 'strace: attach: Operation not permitted' >&2\nexit 1\n")
    (tmp_path / "strace").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with tame("say('up'); stay()") as one:
        one.hear()
        with pytest.raises(CannotTrace, match="Operation not permitted"), Traced(one.pid):
            pytest.fail("it was entered")


def traceable() -> str | None:
    """Why nothing can be traced here; None: it can."""
    with tame("say('up'); stay()") as one:
        one.hear()
        try:
            with Traced(one.pid):
                return None
        except CannotTrace as error:
            return str(error)


def test_every_program_is_told_however_short_it_lives_and_those_that_are_not_there() -> None:
    if why := traceable():
        pytest.skip(why)
    program = """
import subprocess
child = os.fork()
if child == 0:
    os.read(0, 1)
    for _ in range(20):
        subprocess.run(["/bin/true", "it"])
    os._exit(0)
say(child)
os.waitpid(child, 0)
try:
    subprocess.run(["/nowhere/tool"])
except FileNotFoundError:
    say("done")
stay()
"""
    with tame(program) as one:
        one.hear()
        with Traced(one.pid) as traced:
            one.tell()
            assert one.hear() == ["done"]
            during = traced.attempts
        assert traced.attempts == during
        assert [(call.argv, call.error) for call in during] == [
            *[(("/bin/true", "it"), None)] * 20,
            (("/nowhere/tool",), "ENOENT"),
        ]
        assert len({call.pid for call in during}) == 21
        assert [seen.pid for seen in snapshot(one.pid)] == [one.pid]
        assert "TracerPid:\t0\n" in Path(f"/proc/{one.pid}/status").read_text()


def test_what_was_traced_is_known_when_the_process_has_ended() -> None:
    if why := traceable():
        pytest.skip(why)
    with tame("say('up'); os.read(0, 1); os.execv('/bin/true', ['true'])") as one:
        one.hear()
        with Traced(one.pid) as traced:
            one.tell()
            one.process.wait(30)
            assert [call.argv for call in traced.attempts] == [("true",)]
        assert [call.argv for call in traced.attempts] == [("true",)]


def test_a_process_that_is_not_there_cannot_be_traced() -> None:
    with tame("") as one:
        pass
    with pytest.raises(CannotTrace), Traced(one.pid):
        pytest.fail("it was entered")
