"""The harness: what all trials of one proof share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

from tolv.errors import PlatformError
from tolv.prove.harness.ground import Ground
from tolv.prove.harness.network import GateNetwork, HostNetwork, Network
from tolv.prove.harness.shelf import Shelf
from tolv.prove.harness.trial import Trial
from tolv.prove.probe import CannotProve
from tolv.prove.subject import Subject
from tolv.run.local.sandbox import SWITCH, parse_switch
from tolv.run.model import ProcessSpec

T = TypeVar("T")

#: Seconds that the release phase may take.
_PREPARE_WITHIN = 300.0


class Harness:
    """Ground, servers, and the app's prepared database. A context manager: at its end nothing is left but the shelf."""

    def __init__(self, ground: Ground, shelf: Shelf, subject: Subject, *, keep: bool = False) -> None:
        self.ground = ground
        self.subject = subject
        self.shelf = shelf
        self.base = f"prepared_{secrets.token_hex(4)}"
        """The name of the databases that the release phase prepares."""
        self.no_namespaces: str | None = None
        """Why instances have no network of their own here; None: they have."""
        self.unready: str | None = None
        """Why no instance becomes ready; None: one did, or nobody tried."""
        self._keep = keep
        self._preparing: asyncio.Task[None] | None = None
        self._once: dict[str, asyncio.Task[Any]] = {}

    @contextlib.asynccontextmanager
    async def trial(self, name: str) -> AsyncIterator[Trial]:
        """A new trial, torn down at the end."""
        trial = Trial(name, self, await self._network())
        try:
            yield trial
        finally:
            await asyncio.shield(trial.close(keep=self._keep))

    async def prepared(self) -> None:
        """Have the release phase prepare the database that trials get clones of, once.

        Raises `CannotProve` if it fails.
        """
        if self._preparing is None:
            self._preparing = asyncio.create_task(self._prepare(), name="prepare")
        await asyncio.shield(self._preparing)

    async def once(self, name: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What is made when a trial first asks for it by this name, for all trials. Raises what making it raised."""
        if name not in self._once:
            self._once[name] = asyncio.create_task(make(), name=name)
        made: T = await asyncio.shield(self._once[name])
        return made

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        """End what is being prepared or made."""
        tasks = {*self._once.values(), *([self._preparing] if self._preparing is not None else [])}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def place(self, name: str) -> Path:
        """A new directory of the ground, for what belongs to a process."""
        path = self.ground.home.root / "stands" / name
        path.mkdir(mode=0o711, parents=True)
        return path

    async def _prepare(self) -> None:
        command = self.subject.prepare
        async with self.trial("prepare") as trial:
            await trial.backing.attach(base=True)
            if command is None:
                return
            finished = await trial.one_off(command, timeout=_PREPARE_WITHIN, base=True)
            if not finished.ok:
                last = "; ".join(one.text for one in finished.lines[-3:])
                raise CannotProve(f"its database cannot be prepared: {command}: {finished}: {last}")

    async def _start_gate(self, argv: list[str]) -> int:
        id = f"gate-{secrets.token_hex(4)}"
        home = self.ground.home
        spec = ProcessSpec(id, tuple(argv), "/", str(home.tmp / id), None, str(home.logs / f"{id}.err"))
        return (await self.ground.start(spec, {"PATH": "/usr/bin:/bin"})).pid

    async def _network(self) -> Network:
        if self.no_namespaces is None and "off" in parse_switch(os.environ.get(SWITCH, "")):
            self.no_namespaces = f"{SWITCH}=off"
        if self.no_namespaces is None:
            try:
                return await GateNetwork.start(self.ground.home.root, self._start_gate)
            except PlatformError as error:
                self.no_namespaces = error.problem
        return HostNetwork()
