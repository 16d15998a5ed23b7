"""Confining: what is ordered happens, or the process is not started. What an app cannot do: test_hostile_app.py."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tolv.errors import UsageError
from tolv.run.keeper.client import KeeperClient
from tolv.run.model import Exit, Limits, Sandbox

USER = 1_912_345_678 if os.geteuid() == 0 else None


@pytest.fixture(autouse=True)
def _can_be_had(bench: Any) -> None:
    async def story(keeper: KeeperClient) -> Any:
        return await keeper.hello()

    sandbox = bench.run(story)["sandbox"]
    if not (sandbox["view"] and sandbox["landlock"]):
        pytest.skip("this machine has no views or no Landlock")


def sandbox(**change: Any) -> Sandbox:
    installed = tuple({sys.prefix, sys.base_prefix})
    return Sandbox(**{"user": USER, "view": True, "landlock": True, "reads": installed, "writes": (), **change})


def run(bench: Any, script: str, **more: Any) -> Exit:
    """Run a shell script to its end; the process is called `a`."""

    async def story(keeper: KeeperClient) -> Exit:
        spec = bench.spec("a", script, **{"sandbox": sandbox(), **more})
        await keeper.start(spec, bench.env(T=spec.tmp, PYTHON=sys.executable))
        exit: Exit = await bench.ended(keeper, "a")
        return exit

    result: Exit = bench.run(story)
    return result


@pytest.mark.parametrize("parts", [{}, {"view": False}, {"landlock": False}])
def test_a_confined_process_runs_writes_its_directory_and_leaves_nothing(bench: Any, parts: dict[str, bool]) -> None:
    if "view" in parts:
        bench.home.root.parent.chmod(0o711)
        subprocess.run(["chmod", "711", *map(str, (bench.home.root, bench.home.tmp))], check=True)
    reachable = "view" not in parts or USER is None
    command = "echo x > $T/x && cat $T/x; echo y > /dev/stdout" if reachable else "echo x; echo y > /dev/stdout"
    assert run(bench, command, sandbox=sandbox(**parts)).code == 0, bench.err("a")
    assert bench.out("a") == b"x\ny\n"
    assert not (bench.home.tmp / "a").exists()


@pytest.mark.parametrize("kind", ["reads", "writes"])
def test_what_cannot_be_shown_is_refused_in_one_line(bench: Any, kind: str) -> None:
    assert run(bench, "echo started", sandbox=sandbox(**{kind: ("/nowhere/at/all",)})).code == 126
    assert bench.out("a") == b""
    assert bench.err("a").startswith(b"tolv: cannot start a: it cannot be confined: ")
    assert b"/nowhere/at/all" in bench.err("a")
    assert bench.err("a").count(b"\n") == 1


def test_a_program_that_lies_where_no_app_may_look_is_told_apart_from_one_that_is_not_there(bench: Any) -> None:
    program = bench.scratch / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    async def story(keeper: KeeperClient) -> Exit:
        await keeper.start(bench.spec("a", str(program), "", sandbox=sandbox()), bench.env())
        exit: Exit = await bench.ended(keeper, "a")
        return exit

    assert bench.run(story).code == 127
    assert b"lies where no app may look" in bench.err("a")


def test_no_app_is_started_as_root(bench: Any) -> None:
    with pytest.raises(UsageError, match="root"):
        run(bench, "id -u", sandbox=sandbox(user=0))


def test_what_is_granted_can_be_read_or_written_and_what_is_not_is_not_there(bench: Any) -> None:
    places = {name: bench.scratch / name for name in ("read", "write", "secret")}
    for place in places.values():
        place.mkdir()
        place.chmod(0o777)
        (place / "file").write_text("content\n")
    granted = sandbox(reads=(str(places["read"]),), writes=(str(places["write"]),))
    script = "cat $SCRATCH/read/file; echo x >> $SCRATCH/read/new; echo x > $SCRATCH/write/new; ls $SCRATCH"
    run(bench, script, sandbox=granted)
    assert bench.out("a") == b"content\nread\nwrite\n"
    assert b"Read-only" in bench.err("a")
    assert (places["write"] / "new").read_text() == "x\n"


def test_a_temporary_directory_with_a_bound_is_full_at_it(bench: Any) -> None:
    script = "head -c 9000000 /dev/zero > $T/big; stat -c %s $T/big; ls /tmp"
    run(bench, script, sandbox=sandbox(tmp_size=4 << 20))
    assert bench.out("a").split()[0] == str(4 << 20).encode()
    assert b"No space left" in bench.err("a")


def test_terminals_and_shared_memory_are_its_own(bench: Any) -> None:
    Path("/dev/shm/tolv-test").touch()
    try:
        script = "import os, pty; print(os.listdir('/dev/shm'), os.ttyname(pty.openpty()[1]))"
        run(bench, f'$PYTHON -c "{script}"')
    finally:
        os.unlink("/dev/shm/tolv-test")
    assert bench.out("a") == b"[] /dev/pts/0\n", bench.err("a")


def test_control_groups_hold_what_they_can(bench: Any) -> None:
    limits = Limits(memory=64 << 20, processes=50, cpu=0.25)

    async def story(keeper: KeeperClient) -> list[str]:
        controllers: list[str] = (await keeper.hello())["controllers"]
        await keeper.start(bench.spec("a", "sleep 600", limits=limits, sandbox=sandbox()), bench.env())
        record = await bench.kept(keeper, "a")
        groups, deadline = "", time.monotonic() + 30
        while groups.count("/a\n") < len(controllers) and time.monotonic() < deadline:  # the launcher joins them itself
            groups = Path(f"/proc/{record.pid}/cgroup").read_text()
            await asyncio.sleep(0.01)
        return [one for one in controllers if f"{one}:" in groups or "0::" in groups] + [groups]

    *controllers, groups = bench.run(story)
    if not controllers:
        pytest.skip("this machine grants no controllers")
    assert groups.count("/a\n") >= len(controllers)


def test_a_tree_that_hides_is_known_by_its_view(bench: Any, monkeypatch: Any) -> None:
    """Without control groups: the stray has no session, parent, environment or descriptor that would tell."""
    monkeypatch.setenv("TOLV_CGROUPS", "off")
    hide = (
        "import os\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        os.closerange(0, 64)\n"
        "        os.execve('/bin/sleep', ['stray-of-the-tests', '600'], {})\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )

    async def story(keeper: KeeperClient) -> None:
        spec = bench.spec("a", '$PYTHON -c "$HIDE"; echo up; exec sleep 600', sandbox=sandbox())
        await keeper.start(spec, bench.env(HIDE=hide, PYTHON=sys.executable))
        bench.until(lambda: b"up" in bench.out("a"))
        assert _strays()
        await keeper.signal("a", 15, "leader")
        await keeper.signal("a", 9, "tree")
        await bench.ended(keeper, "a")

    bench.run(story)
    assert _strays() == []


def _strays() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(b"stray-of-the-tests"):
                found.append(entry.name)
        except OSError:
            continue
    return found
