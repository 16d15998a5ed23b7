"""Controls: a probe that does not refute its bad twin is not trusted."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tolv.build.locks import in_use
from tolv.home import Home
from tolv.prove.harness.ground import Ground, opened
from tolv.prove.harness.harness import Harness
from tolv.prove.harness.shelf import Shelf, shelved
from tolv.prove.model import Result
from tolv.prove.probe import Probe
from tolv.prove.prove import Order, try_probes
from tolv.prove.subject import Subject, read_subject
from tolv.prove.twins import EARLIER, make_twin


class Controls:
    """Tries probes on their twins, on one ground with one shelf. Made by `controls`."""

    def __init__(self, home: Home, ground: Ground, shelf: Shelf, directory: Path, say: Callable[[str], None]) -> None:
        self._home = home
        self._ground = ground
        self._shelf = shelf
        self._directory = directory
        self._say = say
        self._good: Subject | None = None
        self._made = 0

    async def bad(self, probe: Probe) -> Result:
        """What a probe says of its bad twin."""
        self._made += 1
        path = self._directory / f"bad-{self._made}"
        await asyncio.to_thread(make_twin, path, probe.mutation, before=EARLIER)
        return await self._try(probe, await self._subject(path))

    async def good(self, probe: Probe) -> Result:
        """What it says of the good one."""
        if self._good is None:
            path = self._directory / "good"
            await asyncio.to_thread(make_twin, path, None, before=EARLIER)
            self._good = await self._subject(path)
        return await self._try(probe, self._good)

    async def _subject(self, path: Path) -> Subject:
        return await read_subject(path, self._home, None, None, {}, self._say)

    async def _try(self, probe: Probe, subject: Subject) -> Result:
        harness = Harness(self._ground, self._shelf, subject)
        return (await try_probes(harness, Order((probe,), jobs=1, first=False), Silent()))[0]


class Silent:
    """Tells nobody how a proof goes on."""

    def say(self, text: str) -> None: ...
    def begin(self, probe: Probe, done: int, total: int) -> None: ...
    def end(self, result: Result, done: int, total: int) -> None: ...


@contextlib.asynccontextmanager
async def controls(home: Home, say: Callable[[str], None] = lambda text: None) -> AsyncIterator[Controls]:
    """Controls in a home. Raises `PlatformError` when this machine fails."""
    home.make()
    with in_use(home), tempfile.TemporaryDirectory(prefix="tolv-twins-") as directory:
        async with opened(home) as ground, shelved(ground, say) as shelf:
            yield Controls(home, ground, shelf, Path(directory), say)
