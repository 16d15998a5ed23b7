"""What it takes to run a backing service's server, as its provider says."""

from __future__ import annotations

import asyncio
import signal

from tolv.run.local.server_process import Job
from tolv.services.ask import Unreachable
from tolv.services.model import Instance
from tolv.services.provider import Provider


async def job_of(provider: Provider, instance: Instance) -> Job:
    """The job of an instance's server. Raises `TolvError` if its provider cannot say how to run it."""
    command = await asyncio.to_thread(provider.command, instance)

    async def prepare() -> None:
        await asyncio.to_thread(provider.prepare, instance)

    async def ask(within: float) -> str | None:
        try:
            await asyncio.to_thread(provider.ask, instance, within)
        except Unreachable as error:
            if not error.answered:
                raise
            return error.problem
        return None

    return Job(
        command.argv,
        command.environment,
        instance.directory,
        (instance.binaries.directory, *instance.binaries.reads),
        instance.user,
        instance.port,
        signal.Signals[command.stop_signal],
        command.grace,
        ask,
        prepare,
    )
