"""The processes of a tree, wherever they have gone, and what they execute."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prove.tame import tame

from tolv.prove.watch.processes import Executed, Tree, snapshot, strays
from tolv.run.keeper.program import STARTER

COOKIE = "TOLV_PROCESS_ID"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_process_is_described_as_it_is(tmp_path: Path) -> None:
    with tame("say('up'); stay()", "a b", "", cwd=str(tmp_path)) as one:
        one.hear()
        (seen,) = snapshot(one.pid)
        assert (seen.pid, seen.parent, seen.group, seen.session) == (one.pid, os.getpid(), one.pid, one.pid)
        assert seen.argv[0] == sys.executable
        assert seen.argv[-2:] == ("a b", "")
        assert seen.exe == os.path.realpath(sys.executable)
        assert seen.program == os.path.basename(seen.exe)
        assert seen.cwd == str(tmp_path)
        assert seen.started > 0


def test_children_are_found_and_others_are_not() -> None:
    with (
        tame("child = os.fork() or stay(); say(child); stay()") as one,
        tame("say('up'); stay()") as other,
    ):
        child = int(one.hear()[0])
        other.hear()
        assert [seen.pid for seen in snapshot(one.pid)] == [one.pid, child]
        assert snapshot(child)[0].parent == one.pid
        assert [seen.pid for seen in snapshot(child)] == [child]
        assert strays(snapshot(one.pid), one.pid) == ()


@pytest.mark.parametrize("cookie", [True, False])
def test_a_daemon_is_found_by_its_cookie_or_if_it_was_seen_before(cookie: bool) -> None:
    program = """
if os.fork() == 0:
    os.setsid()
    say(os.getpid())
    os.read(0, 1)
    if os.fork() == 0:
        say(os.getpid())
        stay()
    signal.pause()
os.wait()
say("gone")
stay()
"""
    with tame(program, env={COOKIE: "t-1@/home" if cookie else ""}) as one:
        tree = Tree(one.pid)
        middle = int(one.hear()[0])
        one.tell()
        daemon = int(one.hear()[0])
        assert {seen.pid for seen in tree.members()} == {one.pid, middle, daemon}
        os.kill(middle, signal.SIGKILL)
        assert one.hear() == ["gone"]
        found = {seen.pid: seen for seen in tree.members()}
        assert set(found) == {one.pid, daemon}
        assert found[daemon].session == middle != one.pid
        assert [seen.pid for seen in strays(found.values(), one.pid)] == [daemon]
        assert {seen.pid for seen in snapshot(one.pid)} == ({one.pid, daemon} if cookie else {one.pid})


def test_a_daemon_is_found_when_its_leader_is_gone() -> None:
    program = "if daemon():\n    say(os.getpid())\n    stay()\n"
    with tame(program, env={COOKIE: "t-2@/home"}) as one:
        daemon = int(one.hear()[0])
        one.process.wait(30)
        assert snapshot(one.pid) == ()
        members = Tree(one.pid, "t-2@/home").members()
        assert [seen.pid for seen in members] == [daemon]
        assert strays(members, one.pid) == members
        assert Tree(one.pid, "t-2@/home").pids() == [daemon]


def test_a_group_of_its_own_is_no_stray() -> None:
    program = """
child = os.fork()
if child == 0:
    os.setsid()
    say(os.getpid())
    stay()
stay()
"""
    with tame(program) as one:
        child = int(one.hear()[0])
        members = snapshot(one.pid)
        assert [seen.pid for seen in members] == [one.pid, child]
        assert members[1].session == child
        assert strays(members, one.pid) == ()


def test_a_process_that_is_not_there_has_no_tree() -> None:
    with tame("") as one:
        pass
    assert snapshot(one.pid) == ()
    with Executed(one.pid) as executed:
        pass
    assert executed.executions == ()


def test_a_program_that_is_executed_is_noticed(tmp_path: Path) -> None:
    link = tmp_path / "some-tool"
    link.write_bytes(Path("/bin/sleep").resolve().read_bytes())
    link.chmod(0o755)
    program = """
os.read(0, 1)
import subprocess
tool = subprocess.Popen([sys.argv[1], "1000"])
say(tool.pid)
os.read(0, 1)
tool.kill()
tool.wait()
say("ended")
stay()
"""
    with tame(program, str(link)) as one, Executed(one.pid) as executed:
        own = os.path.basename(os.path.realpath(sys.executable))
        assert executed.programs == {own}
        one.tell()
        tool = int(one.hear()[0])
        until(lambda: "some-tool" in executed.programs)
        one.tell()
        assert one.hear() == ["ended"]
        (found,) = [seen for seen in executed.executions if seen.process.program == "some-tool"]
        assert found.process.pid == tool
        assert found.process.parent == one.pid
        assert found.process.argv == (str(link), "1000")
        assert found.process.exe == str(link)
        assert executed.programs == {own, "some-tool"}


def test_a_process_that_becomes_another_program_counts_as_both() -> None:
    program = "say('up'); os.read(0, 1); os.execv('/bin/cat', ['cat', '-'])"
    with tame(program) as one:
        one.hear()
        with Executed(one.pid) as executed:
            one.tell()
            until(lambda: len(executed.programs) == 2)
        first, second = executed.executions
        assert first.process.pid == second.process.pid == one.pid
        assert first.at < second.at
        assert second.process.argv == ("cat", "-")


def test_what_starts_the_app_is_not_noticed_as_the_apps() -> None:
    standing_by = "import os; os.read(0, 1); os.execv('/bin/cat', ['cat', '-'])"
    launcher = [sys.executable, "-I", "-S", "-c", standing_by, STARTER]
    with subprocess.Popen(launcher, stdin=subprocess.PIPE) as process, Executed(process.pid) as executed:
        assert process.stdin is not None
        assert executed.executions == ()
        process.stdin.write(b"g")
        process.stdin.flush()
        until(lambda: executed.programs == {"cat"})
        process.kill()


def test_a_daemon_that_forgets_its_environment_is_noticed_while_it_is_watched() -> None:
    program = """
if os.fork() == 0:
    os.setsid()
    parent = os.getpid()
    if os.fork() == 0:
        say(parent, os.getpid())
        while os.getppid() == parent:
            time.sleep(0.001)
        os.execve("/bin/cat", ["cat", "-"], {})
    signal.pause()
os.wait()
stay()
"""
    with tame(program, env={COOKIE: ""}) as one, Executed(one.pid) as executed:
        middle, daemon = map(int, one.hear())
        until(lambda: any(seen.process.pid == daemon for seen in executed.executions))
        os.kill(middle, signal.SIGKILL)
        until(lambda: any(seen.process.argv[0] == "cat" for seen in executed.executions))
        (cat,) = [seen.process for seen in executed.executions if seen.process.argv[0] == "cat"]
        assert (cat.pid, cat.session) == (daemon, middle)
        assert cat.parent not in (one.pid, middle)
