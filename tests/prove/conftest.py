"""What tests of `tolv prove` share: a real PostgreSQL, and a scene for what runs in a network of its own: a real
keeper, and its processes, as confined as apps are."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from keeper.conftest import DEADLINE, PATH, Bench
from keeper.conftest import bench as bench
from prove.twin_controls import twins as twins
from services.conftest import make_postgres, postgres, postgres_binaries, postgres_template, reachable, shared

from tolv.prove.harness.network import GateNetwork
from tolv.run.keeper.client import KeeperClient
from tolv.run.model import Exit, Sandbox

__all__ = ["make_postgres", "postgres", "postgres_binaries", "postgres_template", "reachable", "shared"]

T = TypeVar("T")
USER = 1_912_345_678 if os.geteuid() == 0 else None


class Scene:
    """A keeper with processes in networks."""

    def __init__(self, bench: Bench, keeper: KeeperClient) -> None:
        self.bench = bench
        self.keeper = keeper
        self.gates: list[int] = []

    async def start_gate(self, argv: list[str]) -> int:
        """Run a gate by the keeper, unconfined."""
        id = f"gate-{len(self.gates)}"
        self.gates.append(await self.keeper.start(self.bench.spec(id, *argv), {"PATH": PATH}))
        return self.gates[-1]

    @asynccontextmanager
    async def network(self, **more: Any) -> AsyncIterator[GateNetwork]:
        network = await GateNetwork.start(self.bench.home.root, self.start_gate, **more)
        try:
            yield network
        finally:
            await network.close()

    async def start(self, id: str, script: str, **sandbox: Any) -> int:
        """A process that runs a Python script."""
        installed = tuple({sys.prefix, sys.base_prefix} - {"/usr"})
        chosen = {"user": USER, "view": True, "landlock": False, "reads": installed, "writes": (), **sandbox}
        spec = self.bench.python(id, script, sandbox=Sandbox(**chosen))
        return await self.keeper.start(spec, self.bench.env(PYTHONUNBUFFERED="1"))

    async def line(self, id: str, pattern: str) -> re.Match[str]:
        """The first line of its output that matches."""
        async with asyncio.timeout(DEADLINE):
            while True:
                path = self.bench.home.logs / f"{id}.out"
                found = re.search(pattern, path.read_text() if path.exists() else "")
                if found:
                    return found
                if any(one.id == id and one.empty for one in await self.keeper.list()):
                    raise AssertionError(self.bench.out(id) + self.bench.err(id))
                await asyncio.sleep(0.01)

    async def ended(self, id: str) -> Exit:
        return await self.bench.ended(self.keeper, id)


Story = Callable[[Scene], Coroutine[Any, Any, T]]


@pytest.fixture
def tell(bench: Bench) -> Callable[[Story[T]], T]:
    """Tell a story with a scene."""

    def run(story: Story[T]) -> T:
        return bench.run(lambda keeper: story(Scene(bench, keeper)))

    return run


def in_network_of(inode: int) -> list[int]:
    """The processes in a network namespace."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "ns/net").stat().st_ino == inode:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def can_make_networks() -> bool:
    """Whether this user may make a network namespace."""
    user = [] if os.geteuid() == 0 else ["--user"]
    return subprocess.run(["unshare", *user, "--net", "true"], capture_output=True).returncode == 0
