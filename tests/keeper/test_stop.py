"""Stopping: stopped means that the whole tree is dead, however it tries to get away."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tolv.run.keeper import tree
from tolv.run.keeper.client import KeeperClient
from tolv.run.model import Exit

pytestmark = pytest.mark.usefixtures("either")

#: A grandchild that changed session, fell to the keeper and keeps its output: `mark` names the file with its pid.
DAEMON = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {before}
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(os.environ['SCRATCH'] + '/pid.tmp', 'w') as file:
            file.write(str(os.getpid()))
        os.rename(os.environ['SCRATCH'] + '/pid.tmp', os.environ['SCRATCH'] + '/pid')
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists(os.environ['SCRATCH'] + '/pid'):
    time.sleep(0.01)
{after}
"""


def is_alive(pid: int) -> bool:
    entry = tree.read_process(pid)
    return entry is not None and entry.alive


def start_and_kill_tree(bench: Any, spec: Any, ready: Any) -> Exit:
    async def story(keeper: KeeperClient) -> Exit:
        await keeper.start(spec, bench.env())
        bench.until(ready)
        await keeper.signal(spec.id, signal.SIGKILL, "tree")
        exit: Exit = await bench.ended(keeper, spec.id)
        assert (await bench.kept(keeper, spec.id)).members == 0
        return exit

    result: Exit = bench.run(story)
    return result


def test_a_child_that_ignores_term_dies_with_the_tree(bench: Any) -> None:
    script = """(trap '' TERM; echo $$ > $SCRATCH/x; exec sleep 600) & wait"""

    async def story(keeper: KeeperClient) -> None:
        await keeper.start(bench.spec("a", script), bench.env())
        bench.until(lambda: bench.read("x"))
        await keeper.signal("a", signal.SIGTERM, "tree")
        async for event in keeper.events():
            if event.kind == "exited":
                assert event.exit is not None
                assert event.exit.signal == signal.SIGTERM
                break
        kept = await bench.kept(keeper, "a")
        assert (kept.alive, kept.members) == (False, 1)
        await keeper.signal("a", signal.SIGKILL, "tree")
        await bench.ended(keeper, "a")
        assert bench.strays() == []

    bench.run(story)


def test_a_daemonized_grandchild_is_part_of_the_tree_after_its_leader_left(bench: Any) -> None:
    spec = bench.python("a", DAEMON.format(before="", after="sys.exit(7)"))

    async def story(keeper: KeeperClient) -> None:
        await keeper.start(spec, bench.env())
        bench.until(lambda: bench.read("pid"))
        bench.until(
            lambda: not is_alive((tree.read_process(int(bench.read("pid"))) or pytest.fail("it is gone")).session)
        )
        async for event in keeper.events():
            if event.kind == "exited":
                break
        assert (await bench.kept(keeper, "a")).members == 1
        await keeper.signal("a", signal.SIGKILL, "tree")
        exit = await bench.ended(keeper, "a")
        assert exit.code == 7
        assert not is_alive(int(bench.read("pid")))

    bench.run(story)


def test_a_daemon_that_wiped_its_environment_is_found_by_the_log_that_it_holds(bench: Any) -> None:
    wipe = "os.environ.get('AGAIN') or os.execve(sys.executable, [sys.executable, '-c', SCRIPT], ENV)"
    inner = (
        "import os,signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "open(os.environ['SCRATCH'] + '/pid', 'w').write(str(os.getpid())); time.sleep(600)"
    )
    script = DAEMON.format(before=f"SCRIPT = {inner!r}; ENV = {{'SCRATCH': os.environ['SCRATCH']}}; {wipe}", after="")
    spec = bench.python("a", script)

    async def story(keeper: KeeperClient) -> None:
        await keeper.start(spec, bench.env())
        pid = int(bench.until(lambda: bench.read("pid")))
        try:
            async for event in keeper.events():
                if event.kind == "exited":
                    break
            await keeper.signal("a", signal.SIGKILL, "tree")
            await bench.ended(keeper, "a")
            assert not is_alive(pid)
        finally:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)

    bench.run(story)


