"""A backing service's server: started, watched and started again, for as long as somebody needs it.

It is a process of the keeper's like any other, confined in the same way, and outlives Tolv's server. Its life is one
coroutine:

    start -> starting -> ready -> (told to stop) stopped
                           |-> (ended by itself, or killed) crashed: started again, with growing pauses
                           |-> (does not answer any more) killed: likewise
                           `-> (answers, but not well: its disk is full) unready: left alone until it is well again
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tolv.errors import PlatformError, TolvError
from tolv.home import Home
from tolv.run.keeper.client import KeeperClient, Scope
from tolv.run.local.backoff import crashes_in_a_row, delay
from tolv.run.local.ports import held_by_stranger
from tolv.run.local.process import ending
from tolv.run.local.sandbox import SWITCH, Offer, open_way, parse_switch
from tolv.run.model import Exit, Kept, Limits, ProcessSpec, Sandbox

log = logging.getLogger("tolv.server")

#: The label by which a backing service's server is told from an app's process.
LABEL = "service"

#: Seconds in which a server must answer from its start on; recovery after a crash is part of it.
START_DEADLINE = 120.0
#: Seconds in which a look must be answered, and how many in a row at one that was ready may be without an answer.
_ANSWER, _FAILURES = 5.0, 3
#: Seconds that one has to stop of which nothing is known but that it runs.
_GRACE = 10.0
#: Seconds between two looks at one that starts.
_STARTING_PAUSE = 0.03
#: Bytes that the log of one server may take.
_LOG_LIMIT = 10 << 20


def _look() -> float:
    """`TOLV_SERVICE_LOOK`: seconds between two looks at one that is ready."""
    try:
        return min(60.0, max(0.2, float(os.environ.get("TOLV_SERVICE_LOOK", ""))))
    except ValueError:
        return 5.0


_LOOK = _look()


class ServerState(StrEnum):
    """As `tolv services` shows it."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"
    """It was ready, and does not answer well now."""
    STOPPING = "stopping"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Job:
    """What to run, and how to know that it serves."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    """Its own, which it may write."""
    reads: tuple[Path, ...]
    user: int | None
    port: int
    stop_signal: signal.Signals
    grace: float
    """Seconds between the stop signal and SIGKILL."""
    ask: Callable[[float], Awaitable[str | None]]
    """Ask it over its own protocol, within so many seconds: None if it is well, else what it says is wrong. Raises
    `TolvError` if it does not answer: only that is a reason to end it."""
    prepare: Callable[[], Awaitable[None]]
    """See that its files are as they must be before it starts. Raises `TolvError`."""


class ServerProcess:
    """One backing service's server. `plan` makes its job anew at each start: it may raise `TolvError`."""

    def __init__(
        self,
        id: str,
        home: Home,
        keeper: KeeperClient,
        plan: Callable[[], Awaitable[Job]],
        say: Callable[[str], None],
    ) -> None:
        self.id = id
        self.state = ServerState.STOPPED
        self.pid: int | None = None
        self.reason: str | None = None
        """Why it is not ready, or was not the last time."""
        self.restarts = 0
        self.started: float | None = None
        """Seconds since 1970."""
        self._home = home
        self._keeper = keeper
        self._plan = plan
        self._say = say
        self._changed = asyncio.Condition()
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._run: _Run | None = None

    @property
    def process(self) -> str | None:
        """The keeper's name for what runs now."""
        return self._run.process if self._run else None

    def start(self) -> None:
        """Have it run, unless it does; one that is stopping starts again."""
        if self._stop.is_set():
            self._stop.clear()
            self.state = ServerState.STARTING
        if self._task is None or self._task.done():
            self.state = ServerState.STARTING
            self._task = asyncio.create_task(self._live(None), name=f"service {self.id}")

    def adopt(self, kept: Kept) -> None:
        """Go on with one that was found running."""
        run = _Run(kept.id, float(kept.labels["started"]))
        self.pid, self.started = kept.pid, run.started
        if kept.exit is not None:
            run.exited.set_result(kept.exit)
        if kept.empty:
            run.empty.set()
        self._run = run
        self._stop.clear()
        self.state = ServerState.STARTING
        self._task = asyncio.create_task(self._live(run), name=f"service {self.id}")

    def on_exited(self, end: Exit) -> None:
        if self._run and not self._run.exited.done():
            self._run.exited.set_result(end)

    def on_empty(self) -> None:
        if self._run:
            self._run.empty.set()

    async def until_ready(self, deadline: float) -> None:
        """Wait until it serves. Raises `PlatformError` when it does not within `deadline` seconds, or keeps failing."""
        crashes = self.restarts

        def decided() -> bool:
            return self.state is ServerState.READY or self.restarts >= crashes + 3 or self.state is ServerState.STOPPED

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline), self._changed:
                await self._changed.wait_for(decided)
        if self.state is not ServerState.READY:
            reason = (
                "it was stopped" if self.state is ServerState.STOPPED else f"it was not ready within {deadline:g} s"
            )
            raise PlatformError(self.reason or reason, where=self.last_lines())

    def end(self) -> None:
        """Have it stop, gracefully."""
        self._stop.set()
        if self._task is not None and not self._task.done():
            self.state = ServerState.STOPPING

    async def stop(self) -> None:
        """The same; returns when its whole tree is dead."""
        self.end()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Let go of it: it runs on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    @property
    def log(self) -> Path:
        """What it writes, to standard output and standard error."""
        return self._home.services / self.id / "server.log"

    def last_lines(self, count: int = 8) -> str | None:
        """The end of its log."""
        try:
            with open(self.log, "rb") as file:
                file.seek(max(0, file.seek(0, 2) - 8192))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return None
        return "\n".join(lines[-count:]) or None

    async def _live(self, found: _Run | None) -> None:
        self._run = found
        while True:
            await self._serve()
            await self._become(ServerState.STOPPED, None)
            if self._stop.is_set():  # else it was started again at this very moment
                return

    async def _serve(self) -> None:
        """Start it, and start it again, until it is told to stop and has; also one that was found is stopped."""
        crashes = 0
        while self._run is not None or not self._stop.is_set():
            began = time.monotonic()
            try:
                job = await self._find_job()
                if self._run is None:
                    await self._begin(job)
                reason = await self._see_through(self._run, job) if self._run else None
            except TolvError as error:
                reason = error.problem
            except Exception as error:  # whatever it was, the next start may go well
                log.exception("service %s", self.id)
                reason = error.strerror or str(error) if isinstance(error, OSError) else f"internal error: {error!r}"
            if self._run is not None:
                await self._clear(self._run)
                self._run = None
            self.pid = None
            if reason is None or self._stop.is_set():
                continue
            crashes = crashes_in_a_row(crashes, time.monotonic() - began)
            self.restarts += 1
            pause = delay(crashes)
            self._say(f"{reason}; next start " + (f"in {pause:g} s" if pause else "at once"))
            await self._become(ServerState.CRASHED, reason)
            await self._pause(pause or 0.01)

    async def _find_job(self) -> Job:
        """What is to run. One that runs already is not ended because that cannot be told just now."""
        while True:
            try:
                return await self._plan()
            except (TolvError, OSError) as error:
                run = self._run
                if run is None or run.exited.done():
                    raise
                if self._stop.is_set():
                    await self._end(run, signal.SIGTERM, _GRACE)
                    raise
                await self._become(ServerState.UNREADY, str(error))
            await self._pause(_LOOK)

    async def _pause(self, seconds: float) -> None:
        """So many seconds, or until it is told to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    async def _begin(self, job: Job) -> None:
        await self._become(ServerState.STARTING, self.reason)
        if await asyncio.to_thread(held_by_stranger, job.port, os.getpid()):
            raise PlatformError(f"port {job.port} is taken by another program: see ss -ltnp 'sport = :{job.port}'")
        await job.prepare()
        if self._stop.is_set():
            return
        run = _Run(f"service-{self.id}-{secrets.token_hex(4)}", time.time())
        spec = specify_server(self._home, Offer.of(self._keeper.said), self.id, run.process, run.started, job, self.log)
        self._run = run  # its end may be reported before its start is
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": spec.tmp, "TMPDIR": spec.tmp, **job.environment}
        self.pid = await self._keeper.start(spec, environment)
        self.started = run.started

    async def _see_through(self, run: _Run, job: Job) -> str | None:
        """Until its end: why it ended against our will, None when it was told to."""
        watching = asyncio.ensure_future(self._watch(run, job))
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            waited: set[asyncio.Future[Any]] = {watching, stopping, run.exited}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                await self._end(run, job.stop_signal, job.grace)
                return None
            if run.exited.done():
                return ending(run.exited.result())
            return watching.result()
        finally:
            for task in (watching, stopping):
                task.cancel()
            await asyncio.gather(watching, stopping, return_exceptions=True)

    async def _watch(self, run: _Run, job: Job) -> str:
        """Look at it for as long as it lives; returns when it is of no use any more, with the reason."""
        began = time.monotonic()
        deadline = began + START_DEADLINE
        while True:
            try:
                why = await job.ask(_ANSWER)
                if why is None:
                    break
                self.reason = why
                if self.state is ServerState.STARTING and time.monotonic() > began + _ANSWER:
                    await self._become(ServerState.UNREADY, why)
                deadline = time.monotonic() + START_DEADLINE  # it answers: so it is at work, on its recovery say
            except TolvError as error:
                why = error.problem
            if time.monotonic() > deadline:
                return f"not ready within {START_DEADLINE:g} s: {why}"
            await asyncio.sleep(_STARTING_PAUSE)
        if self.restarts:
            self._say("ready again")
        await self._become(ServerState.READY, None)
        failures = 0
        while failures < _FAILURES:
            await asyncio.sleep(_LOOK)
            try:
                why = await job.ask(_ANSWER)
                failures = 0
            except TolvError as error:
                failures, why = failures + 1, error.problem
            if why is None and self.state is ServerState.UNREADY:
                self._say("well again")
                await self._become(ServerState.READY, None)
            elif why is not None and self.state is ServerState.READY and not self._stop.is_set():
                self._say(f"unready: {why}")
                await self._become(ServerState.UNREADY, why)
        return f"it does not answer any more: {why}"

    async def _end(self, run: _Run, number: signal.Signals, grace: float) -> None:
        if not run.exited.done():
            await self._signal(run, number, "leader")
            await self._signal(run, signal.SIGCONT, "leader")
            await asyncio.wait({run.exited}, timeout=grace)

    async def _clear(self, run: _Run) -> None:
        """Nothing of its tree is left, and the keeper may forget it."""
        while not run.empty.is_set():
            await self._signal(run, signal.SIGKILL, "tree")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await run.empty.wait()
        with contextlib.suppress(TolvError):
            await self._keeper.forget(run.process)

    async def _signal(self, run: _Run, number: signal.Signals, scope: Scope) -> None:
        try:
            await self._keeper.signal(run.process, number, scope)
        except TolvError:
            # Not started at all, or gone already; or there is no keeper just now, which is back soon.
            with contextlib.suppress(TolvError):
                if not any(one.id == run.process and one.members for one in await self._keeper.list()):
                    run.empty.set()

    async def _become(self, state: ServerState, reason: str | None) -> None:
        self.state, self.reason = state, reason
        async with self._changed:
            self._changed.notify_all()


class _Run:
    """One start of the server."""

    def __init__(self, process: str, started: float) -> None:
        self.process = process
        self.started = started
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.empty = asyncio.Event()


def specify_server(home: Home, offer: Offer, id: str, process: str, started: float, job: Job, log: Path) -> ProcessSpec:
    """What to ask of the keeper for a backing service's server. Whatever is switched off of its sandbox, it never runs
    as root."""
    without = parse_switch(os.environ.get(SWITCH, ""))
    confined = offer.known and "off" not in without
    view = confined and offer.view and "no-view" not in without
    landlock = confined and bool(offer.landlock) and "no-landlock" not in without
    if job.user is not None and not view:
        open_way(home)
    sandbox = Sandbox(job.user, view, landlock, tuple(map(str, job.reads)), (str(job.directory),))
    return ProcessSpec(
        id=process,
        argv=("/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *job.argv),  # one log: two would not tell what came first
        directory=str(job.directory),
        tmp=str(home.tmp / process),
        stdout=str(log),
        limits=Limits(),
        sandbox=sandbox if confined or job.user is not None else None,
        labels={LABEL: id, "started": str(started)},
        log_group=f"service {id}",
        log_limit=_LOG_LIMIT,
    )
