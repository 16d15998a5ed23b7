"""What the probes of several factors share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tolv.prove.client import NoAnswer
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.traffic import Reading, Unexpected

#: Seconds between two looks, the first and the last.
_FIRST, _LAST = 0.05, 2.0


async def eventually(look: Callable[[], Awaitable[Reading]], within: float) -> Reading:
    """Look again and again, more and more seldom, until it is found or `within` seconds are over: the last look.

    Raises what a look raises.
    """
    until, pause = time.monotonic() + within, _FIRST
    while True:
        began = time.monotonic()
        reading = await look()
        if reading.found or began >= until:
            return reading
        await asyncio.sleep(min(pause, max(0.0, until - time.monotonic())))
        pause = min(_LAST, 1.5 * pause)


async def exercise(trial: Trial, instance: Instance) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Run every recipe of `[prove]` that asks the app for something, once. Gives the names of those that went well, and
    why others did not."""
    traffic = trial.traffic

    async def write() -> None:
        written = await traffic.write(instance)
        if traffic.recipes.read_back:
            await traffic.read_back(instance, written)

    async def upload() -> None:
        uploaded = await traffic.upload(instance)
        if traffic.recipes.download:
            await traffic.download(instance, uploaded)

    async def login() -> None:
        session = await traffic.login(instance)
        if traffic.recipes.whoami:
            await traffic.whoami(instance, session)

    async def read() -> None:
        await traffic.read(instance)

    async def job() -> None:
        await traffic.job(instance)

    done, problems = [], []
    for work in (read, write, login, upload, job):
        name = work.__name__
        if not traffic.recipes.has(name):
            continue
        try:
            await work()
        except (Unexpected, NoAnswer) as error:
            problems.append(f"{name}: {error}")
        else:
            done.append(name)
    return tuple(done), tuple(problems)
