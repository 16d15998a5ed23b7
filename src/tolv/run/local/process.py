"""One process of a deploy, from its start until its whole tree is dead.

The life of a process is one coroutine, `Process.live`, that owns it from end to end:

    start -> starting -> ready -> (told to stop) draining -> stopped
                              \\-> (ended by itself) crashed
                              \\-> (does not answer any more) hung, and ended -> crashed

What it waits for are two facts that the keeper reports, `exited` (the leader ended) and `empty` (the tree is dead and
its output is on disk), and one wish, `stop`.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from tolv.errors import TolvError
from tolv.home import Home
from tolv.logs.model import deploy_logs
from tolv.logs.writer import StampedLog
from tolv.run.keeper.client import KeeperClient, Scope
from tolv.run.local.backoff import FORGIVEN_AFTER, crashes_in_a_row, delay
from tolv.run.local.health import Health
from tolv.run.local.launch import Identity, Launch, Past, environment_for, log_files, natural_scope, shell
from tolv.run.local.memory import said_out_of_memory
from tolv.run.local.ports import Ports, held_by_stranger
from tolv.run.local.probe import Answer, probe_any, probe_http, probe_open
from tolv.run.local.rest import until_rest
from tolv.run.local.routing import Routing, host_of
from tolv.run.local.sandbox import Offer, specify_confined
from tolv.run.model import Exit
from tolv.run.planner import Instance, Phase

#: Seconds after which a process without a port counts as ready even if it has not come to rest.
_SETTLED_AFTER = 1.0
#: Readiness is asked for again after a part of the time waited so far, within these bounds (seconds): soon enough for
#: a quick start, and seldom enough not to slow down the other.
_PROBE_PART, _PROBE_PAUSE = 0.05, (0.01, 0.25)
_OPEN_TIMEOUT = 5.0
#: Where only an answer of any kind is wanted, an app that takes long for its first page is given the time.
_PATIENT_TIMEOUT = 30.0
#: What is left of a tree once its leader has ended gets this long between SIGTERM and SIGKILL.
_STRAY_GRACE = 5.0
#: Seconds that a look at a process may be late by: if it was later, it was Tolv or the machine that was slow.
_LATE = 1.0


@dataclass(frozen=True, slots=True)
class Crash:
    """A process that died against our will, or hung."""

    identity: Identity
    at: float
    """Seconds since 1970."""
    reason: str
    hung: bool = False
    blameless: bool = False
    """It was not the app's doing, as far as is known: somebody sent it a signal, or Tolv could not start it."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What every process of the local engine stands on."""

    home: Home
    keeper: KeeperClient
    routing: Routing
    ports: Ports
    crashed: Callable[[Crash], None] = lambda crash: None
    """Hears of each process that died against our will."""


class End(Enum):
    """How a process's life ended, for its deploy."""

    STOPPED = "stopped"
    CRASHED = "crashed"
    LOST_ITS_PORT = "lost its port"
    """Another program took the port first: nobody's fault, another port will do."""


