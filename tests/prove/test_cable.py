"""Cables, between a real client and a real server: what arrives when one is cut and restored."""

from __future__ import annotations

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tolv.prove.harness.cable import Cable

Streams = tuple[StreamReader, StreamWriter]


class Scene:
    """A service that answers each line with itself in capitals, and a cable to it with a listener."""

    def __init__(self, cable: Cable, service: asyncio.Server, port: int) -> None:
        self.cable = cable
        self.service = service
        self.port = port
        self.writers: list[StreamWriter] = []
        self.served: asyncio.Queue[bytes | str] = asyncio.Queue()
        """What came to the service: each read, and `end` or `reset`."""

    async def connect(self) -> Streams:
        streams = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(streams[1])
        return streams

    async def say(self, streams: Streams, text: bytes) -> bytes:
        reader, writer = streams
        writer.write(text)
        await writer.drain()
        return await reader.readexactly(len(text))


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    opened: list[StreamWriter] = []

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        opened.append(writer)
        try:
            while data := await reader.read(1 << 16):
                here.served.put_nowait(data)
                writer.write(data.upper())
                await writer.drain()
            here.served.put_nowait("end")
            writer.write(b"bye")
        except ConnectionError:
            here.served.put_nowait("reset")
        finally:
            writer.close()

    service = await asyncio.start_server(answer, "127.0.0.1", 0)
    cable = Cable(service.sockets[0].getsockname()[1])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        here = Scene(cable, service, listener.getsockname()[1])

        async def accept() -> None:
            while True:
                accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
                cable.serve(accepted)

        accepting = asyncio.create_task(accept())
        try:
            yield here
        finally:
            accepting.cancel()
            await cable.close()
            service.close()
            for writer in (*opened, *here.writers):
                writer.transport.abort()
            await asyncio.gather(accepting, return_exceptions=True)


def run(story: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(30), scene() as here:
            await story(here)

    asyncio.run(whole())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_what_is_sent_arrives_and_is_counted() -> None:
    async def story(here: Scene) -> None:
        one = await here.connect()
        assert await here.say(one, b"hello") == b"HELLO"
        large = b"x" * 3_000_000
        assert await here.say(await here.connect(), large) == large.upper()
        assert (here.cable.live, len(here.cable.connections)) == (2, 2)
        await until(lambda: here.cable.received == 3_000_005)
        assert here.cable.sent == 3_000_005
        assert [one.sent for one in here.cable.connections] == [5, 3_000_000]

    run(story)


def test_the_end_of_one_direction_is_passed_on_and_the_other_goes_on() -> None:
    async def story(here: Scene) -> None:
        reader, writer = await here.connect()
        writer.write(b"last")
        writer.write_eof()
        assert await reader.read() == b"LASTbye"
        await until(lambda: here.cable.live == 0)
        assert not here.cable.connections[0].reset

    run(story)


def test_a_reset_of_the_app_reaches_the_service() -> None:
    async def story(here: Scene) -> None:
        _, writer = streams = await here.connect()
        await here.say(streams, b"a")
        assert await here.served.get() == b"a"
        linger = b"\1\0\0\0\0\0\0\0"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        assert await here.served.get() == "reset"
        await until(lambda: here.cable.live == 0)
        assert here.cable.connections[0].reset

    run(story)


def test_a_cut_resets_both_sides_and_whoever_comes_then() -> None:
    async def story(here: Scene) -> None:
        reader, _ = streams = await here.connect()
        await here.say(streams, b"a")
        assert await here.served.get() == b"a"
        await here.cable.cut()
        assert here.cable.live == 0
        with pytest.raises(ConnectionResetError):
            await reader.read()
        assert await here.served.get() == "reset"
        later, _ = await here.connect()
        with pytest.raises(ConnectionResetError):
            await later.read()
        assert [one.reset for one in here.cable.connections] == [True, True]
        assert here.served.empty()

    run(story)


def test_a_cut_ends_what_was_only_just_accepted() -> None:
    async def story(here: Scene) -> None:
        ours, theirs = socket.socketpair()
        with ours:
            here.cable.serve(theirs)
            await here.cable.cut()  # before the cable took its first step with it
            assert theirs.fileno() == -1
            assert ours.recv(1) == b""
        assert here.cable.live == 0

    run(story)


def test_after_a_cut_new_connections_work_again_once_restored() -> None:
    async def story(here: Scene) -> None:
        old, _ = streams = await here.connect()
        await here.say(streams, b"a")
        await here.cable.cut()
        here.cable.restore()
        assert await here.say(await here.connect(), b"again") == b"AGAIN"
        with pytest.raises(ConnectionResetError):
            await old.read()

    run(story)


def test_a_service_that_is_not_there_resets_the_app() -> None:
    async def story(here: Scene) -> None:
        here.service.close()
        await here.service.wait_closed()
        reader, _ = await here.connect()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await until(lambda: here.cable.live == 0)
        assert here.cable.connections[0].reset

    run(story)


def test_nothing_is_left_open_once_it_is_closed() -> None:
    async def story(here: Scene) -> None:
        reader, _ = streams = await here.connect()
        await here.say(streams, b"a")
        await here.cable.close()
        assert here.cable.live == 0
        with pytest.raises(ConnectionResetError):
            await reader.read()

    run(story)
