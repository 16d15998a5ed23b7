"""What reaches the upstream, and in which order it is answered."""

from __future__ import annotations

import asyncio
import random

import pytest

from tolv.route.limits import Limits
from tolv.route.model import Route

GET = b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n"


async def echo(side) -> None:
    """Answer each request with its body, once it is there."""
    while True:
        head = await side.head()
        fields = head.lower()
        if b"transfer-encoding: chunked" in fields:
            body = await side.until(b"0\r\n\r\n")
        elif b"content-length: " in fields:
            body = await side.exactly(int(fields.split(b"content-length: ")[1].split(b"\r\n")[0]))
        else:
            body = b""
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def test_an_unknown_host_is_404_and_names_no_other(stage) -> None:
    app = await stage.app()
    stage.apply(*(Route(name, "app", "dev", (app.upstream,)) for name in ("app.localhost", "b.localhost")))
    for host in ("other.localhost", "localhost", "127.0.0.1"):
        status, fields, body = await stage.get(host=host)
        assert status == 404
        assert host.encode() in body
        assert fields["x-request-id"].encode() in body
        assert b"b.localhost" not in body


async def test_a_single_route_answers_to_this_machines_own_names(stage) -> None:
    stage.route(await stage.app())
    for host in ("localhost", "127.0.0.1", "[::1]", f"localhost:{stage.port}"):
        assert (await stage.get(host=host))[0] == 200
    assert (await stage.get(host="other.localhost"))[0] == 404


async def test_the_upstream_learns_who_asked_and_how(stage) -> None:
    app = await stage.app()
    stage.route(app)
    await stage.get("/a?b=c", "X-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\n")
    lines = app.heads[0].decode().split("\r\n")
    assert lines[0] == "GET /a?b=c HTTP/1.1"
    assert "X-Forwarded-For: 127.0.0.1" in lines
    assert "X-Forwarded-Proto: http" in lines
    assert "X-Forwarded-Host: app.localhost" in lines
    assert f"X-Forwarded-Port: {stage.port}" in lines


SAID_BY_THE_EDGE = (
    "X-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n"
    "X-Forwarded-Port: 443\r\n"
)


async def test_what_the_edge_says_of_its_client_counts(stage) -> None:
    app = await stage.app()
    stage.apply(Route("app.localhost", "app", "dev", (app.upstream,), domains=("shop.example",)))
    stage.from_edge = True
    assert (await stage.get("/", SAID_BY_THE_EDGE, host="shop.example"))[0] == 200
    assert SAID_BY_THE_EDGE.encode() in app.heads[0]
    assert app.heads[0].count(b"X-Forwarded") == 4


async def test_through_the_edge_only_own_domains_answer(stage) -> None:
    app = await stage.app()
    stage.apply(Route("app.localhost", "app", "dev", (app.upstream,), domains=("shop.example",)))
    assert (await stage.get(host="shop.example"))[0] == 200
    assert (await stage.get(host="app.localhost"))[0] == 200
    stage.from_edge = True
    assert (await stage.get(host="Shop.Example.:443"))[0] == 200
    for host in ("app.localhost", "localhost", "127.0.0.1", "other.example"):
        assert (await stage.get(host=host))[0] == 404


async def test_a_request_id_is_kept_if_sane_and_made_otherwise(stage) -> None:
    app = await stage.app()
    stage.route(app)
    await stage.get("/", "X-Request-ID: abc-123\r\n")
    await stage.get("/", 'X-Request-ID: a"b\r\n')
    await stage.get("/", "X-Request-ID: a\r\nX-Request-ID: b\r\n")
    ids = [head.split(b"X-Request-ID: ")[1].split(b"\r\n")[0] for head in app.heads]
    assert ids[0] == b"abc-123"
    assert all(len(made) == 32 for made in ids[1:])
    assert len(set(ids)) == 3
    assert all(head.count(b"X-Request-ID") == 1 for head in app.heads)


async def test_pipelined_requests_are_answered_in_order(stage) -> None:
    async def numbered(side) -> None:
        while True:
            path = (await side.head()).split()[1]
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    stage.route(await stage.app(numbered), await stage.app(numbered))
    side = await stage.client()
    await side.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: app.localhost\r\n\r\n" % number for number in range(200)))
    for number in range(200):
        assert (await side.response())[2] == b"/%d" % number


