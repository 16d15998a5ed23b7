"""A stage for the router: real upstream servers, raw clients, and the router between them."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tolv.route.client_connection import ClientConnection
from tolv.route.limits import Limits
from tolv.route.model import Mode, Route, Table, Upstream
from tolv.route.switchboard import Switchboard

HOST = "app.localhost"
DEADLINE = 20.0
BUFFER = 4 * 1024 * 1024

Handler = Callable[["Side"], Awaitable[None]]


class Side:
    """One end of a connection, with a deadline on every wait."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readexactly(count)

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readuntil(end)

    async def rest(self) -> bytes:
        """All bytes up to a regular end of the connection."""
        async with asyncio.timeout(DEADLINE):
            return await self.reader.read()

    async def response(self, *, bodiless: bool = False) -> tuple[int, dict[str, str], bytes]:
        """One response whose body has a Content-Length or is chunked (then given as framed)."""
        lines = (await self.head()).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        status = int(lines[0].split()[1])
        if bodiless or status in (204, 304) or status < 200:
            body = b""
        elif "transfer-encoding" in fields:
            body = await self.until(b"0\r\n\r\n")
        else:
            body = await self.exactly(int(fields["content-length"]))
        return status, fields, body

    def end(self) -> None:
        """Send nothing more."""
        self.writer.write_eof()

    def reset(self) -> None:
        """End the connection as a killed process with unread data does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class FakeApp:
    """A server of raw bytes that plays an app's web process."""

    def __init__(self, upstream: Upstream, server: asyncio.Server) -> None:
        self.upstream = upstream
        self.server = server
        self.heads: list[bytes] = []
        """The request heads that arrived, when `serve` answers."""
        self.connections = 0


class Stage:
    """A router in this process, on a free port, and what stands before and behind it."""

    def __init__(self, logs: Path, limits: Limits) -> None:
        self.logs = logs
        self.limits = limits
        self.port = 0
        self.apps: list[FakeApp] = []
        self.sides: list[Side] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._version = 0

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self.switchboard = Switchboard(self.logs, self.limits)
        self.from_edge = False
        self._server = await loop.create_server(
            lambda: ClientConnection(self.switchboard, from_edge=self.from_edge), "127.0.0.1", 0
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for app in self.apps:
            app.server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for side in self.sides:
            side.writer.close()
        await self.switchboard.stop(0.0)

    async def app(self, handler: Handler | None = None, name: str = "") -> FakeApp:
        """An upstream. `handler` gets each connection; without one it answers `ok` to everything without a body."""
        name = name or f"web-{len(self.apps)}"
        app: FakeApp

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            app.connections += 1
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await (handler or serve)(Side(reader, writer))
            writer.close()
            self._tasks.discard(task)

        async def serve(side: Side) -> None:
            while True:
                app.heads.append(await side.head())
                await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        server = await asyncio.start_server(converse, "127.0.0.1", 0, limit=BUFFER)
        port = server.sockets[0].getsockname()[1]
        app = FakeApp(Upstream(name, "127.0.0.1", port, "v1", name.replace("-", ".")), server)
        self.apps.append(app)
        return app

    def route(self, *upstreams: FakeApp | Upstream, mode: Mode = "serve", hold: float = 30.0, host: str = HOST) -> None:
        """Put a table with one route in force."""
        values = tuple(one.upstream if isinstance(one, FakeApp) else one for one in upstreams)
        self.apply(Route(host, "app", "dev", values, mode, hold))

    def apply(self, *routes: Route) -> None:
        self._version += 1
        self.switchboard.apply(Table(self._version, routes))

    async def client(self) -> Side:
        side = Side(*await asyncio.open_connection("127.0.0.1", self.port, limit=BUFFER))
        self.sides.append(side)
        return side

    async def exchange(self, data: bytes) -> bytes:
        """All that the router answers to `data` on a connection of its own, up to a regular end."""
        side = await self.client()
        await side.send(data)
        return await side.rest()

    async def get(self, target: str = "/", fields: str = "", host: str = HOST) -> tuple[int, dict[str, str], bytes]:
        side = await self.client()
        await side.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode())
        return await side.response()

    def in_flight(self, app: FakeApp) -> int:
        pools = self.switchboard.stats()["upstreams"]
        return int(pools[app.upstream.id]["in_flight"]) if app.upstream.id in pools else 0

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a state of the router."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await asyncio.sleep(0.005)

    def requests_logged(self) -> list[str]:
        """The lines of the access log, without their time."""
        for log in self.switchboard._log_files.values():
            log.flush()
        path = self.logs / "app" / "dev" / "router.log"
        return [line.partition(" ")[2] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Limits:
    """The router's bounds; a test narrows them by `@pytest.mark.parametrize("limits", [Limits(…)])`."""
    return Limits()


@pytest.fixture
def stage(tmp_path: Path, limits: Limits) -> Iterator[Stage]:
    return Stage(tmp_path / "logs", limits)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine in an event loop like the router's, with its stage set."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    async def play() -> None:
        stage = arguments.get("stage")
        if stage is None:
            await pyfuncitem.obj(**arguments)
            return
        await stage.open()
        try:
            await pyfuncitem.obj(**arguments)
        finally:
            await stage.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play())
    return True
