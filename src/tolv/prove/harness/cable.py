"""Cables: TCP connections between an instance and a service, which a trial can cut and restore."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass
from typing import Literal

#: Bytes that are carried at once.
_CHUNK = 1 << 16
#: `struct linger`: on, 0 seconds. The connection is then closed by a reset.
_RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True, eq=False)
class Connection:
    """One connection of the app's through a cable. Times are `time.monotonic()`."""

    opened: float
    sent: int = 0
    """Bytes that reached the service."""
    received: int = 0
    """Bytes that reached the app."""
    closed: float | None = None
    """None while it is open."""
    reset: bool = False
    """It ended by a reset, whoever's: the cable's own, the app's or the service's."""


class Cable:
    """Carries what is sent on accepted sockets to `target_port` and back. For one event loop.

    A cable knows nothing of the listener: after `cut`, take that away as well (`network.unexpose`), or the app's
    connects are accepted and reset at once, as a proxy without a service behind it does.
    """

    def __init__(self, target_port: int, target_host: str = "127.0.0.1") -> None:
        self.target_port = target_port
        self.target_host = target_host
        self.connections: list[Connection] = []
        """All that there have been, in the order in which they came."""
        self._cut = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def live(self) -> int:
        """How many connections are open."""
        return sum(one.closed is None for one in self.connections)

    @property
    def sent(self) -> int:
        """Bytes that reached the service."""
        return sum(one.sent for one in self.connections)

    @property
    def received(self) -> int:
        """Bytes that reached the app."""
        return sum(one.received for one in self.connections)

    def serve(self, client: socket.socket) -> None:
        """Take over an accepted socket. To be called in the event loop."""
        connection = Connection(time.monotonic())
        self.connections.append(connection)
        if self._cut:
            _refuse(client, connection)
            return

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if connection.closed is None:  # cancelled before it took its first step
                _refuse(client, connection)

        task = asyncio.get_running_loop().create_task(self._carry(client, connection))
        self._tasks.add(task)
        task.add_done_callback(done)

    async def cut(self) -> None:
        """Reset every connection, on both sides, and whatever is served from now on. Returns when it is done."""
        self._cut = True
        await self._end_all()

    def restore(self) -> None:
        """Carry again. The connections that were cut are gone."""
        self._cut = False

    async def close(self) -> None:
        """Reset what is left. What is served afterwards is reset, too."""
        await self.cut()

    async def _end_all(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, client: socket.socket, connection: Connection) -> None:
        """One connection from its first byte to its end. Any error, and being cancelled, resets both sides."""
        writers: list[StreamWriter] = []
        clean = False
        try:
            client.setblocking(False)
            from_app, to_app = await asyncio.open_connection(sock=client)
            writers.append(to_app)
            from_service, to_service = await asyncio.open_connection(self.target_host, self.target_port)
            writers.append(to_service)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(from_app, to_service, connection, "sent"))
                both.create_task(self._pump(from_service, to_app, connection, "received"))
            clean = True
        except* OSError:
            pass  # the app, the service or the connect to it: both sides learn of it by the reset below
        finally:
            for writer in writers:
                _close(writer, reset=not clean)
            if writers:
                _end(connection, reset=not clean)
            else:
                _refuse(client, connection)

    async def _pump(
        self, source: StreamReader, sink: StreamWriter, connection: Connection, count: Literal["sent", "received"]
    ) -> None:
        """One direction, until its end; the other may go on."""
        while True:
            data = await source.read(_CHUNK)
            if not data:
                break
            sink.write(data)
            await sink.drain()
            setattr(connection, count, getattr(connection, count) + len(data))
        with contextlib.suppress(OSError):
            sink.write_eof()


def _refuse(client: socket.socket, connection: Connection) -> None:
    with contextlib.suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    client.close()
    _end(connection, reset=True)


def _close(writer: StreamWriter, *, reset: bool) -> None:
    if not reset:
        writer.close()
        return
    handle = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def _end(connection: Connection, *, reset: bool) -> None:
    connection.closed = time.monotonic()
    connection.reset = reset