async def test_pipelining_goes_on_after_bodies_and_errors(stage) -> None:
    stage.route(await stage.app(echo))
    answer = await stage.exchange(
        b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 3\r\n\r\nabc"
        b"GET / HTTP/1.1\r\nHost: nowhere\r\n\r\n"
        b"\r\nPOST / HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\ndef\r\n0\r\n\r\n"
        + LAST
    )
    first, second, third, last = answer.split(b"HTTP/1.1 ")[1:]
    assert first.endswith(b"\r\n\r\nabc")
    assert second.startswith(b"404")
    assert third.endswith(b"\r\n\r\n3\r\ndef\r\n0\r\n\r\n")
    assert last.startswith(b"200")


async def test_a_request_may_come_byte_by_byte(stage) -> None:
    stage.route(await stage.app(echo))
    side = await stage.client()
    for byte in b"POST / HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":
        side.writer.write(bytes((byte,)))
        await asyncio.sleep(0)
    assert (await side.response())[2] == b"3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_large_body_arrives_whole(stage, framing: str) -> None:
    stage.route(await stage.app(echo))
    body = bytes(range(256)) * 8192
    if framing == "chunked":
        body = b"".join(b"10000\r\n%b\r\n" % body[at : at + 65536] for at in range(0, len(body), 65536)) + b"0\r\n\r\n"
    line = b"Content-Length: %d" % len(body) if framing == "length" else b"Transfer-Encoding: chunked"
    side = await stage.client()
    sending = asyncio.create_task(side.send(b"POST / HTTP/1.1\r\nHost: app.localhost\r\n" + line + b"\r\n\r\n" + body))
    assert (await side.response())[2] == body
    await sending


