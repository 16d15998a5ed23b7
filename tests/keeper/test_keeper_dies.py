"""kill -9 of the keeper: processes run on, nothing that they write is lost, the next keeper finds them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tolv.errors import PlatformError
from tolv.logs.reader import read
from tolv.run.keeper import tree
from tolv.run.keeper.client import KeeperClient

WRITER = """
import sys
for number in range(int(sys.argv[1])):
    sys.stdout.write(f"{number:08d} " + "x" * 90 + "\\n")
"""


def numbers(data: bytes) -> list[int]:
    return [int(line[:8]) for line in data.splitlines()]


@pytest.mark.usefixtures("either")
def test_a_successor_adopts_what_runs_and_stops_it_as_ever(bench: Any) -> None:
    async def before(keeper: KeeperClient) -> int:
        script = "(trap '' TERM; echo $$ > $SCRATCH/x; exec sleep 600) & echo one; wait"
        pid = await keeper.start(bench.spec("a", script), bench.env())
        bench.until(lambda: bench.read("x"))
        return pid

    pid = bench.run(before)
    bench.kill_keeper()

    async def after(keeper: KeeperClient) -> None:
        kept = await bench.kept(keeper, "a")
        assert (kept.pid, kept.alive, kept.members) == (pid, True, 2)
        await keeper.signal("a", signal.SIGKILL, "tree")
        await bench.ended(keeper, "a")
        assert bench.strays() == []

    bench.run(after)
    assert bench.out("a") == b"one\n"


def test_no_line_is_lost_or_doubled_while_keepers_are_killed_under_a_writer(bench: Any) -> None:
    count = 300_000

    async def story(keeper: KeeperClient) -> None:
        spec = bench.spec("a", sys.executable, "-c", WRITER, str(count))
        await keeper.start(spec, bench.env())
        path = bench.home.logs / "a.out"
        for round in range(4):
            bench.until(lambda round=round: path.stat().st_size > round * 5_000_000)
            bench.kill_keeper()
            await keeper.connect()
            await keeper.list()
        await bench.ended(keeper, "a")

    bench.run(story)
    assert numbers(bench.out("a")) == list(range(count))


def test_what_a_process_says_and_ends_with_while_there_is_no_keeper_is_there_afterwards(bench: Any) -> None:
    async def before(keeper: KeeperClient) -> int:
        return await keeper.start(bench.spec("a", "echo first; read x < $SCRATCH/go; echo last; exit 5"), bench.env())

    os.mkfifo(bench.scratch / "go")
    pid = bench.run(before)
    bench.until(lambda: bench.out("a"))
    bench.kill_keeper()
    (bench.scratch / "go").write_text("x\n")
    bench.until(lambda: tree.read_process(pid) is None)

    async def after(keeper: KeeperClient) -> None:
        exit = await bench.ended(keeper, "a")
        assert exit.unknown
        await keeper.forget("a")

    bench.run(after)
    assert bench.out("a") == b"first\nlast\n"


def test_the_exit_of_a_process_that_was_adopted_is_never_made_up(bench: Any) -> None:
    async def before(keeper: KeeperClient) -> None:
        await keeper.start(bench.spec("a", "read x < $SCRATCH/go; exit 5"), bench.env())

    os.mkfifo(bench.scratch / "go")
    bench.run(before)
    bench.kill_keeper()

    async def after(keeper: KeeperClient) -> None:
        assert (await bench.kept(keeper, "a")).alive
        (bench.scratch / "go").write_text("x\n")
        exit = await bench.ended(keeper, "a")
        assert exit.unknown or exit.code == 5  # known where the kernel tells, and init reaps without delay

    bench.run(after)


def test_a_recorded_exit_survives_the_keeper(bench: Any) -> None:
    async def before(keeper: KeeperClient) -> None:
        await keeper.start(bench.spec("a", "exit 9"), bench.env())
        await bench.ended(keeper, "a")

    async def after(keeper: KeeperClient) -> None:
        kept = await bench.kept(keeper, "a")
        assert (kept.alive, kept.members, kept.exit.code) == (False, 0, 9)
        await keeper.forget("a")

    bench.run(before)
    bench.kill_keeper()
    bench.run(after)


def test_a_client_that_was_connected_is_told_and_goes_on(bench: Any) -> None:
    async def story(keeper: KeeperClient) -> None:
        await keeper.start(bench.spec("a", "sleep 600"), bench.env())
        bench.kill_keeper()
        async for event in keeper.events():
            if event.kind == "reconnected":
                break
        await keeper.signal("a", signal.SIGKILL, "tree")
        await bench.ended(keeper, "a")

    bench.run(story)


def test_the_pids_of_another_boot_mean_nothing(bench: Any) -> None:
    async def before(keeper: KeeperClient) -> None:
        await keeper.start(bench.spec("a", "sleep 600"), bench.env())

    bench.run(before)
    bench.kill_keeper()
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        record = bench.home.keeper / "processes" / "a" / "started.json"
        started = json.loads(record.read_text())
        entry = tree.read_process(bystander.pid)
        assert entry is not None
        record.write_text(json.dumps(started | {"boot_id": "another", "pid": bystander.pid}))
        while strays := bench.strays():
            tree.send(strays, signal.SIGKILL)

        async def after(keeper: KeeperClient) -> None:
            exit = await bench.ended(keeper, "a")
            assert exit.unknown
            with pytest.raises(Exception, match="no process"):
                await keeper.signal("b", signal.SIGKILL, "tree")
            await keeper.signal("a", signal.SIGKILL, "tree")

        bench.run(after)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("change", [{"start_time": 1}, {"boot_id": "another"}])
def test_a_pid_that_belongs_to_someone_else_by_now_is_left_alone(bench: Any, change: Any) -> None:
    async def before(keeper: KeeperClient) -> None:
        await keeper.start(bench.spec("a", "true"), bench.env())
        await bench.ended(keeper, "a")

    bench.run(before)
    bench.kill_keeper()
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        directory = bench.home.keeper / "processes" / "a"
        (directory / "exit.json").unlink()
        started = json.loads((directory / "started.json").read_text())
        entry = tree.read_process(bystander.pid)
        assert entry is not None
        now = started | {"pid": bystander.pid, "start_time": entry.started} | change
        (directory / "started.json").write_text(json.dumps(now))

        async def after(keeper: KeeperClient) -> None:
            await keeper.signal("a", signal.SIGKILL, "tree")
            assert (await bench.kept(keeper, "a")).members == 0

        bench.run(after)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


CRASH = """
import os, signal, sys
sys.path.insert(0, {source!r})
from tolv.run.keeper import main as keeper, records
steps, last = [0], {step}
def dying(act):
    def wrapped(*arguments, **more):
        if len(arguments) > 1 and arguments[1] == b"\\0":
            return act(*arguments)
        for moment in range(2):
            if armed() and steps[0] == last:
                os.kill(os.getpid(), signal.SIGKILL)
            if armed():
                steps[0] += 1
            if moment == 0:
                result = act(*arguments, **more)
        return result
    return wrapped
