"""A real keeper in a home of its own for each test; everything that it started dies with the test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tolv.home import Home
from tolv.run.keeper import cgroups, tree
from tolv.run.keeper.client import KeeperClient
from tolv.run.keeper.main import home_name
from tolv.run.model import Exit, Kept, ProcessSpec

T = TypeVar("T")
DEADLINE = 20.0
PATH = os.pathsep.join([os.path.dirname(sys.executable), "/usr/local/bin", "/usr/bin", "/bin"])


def until(look: Callable[[], T]) -> T:
    """What `look` says once it says something true."""
    deadline = time.monotonic() + DEADLINE
    while not (seen := look()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)
    return seen


class Bench:
    """One home, its keeper, and short words for what tests do with them."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.scratch = home.root.parent / "scratch"
        self.scratch.mkdir()
        self._name = home_name(str(home.keeper))

    until = staticmethod(until)

    def run(self, story: Callable[[KeeperClient], Coroutine[Any, Any, T]]) -> T:
        """Tell a story with a connected client."""

        async def tell() -> T:
            client = KeeperClient(self.home)
            async with asyncio.timeout(60):
                await client.connect()
                try:
                    return await story(client)
                finally:
                    await client.close()

        return asyncio.run(tell())

    def spec(self, id: str, *argv: str, **more: Any) -> ProcessSpec:
        """A process that runs `argv`, or a shell script if it is one string."""
        command = argv if len(argv) > 1 else ("/bin/sh", "-c", argv[0])
        defaults: dict[str, Any] = {
            "directory": "/",
            "tmp": str(self.home.tmp / id),
            "stdout": str(self.home.logs / f"{id}.out"),
            "stderr": str(self.home.logs / f"{id}.err"),
        }
        return ProcessSpec(id=id, argv=command, **(defaults | more))

    def env(self, **values: str) -> dict[str, str]:
        return {"PATH": PATH, "SCRATCH": str(self.scratch), **values}

    def python(self, id: str, script: str, **more: Any) -> ProcessSpec:
        """A process that runs a Python script."""
        return self.spec(id, sys.executable, "-c", script, **more)

    def out(self, id: str) -> bytes:
        return (self.home.logs / f"{id}.out").read_bytes()

    def err(self, id: str) -> bytes:
        return (self.home.logs / f"{id}.err").read_bytes()

    @property
    def keeper_pid(self) -> int:
        return int(json.loads((self.home.keeper / "keeper.json").read_text())["pid"])

    def kill_keeper(self) -> None:
        """kill -9, and wait until it is gone."""
        kill_and_wait(self.keeper_pid)

    def strays(self) -> list[tree.Proc]:
        """Living processes that carry the cookie of one of ours."""
        return [
            one for one in tree.read_table().values() if (tree.read_cookie(one.pid) or "").endswith(f"@{self._name}")
        ]

    async def ended(self, client: KeeperClient, id: str) -> Exit:
        """How the leader ended, once the whole tree is dead and the log complete."""
        now = await self.kept(client, id)
        exit = now.exit
        if now.empty and exit is not None:
            return exit
        async for event in client.events():
            if event.process == id and event.kind == "exited":
                exit = event.exit
            if event.process == id and event.kind == "empty":
                assert exit is not None
                return exit
        raise AssertionError

    async def kept(self, client: KeeperClient, id: str) -> Kept:
        """What the keeper says of a process."""
        return next(one for one in await client.list() if one.id == id)

    def read(self, name: str) -> str:
        """A file that a process made in the scratch directory, '' while there is none."""
        path = self.scratch / name
        return path.read_text() if path.exists() else ""

    def of_the_keeper(self) -> list[int]:
        """The keeper's own processes: itself and its anchor."""
        mark = os.fsencode(self.home.root)
        found = []
        for pid in tree.read_table():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if mark in words and any(word.endswith(b"keeper/main.py") for word in words):
                    found.append(pid)
        return found

    def clean(self) -> None:
        for _ in range(200):
            strays = self.strays()
            if not strays:
                break
            tree.send(strays, signal.SIGKILL)
            time.sleep(0.01)
        with contextlib.suppress(OSError, ValueError, KeyError):
            self.kill_keeper()
        for pid in self.of_the_keeper():
            kill_and_wait(pid)
        if base := cgroups.Groups(self._name).base:
            cgroups.remove(base)


def kill_and_wait(pid: int) -> None:
    """kill -9, and wait until the kernel says that it is gone."""
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        until(lambda: (entry := tree.read_process(pid)) is None or not entry.alive)
    finally:
        os.close(handle)


@pytest.fixture(params=["cgroup", "scan"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test twice: with control groups, where the machine grants them, and by the process table alone."""
    if request.param == "scan":
        monkeypatch.setenv("TOLV_CGROUPS", "off")
    elif cgroups.Groups("probe-of-the-tests").base is None:
        pytest.skip("no control group may be made here")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    home = Home(tmp_path / "home")
    home.make()
    bench = Bench(home)
    try:
        yield bench
    finally:
        bench.clean()
