"""The table changes, upstreams go, and nobody notices."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from tolv.route.limits import Limits
from tolv.route.model import Upstream

GET = b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_a_drain_ends_with_the_last_byte_of_the_last_response(stage) -> None:
    go_on = asyncio.Event()

    async def slow(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        await go_on.wait()
        await side.send(b"def")

    old, new = await stage.app(slow), await stage.app()
    stage.route(old)
    side = await stage.client()
    await side.send(GET)
    await side.until(b"abc")
    stage.route(new)
    draining = asyncio.create_task(stage.switchboard.drain([old.upstream.id], 20.0))
    for _ in range(3):
        assert (await stage.get())[2] == b"ok"
    assert not draining.done()
    assert stage.in_flight(old) == 1
    go_on.set()
    assert await draining == {old.upstream.id: 0}
    assert await side.exactly(3) == b"def"


async def test_a_drain_counts_requests_whose_connection_is_not_there_yet(stage) -> None:
    with contextlib.ExitStack() as sockets:
        full = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # nobody accepts, so that a further connection is not even established
            one = sockets.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        stage.route(Upstream("far", "127.0.0.1", full.getsockname()[1], "v1", "web.1"))
        side = await stage.client()
        await side.send(GET)
        await stage.until(lambda: stage.switchboard.stats()["upstreams"]["far"]["in_flight"] == 1)
        assert await stage.switchboard.drain(["far"], 0.0) == {"far": 1}


async def test_a_drain_tells_what_is_left_at_its_deadline_and_cut_ends_it(stage) -> None:
    async def endless(side) -> None:
        await side.head()
        await asyncio.Event().wait()

    old = await stage.app(endless)
    stage.route(old)
    side = await stage.client()
    await side.send(GET)
    await stage.until(lambda: stage.in_flight(old) == 1)
    stage.route()
    assert await stage.switchboard.drain([old.upstream.id, "unknown"], 0.1) == {old.upstream.id: 1, "unknown": 0}
    stage.switchboard.cut([old.upstream.id])
    with pytest.raises(ConnectionResetError):
        await side.rest()
    assert await stage.switchboard.drain([old.upstream.id], 0.0) == {old.upstream.id: 0}


async def test_an_upstream_that_left_the_table_keeps_no_connection(stage) -> None:
    ended = asyncio.Event()

    async def kept(side) -> None:
        await side.head()
        await side.send(OK)
        assert await side.rest() == b""
        ended.set()

    old = await stage.app(kept)
    stage.route(old)
    await stage.get()
    assert not ended.is_set()
    stage.route()
    async with asyncio.timeout(10):
        await ended.wait()


async def test_a_new_table_leaves_idle_clients_and_unchanged_upstreams_alone(stage) -> None:
    app = await stage.app()
    stage.route(app)
    side = await stage.client()
    for _ in range(20):
        await side.send(GET)
        assert (await side.response())[0] == 200
        stage.route(app)
    assert app.connections == 1


async def test_an_older_table_does_not_replace_a_newer(stage) -> None:
    app = await stage.app()
    stage.route(app)
    stage.route(app)
    stage._version = 0
    stage.route()
    assert (await stage.get())[0] == 200


async def test_nothing_is_lost_while_the_table_changes_all_the_time(stage) -> None:
    async def slow(side) -> None:
        while True:
            head = await side.head()
            await asyncio.sleep(0.3 if b"GET /slow" in head else 0)
            await side.send(OK)

    apps = [await stage.app(), await stage.app(slow)]
    stage.route(*apps)
    over = asyncio.Event()
    served = 0

    async def load(path: bytes) -> None:
        nonlocal served
        side = await stage.client()
        while not over.is_set():
            await side.send(b"GET %b HTTP/1.1\r\nHost: app.localhost\r\n\r\n" % path)
            assert (await side.response())[::2] == (200, b"ok")
            served += 1

    loads = [asyncio.create_task(load(b"/slow" if number % 4 == 0 else b"/")) for number in range(16)]
    try:
        for _ in range(25):
            new = [await stage.app(), await stage.app(slow)]
            stage.route(*new)
            assert set((await stage.switchboard.drain([app.upstream.id for app in apps], 10.0)).values()) == {0}
            for app in apps:
                app.server.close()
            apps = new
    finally:
        over.set()
        await asyncio.gather(*loads)
    assert served > 60
    assert stage.switchboard.stats()["connections"] == 16


class Echo:
    """A WebSocket app that sends back what it gets and remembers how connections ended."""

    def __init__(self) -> None:
        self.closes: asyncio.Queue[int | None] = asyncio.Queue()

    async def __call__(self, socket) -> None:
        try:
            async for message in socket:
                await socket.send(message)
        except ConnectionClosed:
            pass
        finally:
            self.closes.put_nowait(socket.close_code)


async def websocket_app(stage, echo: Echo) -> tuple[Upstream, object]:
    server = await serve(echo, "127.0.0.1", 0, max_size=None)
    port = next(iter(server.sockets)).getsockname()[1]
    return Upstream("ws", "127.0.0.1", port, "v1", "web.1"), server


def websocket(stage):
    return connect("ws://app.localhost/chat", host="127.0.0.1", port=stage.port, max_size=None)


async def test_websockets_pass_in_both_directions(stage) -> None:
    upstream, server = await websocket_app(stage, Echo())
    stage.route(upstream)
    async with server, websocket(stage) as socket:
        for message in ("hello", b"\x00\xff" * 10, "x" * 70_000, b"y" * 3_000_000):
            await socket.send(message)
            assert await socket.recv() == message
        assert stage.switchboard.stats()["upstreams"]["ws"]["in_flight"] == 1
    await stage.until(lambda: stage.switchboard.stats()["upstreams"]["ws"]["in_flight"] == 0)
    assert "status=101" in stage.requests_logged()[-1]


async def test_a_drain_tells_websockets_on_both_sides_to_go_away(stage) -> None:
    echo = Echo()
    upstream, server = await websocket_app(stage, echo)
    stage.route(upstream)
    async with server, websocket(stage) as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
        stage.route()
        assert await stage.switchboard.drain(["ws"], 20.0) == {"ws": 0}
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1001
        assert await echo.closes.get() == 1001


UPGRADE = b"GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def test_a_websocket_is_told_between_two_frames_not_within_one(stage) -> None:
    go_on = asyncio.Event()
    frame = b"\x82\x7e\x01\x00" + b"z" * 256

    async def stream(side) -> None:
        await side.head()
        await side.send(SWITCHING + frame + frame[:100])
        await go_on.wait()
        await side.send(frame[100:] + frame)
        assert await side.exactly(8)

    app = await stage.app(stream)
    stage.route(app)
    side = await stage.client()
    await side.send(UPGRADE)
    await side.head()
    assert await side.exactly(360) == frame + frame[:100]
    draining = asyncio.create_task(stage.switchboard.drain([app.upstream.id], 20.0))
    await asyncio.sleep(0)
    go_on.set()
    assert await side.exactly(160) == frame[100:]
    assert await side.exactly(4) == b"\x88\x02\x03\xe9"
    await side.send(b"\x88\x80\x00\x00\x00\x00")
    assert await side.rest() == b""
    assert await draining == {app.upstream.id: 0}


@pytest.mark.parametrize("limits", [Limits(close_handshake=0.2)])
async def test_a_websocket_that_ignores_close_is_cut(stage) -> None:
    async def deaf(side) -> None:
        await side.head()
        await side.send(SWITCHING)
        await side.rest()

    app = await stage.app(deaf)
    stage.route(app)
    side = await stage.client()
    await side.send(UPGRADE)
    await side.head()
    assert await stage.switchboard.drain([app.upstream.id], 20.0) == {app.upstream.id: 0}
    assert await side.rest() == b"\x88\x02\x03\xe9"


async def test_another_upgraded_protocol_passes_and_is_cut_at_a_drain(stage) -> None:
    async def talk(side) -> None:
        head = await side.head()
        assert b"Connection: Upgrade\r\nUpgrade: tolv-test\r\n" in head
        await side.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tolv-test\r\n\r\nhi")
        while True:
            await side.send(await side.exactly(3))

    app = await stage.app(talk)
    stage.route(app)
    side = await stage.client()
    await side.send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: Upgrade\r\nUpgrade: tolv-test\r\n\r\nabc")
    assert b"Upgrade: tolv-test" in await side.head()
    assert await side.exactly(5) == b"hiabc"
    assert await stage.switchboard.drain([app.upstream.id], 20.0) == {app.upstream.id: 0}
    with pytest.raises(ConnectionResetError):
        await side.rest()