def armed():
    return os.path.exists({armed!r})
records.write_durably = dying(records.write_durably)
os.posix_spawn = dying(os.posix_spawn)
os.write = dying(os.write)
os.mkdir = dying(os.mkdir)
sys.argv = ["main.py", {home!r}]
sys.exit(keeper.main())
"""
# Before and after each of: the process's directory, spec.json, spawn, started.json, the word to go
MOMENTS = range(1, 14)


@pytest.mark.parametrize("step", MOMENTS)
def test_a_keeper_killed_at_any_step_of_a_start_leaves_no_process_unaccounted_for(bench: Any, step: int) -> None:
    source = str(Path(tree.__file__).parents[3])
    armed = bench.scratch / "armed"
    code = CRASH.format(source=source, step=step, home=str(bench.home.root), armed=str(armed))
    keeper_process = subprocess.Popen([sys.executable, "-I", "-c", code], start_new_session=True)
    bench.until(lambda: bench.home.keeper_socket.exists() or keeper_process.poll() is not None)
    spec = bench.spec("a", "echo $$ >> $SCRATCH/ran; exec sleep 600")

    async def before(keeper: KeeperClient) -> None:
        armed.write_text("")
        with contextlib.suppress(PlatformError):
            await keeper.start(spec, bench.env())

    async def after(keeper: KeeperClient) -> None:
        listed = await keeper.list()
        for stray in bench.strays():
            assert [one.id for one in listed] == ["a"], f"{stray.pid} is on nobody's list"
        for one in listed:
            await keeper.signal(one.id, signal.SIGKILL, "tree")
            if one.members or one.alive:
                await bench.ended(keeper, one.id)
        bench.until(lambda: bench.strays() == [])

    try:
        bench.run(before)
        armed.unlink()
        bench.run(after)
    finally:
        keeper_process.kill()
        keeper_process.wait()
    assert bench.read("ran").count("\n") <= 1


def test_the_logs_tell_the_time_across_keepers(bench: Any) -> None:
    directory = bench.home.logs / "app" / "dev"
    stem = "0000000000000000001-v1-web.1-abc"

    async def story(keeper: KeeperClient) -> None:
        spec = bench.spec(
            "a",
            "echo one; read x < $SCRATCH/go; echo two",
            stdout=str(directory / f"{stem}.out"),
            stderr=str(directory / f"{stem}.err"),
        )
        await keeper.start(spec, bench.env())
        bench.until(lambda: (directory / f"{stem}.out").stat().st_size)
        bench.kill_keeper()
        await keeper.connect()
        (bench.scratch / "go").write_text("x\n")
        await bench.ended(keeper, "a")

    os.mkfifo(bench.scratch / "go")
    bench.run(story)
    lines = list(read(bench.home.logs, "app", "dev"))
    assert [line.message for line in lines] == ["one", "two"]
    assert 0 < lines[0].time < lines[1].time


def test_a_kernel_that_tells_how_a_process_ended_is_asked(bench: Any) -> None:
    if not tree.tells_exit_status():
        pytest.skip("needs Linux 6.15")
    for command, status in (("exit 5", 5), ("kill -9 $$", -9)):
        process = subprocess.Popen(["sh", "-c", command])
        handle = os.pidfd_open(process.pid)
        process.wait()
        assert tree.exit_status(handle) == status
        os.close(handle)


def test_an_anchor_that_is_killed_is_replaced(bench: Any) -> None:
    def anchors() -> list[int]:
        return [pid for pid in bench.of_the_keeper() if pid != bench.keeper_pid]

    async def story(keeper: KeeperClient) -> None:
        await keeper.start(bench.spec("a", "echo hello; sleep 600"), bench.env())
        (first,) = anchors()
        os.kill(first, signal.SIGKILL)
        bench.until(lambda: anchors() not in ([], [first]))
        await keeper.signal("a", signal.SIGKILL, "tree")
        await bench.ended(keeper, "a")

    bench.run(story)
    bench.kill_keeper()
    bench.until(lambda: anchors() == [])


def test_a_keeper_that_hangs_is_replaced_by_one_that_finds_its_processes(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tolv.run.keeper.client._LOOK", 0.1)
    monkeypatch.setattr("tolv.run.keeper.client._HUNG", 0.5)

    async def story(keeper: KeeperClient) -> None:
        await keeper.start(bench.spec("a", "read x < $SCRATCH/go; echo after; exec sleep 600"), bench.env())
        hung = bench.keeper_pid
        os.kill(hung, signal.SIGSTOP)
        async with asyncio.timeout(30):
            async for event in keeper.events():
                if event.kind == "reconnected":
                    break
        assert bench.keeper_pid != hung
        (bench.scratch / "go").write_text("x\n")
        assert (await bench.kept(keeper, "a")).alive
        bench.until(lambda: bench.out("a") == b"after\n")

    os.mkfifo(bench.scratch / "go")
    bench.run(story)
