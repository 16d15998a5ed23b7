"""The ground: a private, throw-away home of Tolv's, with a keeper of its own, in which an app is tried.

Builds and caches are those of the real home; nothing else is shared with what runs there. At the end the ground is
razed: every process dead, the directory gone. Should this process be killed first, the *warden* (`warden.py`), a small
process that only waits for our end, does so; should that be killed, too, the next proof does (`sweep`).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import IO

from tolv.build.workshop import remove_tree
from tolv.errors import TolvError
from tolv.home import Home
from tolv.interpreter import own_program
from tolv.run.keeper.client import KeeperClient, Scope
from tolv.run.keeper.main import home_name
from tolv.run.keeper.tree import read_cookie, read_table
from tolv.run.local.ports import Ports
from tolv.run.local.sandbox import Offer
from tolv.run.local.server_process import ServerProcess
from tolv.run.model import Exit, ProcessSpec

_LOCK = "lock"
#: Seconds in which all processes must be dead once they were killed.
_DEAD_WITHIN = 20.0


class Running:
    """A process of the ground's keeper."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.pid = 0
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.empty = asyncio.Event()
        """Its whole tree is dead, its output on disk."""


class Ground:
    """Open it with `opened`."""

    def __init__(self, home: Home, real: Home) -> None:
        self.home = home
        self.real = real
        self.keeper = KeeperClient(home)
        self.ports = Ports()
        self.offer = Offer()
        self.servers: dict[str, ServerProcess] = {}
        """Backing services by id: whoever makes one adds it here, so that it hears of its end."""
        self._running: dict[str, Running] = {}

    async def start(self, spec: ProcessSpec, env: dict[str, str]) -> Running:
        """Start a process. Raises `TolvError` as the keeper does."""
        running = self._running[spec.id] = Running(spec.id)
        try:
            running.pid = await self.keeper.start(spec, env)
        except BaseException:
            del self._running[spec.id]
            raise
        return running

    async def signal(self, running: Running, number: int, scope: Scope = "leader") -> None:
        """Send a signal; one that is dead already gets none."""
        with contextlib.suppress(TolvError):
            await self.keeper.signal(running.id, number, scope)

    async def kill(self, running: Running) -> None:
        """SIGKILL to the whole tree; returns when it is dead and its output complete."""
        until = time.monotonic() + _DEAD_WITHIN
        while not running.empty.is_set():
            await self.signal(running, signal.SIGKILL, "tree")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await running.empty.wait()
            if time.monotonic() > until:  # no keeper is to be had: the disk is full, say
                _kill_all(f"{running.id}@{home_name(os.path.abspath(self.home.keeper))}")
                running.empty.set()

    async def forget(self, running: Running) -> None:
        """Let go of a dead process's records."""
        with contextlib.suppress(TolvError):
            await self.keeper.forget(running.id)
        self._running.pop(running.id, None)

    async def listen(self) -> None:
        """Hand on what the keeper reports, for ever."""
        async for event in self.keeper.events():
            if event.kind == "reconnected":
                await self._catch_up()
            elif event.kind == "exited" and event.exit is not None:
                self._exited(event.process, event.exit)
            elif event.kind == "empty":
                self._empty(event.process)

    async def _catch_up(self) -> None:
        for kept in await self.keeper.list():
            if kept.exit is not None:
                self._exited(kept.id, kept.exit)
            if kept.empty:
                self._empty(kept.id)

    def _exited(self, id: str, end: Exit) -> None:
        running = self._running.get(id)
        if running is not None and not running.exited.done():
            running.exited.set_result(end)
        for server in self.servers.values():
            if server.process == id:
                server.on_exited(end)

    def _empty(self, id: str) -> None:
        if id in self._running:
            self._running[id].empty.set()
        for server in self.servers.values():
            if server.process == id:
                server.on_empty()


@contextlib.asynccontextmanager
async def opened(real: Home, *, keep: bool = False) -> AsyncIterator[Ground]:
    """A new ground, razed at the end; with `keep` its files stay (its processes do not) until the next proof.

    Raises `PlatformError` if it cannot be made.
    """
    with contextlib.ExitStack() as stack:
        with open(real.root / "prove.lock", "ab") as turn:  # nobody sweeps a ground that is not locked yet
            fcntl.flock(turn, fcntl.LOCK_EX)
            await sweep(real)
            home = Home(_parent(real) / secrets.token_hex(4))
            home.make()
            lock = stack.enter_context(_locked(home))
        done = stack.enter_context(_warden(home, lock))
        ground = Ground(home, real)
        listening: asyncio.Task[None] | None = None
        try:
            await ground.keeper.connect()
            ground.offer = Offer.of(ground.keeper.said)
            listening = asyncio.create_task(ground.listen(), name="ground")
            yield ground
        finally:
            for server in ground.servers.values():
                await server.close()
            if listening is not None:
                listening.cancel()
            await ground.keeper.close()
            await raze(home, keep=keep)
            done()


async def sweep(real: Home) -> None:
    """Raze the grounds that nobody works on any more: those of proofs that were killed, and those that were kept."""
    parent = _parent(real)
    for root in sorted(parent.iterdir()) if parent.is_dir() else ():
        home = Home(root)
        with contextlib.suppress(OSError, TolvError), _locked(home):
            await raze(home)


async def raze(home: Home, *, keep: bool = False) -> None:
    """End every process of a ground, whoever started it, and remove its directory unless told to `keep` it."""
    if (home.keeper / "processes").is_dir():
        keeper = KeeperClient(home)
        try:
            async with asyncio.timeout(_DEAD_WITHIN):
                while living := [one for one in await keeper.list() if not one.empty]:
                    for one in living:
                        with contextlib.suppress(TolvError):
                            await keeper.signal(one.id, signal.SIGKILL, "tree")
                    await asyncio.sleep(0.02)
            await keeper.stop()
        except (TimeoutError, TolvError, OSError):  # no keeper is to be had: the disk is full, say
            _kill_all(f"@{home_name(os.path.abspath(home.keeper))}")
        finally:
            await keeper.close()
    if not keep:
        await asyncio.to_thread(remove_tree, home.root)


def _kill_all(cookie: str) -> None:
    """SIGKILL to every process whose cookie ends so, until there is none."""
    until = time.monotonic() + _DEAD_WITHIN
    while time.monotonic() < until:
        found = [pid for pid in read_table() if (read_cookie(pid) or "").endswith(cookie)]
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _parent(real: Home) -> Path:
    return real.root / "prove"


@contextlib.contextmanager
def _locked(home: Home) -> Iterator[int]:
    """Hold the ground's lock. Raises `BlockingIOError` if somebody else does."""
    with open(home.root / _LOCK, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file.fileno()


@contextlib.contextmanager
def _warden(home: Home, lock: int) -> Iterator[Callable[[], None]]:
    """Have somebody raze the ground if we cannot. Gives what says that there is nothing left to do.

    The warden holds the lock, too, so that nobody sweeps while it is at work.
    """
    command = [*own_program("tolv.prove.harness.warden"), str(home.root)]
    with open(home.server_log, "ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, pass_fds=(lock,), cwd="/"
        )
    pipe: IO[bytes] | None = child.stdin
    assert pipe is not None

    def done() -> None:
        with contextlib.suppress(OSError):
            pipe.write(b"done")
            pipe.flush()

    try:
        yield done
    finally:
        with contextlib.suppress(OSError):
            pipe.close()
        child.wait()
