"""Launchers that stand by: taken for the next starts, no more than were asked for, gone when nobody needs them."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tolv.errors import UsageError
from tolv.run.keeper import tree
from tolv.run.keeper.client import KeeperClient
from tolv.run.keeper.launchers import MOST, Launcher, StandingBy
from tolv.run.keeper.main import home_name


def waiting(bench: Any) -> list[int]:
    """The launchers that stand by."""
    cookie = f"standing-by@{home_name(str(bench.home.keeper))}"
    return [one.pid for one in tree.read_table().values() if tree.read_cookie(one.pid) == cookie]


@pytest.mark.usefixtures("either")
def test_a_start_takes_a_launcher_that_stands_by_and_it_becomes_the_process_that_was_asked_for(bench: Any) -> None:
    async def story(keeper: KeeperClient) -> None:
        await keeper.stand_by(2)
        ready = waiting(bench)
        assert len(ready) == 2
        pids = [await keeper.start(bench.spec(id, f"echo {id} $TOLV_PROCESS_ID"), bench.env()) for id in "abc"]
        assert sorted(pids[:2]) == sorted(ready)
        assert pids[2] not in ready
        for id in "abc":
            assert (await bench.ended(keeper, id)).code == 0
            assert bench.out(id) == f"{id} {id}@{home_name(str(bench.home.keeper))}\n".encode()

    bench.run(story)


def test_no_more_stand_by_than_were_asked_for_however_often(bench: Any) -> None:
    async def story(keeper: KeeperClient) -> None:
        await keeper.stand_by(2)
        await keeper.stand_by(2)
        assert len(waiting(bench)) == 2
        await keeper.stand_by(10_000)
        assert len(waiting(bench)) == MOST
        with pytest.raises(UsageError):
            await keeper.stand_by("many")  # type: ignore[arg-type]

    bench.run(story)


def test_one_that_was_killed_is_not_taken(bench: Any) -> None:
    async def story(keeper: KeeperClient) -> None:
        await keeper.stand_by(1)
        [ready] = waiting(bench)
        os.kill(ready, signal.SIGKILL)
        bench.until(lambda: not waiting(bench))
        await keeper.start(bench.spec("a", "echo here"), bench.env())
        assert (await bench.ended(keeper, "a")).code == 0

    bench.run(story)
    assert bench.out("a") == b"here\n"


def test_a_process_on_a_launcher_that_stood_by_is_stopped_with_all_that_it_started(bench: Any) -> None:
    async def story(keeper: KeeperClient) -> None:
        await keeper.stand_by(1)
        await keeper.start(bench.spec("a", "(trap '' TERM; echo > $SCRATCH/x; exec sleep 600) & wait"), bench.env())
        bench.until(lambda: os.path.exists(bench.scratch / "x"))
        await keeper.signal("a", signal.SIGKILL, "tree")
        await bench.ended(keeper, "a")
        assert bench.strays() == []

    bench.run(story)


def test_none_outlives_its_keeper_and_the_next_keeper_finds_what_was_started(bench: Any) -> None:
    async def before(keeper: KeeperClient) -> int:
        await keeper.stand_by(2)
        return await keeper.start(bench.spec("a", "exec sleep 600"), bench.env())

    pid = bench.run(before)
    bench.kill_keeper()
    bench.until(lambda: not waiting(bench))

    async def after(keeper: KeeperClient) -> None:
        kept = await bench.kept(keeper, "a")
        assert (kept.pid, kept.alive) == (pid, True)
        await keeper.signal("a", signal.SIGKILL, "tree")
        await bench.ended(keeper, "a")

    bench.run(after)


def test_those_that_nobody_needs_are_dismissed_and_what_was_taken_is_not(tmp_path: Path) -> None:
    standing = StandingBy("somewhere")
    launchers = standing.fill(2)
    taken = standing.take()
    assert taken is launchers[0]
    standing.dismiss(launchers)
    assert standing.take() is None
    assert os.waitstatus_to_exitcode(os.waitpid(launchers[1].pid, 0)[1]) == 125
    order = {"id": "a", "cgroups": [], "attached": True, "tty": False, "descriptors": 256, "limits": {}}
    taken.order(order | {"sandbox": None, "directory": "/", "argv": [sys.executable, "-c", "exit(7)"], "env": {}})
    taken.go()
    assert os.waitstatus_to_exitcode(os.waitpid(taken.pid, 0)[1]) == 7
    taken.close()
    os.close(taken.handle)


def test_a_launcher_is_known_to_live_in_a_keeper_with_thousands_of_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.skip(f"no process may have more than {hard} descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3000 if soft < 3000 else soft, hard))
    launcher = Launcher("standing-by@test")
    try:
        os.close(launcher.handle)
        launcher.handle = fcntl.fcntl(os.pidfd_open(launcher.pid), fcntl.F_DUPFD_CLOEXEC, 2000)
        assert launcher.alive()
        os.kill(launcher.pid, signal.SIGKILL)
        os.waitid(os.P_PID, launcher.pid, os.WEXITED | os.WNOWAIT)
        assert not launcher.alive()
    finally:
        launcher.close()
        os.waitpid(launcher.pid, 0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
