"""One deploy on this machine: what should run, what does, and the loop that brings them together.

`Deployment.run` is the actor of `tolv.run.planner`: whenever something changed it plans, tells the router who gets
requests, and takes the steps. It decides nothing itself.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from tolv.codebase.model import ProcessType
from tolv.errors import TolvError, UsageError
from tolv.route.model import Maintenance, Mode, Route, Upstream
from tolv.run.formation import ROUTED, target_for
from tolv.run.local.launch import Identity, Launch, Past, identify, needs_port
from tolv.run.local.process import End, Ground, Process
from tolv.run.local.routing import host_of
from tolv.run.model import State
from tolv.run.planner import Abandon, Desired, Instance, Phase, Plan, Promote, Start, Step, Stop, plan

log = logging.getLogger("tolv.run")

#: How often a process may find its port taken by another program before that counts as a crash.
_PORT_ATTEMPTS = 5
#: Seconds until a step that Tolv itself failed in is tried again.
_AGAIN = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a rollout ended. When it failed: why, and the identity of the process that failed."""

    live: bool
    reason: str | None = None
    failed: Identity | None = None


class Deployment:
    """An app in an environment, kept in the shape that its live release and formation ask for."""

    def __init__(self, app: str, environment: str, ground: Ground, promote: Callable[[int], Awaitable[None]]) -> None:
        self.app = app
        self.environment = environment
        self.running = True
        self.formation: dict[str, int] = {}
        self.maintenance: Maintenance | None = None
        self.live: Launch | None = None
        self.candidate: Launch | None = None
        self.candidate_formation: dict[str, int] = {}
        self._outcome: asyncio.Future[Outcome] | None = None
        self.promoting = False
        """The candidate is just being made the live release."""
        self._stopped = False
        self._ended = False
        """Nothing is to start any more."""
        self._switching = False
        """The candidate is live, but requests perhaps do not go to it yet."""
        self._ground = ground
        self._promote = promote
        self._processes: dict[str, Process] = {}
        self._adopted: list[Process] = []
        self._port_losses: dict[str, int] = {}
        self._changed = asyncio.Condition()
        self._wake = asyncio.Event()
        self._closed = False

    # What others want of it.

    async def roll(self, candidate: Launch, formation: Mapping[str, int]) -> Outcome:
        """Bring `candidate` up beside the live release and switch to it; returns when requests go to it, or when it
        has been given up. The live release is untouched until then: one that was stopped stays so, too."""
        if self._ended:
            return Outcome(False, "the server was told to stop")
        self._outcome = asyncio.get_running_loop().create_future()
        self.candidate, self.candidate_formation = candidate, dict(formation)
        self._stopped = False
        self.wake()
        return await self._outcome

    def scale(self, formation: Mapping[str, int]) -> None:
        """Run this many of each type from now on."""
        self.formation = dict(formation)
        self.wake()

    def restart(self, matches: Callable[[Identity], bool]) -> list[str]:
        """Replace the matching processes by fresh ones, the way a deploy would; returns their names."""
        chosen = [one for one in self._processes.values() if matches(one.identity) and one.phase is not Phase.STOPPING]
        for one in chosen:
            one.outdated = True
        self.wake()
        return sorted({one.identity.name for one in chosen})

    async def set_maintenance(self, maintenance: Maintenance | None) -> None:
        """Keep requests from the processes, or let them through again; the router does so when this returns."""
        self.maintenance = maintenance
        self.wake()
        await self._route(self._plan().routed)

    def set_running(self, running: bool) -> None:
        """Start or stop all processes; the releases stay. Stopping ends a rollout that is under way."""
        running = running and not self._ended
        self.running = running
        self._stopped = not running
        if not running and self.candidate is not None and not self.promoting:
            self.candidate = None
            self._finish(Outcome(False, "the deploy was stopped"))
        self.wake()

    def end(self) -> None:
        """Stop all processes, and let nothing start any more: what was to roll later is refused."""
        self._ended = True
        self.set_running(False)

    async def kill(self) -> list[str]:
        """End all processes at once, whatever they are at; returns their names."""
        running = [one for one in self._processes.values() if one.phase is not Phase.CRASHED]
        for one in running:
            with suppress(UsageError):  # it is only about to start, or has just ended
                await self._ground.keeper.signal(one.identity.id, signal.SIGKILL, "tree")
            await self._ground.routing.router.cut([one.identity.id])
        return sorted({one.identity.name for one in running})

    async def until(self, satisfied: Callable[[], bool]) -> None:
        """Wait for a state of this deploy; asked again after every change."""
        async with self._changed:
            await self._changed.wait_for(satisfied)

    def steady(self) -> bool:
        """Nothing starts, stops or waits to be replaced: what runs is what should, or has crashed."""
        return self._plan().settled and not any(
            one.phase in (Phase.STARTING, Phase.STOPPING, Phase.HUNG) or one.outdated
            for one in self._processes.values()
        )

    def calm(self) -> bool:
        """Nothing is on its way: all is steady, or a process crashed and waits for its next start."""
        return self.steady() or any(
            one.phase is Phase.CRASHED and (one.retry_at or 0.0) > time.monotonic() for one in self._processes.values()
        )

    def processes(self) -> list[Process]:
        """Its processes, by type, index and age."""
        return sorted(
            self._processes.values(),
            key=lambda one: (one.identity.type.name, one.identity.index, one.identity.started_ns),
        )

    def process(self, id_: str) -> Process | None:
        return self._processes.get(id_)

    def adopt(self, identity: Identity, pid: int | None, ready: bool) -> Process:
        """Take over a process that was found running, before `run` begins."""
        process = Process(identity, self._ground)
        process.pid = pid
        process.phase = Phase.READY if ready else Phase.STARTING
        self._processes[identity.id] = process
        self._adopted.append(process)
        if identity.port is not None:
            self._ground.ports.adopt(identity.port)
        return process

    def wake(self) -> None:
        """Look again: something may have changed."""
        self._wake.set()

    def close(self) -> None:
        """Let `run` return, leaving the processes as they are."""
        self._closed = True
        self.wake()

    # The loop.

    async def run(self) -> None:
        """Plan and act until `close`; processes live in tasks of this call."""
        lives: set[asyncio.Task[None]] = set()
        try:
            for process in self._adopted:
                self._spawn(lives, process, process.resume(self.wake))
            while not self._closed:
                self._wake.clear()
                wake_at = await self._step(lives)
                await self._notify()
                await self._sleep_until(wake_at)
        finally:
            for task in lives:
                task.cancel()
            await asyncio.gather(*lives, return_exceptions=True)

    async def _step(self, lives: set[asyncio.Task[None]]) -> float | None:
        try:
            current = self._plan()
            await self._route(current.routed)
            self._conclude()
            if self._wake.is_set():  # something changed meanwhile: these steps may be out of date
                return time.monotonic()
            for step in sorted(current.steps, key=self._has_port):
                match step:
                    case Start():
                        self._start(step, lives)
                    case Stop(id):
                        self._stop(id)
                    case Promote():
                        await self._take_live()
                    case Abandon(_, id):
                        self._give_up(id)
        except Exception as error:
            # Whatever it is, this deploy must be looked after again: its loop is the only one who does.
            known = isinstance(error, TolvError | OSError)
            log.error("%s in %s: %s; trying again", self.app, self.environment, error, exc_info=not known)
            self._refuse(error)
            return time.monotonic() + _AGAIN
        return current.wake_at

    async def _sleep_until(self, wake_at: float | None) -> None:
        try:
            async with asyncio.timeout(None if wake_at is None else max(0.0, wake_at - time.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            return

    def _desired(self) -> Desired:
        live = candidate = None
        if self.live is not None and self.running:
            live = target_for(self.live.release, self.live.types.values(), self.formation)
        if self.candidate is not None:
            candidate = target_for(self.candidate.release, self.candidate.types.values(), self.candidate_formation)
        return Desired(live, candidate)

    def _plan(self) -> Plan:
        instances: list[Instance] = [one.instance() for one in self._processes.values()]
        return plan(self._desired(), instances, time.monotonic())

    # Acting.

    def _has_port(self, step: Step) -> bool:
        """Of a start: those come last. The others are ready only once they rest, and a rollout waits for all."""
        return isinstance(step, Start) and needs_port(self._launch_of(step).types[step.type])

    def _launch_of(self, step: Start) -> Launch:
        launch = self.candidate if self.candidate and self.candidate.release == step.release else self.live
        assert launch is not None
        return launch

    def _start(self, step: Start, lives: set[asyncio.Task[None]]) -> None:
        launch = self._launch_of(step)
        type_: ProcessType = launch.types[step.type]
        port = self._ground.ports.take() if needs_port(type_) else None
        process = Process(identify(launch, type_, step.index, port=port, past=self._past_of(step.after)), self._ground)
        identity = process.identity
        self._processes[identity.id] = process
        self._spawn(lives, process, process.start(launch, self.wake))

    def _past_of(self, before: str | None) -> Past:
        """What a new process takes over from the one whose place it has."""
        if before is None:
            return Past()
        process = self._processes[before]
        if process.phase is Phase.CRASHED:
            del self._processes[before]
        return process.give_way()

    def _spawn(self, lives: set[asyncio.Task[None]], process: Process, life: Awaitable[End]) -> None:
        task = asyncio.create_task(self._see_through(process, life))
        lives.add(task)
        task.add_done_callback(lives.discard)

    async def _see_through(self, process: Process, life: Awaitable[End]) -> None:
        """Await a process's life, and take it off the list unless it crashed and its place waits for another."""
        id_ = process.identity.id
        try:
            end = await life
        except (TolvError, OSError) as error:
            log.exception("%s", id_)
            end = process.give_up(f"lost: {error}", blameless=True)
        if end is End.LOST_ITS_PORT and not self._may_try_another_port(process):
            end = process.give_up(f"port taken by another program, {_PORT_ATTEMPTS} times over", blameless=True)
        if end is not End.CRASHED:
            self._processes.pop(id_, None)
        self.wake()

    def _may_try_another_port(self, process: Process) -> bool:
        name = f"v{process.identity.release} {process.identity.name}"
        self._port_losses[name] = self._port_losses.get(name, 0) + 1
        return self._port_losses[name] < _PORT_ATTEMPTS

    def _stop(self, id_: str) -> None:
        process = self._processes[id_]
        if process.phase is Phase.CRASHED:
            del self._processes[id_]
            self.wake()
        else:
            process.stop()

    async def _take_live(self) -> None:
        assert self.candidate is not None
        self.promoting = True
        try:
            await self._promote(self.candidate.release)
            self.live, self.formation = self.candidate, self.candidate_formation
            self.candidate, self.running = None, not self._stopped
        finally:
            self.promoting = False
        self._switching = True
        self._port_losses.clear()
        await self._route(self._plan().routed)
        self._conclude()
        self.wake()

    def _conclude(self) -> None:
        """Requests go where they should: a rollout that waits for that is over."""
        if self._switching:
            self._switching = False
            self._finish(Outcome(True))

    def _give_up(self, id_: str) -> None:
        process = self._processes[id_]
        self.candidate = None
        self._finish(Outcome(False, f"{process.identity.name} {process.reason}", process.identity))
        self.wake()

    def _refuse(self, error: Exception) -> None:
        """What Tolv itself cannot do fails the rollout that needs it, not what runs."""
        if self.candidate is not None:
            self.candidate = None
            self._finish(Outcome(False, str(error)))

    def _finish(self, outcome: Outcome) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(outcome)

    async def _route(self, ids: frozenset[str]) -> None:
        """Tell the router who gets requests. A deploy that has no routed type has no route."""
        if not self._has_web():
            await self._ground.routing.remove(self.app, self.environment)
            return
        upstreams = tuple(
            Upstream(
                id_,
                one.host,
                one.identity.port,
                f"v{one.identity.release}",
                one.identity.name,
                one.identity.type.response_timeout,
            )
            for id_, one in sorted(self._processes.items())
            if id_ in ids and one.identity.port is not None
        )
        await self._ground.routing.set(
            Route(
                host_of(self.app, self.environment),
                self.app,
                self.environment,
                upstreams,
                mode=self._mode(),
                page=self.maintenance.page if self.maintenance else "",
            )
        )

    def _mode(self) -> Mode:
        if self.maintenance is not None:
            return "hold" if self.maintenance.hold else "maintenance"
        return "serve" if self._wants_web() else "refuse"

    def _has_web(self) -> bool:
        return any(launch is not None and ROUTED in launch.types for launch in (self.live, self.candidate))

    def _wants_web(self) -> bool:
        """Whether it is worth a request's while to wait: not after `tolv down` or `tolv scale web=0`."""
        return any(
            target is not None and ROUTED in target.types and target.types[ROUTED].quantity > 0
            for target in (self._desired().live, self._desired().candidate)
        )

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def state_of(process: Process) -> State:
    """The word that `tolv ps` shows."""
    if process.phase is Phase.READY and process.health.complaint is not None:
        return State.UNREADY
    return {
        Phase.STARTING: State.STARTING,
        Phase.READY: State.READY,
        Phase.STOPPING: State.DRAINING,
        Phase.HUNG: State.CRASHED,
        Phase.CRASHED: State.CRASHED,
    }[process.phase]
