"""The server's side of the edge: starts Caddy, keeps it alive, finds it again, and tells it which domains there are."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tolv.errors import PlatformError, TolvError
from tolv.home import Home
from tolv.route.edge import admin
from tolv.route.edge.caddy import require_caddy
from tolv.route.edge.config import ADMIN_SOCKET, PERMITS, caddy_config
from tolv.route.edge.domain import Domain
from tolv.route.edge.listening import EdgeSockets
from tolv.route.edge.permits import permit
from tolv.route.edge.settings import EdgeSettings

log = logging.getLogger("tolv.edge")

#: Seconds that Caddy may take to come up, and to end.
_START_SECONDS = 15.0
_STOP_SECONDS = 15.0
#: Seconds between two looks whether it is up.
_LOOK_EVERY = 0.02
#: Seconds between two attempts to start it: the first, and the longest.
_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
#: Variables of the server's environment by which Caddy reaches and trusts an authority.
_INHERITED = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy")


class Edge:
    """The edge of a home: one Caddy process while there is a domain, none otherwise.

    It is detached: it lives on when the server ends (`close`) and is found again by the next one. One that dies is
    started again at once; meanwhile connections wait, as the server holds the listening sockets too.
    """

    def __init__(self, home: Home, settings: EdgeSettings, routers: int) -> None:
        self.home = home
        self.settings = settings
        self._routers = routers
        self.problem: TolvError | None = None
        """Why it is not as it should be; None: it is."""
        self._domains: tuple[Domain, ...] = ()
        self._running: _Caddy | None = None
        self._sockets: EdgeSockets | None = None
        self._loaded: dict[str, Any] | None = None
        self._lock = asyncio.Lock()
        self._missing = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the Caddy that runs."""
        return self._running.pid if self._running else None

    @property
    def domains(self) -> tuple[Domain, ...]:
        return self._domains

    async def apply(self, domains: Collection[Domain]) -> None:
        """Have exactly these domains served when the call returns.

        Raises `PlatformError` if that cannot be: Caddy or a port is missing. It is then tried again and again, until
        it can be, or until other domains are wanted.
        """
        self._keep()
        async with self._lock:
            self._domains = tuple(domains)
            await self._bring_about()

    def want(self, domains: Collection[Domain]) -> None:
        """Have these domains served as soon as that can be; nobody waits for it."""
        self._domains = tuple(domains)
        self._missing.set()
        self._keep()

    async def stop(self) -> None:
        """End it, after what it has in flight."""
        await self._stop_keeping()
        async with self._lock:
            self._domains = ()
            try:
                await self._end()
            except TolvError as error:
                log.error("%s", error)

    async def close(self) -> None:
        """Let go of it; it goes on."""
        await self._stop_keeping()
        if self._running is not None:
            self._running.release()
        self._close_sockets()

    # Between what is and what should be.

    async def _bring_about(self) -> None:
        self._missing.clear()
        try:
            if self._domains:
                await self._serve()
            else:
                await self._end()
        except (TolvError, OSError) as error:
            self.problem = error if isinstance(error, TolvError) else PlatformError(f"HTTPS is off: {error}")
            self._missing.set()
            raise self.problem from None
        self.problem = None

    async def _serve(self) -> None:
        self.home.edge.mkdir(mode=0o700, exist_ok=True)
        permit(self.home.edge / PERMITS, (one.name for one in self._domains))
        config = caddy_config(self._domains, self.settings, self._routers)
        if await self._find() and self._state().get("settings") != _listening(self.settings):
            await self._end()  # it listens elsewhere
        if self._running is None:
            _write(self.home.edge / "caddy.json", config)
            await self._start()
        elif config != self._loaded:
            _write(self.home.edge / "caddy.json", config)
            await asyncio.to_thread(admin.load, self._socket, config)
        self._loaded = config

    async def _end(self) -> None:
        if self.home.edge.is_dir() and await self._find():
            assert self._running is not None
            await self._running.end()
            self._running = None
        self._loaded = None
        self._close_sockets()

    # The process.

    async def _find(self) -> bool:
        """Whether a Caddy of this home runs, be it a former server's. Its lock tells that it lives, whatever happened
        to whoever started it, and the kernel tells who listens on its admin socket."""
        if self._running is not None and not self._running.gone.is_set():
            return True
        self._running = None
        with open(self._state_file, "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
            except BlockingIOError:
                pass
        async with _deadline("does not answer", self._state_file):
            while (pid := await asyncio.to_thread(admin.who_answers, self._socket)) is None:
                await asyncio.sleep(_LOOK_EVERY)
        self._running = _Caddy(pid, None, self._missing)
        return True

    async def _start(self) -> None:
        program = await asyncio.to_thread(require_caddy)
        if self._sockets is None:
            self._sockets = EdgeSockets(self.settings)
        child = self._spawn(program, self._sockets)
        try:
            async with _deadline("did not come up", self._errors):
                while await asyncio.to_thread(admin.who_answers, self._socket) != child.pid:
                    if child.poll() is not None:
                        raise PlatformError(
                            f"the HTTPS edge ended at once: {_last_line(self._errors)}",
                            where=str(self._errors),
                            remedy="see what it says there",
                        )
                    await asyncio.sleep(_LOOK_EVERY)
        except BaseException:
            child.kill()
            child.wait()
            raise
        self._running = _Caddy(child.pid, child, self._missing)
        log.info("the HTTPS edge runs (pid %d)", child.pid)

    def _spawn(self, program: str, sockets: EdgeSockets) -> subprocess.Popen[bytes]:
        """Start Caddy with the sockets, and with the lock that says as long as it lives that it does."""
        with open(self._state_file, "r+") as lock, open(self._errors, "wb") as errors:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._note(lock.fileno(), None)
            child = subprocess.Popen(
                [program, "run", "--config", "caddy.json"],
                cwd=self.home.edge,
                env={**self._environment(), **sockets.environment()},
                pass_fds=(lock.fileno(), *(one.fileno() for one in sockets.sockets)),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
            self._note(lock.fileno(), child.pid)
        return child

    def _environment(self) -> dict[str, str]:
        here = str(self.home.edge)
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        places = {"HOME": here, "XDG_DATA_HOME": here, "XDG_CONFIG_HOME": here}
        return {**inherited, **places, "TOLV_HOME": str(self.home.root), "PATH": os.defpath}

    def _note(self, descriptor: int, pid: int | None) -> None:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": pid, "settings": _listening(self.settings)}).encode(), 0)

    def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads(self._state_file.read_bytes())
        except (OSError, ValueError):
            return {}
        return state

    def _close_sockets(self) -> None:
        if self._sockets is not None:
            self._sockets.close()
            self._sockets = None

    @property
    def _socket(self) -> Path:
        return self.home.edge / ADMIN_SOCKET

    @property
    def _state_file(self) -> Path:
        return self.home.edge_state

    @property
    def _errors(self) -> Path:
        return self.home.edge / "caddy.err"

    # Keeping it alive.

    def _keep(self) -> None:
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_alive(), name="edge")

    async def _keep_alive(self) -> None:
        pause = _PAUSE
        while True:
            await self._missing.wait()
            try:
                async with self._lock:
                    if self._missing.is_set():
                        await self._bring_about()
                pause = _PAUSE
            except TolvError as error:
                log.error("HTTPS is off: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _stop_keeping(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None


class _Caddy:
    """A Caddy that runs, ours to wait for by a descriptor of the process, whoever started it."""

    def __init__(self, pid: int, child: subprocess.Popen[bytes] | None, missing: asyncio.Event) -> None:
        self.pid = pid
        self.gone = asyncio.Event()
        self._child = child
        self._missing = missing
        self._loop = asyncio.get_running_loop()
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = -1
            self._note_end()
            return
        self._loop.add_reader(self._handle, self._note_end)

    async def end(self) -> None:
        """Ask it to end, and see to it."""
        self._missing = asyncio.Event()  # nobody misses it
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.gone.is_set():
                return
            signal.pidfd_send_signal(self._handle, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.gone.wait(), _STOP_SECONDS)

    def release(self) -> None:
        """Let go of it."""
        if self._handle >= 0:
            self._loop.remove_reader(self._handle)
            os.close(self._handle)
            self._handle = -1

    def _note_end(self) -> None:
        self.release()
        if self._child is not None:
            self._child.wait()
        self.gone.set()
        self._missing.set()


@contextlib.asynccontextmanager
async def _deadline(what: str, where: Path) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_START_SECONDS):
            yield
    except TimeoutError:
        raise PlatformError(
            f"the HTTPS edge {what} within {_START_SECONDS:.0f} s", where=str(where), remedy="end it, and try again"
        ) from None


def _listening(settings: EdgeSettings) -> dict[str, Any]:
    """The part of the settings that a running Caddy cannot change."""
    return {name: value for name, value in asdict(settings).items() if not name.startswith("acme_")}


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else "it said nothing"


def _write(path: Path, config: dict[str, Any]) -> None:
    """Write so that a crash at any moment leaves the old configuration or the new one."""
    scratch = path.with_suffix(".new")
    with open(scratch, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(config, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, path)
