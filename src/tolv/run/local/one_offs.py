"""One-off processes: admin tasks in a release, run once and never restarted (factor XII)."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from tolv.codebase.model import ProcessType
from tolv.errors import TolvError
from tolv.logs.model import deploy_logs
from tolv.logs.writer import StampedLog
from tolv.run.local.launch import Identity, Launch, environment_for, identify, shell
from tolv.run.local.process import Ground
from tolv.run.local.sandbox import Offer, specify_confined
from tolv.run.model import Exit, ProcessSpec

log = logging.getLogger("tolv.run")

#: Type names of processes that no formation has.
ONE_OFF, RELEASE_PHASE = "run", "release"
_GRACE = 10.0
#: Seconds after which a client that has not attached never will: the keeper's own limit, and some.
_ATTACHED_WITHIN = 65.0

Ended = Callable[[str, Exit], None]


@dataclass(frozen=True, slots=True)
class Numbered:
    """What the store has given a one-off: its id and number, and how long it may run (seconds)."""

    id: str
    number: int
    time_limit: float | None

    def identify(self, launch: Launch, command: Sequence[str]) -> Identity:
        type_ = ProcessType(ONE_OFF, " ".join(command))
        return identify(launch, type_, self.number, id_=self.id, time_limit=self.time_limit)


class OneOff:
    """One one-off, from its start until its whole tree is dead."""

    def __init__(self, identity: Identity, ground: Ground) -> None:
        self.identity = identity
        self.pid: int | None = None
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.empty = asyncio.Event()
        self.expected_until: float | None = None
        """Of an attached one: when its client must have come."""
        self._ground = ground
        self._log = StampedLog(deploy_logs(ground.home.logs, identity.app, identity.environment) / "platform.log")

    def on_exited(self, end: Exit) -> None:
        if not self.exited.done():
            self.exited.set_result(end)

    def on_empty(self) -> None:
        self.empty.set()

    def say(self, text: str) -> None:
        self._log.write(f"v{self.identity.release}", self.identity.name, text)

    async def see_through(self) -> Exit:
        """Wait for its end, or bring it about when its time is over; then forget it."""
        limit = self.identity.time_limit
        over = None if limit is None else self.identity.started_ns / 1e9 + limit
        if self.expected_until is not None and not await self._was_attached(self.expected_until, over):
            self.say("nobody attached")
            return Exit(at=time.time())
        left = None if over is None else max(0.0, over - time.time())
        try:
            async with asyncio.timeout(left):
                await asyncio.shield(self.exited)
        except TimeoutError:
            self.say(f"stopped: it ran longer than its limit of {limit:g} s")
        await self.end_tree()
        end = await asyncio.shield(self.exited)
        self.say(f"ended: {_outcome(end)}")
        await self._ground.keeper.forget(self.identity.id)
        return end

    async def condemn(self, reason: str) -> None:
        """It harms others: end it at once."""
        self.say(f"ended: {reason}")
        await self._ground.keeper.signal(self.identity.id, signal.SIGKILL, "tree")

    async def _was_attached(self, until: float, over: float | None) -> bool:
        """Whether the client came; without one the keeper has nothing to report, ever. Looks when its time is over,
        if that is earlier, and else `until` the client must have come."""
        for moment in sorted({until, min(until, over or until)}):
            try:
                async with asyncio.timeout(max(0.0, moment - time.time())):
                    await asyncio.shield(self.exited)
                return True
            except TimeoutError:
                if any(kept.id == self.identity.id for kept in await self._ground.keeper.list()):
                    return True
        return False

    async def end_tree(self) -> None:
        """SIGTERM, ten seconds, SIGKILL, until nothing of it is left."""
        number, pause = signal.SIGTERM, _GRACE
        if self.exited.done() and await self._is_empty_within(0.2):
            return
        while not self.empty.is_set():
            await self._ground.keeper.signal(self.identity.id, number, "tree")
            await self._is_empty_within(pause)
            number, pause = signal.SIGKILL, 1.0

    async def _is_empty_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.empty.wait()
        return self.empty.is_set()


class OneOffs:
    """The one-offs of this machine that run now. `ended(id, exit)` is called when one is over."""

    def __init__(self, ground: Ground, ended: Ended) -> None:
        self._ground = ground
        self._ended = ended
        self._running: dict[str, OneOff] = {}
        self._tasks: set[asyncio.Task[Exit]] = set()

    def get(self, id_: str) -> OneOff | None:
        return self._running.get(id_)

    def all(self) -> list[OneOff]:
        return list(self._running.values())

    def of(self, app: str, environment: str) -> list[OneOff]:
        """Those of one deploy, oldest first."""
        return [
            one for one in self._running.values() if (one.identity.app, one.identity.environment) == (app, environment)
        ]

    async def run(self, launch: Launch, command: str, timeout: float) -> Exit:
        """Run the release phase to its end, its output in the log, and return how it ended."""
        type_ = ProcessType(RELEASE_PHASE, command)
        one = await self._start(launch, identify(launch, type_, 1, time_limit=timeout), shell(command))
        return await self._keep(one)

    async def start(self, launch: Launch, command: Sequence[str], numbered: Numbered) -> OneOff:
        """Start a detached one-off; its output goes to the log."""
        one = await self._start(launch, numbered.identify(launch, command), _argv(launch, command))
        self._keep(one)
        return one

    async def prepare(
        self, launch: Launch, command: Sequence[str], numbered: Numbered, *, tty: bool, terminal: str | None = None
    ) -> OneOff:
        """Make a one-off ready for a client to attach to: it starts when the client hands its descriptors to the
        keeper, and ends with that client. `terminal` is its kind of terminal, unless the config says another."""
        identity, spec = self._specify(
            launch, numbered.identify(launch, command), _argv(launch, command), logged=False, tty=tty
        )
        one = self._running[identity.id] = OneOff(identity, self._ground)
        environment = environment_for(self._ground.home, launch, identity)
        await self._ground.keeper.prepare(spec, {"TERM": terminal, **environment} if terminal else environment)
        one.say(f"attached: {' '.join(command)}")
        one.expected_until = time.time() + _ATTACHED_WITHIN
        self._keep(one)
        return one

    def adopt(self, identity: Identity, pid: int | None) -> OneOff:
        """Take over a one-off that was found running. A release phase has lost the deploy that it was for: it ends."""
        if identity.type.name == RELEASE_PHASE:
            identity = replace(identity, time_limit=0.0)
        one = self._running[identity.id] = OneOff(identity, self._ground)
        one.pid = pid
        self._keep(one)
        return one

    async def stop(self, app: str, environment: str) -> None:
        """End all one-offs of a deploy."""
        for one in self.of(app, environment):
            with suppress(TolvError):
                await self._ground.keeper.signal(one.identity.id, signal.SIGTERM, "tree")
        for one in self.of(app, environment):
            await one.end_tree()

    async def close(self) -> None:
        """Stop watching; what runs goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _start(self, launch: Launch, identity: Identity, argv: tuple[str, ...]) -> OneOff:
        identity, spec = self._specify(launch, identity, argv)
        one = self._running[identity.id] = OneOff(identity, self._ground)
        one.say(f"starting: {identity.type.command}")
        try:
            one.pid = await self._ground.keeper.start(spec, environment_for(self._ground.home, launch, identity))
        except BaseException:
            del self._running[identity.id]
            raise
        return one

    def _specify(
        self, launch: Launch, identity: Identity, argv: tuple[str, ...], *, logged: bool = True, tty: bool = False
    ) -> tuple[Identity, ProcessSpec]:
        ground = self._ground
        offer = Offer.of(ground.keeper.said)
        return specify_confined(ground.home, offer, launch, identity, argv, logged=logged, tty=tty)

    def _keep(self, one: OneOff) -> asyncio.Task[Exit]:
        task = asyncio.create_task(one.see_through())
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._let_go(one, done))
        return task

    def _let_go(self, one: OneOff, task: asyncio.Task[Exit]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        self._running.pop(one.identity.id, None)
        if task.exception() is not None:
            log.error("%s", one.identity.id, exc_info=task.exception())
        elif one.identity.type.name == ONE_OFF:
            self._ended(one.identity.id, task.result())


def _argv(launch: Launch, command: Sequence[str]) -> tuple[str, ...]:
    """A process type's name stands for its command, more words are added to it (as on Heroku); one word with blanks
    is a line for the shell; else the words are the command."""
    type_ = launch.types.get(command[0])
    if type_ is not None:
        return ("/bin/sh", "-c", f'{type_.command} "$@"' if command[1:] else type_.command, "sh", *command[1:])
    if len(command) == 1 and any(char.isspace() for char in command[0]):
        return shell(command[0])
    return ("/bin/sh", "-c", 'exec "$@"', "sh", *command)


def _outcome(end: Exit) -> str:
    if end.signal is not None:
        return f"killed by {signal.Signals(end.signal).name}"
    return f"exit status {'unknown' if end.code is None else end.code}"
