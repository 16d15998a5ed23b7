"""Upstream changes under keep-alive load: requests lost, idle client connections closed, and how long a change takes.

    python bench/switch.py [--changes 150] [--interval 0.1]

Each proxy in turn sends its traffic to one of two upstreams and is told, every `interval` seconds, to send it to the
other one, in its own best way: Tolv's router by a new table, HAProxy by its runtime API, nginx by a reload, Caddy by
its admin API. Meanwhile 32 clients ask without a pause, 8 make requests that take 2 s, and 32 keep an idle connection.
The upstreams never stop, so that whatever is lost is lost by the change itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from route import CADDY, HAPROXY, NGINX, PROXY, free_port, which

from tolv.home import Home
from tolv.route.client import RouterClient
from tolv.route.model import Route, Table, Upstream

FAST, SLOW, IDLE = 32, 8, 32
SLOW_SECONDS = 2.0
Change = Callable[[int], Awaitable[None]]


@dataclass
class Outcome:
    """What the clients of one proxy saw."""

    requests: int = 0
    lost: int = 0
    closed: int = 0
    """Connections that the proxy closed while they were idle."""
    changes: list[float] = field(default_factory=list)
    """Seconds until the proxy had accepted each change."""


async def upstream() -> int:
    """A server in this loop: `/slow` takes two seconds, everything else no time."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                if b" /slow " in head:
                    await asyncio.sleep(SLOW_SECONDS)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    return int(server.sockets[0].getsockname()[1])


class Client:
    """One keep-alive client; connects again when its connection is gone."""

    def __init__(self, port: int, outcome: Outcome) -> None:
        self._port = port
        self._outcome = outcome
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str) -> None:
        reader, writer = await self._connection()
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: app.localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            whole = (await reader.readexactly(length)) == b"ok" and b" 200 " in head[:16]
        except (OSError, asyncio.IncompleteReadError, IndexError):
            whole = False
            self._streams = None
        self._outcome.requests += 1
        self._outcome.lost += not whole

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None and self._streams[0].at_eof():
            self._streams[1].close()
            self._streams = None
            self._outcome.closed += 1
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        return self._streams

    async def ask_on_and_on(self, path: str, over: asyncio.Event, pause: float = 0.0) -> None:
        while not over.is_set():
            await self.ask(path)
            if pause:
                await asyncio.sleep(pause)


async def measure(port: int, change: Change, options: argparse.Namespace) -> Outcome:
    outcome, over = Outcome(), asyncio.Event()
    loads = [Client(port, outcome).ask_on_and_on("/", over) for _ in range(FAST)]
    loads += [Client(port, outcome).ask_on_and_on("/slow", over) for _ in range(SLOW)]
    loads += [Client(port, outcome).ask_on_and_on("/", over, pause=1.0) for _ in range(IDLE)]
    async with asyncio.TaskGroup() as group:
        for load in loads:
            group.create_task(load)
        for number in range(options.changes):
            await asyncio.sleep(options.interval)
            start = time.perf_counter()
            await change(number % 2)
            outcome.changes.append(time.perf_counter() - start)
        over.set()
    return outcome


@contextlib.asynccontextmanager
async def process(*command: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    quiet = asyncio.subprocess.DEVNULL
    one = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    try:
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        yield one
    finally:
        one.terminate()
        await one.wait()


@contextlib.asynccontextmanager
async def tolv(directory: Path, upstreams: list[int]) -> AsyncIterator[tuple[int, Change]]:
    client, port = RouterClient(Home(directory / "home")), free_port()
    await client.ensure(port)

    async def change(which: int) -> None:
        one = Upstream(f"u{which}", "127.0.0.1", upstreams[which], "v1", "web.1")
        await client.apply(Table(0, (Route("app.localhost", "app", "bench", (one,)),)))

    await change(0)
    yield port, change
    await client.stop(0)


@contextlib.asynccontextmanager
async def nginx(directory: Path, upstreams: list[int]) -> AsyncIterator[tuple[int, Change]]:
    port, file = free_port(), directory / "nginx.conf"
    write = lambda which: file.write_text(  # noqa: E731
        NGINX.format(directory=directory, workers=1, upstream=upstreams[which], port=port, location=PROXY, log="off")
    )
    write(0)
    async with process("nginx", "-c", str(file), "-p", str(directory), port=port) as one:

        async def change(which: int) -> None:
            write(which)
            os.kill(one.pid, signal.SIGHUP)

        yield port, change


@contextlib.asynccontextmanager
async def haproxy(directory: Path, upstreams: list[int]) -> AsyncIterator[tuple[int, Change]]:
    port, file, control = free_port(), directory / "haproxy.cfg", str(directory / "h.sock")
    text = HAPROXY.format(port=port, upstream=upstreams[0], workers=1)
    file.write_text(text.replace("global\n", f"global\n  stats socket {control} level admin\n"))
    async with process("haproxy", "-db", "-f", str(file), port=port):

        async def change(which: int) -> None:
            reader, writer = await asyncio.open_unix_connection(control)
            writer.write(f"set server app/one addr 127.0.0.1 port {upstreams[which]}\n".encode())
            await reader.read()
            writer.close()

        yield port, change


@contextlib.asynccontextmanager
async def caddy(directory: Path, upstreams: list[int]) -> AsyncIterator[tuple[int, Change]]:
    port, admin, file = free_port(), free_port(), directory / "Caddyfile"
    text = CADDY.format(port=port, upstream=upstreams[0])
    file.write_text(text.replace("admin off", f"admin 127.0.0.1:{admin}"))
    path = "/config/apps/http/servers/srv0/routes/0/handle/0/routes/0/handle/0/upstreams"

    def patch(which: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", admin)
        body = json.dumps([{"dial": f"127.0.0.1:{upstreams[which]}"}])
        connection.request("PATCH", path, body, {"Content-Type": "application/json"})
        if connection.getresponse().status != 200:
            raise RuntimeError("Caddy refused the change")

    async with process(which("caddy"), "run", "--adapter", "caddyfile", "--config", str(file), port=port):

        async def change(which: int) -> None:
            await asyncio.to_thread(patch, which)

        yield port, change


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=150)
    parser.add_argument("--interval", type=float, default=0.1, help="seconds between two changes")
    options = parser.parse_args()
    upstreams = [await upstream(), await upstream()]
    print("| proxy | requests | lost | idle connections closed | a change takes (ms, median) |\n|---|---|---|---|---|")
    for proxy in (tolv, haproxy, nginx, caddy):
        if proxy is not tolv and not which(proxy.__name__):
            continue
        with tempfile.TemporaryDirectory() as name:
            async with proxy(Path(name), upstreams) as (port, change):
                seen = await measure(port, change, options)
        taken = statistics.median(seen.changes) * 1000
        print(f"| {proxy.__name__} | {seen.requests:,} | {seen.lost} | {seen.closed} | {taken:.1f} |", flush=True)


if __name__ == "__main__":
    uvloop.run(main())
