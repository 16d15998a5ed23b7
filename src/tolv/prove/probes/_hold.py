"""Holding a request: having one that is certainly on its way in the app, for as long as something is done to it.

By the slow route of `[prove]`; else by an upload whose body goes out little by little; else by a lock on the tables of
its PostgreSQL database, for which the request has to wait; else by the write, whose body goes out little by little.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from tolv.prove.client import Answer, Held, NoAnswer
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.locks import table_lock
from tolv.prove.harness.trial import Trial
from tolv.prove.probe import CannotProve
from tolv.prove.recipes import EXAMPLES
from tolv.prove.watch.sockets import connected

#: Seconds that a slow request must take to be held; those that are waited for what should come.
_LONG_ENOUGH, _PATIENCE = 0.3, 20.0
_LOOK = 0.02
#: An upload that takes 1.6 s: its bytes, those of a piece, and the seconds between two pieces.
_SIZE, _PIECE, _PAUSE = 64 << 10, 4 << 10, 0.1
#: Of any other body: how many pieces it goes out in.
_PIECES = 16
#: Seconds that a lock is held after a signal that shows no effect.
_AFTER = 1.0


async def until(condition: Callable[[], bool], timeout: float) -> bool:
    """Whether a condition came true within so many seconds."""
    over = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > over:
            return False
        await asyncio.sleep(_LOOK)
    return True


@dataclass(slots=True)
class Holding:
    """A request that is in the app's hands."""

    held: Held
    what: str
    """`the slow request`."""
    status: int
    """What it is answered when nothing happens."""
    release: Callable[[Callable[[], bool]], Awaitable[None]]
    """Stop whatever holds it, once the app has seen what was done to it: given is what shows that it has."""

    def bad(self, answer: Answer) -> bool:
        """Whether the answer shows that what was done to the app has spoilt the request."""
        return answer.status != self.status and answer.status >= 400