class Process:
    """A running process, or one that crashed and waits for its successor."""

    def __init__(self, identity: Identity, ground: Ground) -> None:
        self.identity = identity
        self.phase = Phase.STARTING
        self.outdated = False
        self.pid: int | None = None
        self.host = "127.0.0.1"
        self.retry_at: float | None = None
        """When a successor is due, by `time.monotonic`: a clock that is set back must not hold it up."""
        self.reason: str | None = identity.past.reason
        """Why it crashed, or why the one before it did."""
        self.ended_at: float | None = None
        self.crashes: int = identity.past.crashes
        """In a row, its own included."""
        self.health = Health(identity.type.health_failures)
        self._ground = ground
        self._detail = "it has not started"
        self._answers = False
        self._exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._empty = asyncio.Event()
        self._stop = asyncio.Event()
        self._verdict: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._changed: Callable[[], None] = lambda: None
        self._log = StampedLog(deploy_logs(ground.home.logs, identity.app, identity.environment) / "platform.log")

    # What the keeper reports, and what the deploy wants.

    def on_exited(self, end: Exit) -> None:
        if not self._exited.done():
            self._exited.set_result(end)

    def on_empty(self) -> None:
        self._empty.set()

    def stop(self) -> None:
        """Leave the router, finish what is in flight, end; `live` returns when the whole tree is dead."""
        if self.phase is not Phase.CRASHED:
            self._become(Phase.STOPPING)
        self._stop.set()

    def give_way(self) -> Past:
        """Its successor starts; of one that hung the rest is ended all the same."""
        if self.phase is Phase.HUNG:
            self.phase = Phase.STOPPING
        return Past(self.identity.past.restarts + 1, self.crashes, self.reason)

    def condemn(self, reason: str) -> None:
        """It harms others: end it at once. That counts as a crash, for this reason."""
        if not self._verdict.done():
            self._verdict.set_result(reason)

    def instance(self) -> Instance:
        """This process as the planner sees it."""
        one = self.identity
        well = self.health.complaint is None
        return Instance(one.id, one.release, one.type.name, one.index, self.phase, self.outdated, self.retry_at, well)

    def in_crash_loop(self, crashes: int) -> bool:
        """So many in its place have crashed in a row, the last one not long ago."""
        return self.crashes >= crashes and time.time() - self.identity.started_ns / 1e9 < FORGIVEN_AFTER

    # Its life.

    async def start(self, launch: Launch, changed: Callable[[], None]) -> End:
        """Start it and see it through to its end. `changed` is called at every change of phase."""
        self._changed = changed
        identity = self.identity
        if launch.unready:
            return self.give_up(f"cannot be started: {launch.unready}", blameless=True)
        self.say(f"starting: {identity.type.command}" + (f" (port {identity.port})" if identity.port else ""))
        ground = self._ground
        try:
            offer, argv = Offer.of(ground.keeper.said), shell(identity.type.command)
            self.identity, spec = specify_confined(ground.home, offer, launch, identity, argv)
            self.pid = await ground.keeper.start(spec, environment_for(ground.home, launch, identity))
        except TolvError as error:
            return self.give_up(f"could not be started: {error.problem}", blameless=True)
        return await self._live()

    async def resume(self, changed: Callable[[], None]) -> End:
        """See a process that was found running through to its end; `pid` and `phase` are as they were found."""
        self._changed = changed
        return await self._live()

    async def _live(self) -> End:
        try:
            if self.phase is Phase.STARTING:
                failure = await self._become_ready()
                if failure is not None:
                    return await self._fail(failure)
            await _first(_future(self._exited), self._stop.wait(), self._until_hung(), asyncio.shield(self._verdict))
            if self._stop.is_set():
                await self._stop_gracefully()
                return End.STOPPED
            if self._verdict.done() and not self._exited.done():
                await self._kill()
                return self.give_up(self._verdict.result())
            if not self._exited.done():
                return await self._end_hung()
            await self._clear(_STRAY_GRACE)
            return await self._note_ending(self._exited.result())
        finally:
            await self._forget()

    async def _become_ready(self) -> str | None:
        """Wait until it is ready, has ended or is told to stop; the reason, if it must be given up."""
        deadline = self.identity.type.start_deadline
        try:
            async with asyncio.timeout(deadline):
                awaited = (_future(self._exited), self._stop.wait(), asyncio.shield(self._verdict))
                await _first(self._until_ready(), *awaited)
        except TimeoutError:
            return f"not ready within {deadline:g} s: {self._detail}"
        if not self._answers and await self._port_lost():
            return ""
        over = self._exited.done() or self._stop.is_set() or self._verdict.done()
        if self.phase is Phase.STARTING and not over:
            self._become(Phase.READY)
        return None

    async def _port_lost(self) -> bool:
        port, pid = self.identity.port, self.pid
        if port is None or pid is None or self._stop.is_set():
            return False
        return await asyncio.to_thread(held_by_stranger, port, pid)

    async def _until_ready(self) -> None:
        """Returns, `_answers` unset, when it never will be: another program has the port."""
        if self.identity.port is None:
            assert self.pid is not None
            await until_rest(self.pid, _SETTLED_AFTER)
        else:
            await self._until(self._probe_open)
            if await self._port_lost():
                return
            await self._until(self._probe)
        self._answers = True

    async def _until(self, probe: Callable[[], Awaitable[Answer]]) -> None:
        began = time.monotonic()
        shortest, longest = _PROBE_PAUSE
        while not (answer := await probe()).ready:
            self._detail = answer.detail
            await asyncio.sleep(min(longest, max(shortest, _PROBE_PART * (time.monotonic() - began))))
        self._detail, self.host = answer.detail, answer.host or self.host

    async def _probe_open(self) -> Answer:
        assert self.identity.port is not None
        return await probe_open(self.identity.port, _OPEN_TIMEOUT)

    async def _probe(self) -> Answer:
        one = self.identity
        assert one.port is not None
        host = host_of(one.app, one.environment)
        if one.type.health is None:
            return await probe_any(one.port, host, _PATIENT_TIMEOUT)
        return await probe_http(one.port, one.type.health, host, one.type.health_timeout)

    async def _until_hung(self) -> None:
        """Ask its health path again and again; returns when it hangs. Without one nothing is asked."""
        type_ = self.identity.type
        if type_.health is None:
            await asyncio.Event().wait()
        answered: int | None = None
        # Somewhere within the interval at first, so that all processes of a machine are not asked at one moment.
        pause = type_.health_interval * random.random()
        while self.health.hung is None:
            await asyncio.sleep(pause)
            pause = type_.health_interval
            began, before = time.monotonic(), self.health.complaint
            answer = await self._probe()
            if answer.status is None and time.monotonic() - began > type_.health_timeout + _LATE:
                continue
            earlier, answered = answered, None if answer.status else await self._answered()
            self.health.note(answer, busy=None not in (earlier, answered) and earlier != answered)
            if self.health.complaint != before:
                self._tell_health(before)

    async def _answered(self) -> int | None:
        """How many requests it has answered, by the router's count; None when the router cannot be asked."""
        try:
            return await self._ground.routing.router.answered(self.identity.id)
        except TolvError:
            return None

    def _tell_health(self, before: str | None) -> None:
        if self.health.complaint is None:
            self.say("well again")
        elif before is None:
            self.say(f"unready: {self.health.complaint}")
        self._changed()

    async def _end_hung(self) -> End:
        """It gets no more requests, its successor starts, and its tree is ended meanwhile."""
        assert self.health.hung is not None
        self.give_up(self.health.hung, phase=Phase.HUNG)
        await self._clear(_STRAY_GRACE)
        if self.phase is Phase.HUNG:
            self._become(Phase.CRASHED)
            return End.CRASHED
        self.say("the one that hung is gone")
        return End.STOPPED

    async def _note_ending(self, end: Exit) -> End:
        reason = ending(end)
        if not end.out_of_memory and (end.code or end.signal is not None):
            said = await asyncio.to_thread(said_out_of_memory, log_files(self._ground.home, self.identity)[1])
            if said:
                limit = self.identity.type.memory
                reason = f"out of memory{f' (limit {_size(limit)})' if limit else ''}: {said}; {reason}"
        return self.give_up(reason, blameless=not end.out_of_memory and (end.unknown or end.signal in _SENT))

    async def _fail(self, reason: str) -> End:
        """It lives but is of no use: end it at once."""
        self._detail = reason
        await self._clear(_STRAY_GRACE)
        if not reason:
            self.say(f"port {self.identity.port} was taken by another program: trying another")
            return End.LOST_ITS_PORT
        return self.give_up(reason)

    async def _stop_gracefully(self) -> None:
        """Drain, the declared signal, the grace period, SIGKILL, and nothing of its tree is left."""
        policy = self.identity.type
        if self.identity.port is not None:
            self._changed()
            left = await self._ground.routing.router.drain([self.identity.id], policy.drain)
            if any(left.values()):
                self.say(f"{sum(left.values())} requests were still in flight after {policy.drain:g} s and are cut")
                await self._ground.routing.router.cut([self.identity.id])
        if not self._exited.done():
            self.say(f"stopping with {policy.stop_signal}")
            scope = policy.stop_scope or natural_scope(self.pid)
            await self._signal(signal.Signals[policy.stop_signal], scope)
            await self._signal(signal.SIGCONT, scope)  # one that was frozen would never see it
            if not await _within(policy.grace, _first(_future(self._exited), self._empty.wait())):
                self.say(f"still running after {policy.grace:g} s: SIGKILL")
                await self._kill()
        await self._clear(_STRAY_GRACE)
        self.say("stopped")

    async def _clear(self, grace: float) -> None:
        """End what is left of the tree: a daemonised child, or one that ignored the signal."""
        if self._empty.is_set():
            return
        # Most trees are empty a moment after their leader: then nobody needs a signal.
        if self._exited.done() and await _within(0.2, self._empty.wait()):
            return
        await self._signal(signal.SIGTERM, "tree")
        await self._signal(signal.SIGCONT, "tree")
        if not await _within(grace, self._empty.wait()):
            await self._kill()

    async def _kill(self) -> None:
        while not self._empty.is_set():
            await self._signal(signal.SIGKILL, "tree")
            await _within(1.0, self._empty.wait())

    async def _signal(self, number: signal.Signals, scope: Scope) -> None:
        await self._ground.keeper.signal(self.identity.id, number, scope)

    async def _forget(self) -> None:
        if self.identity.port is not None:
            self._ground.ports.give_back(self.identity.port)
        if self._empty.is_set():
            await self._ground.keeper.forget(self.identity.id)

    # What it tells.

    def _become(self, phase: Phase) -> None:
        if phase is not self.phase:
            self.phase = phase
            if phase is Phase.READY:
                self.say("ready")
            self._changed()

    def give_up(self, reason: str, *, phase: Phase = Phase.CRASHED, blameless: bool = False) -> End:
        """It is dead against our will, or hangs: note why, and when its successor is due."""
        self.ended_at = time.time()
        started = self.identity.started_ns / 1e9
        self.crashes = crashes_in_a_row(self.identity.past.crashes, self.ended_at - started)
        pause = delay(self.crashes)
        self.retry_at = time.monotonic() + pause
        self.reason = reason
        self.say(f"crashed: {reason}; next start " + (f"in {pause:g} s" if pause else "at once"))
        self._become(phase)
        self._ground.crashed(Crash(self.identity, self.ended_at, reason, phase is Phase.HUNG, blameless))
        return End.CRASHED

    def say(self, text: str) -> None:
        """A line of the platform's own in the deploy's log stream."""
        self._log.write(f"v{self.identity.release}", self.identity.name, text)


#: Signals that a process gets from others and never from a fault of its own.
_SENT = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def ending(end: Exit) -> str:
    """How a process ended, in words."""
    if end.out_of_memory:
        return "out of memory: the kernel killed it"
    if end.signal is not None:
        return f"killed by {signal.Signals(end.signal).name}"
    if end.code is not None:
        return f"exited with {end.code}"
    return "ended, exit status unknown"


def _size(count: int) -> str:
    """Bytes as `tolv.toml` has them: `64M`."""
    for shift, unit in ((40, "T"), (30, "G"), (20, "M"), (10, "K")):
        if count >= 1 << shift and not count % (1 << shift):
            return f"{count >> shift}{unit}"
    return f"{count} bytes"


async def _future(future: asyncio.Future[Exit]) -> Exit:
    """Await a future that must outlive whoever awaits it."""
    return await asyncio.shield(future)


async def _first(*awaitables: Awaitable[object]) -> None:
    """Wait for the first of several to finish, and end the others."""
    tasks = [asyncio.ensure_future(one) for one in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _within(seconds: float, awaitable: Awaitable[object]) -> bool:
    """Whether it finished in time."""
    try:
        async with asyncio.timeout(seconds):
            await awaitable
    except TimeoutError:
        return False
    return True
