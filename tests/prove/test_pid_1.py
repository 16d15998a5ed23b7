"""A process that is pid 1, as in a container: what the kernel makes of signals to it, and of what it leaves behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from keeper.conftest import kill_and_wait, until
from prove.conftest import Scene

from tolv.errors import UsageError
from tolv.run.keeper import tree

Tell = Callable[[Callable[[Scene], Any]], Any]

IDLE = """
import os, time
print("up", os.getpid(), sorted(one for one in os.listdir("/proc") if one.isdigit()))
while True:
    time.sleep(60)
"""
#: As IDLE, with a child that has a child, each of which closes all that it was given.
FAMILY = (
    """
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 64)
        os.execve("/bin/sleep", ["sleep", "600"], {})
    os._exit(0)
os.wait()
"""
    + IDLE
)
HANDLER = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"TERM\\n"), sys.exit(42)))
signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"USR1\\n"))
os.write(1, b"up\\n")
while True:
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _can_be_had(tell: Tell) -> None:
    async def story(scene: Scene) -> Any:
        return await scene.keeper.hello()

    if not tell(story)["sandbox"]["init"]:
        pytest.skip("no pid namespace may be made here")


def descendants(pid: int) -> list[tree.Proc]:
    """Whoever is below a process, the nearest first."""
    table = tree.read_table()
    found = [one for one in table.values() if one.parent == pid]
    for one in found:
        found += [other for other in table.values() if other.parent == one.pid]
    return found


def gone(members: list[tree.Proc]) -> bool:
    """Whether none of them is alive, and none is another process by now."""
    now = {one.pid: one.started for one in map(tree.read_process, (one.pid for one in members)) if one and one.alive}
    return not any(now.get(one.pid) == one.started for one in members)


def test_it_is_pid_1_and_proc_shows_nobody_else(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        leader = await scene.start("a", IDLE, init=True)
        assert (await scene.line("a", "up .*")).group() == "up 1 ['1']"
        (first,) = descendants(leader)
        status = Path(f"/proc/{first.pid}/status").read_text()
        assert f"NSpid:\t{first.pid}\t1" in status
        # Its parent has no more rights than it has.
        for pid in (leader, first.pid):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            assert {"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} <= set(lines)
            assert not any(line.startswith("Uid:\t0\t") for line in lines)
        assert os.readlink(f"/proc/{leader}/root") == os.readlink(f"/proc/{first.pid}/root")

    tell(story)


@pytest.mark.parametrize("scope", ["leader", "tree"])
def test_without_a_handler_it_ignores_term_and_its_tree_ends_with_kill(tell: Tell, scope: Any) -> None:
    async def story(scene: Scene) -> None:
        leader = await scene.start("a", FAMILY, init=True)
        await scene.line("a", "up 1")
        before = descendants(leader)
        assert len(before) == 2
        await scene.keeper.signal("a", signal.SIGTERM, "leader")
        # Signals are handed on in order: once it has stopped, TERM has reached it before, for nothing.
        await scene.keeper.signal("a", signal.SIGSTOP, "leader")
        until(lambda: state(before[0].pid) == "T")
        await scene.keeper.signal("a", signal.SIGCONT, "leader")
        until(lambda: state(before[0].pid) == "S")
        # By its parent, which takes them up in the order of their numbers.
        os.kill(before[0].pid, signal.SIGSTOP)
        until(lambda: state(before[0].pid) == "T")
        os.kill(leader, signal.SIGTERM)
        os.kill(leader, signal.SIGCONT)
        until(lambda: state(before[0].pid) == "S")
        assert not (await scene.bench.kept(scene.keeper, "a")).exit
        await scene.keeper.signal("a", signal.SIGKILL, scope)
        exit = await scene.ended("a")
        assert (exit.code, exit.signal) == (None, signal.SIGKILL)
        assert gone(before)

    tell(story)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("scope", ["leader", "group", "tree"])
def test_with_a_handler_it_gets_each_signal_once_and_ends_with_its_own_status(tell: Tell, scope: Any) -> None:
    async def story(scene: Scene) -> None:
        await scene.start("a", HANDLER, init=True)
        await scene.line("a", "up")
        await scene.keeper.signal("a", signal.SIGUSR1, scope)
        await scene.line("a", "USR1")
        await scene.keeper.signal("a", signal.SIGTERM, scope)
        exit = await scene.ended("a")
        assert (exit.code, exit.signal) == (42, None)
        assert scene.bench.out("a") == b"up\nUSR1\nTERM\n"

    tell(story)


def test_its_parent_hands_on_what_it_gets_itself(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        leader = await scene.start("a", HANDLER, init=True)
        await scene.line("a", "up")
        os.kill(leader, signal.SIGUSR1)
        await scene.line("a", "USR1")
        os.kill(leader, signal.SIGTERM)
        assert (await scene.ended("a")).code == 42
        assert scene.bench.out("a") == b"up\nUSR1\nTERM\n"

    tell(story)


def test_who_kills_its_parent_kills_it_and_all_below(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        leader = await scene.start("a", FAMILY, init=True)
        await scene.line("a", "up 1")
        before = descendants(leader)
        kill_and_wait(leader)
        until(lambda: gone(before))
        assert (await scene.ended("a")).signal == signal.SIGKILL

    tell(story)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_the_parent_ends_by_the_signal_that_ended_it(tell: Tell, number: signal.Signals) -> None:
    async def story(scene: Scene) -> None:
        leader = await scene.start("a", IDLE, init=True)
        await scene.line("a", "up")
        if number == signal.SIGKILL:
            os.kill(descendants(leader)[0].pid, number)
        else:
            await scene.start("b", "import ctypes; ctypes.string_at(0)", init=True)
        exit = await scene.ended("a" if number == signal.SIGKILL else "b")
        assert exit.signal == number

    tell(story)


def test_what_cannot_be_started_says_so_as_without_it(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        await scene.start("a", "", init=True, reads=("/nowhere",))
        assert (await scene.ended("a")).code == 126
        assert scene.bench.err("a").startswith(b"tolv: cannot start a: it cannot be confined: ")
        assert b"/nowhere" in scene.bench.err("a")
        with pytest.raises(UsageError, match="view"):
            await scene.start("b", "", init=True, view=False)

    tell(story)


def test_it_outlives_the_keeper_and_the_next_one_ends_it(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        leader = await scene.start("a", FAMILY, init=True)
        await scene.line("a", "up 1")
        before = descendants(leader)
        scene.bench.kill_keeper()
        async for event in scene.keeper.events():
            if event.kind == "reconnected":
                break
        assert (await scene.bench.kept(scene.keeper, "a")).alive
        assert not gone(before)
        await scene.keeper.signal("a", signal.SIGKILL, "tree")
        await scene.ended("a")
        assert gone(before)

    tell(story)