async def test_a_body_streams_while_it_is_sent(stage) -> None:
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(side) -> None:
        await side.head()
        for _ in range(3):
            await arrived.put(await side.exactly(3))
        await side.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    stage.route(await stage.app(listen))
    side = await stage.client()
    await side.send(b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 9\r\n\r\n")
    for part in (b"one", b"two", b"six"):
        await side.send(part)
        async with asyncio.timeout(10):
            assert await arrived.get() == part
    assert (await side.response())[0] == 204


async def test_a_client_waits_for_100_continue_of_the_upstream(stage) -> None:
    async def careful(side) -> None:
        assert b"Expect: 100-continue" in await side.head()
        await side.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + await side.exactly(3))

    stage.route(await stage.app(careful))
    side = await stage.client()
    await side.send(b"PUT / HTTP/1.1\r\nHost: app.localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert (await side.head()).startswith(b"HTTP/1.1 100 ")
    await side.send(b"abc")
    assert (await side.response())[2] == b"abc"


async def test_an_upstream_may_refuse_a_body_before_it_is_sent(stage) -> None:
    async def refusing(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")

    stage.route(await stage.app(refusing))
    side = await stage.client()
    await side.send(b"PUT / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 300000000\r\n\r\nabc")
    status, fields, body = await side.response()
    assert (status, fields["connection"], body) == (413, "close", b"big")
    await side.send(b"more")
    assert await side.rest() == b""


async def test_http_1_0_gets_its_answer_and_the_end(stage) -> None:
    app = await stage.app()
    stage.route(app)
    answer = await stage.exchange(b"GET / HTTP/1.0\r\nHost: app.localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"Connection: close\r\n\r\nok")
    assert app.heads[0].startswith(b"GET / HTTP/1.1\r\n")


async def test_http_1_0_may_ask_to_keep_its_connection(stage) -> None:
    stage.route(await stage.app())
    side = await stage.client()
    for _ in range(2):
        await side.send(b"GET / HTTP/1.0\r\nHost: app.localhost\r\nConnection: keep-alive\r\n\r\n")
        assert (await side.response())[1]["connection"] == "keep-alive"


async def test_a_client_that_sends_nothing_more_still_gets_its_answers(stage) -> None:
    stage.route(await stage.app())
    side = await stage.client()
    await side.send(GET + GET)
    side.end()
    assert (await side.rest()).count(b"\r\n\r\nok") == 2


async def test_a_client_that_ends_within_its_request_is_gone(stage) -> None:
    gone = asyncio.Event()

    async def listen(side) -> None:
        await side.head()
        await side.rest()
        gone.set()

    app = await stage.app(listen)
    stage.route(app)
    side = await stage.client()
    await side.send(b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 9\r\n\r\nabc")
    await stage.until(lambda: stage.in_flight(app) == 1)
    side.end()
    async with asyncio.timeout(10):
        await gone.wait()
    await stage.until(lambda: stage.in_flight(app) == 0)


async def test_a_client_that_is_gone_takes_its_request_with_it(stage) -> None:
    gone = asyncio.Event()

    async def endless(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                await side.send(b"3\r\nabc\r\n")
                await asyncio.sleep(0.01)
        finally:
            gone.set()

    app = await stage.app(endless)
    stage.route(app)
    side = await stage.client()
    await side.send(GET)
    await side.until(b"abc\r\n")
    side.reset()
    async with asyncio.timeout(10):
        await gone.wait()
    await stage.until(lambda: stage.in_flight(app) == 0)
    assert stage.requests_logged()[-1].endswith("cut=true")


@pytest.mark.parametrize("limits", [Limits(head_timeout=0.3, body_timeout=0.3, idle_timeout=0.3)])
class TestSlowClients:
    async def test_a_head_that_does_not_end_is_408(self, stage) -> None:
        stage.route(await stage.app())
        assert (await stage.exchange(b"GET / HTTP/1.1\r\nHost: app.loc")).startswith(b"HTTP/1.1 408 ")

    async def test_a_head_that_trickles_is_408_all_the_same(self, stage) -> None:
        stage.route(await stage.app())
        side = await stage.client()
        await side.send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n")
        reading = asyncio.create_task(side.rest())
        while not reading.done():
            side.writer.write(b"X-A: b\r\n")
            await asyncio.sleep(0.05)
        assert (await reading).startswith(b"HTTP/1.1 408 ")

    async def test_a_body_that_stops_is_408(self, stage) -> None:
        app = await stage.app(echo)
        stage.route(app)
        answer = await stage.exchange(b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5\r\n\r\nab")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert stage.in_flight(app) == 0

    async def test_an_idle_connection_is_closed(self, stage) -> None:
        stage.route(await stage.app())
        side = await stage.client()
        assert await side.rest() == b""
        side = await stage.client()
        await side.send(GET)
        assert (await side.rest()).endswith(b"ok")

    async def test_a_slow_upstream_is_not_the_clients_fault(self, stage) -> None:
        async def slow(side) -> None:
            await side.head()
            await asyncio.sleep(1.0)
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        stage.route(await stage.app(slow))
        assert (await stage.get())[0] == 200


async def test_a_head_beyond_64_kib_is_431(stage) -> None:
    stage.route(await stage.app())
    for end in (b"", b"\r\n\r\n"):
        head = b"GET / HTTP/1.1\r\nHost: app.localhost\r\nX-A: " + b"a" * 70_000 + end
        assert (await stage.exchange(head)).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\nHost: app.localhost\n\n",
        b"GET /\r\n",
        b"GET / HTTP/1.1\r\nHost: app.localhost\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: app.localhost\r\n\r\n" + GET,
        b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        + GET,
        b"POST / HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n" + GET,
    ],
)
async def test_a_refused_message_is_400_and_nothing_behind_it_is_read(stage, data: bytes) -> None:
    app = await stage.app(echo)
    stage.route(app)
    answer = await stage.exchange(data)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert app.heads == []


PARTS = [
    GET, LAST, b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\n", b"Host: app.localhost\r\n", b"X-A: b\r\n",
    b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"abc",
    b"\r\n", b"\r", b"\n", b"\x00", b" ", b":",
]  # fmt: skip


async def test_no_bytes_whatever_break_the_router_or_reach_the_upstream_unread(stage) -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    app = await stage.app(echo)
    stage.route(app)
    dice = random.Random(12)
    for _ in range(400):
        side = await stage.client()
        for _ in range(dice.randint(1, 3)):
            side.writer.write(b"".join(dice.choices(PARTS, k=dice.randint(1, 8))))
            await asyncio.sleep(0)
        side.end()
        try:
            answer = await side.rest()
        except ConnectionResetError:
            continue
        assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
        await side.close()
    await stage.until(lambda: stage.switchboard.stats()["connections"] == 0)
    assert stage.in_flight(app) == 0
    assert failures == []
    assert (await stage.get())[0] == 200


@pytest.mark.parametrize("limits", [Limits(connections=3)])
async def test_one_connection_too_many_is_503_and_those_that_are_served_go_on(stage) -> None:
    gate = asyncio.Event()

    async def answer_late(side) -> None:
        await side.head()
        await gate.wait()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    app = await stage.app(answer_late)
    stage.route(app)
    sides = [await stage.client() for _ in range(3)]
    for side in sides:
        await side.send(GET)
    await stage.until(lambda: stage.in_flight(app) == 3)
    assert (await stage.exchange(b"")).startswith(b"HTTP/1.1 503 ")
    gate.set()
    for side in sides:
        assert (await side.response())[0] == 200
