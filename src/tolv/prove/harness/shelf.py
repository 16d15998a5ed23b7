"""The shelf: servers of throw-away backing services, started when a trial first asks for them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from tolv.errors import PlatformError
from tolv.prove.harness.ground import Ground
from tolv.run.local.server_process import START_DEADLINE, Job, ServerProcess
from tolv.run.local.service_job import job_of
from tolv.run.local.users import user_of
from tolv.services.model import Instance
from tolv.services.provider import Provider
from tolv.services.providers import provider_of

log = logging.getLogger("tolv.prove")

#: What a server is told whose data nobody needs after a loss of power.
_THROW_AWAY = {"postgres": ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    kind: str
    provider: Provider
    instance: Instance
    process: ServerProcess

    @property
    def version(self) -> str:
        return self.instance.binaries.version


@contextlib.asynccontextmanager
async def shelved(ground: Ground, say: Callable[[str], None]) -> AsyncIterator[Shelf]:
    """A shelf on a ground, which it must not outlive."""
    shelf = Shelf(ground, say)
    try:
        yield shelf
    finally:
        await shelf.close()


class Shelf:
    """All servers of one ground."""

    def __init__(self, ground: Ground, say: Callable[[str], None]) -> None:
        self._ground = ground
        self.say = say
        self._servers: dict[str, asyncio.Task[Server]] = {}
        self._versions: set[str] = set()

    @property
    def versions(self) -> tuple[str, ...]:
        """What there is, and what there was: `postgres 16.14`."""
        return tuple(sorted(self._versions))

    async def server(self, kind: str, version: str | None, label: str) -> Server:
        """The server of this label, started if there is none.

        Raises `UsageError` for a kind or version that Tolv cannot run, `PlatformError` if it does not start.
        """
        if label not in self._servers:
            self._servers[label] = asyncio.create_task(self._start(kind, version, label), name=f"server {label}")
        return await asyncio.shield(self._servers[label])

    async def stop(self, label: str) -> None:
        """Stop a server that nobody needs any more."""
        task = self._servers.pop(label, None)
        if task is not None:
            server = await task
            await server.process.stop()
            self._ground.servers.pop(server.instance.id, None)
            self._ground.ports.give_back(server.instance.port)

    async def close(self) -> None:
        """End what is being started."""
        tasks = list(self._servers.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _start(self, kind: str, version: str | None, label: str) -> Server:
        ground = self._ground
        provider = provider_of(kind)
        binaries = await asyncio.to_thread(provider.find, version, ground.real.cache, self.say)
        user = user_of(ground.home, f"service {label}") if os.geteuid() == 0 else None
        directory = ground.home.services / label / "files"
        directory.mkdir(mode=0o700, parents=True)
        if user is not None:
            os.chown(directory, user, user)
        instance = Instance(label, directory, ground.ports.take(), user, secrets.token_hex(16), binaries)

        async def plan() -> Job:
            job = await job_of(provider, instance)
            return replace(job, argv=(*job.argv, *_THROW_AWAY.get(kind, ())))

        process = ground.servers[label] = ServerProcess(label, ground.home, ground.keeper, plan, log.info)
        process.start()
        try:
            await process.until_ready(START_DEADLINE)
        except PlatformError as error:
            raise PlatformError(f"{kind} does not start: {error.problem}", where=error.where) from None
        server = Server(kind, provider, instance, process)
        self._versions.add(f"{kind} {server.version}".strip())
        return server