class Holder:
    """Knows how a request can be held in the app of a trial."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._seconds: float | None = None
        """That the slow request takes."""
        self._status = 200
        self._recipe = "read"
        """That waits for a locked table."""
        self._way: Callable[[Instance], contextlib.AbstractAsyncContextManager[Holding]] | None = None

    @contextlib.asynccontextmanager
    async def holding(self, instance: Instance) -> AsyncIterator[Holding]:
        """Have a request on its way in the instance; given up at the end if it still is.

        Raises `CannotProve` if there is no way to.
        """
        if self._way is None:
            self._way = await self._find(instance)
        async with self._way(instance) as holding:
            yield holding

    async def _find(self, instance: Instance) -> Callable[[Instance], contextlib.AbstractAsyncContextManager[Holding]]:
        """The first way that works, after the request was seen to be answered when nobody holds it."""
        trial, recipes = self._trial, self._trial.subject.recipes
        why = "no request of the app can be held: there is no slow route in [prove], no upload, and no write"
        if recipes.slow:
            answer = await (await trial.traffic.slow(instance)).answer(60.0)
            if answer.status >= 400:
                raise CannotProve(f"the slow of [prove] is answered {answer.status}", EXAMPLES["slow"])
            if answer.seconds >= _LONG_ENOUGH:
                self._seconds, self._status = answer.seconds, answer.status
                return self._slow
            why = f"the slow of [prove] is answered in {answer.seconds:.2f} s: too soon to be held"
        if recipes.upload:
            self._status = (await trial.traffic.upload(instance, size=_SIZE)).answer.status
            return self._upload
        if recipes.write:
            self._recipe, self._status = "write", (await trial.traffic.write(instance)).answer.status
        elif recipes.read:
            self._status = (await trial.traffic.read(instance)).status
        if trial.backing.of_kind("postgres") and (recipes.write or recipes.read):
            try:
                await self._try_lock(instance)
            except CannotProve as error:
                why = error.reason
            else:
                return self._locked
        if recipes.write and recipes.write[-1].body is not None:
            return self._written
        raise CannotProve(why, EXAMPLES["slow"])

    @contextlib.asynccontextmanager
    async def _slow(self, instance: Instance) -> AsyncIterator[Holding]:
        assert self._seconds is not None
        held = await self._trial.traffic.slow(instance)
        with contextlib.closing(_Let(held)):
            await _taken(instance, held)
            await held.over(min(2.0, self._seconds / 3))
            self._see(held, f"a third of the {self._seconds:.1f} s that it takes is over, and no answer yet", instance)
            yield Holding(held, "the slow request", self._status, _nothing)

    @contextlib.asynccontextmanager
    async def _upload(self, instance: Instance) -> AsyncIterator[Holding]:
        going = await self._trial.traffic.slow_upload(instance, size=_SIZE, chunk=_PIECE, pause=_PAUSE)
        held = going.held
        with contextlib.closing(_Let(held)):
            await _taken(instance, held)
            await held.reached(held.size // 2)
            self._see(held, f"{held.sent >> 10} KB of its {held.size >> 10} KB are sent", instance)
            yield Holding(held, "the upload", self._status, _nothing)

    async def _try_lock(self, instance: Instance) -> None:
        """See that a locked table holds the request. Raises `CannotProve` if it does not."""
        async with self._locked(instance) as holding:
            await holding.release(lambda: True)
            await holding.held.over(_PATIENCE)

    @contextlib.asynccontextmanager
    async def _written(self, instance: Instance) -> AsyncIterator[Holding]:
        held = await self._trial.traffic.slow_write(instance, pieces=_PIECES, pause=_PAUSE)
        with contextlib.closing(_Let(held)):
            await _taken(instance, held)
            await held.reached(held.size // 2)
            self._see(held, f"{held.sent} of the {held.size} bytes of its body are sent", instance)
            yield Holding(held, "the write", self._status, _nothing)

    @contextlib.asynccontextmanager
    async def _locked(self, instance: Instance) -> AsyncIterator[Holding]:
        service = self._trial.backing.of_kind("postgres")
        assert service is not None
        async with table_lock(service) as lock:
            held = await self._trial.traffic.hold(instance, self._recipe, lock.take)
            with contextlib.closing(_Let(held)):
                over = time.monotonic() + _PATIENCE
                while not held.done and not await lock.waiting():
                    if time.monotonic() > over:
                        raise CannotProve(f"the {self._recipe} does not wait for a table", EXAMPLES["slow"])
                    await asyncio.sleep(_LOOK)
                self._see(held, "it waits for a table of the database, which the harness has locked", instance)

                async def release(seen: Callable[[], bool]) -> None:
                    await until(lambda: held.done or seen(), _AFTER)
                    await lock.release()
                    self._trial.saw("service", "the tables are unlocked", service.name)

                yield Holding(held, f"the {self._recipe}", self._status, release)

    def _see(self, held: Held, what: str, instance: Instance) -> None:
        if held.done:
            raise CannotProve("the request was answered before anything could be done to it", EXAMPLES["slow"])
        self._trial.saw("saw", what, instance.name)


async def _taken(instance: Instance, held: Held) -> None:
    """Wait until a process of the app has taken the request's connection from the kernel."""

    def taken() -> bool:
        return held.done or any(one.peer_port == held.port for one in connected(instance.pids()))

    if not await until(taken, _PATIENCE):
        raise CannotProve(f"{instance.name} does not take the request's connection")


class _Let:
    """Lets a held request go."""

    def __init__(self, held: Held) -> None:
        self.close = held.abort


async def _nothing(seen: Callable[[], bool]) -> None:
    """There is nothing to release."""


class Knocks:
    """New requests, one after the other, at an instance that was told to stop: what becomes of each."""

    def __init__(self, instance: Instance, path: str) -> None:
        self.refused = False
        """Connections are refused."""
        self.statuses: list[int] = []
        self.lost: list[str] = []
        """Why those that were taken, and not answered, were not."""
        self._instance = instance
        self._path = path
        self._task = asyncio.create_task(self._knock(), name="knocks")

    async def _knock(self) -> None:
        while self._instance.alive and not self.refused and len(self.lost) < 3:
            try:
                answer = await self._instance.client.request("GET", self._path, timeout=3.0)
                self.statuses.append(answer.status)
            except NoAnswer as error:
                if error.why == "refused":
                    self.refused = True
                elif self._instance.alive:  # one that its end has met is nobody's fault
                    self.lost.append(error.text)
            await asyncio.sleep(_LOOK)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    def __str__(self) -> str:
        parts = [f"{self.statuses.count(one)} answered {one}" for one in sorted(set(self.statuses))]
        parts += [f"{len(self.lost)} taken and not answered ({self.lost[0]})"] if self.lost else []
        parts += ["then refused" if parts else "refused"] if self.refused else []
        return f"new requests: {', '.join(parts) or 'none, as it had ended'}"