@pytest.mark.parametrize("setsid", ["pass", "os.setsid()"])
def test_a_fork_bomb_is_gone_when_its_stop_is_reported(bench: Any, setsid: str) -> None:
    # 64 processes, each of which is replaced by its child every few milliseconds; for a minute at most, whatever fails.
    script = f"""
import os, time
end = time.monotonic() + 60
for _ in range(6):
    os.fork()
open(os.environ['SCRATCH'] + '/on', 'w').write('x')
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    {setsid}
    time.sleep(0.005)
"""
    start_and_kill_tree(bench, bench.python("a", script), lambda: bench.read("on"))
    assert bench.strays() == []


def test_zombies_are_nobody(bench: Any) -> None:
    script = """
import os, time
children = [os.fork() or os._exit(0) for _ in range(5)]
for child in children:
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it is a zombie now, and stays one
open(os.environ['SCRATCH'] + '/on', 'w').write('x')
time.sleep(600)
"""

    async def story(keeper: KeeperClient) -> None:
        await keeper.start(bench.python("a", script), bench.env())
        bench.until(lambda: bench.read("on"))
        assert (await bench.kept(keeper, "a")).members == 1
        await keeper.signal("a", signal.SIGTERM, "leader")
        await bench.ended(keeper, "a")

    bench.run(story)


def test_a_signal_reaches_whom_it_is_meant_for(bench: Any) -> None:
    script = """
trap 'echo leader' USR1
(trap 'echo member' USR1; echo x >> $SCRATCH/on; while :; do sleep 0.05; done) &
setsid sh -c "trap 'echo stranger' USR1; echo x >> $SCRATCH/on; while :; do sleep 0.05; done" &
while :; do sleep 0.05; done
"""

    async def story(keeper: KeeperClient) -> None:
        await keeper.start(bench.spec("a", script), bench.env())
        bench.until(lambda: bench.read("on").count("x") == 2)
        for scope, heard in (("leader", 1), ("group", 3), ("tree", 6)):
            await keeper.signal("a", signal.SIGUSR1, scope)  # type: ignore[arg-type]
            bench.until(lambda heard=heard: bench.out("a").count(b"\n") == heard)
        assert sorted(bench.out("a").split()) == [*[b"leader"] * 3, *[b"member"] * 2, b"stranger"]
        await keeper.signal("a", signal.SIGKILL, "tree")
        await bench.ended(keeper, "a")

    bench.run(story)


def test_stopping_one_process_leaves_its_neighbour_alone(bench: Any) -> None:
    async def story(keeper: KeeperClient) -> None:
        for id in ("blog", "blog-2"):
            await keeper.start(bench.spec(id, "sleep 600"), bench.env())
        await keeper.signal("blog", signal.SIGKILL, "tree")
        await bench.ended(keeper, "blog")
        assert (await bench.kept(keeper, "blog-2")).alive

    bench.run(story)


def test_a_kill_from_outside_is_told_apart_from_want_of_memory(bench: Any) -> None:
    async def story(keeper: KeeperClient) -> None:
        pid = await keeper.start(bench.spec("a", "sleep 600"), bench.env())
        os.kill(pid, signal.SIGKILL)
        exit = await bench.ended(keeper, "a")
        assert (exit.signal, exit.out_of_memory) == (signal.SIGKILL, False)

    bench.run(story)


def test_want_of_memory_is_named(bench: Any) -> None:
    group = "/sys/fs/cgroup/memory"
    if not os.access(group, os.W_OK) or not os.path.exists(f"{group}/memory.limit_in_bytes"):
        pytest.skip("needs a memory controller (version 1) that one may use")
    path = f"{group}/tolv-test-{os.getpid()}"
    os.mkdir(path)
    try:
        with open(f"{path}/memory.limit_in_bytes", "w") as file:
            file.write(str(32 << 20))
        script = f"open('{path}/cgroup.procs', 'w').write('0'); x = bytearray(200 << 20)"

        async def story(keeper: KeeperClient) -> None:
            await keeper.start(bench.python("a", script), bench.env())
            exit = await bench.ended(keeper, "a")
            assert (exit.signal, exit.out_of_memory) == (signal.SIGKILL, True)

        bench.run(story)
    finally:
        os.rmdir(path)
