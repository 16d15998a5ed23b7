"""What comes back to the client, whole or visibly not whole."""

from __future__ import annotations

import asyncio

import pytest

from tolv.route.limits import Limits

GET = b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"


def saying(*answers: bytes, end: bool = False):
    """An upstream that gives these answers in turn, over one or more connections."""
    left = list(answers)

    async def converse(side) -> None:
        while True:
            await side.head()
            await side.send(left.pop(0))
            if end:
                return

    return converse


async def test_responses_without_a_body_keep_the_connection(stage) -> None:
    app = await stage.app(
        saying(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
        )
    )
    stage.route(app)
    side = await stage.client()
    for request, status in ((HEAD, 200), (HEAD, 200), (GET, 204), (GET, 304)):
        await side.send(request)
        assert (await side.response(bodiless=True))[0] == status
    for body in (b"", b"ok"):
        await side.send(GET)
        assert (await side.response())[2] == body
    assert app.connections == 1


async def test_hop_by_hop_fields_of_the_upstream_end_here(stage) -> None:
    stage.route(
        await stage.app(
            saying(
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, X-Inner\r\nKeep-Alive: timeout=5\r\n"
                b"X-Inner: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Outer: 3\r\n\r\nok"
            )
        )
    )
    side = await stage.client()
    await side.send(GET)
    assert await side.head() == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Outer: 3\r\n\r\n"
    )


async def test_informational_responses_are_passed_on_but_not_to_http_1_0(stage) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    stage.route(await stage.app(saying(*[early + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"] * 2)))
    side = await stage.client()
    await side.send(GET)
    assert await side.head() == early
    assert (await side.response())[2] == b"ok"
    answer = await stage.exchange(b"GET / HTTP/1.0\r\nHost: app.localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_chunks_and_trailers_go_on_as_they_are(stage) -> None:
    body = b"3\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n"
    stage.route(await stage.app(saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)))
    side = await stage.client()
    await side.send(GET)
    assert b"Transfer-Encoding: chunked\r\n" in await side.head()
    assert await side.exactly(len(body)) == body


async def test_http_1_0_gets_a_chunked_body_unframed(stage) -> None:
    stage.route(
        await stage.app(
            saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n")
        )
    )
    answer = await stage.exchange(b"GET / HTTP/1.0\r\nHost: app.localhost\r\nConnection: keep-alive\r\n\r\n")
    assert answer == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde"


async def test_a_body_that_ends_with_the_connection_does_so_for_the_client(stage) -> None:
    stage.route(await stage.app(saying(b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nhello", end=True)))
    assert await stage.exchange(GET) == b"HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\nhello"


async def test_events_stream_as_they_come(stage) -> None:
    more: asyncio.Queue[bytes] = asyncio.Queue()

    async def events(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await side.send(await more.get())

    stage.route(await stage.app(events))
    side = await stage.client()
    await side.send(GET)
    await side.head()
    for number in range(3):
        event = b"9\r\ndata: %d\n\n\r\n" % number
        more.put_nowait(event)
        assert await side.exactly(len(event)) == event


CUT_SHORT = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "within a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello",
}


@pytest.mark.parametrize("answer", CUT_SHORT.values(), ids=CUT_SHORT.keys())
async def test_a_response_that_stops_in_the_middle_never_ends_cleanly(stage, answer: bytes) -> None:
    app = await stage.app(saying(answer, end=True))
    stage.route(app)
    with pytest.raises(ConnectionResetError):
        await stage.exchange(GET)
    await stage.until(lambda: stage.in_flight(app) == 0)
    assert "cut=true" in stage.requests_logged()[-1]


async def test_a_chunk_that_turns_out_malformed_is_a_reset(stage) -> None:
    async def breaks_off(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await go_on.wait()
        await side.send(b"zz\r\n")

    go_on = asyncio.Event()
    stage.route(await stage.app(breaks_off))
    side = await stage.client()
    await side.send(GET)
    await side.until(b"hello\r\n")
    go_on.set()
    with pytest.raises(ConnectionResetError):
        await side.rest()


async def test_a_reset_in_a_body_of_unknown_length_is_a_reset_for_the_client(stage) -> None:
    async def dying(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await asyncio.sleep(0.05)
        side.reset()

    stage.route(await stage.app(dying))
    with pytest.raises(ConnectionResetError):
        await stage.exchange(GET)


BAD_GATEWAY = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a malformed first chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a head beyond 64 KiB": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "both framings": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
}


@pytest.mark.parametrize("answer", BAD_GATEWAY.values(), ids=BAD_GATEWAY.keys())
async def test_an_upstream_without_a_proper_head_is_one_502_and_the_client_goes_on(stage, answer: bytes) -> None:
    app = await stage.app(saying(answer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", end=True))
    stage.route(app)
    side = await stage.client()
    await side.send(GET)
    assert (await side.response())[0] == 502
    await side.send(GET)
    assert (await side.response())[0] == 200
    assert stage.switchboard.stats()["upstreams"][app.upstream.id]["errors_5xx"] == 1


async def test_what_an_upstream_sends_beyond_its_response_reaches_nobody(stage) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    app = await stage.app(saying(answer + evil, answer, end=False))
    stage.route(app)
    side = await stage.client()
    for _ in range(2):
        await side.send(GET)
        assert (await side.response())[2] == b"ok"
    assert app.connections == 2


async def test_a_large_response_waits_for_a_slow_client(stage) -> None:
    sent = 0
    size = 64 * 1024 * 1024

    async def large(side) -> None:
        nonlocal sent
        await side.head()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            await side.send(b"x" * 65536)
            sent += 65536

    app = await stage.app(large)
    stage.route(app)
    side = await stage.client()
    await side.send(GET)
    await side.head()
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.2)
    assert sent < size / 2
    left = size
    while left:
        left -= len(await side.reader.read(1 << 20))
    await side.send(b"GET / HTTP/1.1\r\nHost: nowhere\r\n\r\n")
    assert (await side.response())[0] == 404


async def test_a_large_upload_waits_for_a_slow_upstream(stage) -> None:
    go_on = asyncio.Event()
    size = 64 * 1024 * 1024

    async def slow(side) -> None:
        await side.head()
        await go_on.wait()
        left = size
        while left:
            left -= len(await side.reader.read(1 << 20))
        await side.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    stage.route(await stage.app(slow))
    side = await stage.client()
    await side.send(b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: %d\r\n\r\n" % size)
    sent = 0

    async def upload() -> None:
        nonlocal sent
        while sent < size:
            await side.send(b"x" * 65536)
            sent += 65536

    uploading = asyncio.create_task(upload())
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.2)
    assert sent < size / 2
    go_on.set()
    await uploading
    assert (await side.response())[0] == 204


@pytest.mark.parametrize("limits", [Limits(write_timeout=0.5)])
async def test_a_client_that_takes_nothing_is_cut_off(stage) -> None:
    async def large(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            await side.send(b"x" * 65536)

    app = await stage.app(large)
    stage.route(app)
    side = await stage.client()
    side.reader._limit = 1024
    await side.send(GET)
    await stage.until(lambda: stage.in_flight(app) == 1)
    await stage.until(lambda: stage.in_flight(app) == 0)
    assert stage.requests_logged()[-1].endswith("cut=true")
