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
from tolv.prove.probe import Mutation, Probe
from tolv.prove.prove import Order, try_probes
from tolv.prove.subject import read_subject
from tolv.prove.twins import EARLIER, make_twin


class Controls:
    """Tries probes on their twins, also side by side, on one ground with one shelf. Made by `controls`."""

    def __init__(
        self,
        home: Home,
        ground: Ground,
        shelf: Shelf,
        directory: Path,
        open: contextlib.AsyncExitStack,
        say: Callable[[str], None],
    ) -> None:
        self._home = home
        self._ground = ground
        self._shelf = shelf
        self._directory = directory
        self._open = open
        self._say = say
        self._good: Harness | None = None
        self._making = asyncio.Lock()
        self._made = 0

    async def bad(self, probe: Probe) -> Result:
        """What a probe says of its bad twin."""
        return await self.twin(probe, probe.mutation)

    async def twin(self, probe: Probe, mutation: Mutation) -> Result:
        """What a probe says of any twin."""
        async with await self._harness(mutation) as harness:
            return await _try(probe, harness)

    async def good(self, probe: Probe) -> Result:
        """What it says of the good one. What the release phase prepares is prepared once."""
        async with self._making:
            if self._good is None:
                self._good = await self._open.enter_async_context(await self._harness(None))
        return await _try(probe, self._good)

    async def _harness(self, mutation: Mutation | None) -> Harness:
        self._made += 1
        path = self._directory / str(self._made)
        await asyncio.to_thread(make_twin, path, mutation, before=EARLIER)
        subject = await read_subject(path, self._home, None, None, {}, self._say)
        return Harness(self._ground, self._shelf, subject)


async def _try(probe: Probe, harness: Harness) -> Result:
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
        async with opened(home) as ground, shelved(ground, say) as shelf, contextlib.AsyncExitStack() as stack:
            yield Controls(home, ground, shelf, Path(directory), stack, say)
