"""Who gets a request: choice, retry, and holding until somebody is there."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tolv.route.limits import Limits
from tolv.route.model import Upstream

GET = b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 3\r\n\r\nabc"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def nobody(name: str) -> Upstream:
    """An upstream whose port refuses connections."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return Upstream(name, "127.0.0.1", one.getsockname()[1], "v1", "web.9")


class Gate:
    """An upstream that answers when it is told to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def __call__(self, side) -> None:
        while True:
            await side.head()
            await self.open.wait()
            await side.send(OK)


async def test_the_upstream_with_the_fewest_requests_in_flight_is_chosen(stage) -> None:
    gates = [Gate(), Gate(), Gate()]
    apps = [await stage.app(gate) for gate in gates]
    stage.route(*apps)
    sides = [await stage.client() for _ in range(9)]
    for side in sides:
        await side.send(GET)
    await stage.until(lambda: [stage.in_flight(app) for app in apps] == [3, 3, 3])
    gates[1].open.set()
    await stage.until(lambda: [stage.in_flight(app) for app in apps] == [3, 0, 3])
    for _ in range(5):
        await stage.get()
    assert [stage.in_flight(app) for app in apps] == [3, 0, 3]


async def test_idle_upstreams_take_turns(stage) -> None:
    apps = [await stage.app() for _ in range(3)]
    stage.route(*apps)
    for _ in range(9):
        await stage.get()
    assert [len(app.heads) for app in apps] == [3, 3, 3]


async def test_connections_to_an_upstream_are_kept(stage) -> None:
    app = await stage.app()
    stage.route(app)
    for _ in range(20):
        assert (await stage.get())[0] == 200
    assert app.connections == 1


@pytest.mark.parametrize("request_bytes", [GET, POST])
async def test_another_upstream_is_tried_when_one_refuses(stage, request_bytes: bytes) -> None:
    async def answer(side) -> None:
        while True:
            if b"Content-Length: 3" in await side.head():
                assert await side.exactly(3) == b"abc"
            await side.send(OK)

    stage.route(nobody("a"), await stage.app(answer), nobody("b"))
    side = await stage.client()
    for _ in range(6):
        await side.send(request_bytes)
        assert (await side.response())[0] == 200


@pytest.mark.parametrize("limits", [Limits(connect_patience=0.3)])
async def test_502_when_every_upstream_refuses(stage) -> None:
    stage.route(nobody("a"), nobody("b"))
    status, fields, body = await stage.get()
    assert status == 502
    assert fields["x-request-id"].encode() in body


async def test_a_request_whose_upstreams_have_just_died_waits_for_the_next_table(stage) -> None:
    stage.route(nobody("a"))
    getting = asyncio.create_task(stage.get())
    await stage.until(lambda: stage.switchboard.stats()["held"] == 1)
    stage.route(await stage.app())
    assert (await getting)[0] == 200


async def test_an_idle_connection_that_the_upstream_closed_costs_no_request(stage) -> None:
    async def once(side) -> None:
        await side.head()
        await side.send(OK)

    stage.route(await stage.app(once))
    for _ in range(50):
        assert (await stage.get())[0] == 200


@pytest.mark.parametrize(
    ("request_bytes", "statuses"), [(GET, [200, 200]), (POST, [200, 502])], ids=["idempotent", "not idempotent"]
)
async def test_a_request_is_sent_twice_only_if_that_is_harmless(stage, request_bytes, statuses) -> None:
    async def closes_when_asked_again(side) -> None:
        await side.head()
        await side.reader.read(3 if request_bytes == POST else 0)
        await side.send(OK)
        await side.head()

    app = await stage.app(closes_when_asked_again)
    stage.route(app)
    side = await stage.client()
    for status in statuses:
        await side.send(request_bytes)
        assert (await side.response())[0] == status
    assert app.connections == (2 if request_bytes == GET else 1)


@pytest.mark.parametrize("beginning", [b"HTTP/1.1 200", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
async def test_a_request_whose_response_has_begun_is_not_sent_again(stage, beginning: bytes) -> None:
    async def dies_when_asked_again(side) -> None:
        await side.head()
        await side.send(OK)
        await side.head()
        await side.send(beginning)

    app = await stage.app(dies_when_asked_again)
    stage.route(app)
    assert (await stage.get())[0] == 200
    side = await stage.client()
    await side.send(GET)
    status = (await side.response())[0]
    assert (await side.response())[0] == 502 if status == 103 else status == 502
    assert app.connections == 1


async def test_upstreams_that_stay_keep_their_turn_when_the_table_changes(stage) -> None:
    apps = [await stage.app() for _ in range(2)]
    for _ in range(6):
        stage.route(*apps)
        await stage.get()
    assert [len(app.heads) for app in apps] == [3, 3]


@pytest.mark.parametrize("limits", [Limits(stale_after=-1.0)])
async def test_a_request_that_must_not_be_sent_twice_takes_no_connection_that_may_be_stale(stage) -> None:
    async def once_a_connection(side) -> None:
        await side.head()
        await side.exactly(3)
        await side.send(OK)
        await side.head()

    app = await stage.app(once_a_connection)
    stage.route(app)
    side = await stage.client()
    for _ in range(3):
        await side.send(POST)
        assert (await side.response())[0] == 200
    assert app.connections == 3


async def test_a_small_put_is_sent_again_with_its_body(stage) -> None:
    bodies: list[bytes] = []

    async def closes_when_asked_again(side) -> None:
        for _ in range(2):
            await side.head()
            bodies.append(await side.exactly(3))
            if len(bodies) == 2:
                return
            await side.send(OK)

    stage.route(await stage.app(closes_when_asked_again))
    side = await stage.client()
    for body in (b"one", b"two"):
        await side.send(b"PUT / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 3\r\n\r\n" + body)
        assert (await side.response())[0] == 200
    assert bodies == [b"one", b"two", b"two"]


async def test_requests_wait_while_nobody_is_ready(stage) -> None:
    stage.route()
    getting = [asyncio.create_task(stage.get(f"/{number}")) for number in range(5)]
    posting = asyncio.create_task(stage.exchange(POST.replace(b"Length: 3", b"Length: 3\r\nConnection: close")))
    await stage.until(lambda: stage.switchboard.stats()["held"] == 6)

    async def answer(side) -> None:
        if b"Content-Length: 3" in await side.head():
            assert await side.exactly(3) == b"abc"
        await side.send(OK)

    stage.route(await stage.app(answer))
    assert [(await one)[0] for one in getting] == [200] * 5
    assert (await posting).endswith(b"ok")


async def test_a_held_route_waits_even_with_upstreams(stage) -> None:
    app = await stage.app()
    stage.route(app, mode="hold")
    getting = asyncio.create_task(stage.get())
    await stage.until(lambda: stage.switchboard.stats()["held"] == 1)
    stage.route(app, mode="hold")
    assert stage.switchboard.stats()["held"] == 1
    stage.route(app)
    assert (await getting)[0] == 200


async def test_503_with_retry_after_when_nobody_comes(stage) -> None:
    stage.route(hold=0.2)
    status, fields, _ = await stage.get()
    assert status == 503
    assert int(fields["retry-after"]) > 0
    assert stage.switchboard.stats()["held"] == 0


async def test_a_stopped_deploy_answers_503_at_once(stage) -> None:
    stage.route(await stage.app(), mode="refuse")
    assert (await stage.get())[0] == 503


async def test_a_client_that_leaves_while_it_is_held_is_forgotten(stage) -> None:
    stage.route()
    side = await stage.client()
    await side.send(GET)
    await stage.until(lambda: stage.switchboard.stats()["held"] == 1)
    side.reset()
    await stage.until(lambda: stage.switchboard.stats()["held"] == 0)


async def test_a_held_body_is_bounded(stage) -> None:
    stage.route()
    side = await stage.client()
    size = 32 * 1024 * 1024
    sending = asyncio.create_task(
        side.send(b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    )
    await stage.until(lambda: stage.switchboard.stats()["held"] == 1)
    (held,) = stage.switchboard._held
    assert held.waiting_bytes < 1024 * 1024

    async def count(side) -> None:
        await side.head()
        left = size
        while left:
            left -= len(await side.reader.read(1 << 20))
        await side.send(OK)

    stage.route(await stage.app(count))
    assert (await side.response())[0] == 200
    await sending


async def test_a_line_is_logged_for_each_request(stage) -> None:
    stage.route(await stage.app())
    await stage.get('/a"b?secret=1', "X-Request-ID: abc\r\n")
    (line,) = stage.requests_logged()
    assert line.startswith(r'v1 router method=GET path="/a\"b" host=app.localhost status=200 bytes=2 connect_ms=')
    assert line.endswith(" request_id=abc upstream=web.0")
