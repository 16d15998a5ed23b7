"""Clients that hold on to what is not theirs, and upstreams that say more, less or later than they were asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tolv.route.limits import Limits

GET = b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: %d\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answering(*answers: bytes, end: bool = False):
    """An upstream that gives these answers in turn, whatever it is asked, over one or more connections."""
    left = list(answers)

    async def converse(side) -> None:
        while left:
            await side.head()
            await side.send(left.pop(0))
            if end:
                return

    return converse


async def deaf(side) -> None:
    """An upstream that takes a request's head and never says a word."""
    await side.head()
    await asyncio.Event().wait()


# Slow clients


@pytest.mark.parametrize("limits", [Limits(body_timeout=0.4, body_rate=10_000)])
async def test_a_body_that_trickles_is_408_though_it_never_stops(stage) -> None:
    app = await stage.app(deaf)
    stage.route(app)
    side = await stage.client()
    await side.send(POST % 1_000_000)
    reading = asyncio.create_task(side.rest())
    while not reading.done():
        side.writer.write(b"x")
        await asyncio.sleep(0.02)
    assert (await reading).startswith(b"HTTP/1.1 408 ")
    assert stage.in_flight(app) == 0


@pytest.mark.parametrize("limits", [Limits(body_timeout=1.0, body_rate=10)])
async def test_a_slow_body_that_keeps_the_pace_arrives(stage) -> None:
    async def take(side) -> None:
        await side.head()
        await side.exactly(2500)
        await side.send(OK)

    stage.route(await stage.app(take))
    side = await stage.client()
    await side.send(POST % 2500)
    for _ in range(25):
        await side.send(b"x" * 100)
        await asyncio.sleep(0.05)
    assert (await side.response())[0] == 200


@pytest.mark.parametrize("limits", [Limits(half_closed_timeout=0.3)])
async def test_a_half_closed_client_whose_response_stands_still_has_left(stage) -> None:
    async def stands_still(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await asyncio.Event().wait()

    app = await stage.app(stands_still)
    stage.route(app)
    side = await stage.client()
    await side.send(GET)
    await side.until(b"half")
    side.end()
    with pytest.raises(ConnectionResetError):
        await side.rest()
    assert stage.in_flight(app) == 0


@pytest.mark.parametrize("limits", [Limits(half_closed_timeout=1.0)])
async def test_a_half_closed_client_gets_a_response_that_moves(stage) -> None:
    async def moves(side) -> None:
        await side.head()
        await asyncio.sleep(1.3)
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            await side.send(b"x")
            await asyncio.sleep(0.15)

    stage.route(await stage.app(moves))
    side = await stage.client()
    await side.send(GET)
    side.end()
    assert (await side.rest()).endswith(b"x" * 10)


async def test_requests_that_are_not_read_yet_take_a_bounded_room(stage) -> None:
    stage.route(await stage.app(deaf))
    side = await stage.client()
    flood = asyncio.create_task(side.send(GET * 200_000))
    await stage.until(lambda: stage.switchboard.stats()["connections"] == 1)
    (client,) = stage.switchboard._clients
    await stage.until(lambda: client._paused)
    assert len(client._buffer) < 1024 * 1024
    flood.cancel()


# Upstreams that say nothing


async def timed(stage, handler, seconds: float):
    """An app whose responses must begin within so many seconds."""
    app = await stage.app(handler)
    app.upstream = replace(app.upstream, response_timeout=seconds)
    stage.route(app)
    return app


async def test_a_silent_upstream_is_one_504_and_its_connection_ends(stage) -> None:
    gone = asyncio.Event()

    async def silent(side) -> None:
        await side.head()
        await side.rest()
        gone.set()

    app = await timed(stage, silent, 0.2)
    side = await stage.client()
    for request in (GET, POST % 3 + b"abc"):
        await side.send(request)
        status, fields, body = await side.response()
        assert status == 504
        assert fields["x-request-id"].encode() in body
        await stage.until(gone.is_set)
        gone.clear()
    assert stage.in_flight(app) == 0
    assert app.connections == 2
    assert [line.split(" status=")[1][:3] for line in stage.requests_logged()] == ["504", "504"]


async def test_an_upstream_that_does_not_take_the_body_is_a_504(stage) -> None:
    app = await timed(stage, deaf, 0.5)
    side = await stage.client()
    uploading = asyncio.create_task(side.send(POST % 100_000_000 + b"x" * 100_000_000))
    assert (await side.response())[0] == 504
    assert stage.in_flight(app) == 0
    uploading.cancel()


async def test_the_time_that_a_client_takes_for_its_body_is_not_the_upstreams(stage) -> None:
    async def take(side) -> None:
        await side.head()
        await side.exactly(3)
        await side.send(OK)

    await timed(stage, take, 1.0)
    side = await stage.client()
    await side.send(POST % 3)
    for byte in (b"a", b"bc"):
        await asyncio.sleep(1.3)
        await side.send(byte)
    assert (await side.response())[0] == 200


async def test_an_upstream_that_says_it_is_at_work_gets_more_time(stage) -> None:
    async def at_work(side) -> None:
        await side.head()
        for _ in range(12):
            await asyncio.sleep(0.1)
            await side.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await side.send(OK)

    await timed(stage, at_work, 0.8)
    side = await stage.client()
    await side.send(GET)
    assert (await side.until(b"ok")).count(b" 102 ") == 12


async def test_a_response_that_has_begun_may_take_its_time(stage) -> None:
    async def pauses(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await asyncio.sleep(1.0)
        await side.send(b"k")

    await timed(stage, pauses, 0.2)
    assert (await stage.get())[2] == b"ok"


# Upstreams that say too much


BODILESS = {
    "204 with a body": (GET, b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil"),
    "204 in chunks": (GET, b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"),
    "304 with a body": (GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil"),
    "HEAD with a body": (HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
    "HEAD in chunks": (HEAD, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"),
    "HEAD with another response": (
        HEAD,
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nX: evil\r\n\r\n",
    ),
    "HEAD of unknown length": (HEAD, b"HTTP/1.1 200 OK\r\n\r\nevil"),
}


@pytest.mark.parametrize(("request_bytes", "answer"), BODILESS.values(), ids=BODILESS.keys())
async def test_content_where_there_can_be_none_reaches_nobody(stage, request_bytes: bytes, answer: bytes) -> None:
    app = await stage.app(answering(answer, OK))
    stage.route(app)
    seen = await stage.exchange(request_bytes + LAST)
    assert b"evil" not in seen
    assert seen.endswith(b"\r\n\r\nok")
    assert app.connections == 2


async def test_a_second_response_is_not_the_answer_to_the_next_request(stage) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    let_it_out = asyncio.Event()

    async def two_for_one(side) -> None:
        await side.head()
        await side.send(OK)
        await let_it_out.wait()
        await side.send(evil)
        await side.rest()
        poisoned.set()

    poisoned = asyncio.Event()
    app = await stage.app(two_for_one)
    stage.route(app)
    side = await stage.client()
    await side.send(GET)
    assert (await side.response())[2] == b"ok"
    let_it_out.set()
    await stage.until(poisoned.is_set)
    await side.send(GET)
    assert (await side.response())[2] == b"ok"
    assert app.connections == 2


async def test_informational_responses_without_end_are_a_502(stage) -> None:
    stage.route(await stage.app(answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000)))
    assert (await stage.exchange(b"GET / HTTP/1.0\r\nHost: app.localhost\r\n\r\n")).startswith(b"HTTP/1.1 502 ")


async def test_an_upstream_may_not_change_to_a_protocol_that_nobody_asked_for(stage) -> None:
    switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n"
    for protocol in (b"h2c", b"", b"websocket, h2c"):
        stage.route(await stage.app(answering(switching % protocol)))
        side = await stage.client()
        await side.send(UPGRADE)
        assert (await side.response())[0] == 502


async def test_what_follows_a_refused_upgrade_is_read_as_requests(stage) -> None:
    for status in (b"200 OK", b"426 Upgrade Required", b"400 Bad Request"):
        app = await stage.app(answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nno", OK))
        stage.route(app)
        seen = await stage.exchange(UPGRADE + b"GET /smuggled HTTP/1.1\r\nHost: nowhere.localhost\r\n\r\n" + LAST)
        assert [int(part[:3]) for part in seen.split(b"HTTP/1.1 ")[1:]] == [int(status[:3]), 404, 200]


async def test_an_answer_before_the_end_of_the_body_arrives_though_the_upstream_closes(stage) -> None:
    """The kernel resets a connection that is closed with unread data; the response is there all the same."""

    async def refuses(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")

    stage.route(await stage.app(refuses))
    for _ in range(20):
        side = await stage.client()
        uploading = asyncio.create_task(side.send(POST % 3_000_000 + b"x" * 3_000_000))
        status, _, body = await side.response()
        assert (status, body) == (413, b"big")
        uploading.cancel()
        await asyncio.gather(uploading, return_exceptions=True)
        side.reset()


async def test_a_cut_response_is_a_reset_for_http_1_0_too(stage) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    stage.route(await stage.app(answering(answer, end=True)))
    with pytest.raises(ConnectionResetError):
        await stage.exchange(b"GET / HTTP/1.0\r\nHost: app.localhost\r\n\r\n")
