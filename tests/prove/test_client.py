"""The client: what comes back, and each way in which nothing does."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable

import pytest
from prove.sites import Asked, Reply, Talk, read_request, reset, serving, talking

from tolv.prove.answer import Answer
from tolv.prove.client import Client, NoAnswer, Session


def saying(text: bytes) -> Talk:
    """Read the request, say that, and close."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(text)
        await writer.drain()

    return talk


def got(talk: Talk, **more: object) -> Answer:
    async def ask() -> Answer:
        async with talking(talk) as client:
            return await client.request("GET", "/", **more)  # type: ignore[arg-type]

    return asyncio.run(ask())


def failed(talk: Talk, timeout: float = 10.0) -> NoAnswer:
    with pytest.raises(NoAnswer) as raised:
        got(talk, timeout=timeout)
    return raised.value


def test_an_answer_has_all_that_was_sent() -> None:
    answer = got(saying(b'HTTP/1.1 201 Made It\r\nContent-Length: 9\r\nX-One: a\r\nX-One: b\r\n\r\n{"id": 7}'))
    assert (answer.status, answer.reason, answer.http_version) == (201, "Made It", "1.1")
    assert answer.json() == {"id": 7}
    assert [value for name, value in answer.headers if name == "x-one"] == ["a", "b"]
    assert answer.header("X-One") == "a"
    assert answer.header("Missing", "-") == "-"
    assert answer.seconds > 0


def test_chunks_are_put_together() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert got(saying(head + b"5\r\nhello\r\n7;x=1\r\n, world\r\n0\r\nX-After: 1\r\n\r\n")).text() == "hello, world"


def test_http_1_0_ends_where_the_connection_does() -> None:
    answer = got(saying(b"HTTP/1.0 200 OK\r\n\r\nall of it"))
    assert (answer.text(), answer.http_version) == ("all of it", "1.0")


def test_what_comes_before_the_answer_is_no_answer() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    assert got(saying(early + b"HTTP/1.1 204 None\r\n\r\n")).status == 204


@pytest.mark.parametrize(
    ("type_", "body", "text"),
    [
        ("text/plain; charset=latin-1", b"caf\xe9", "café"),
        ('text/html; charset="utf-8"', "café".encode(), "café"),
        ("text/plain; charset=no-such", "café".encode(), "café"),
        ("text/plain", b"caf\xe9", "caf\ufffd"),
    ],
)
def test_text_is_read_in_the_charset_it_is_in(type_: str, body: bytes, text: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {type_}\r\nContent-Length: {len(body)}\r\n\r\n"
    assert got(saying(head.encode() + body)).text() == text


def test_a_connection_is_refused_where_nobody_listens() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        client = Client(lambda: asyncio.open_connection("127.0.0.1", unheard.getsockname()[1]))
        with pytest.raises(NoAnswer) as raised:
            asyncio.run(client.request("GET", "/"))
    assert (raised.value.why, raised.value.text) == ("refused", "the connection was refused")


def test_a_reset_is_told_from_a_close() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        reset(writer)

    error = failed(talk)
    assert (error.why, error.status, str(error)) == ("reset", None, "the connection was reset without an answer")


def test_a_close_without_an_answer() -> None:
    error = failed(saying(b""))
    assert (error.why, str(error)) == ("closed", "the connection was closed without an answer")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", 9),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", 4),
    ],
)
def test_half_an_answer_is_none(text: bytes, count: int) -> None:
    error = failed(saying(text))
    assert (error.why, error.status) == ("closed", 200)
    assert str(error) == f"the connection was closed after {count} bytes of an answer with 200"


@pytest.mark.parametrize(
    "text", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"]
)
def test_what_is_not_http_is_nonsense(text: bytes) -> None:
    assert failed(saying(text)).why == "nonsense"


def test_a_silent_app_is_given_up() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client has gone

    error = failed(talk, timeout=0.05)
    assert error.why == "timeout"
    assert re.fullmatch(r"no answer within [0-9.]+ s", str(error))


def test_an_answer_that_does_not_end_is_given_up() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await reader.read()

    error = failed(talk, timeout=0.2)
    assert (error.why, error.status) == ("timeout", 200)


def test_a_connection_that_is_not_made_is_given_up() -> None:
    async def never() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(NoAnswer) as raised:
        asyncio.run(Client(never).request("GET", "/", timeout=0.01))
    assert (raised.value.why, str(raised.value)) == ("timeout", "no connection within 0.01 s")


def asked_with(ask: Callable[[Client], Awaitable[object]]) -> Asked:
    async def run() -> Asked:
        async with serving(lambda _: Reply()) as site:
            await ask(site.client)
            return site.asked[0]

    return asyncio.run(run())


def test_a_request_says_what_it_must() -> None:
    asked = asked_with(lambda client: client.request("POST", "/a?b=c", body="ü"))
    assert (asked.method, asked.path, asked.body) == ("POST", "/a?b=c", "ü".encode())
    assert asked.headers == {"host": "localhost", "accept": "*/*", "content-length": "2", "connection": "close"}


def test_given_headers_come_before_the_usual_ones() -> None:
    headers = (("host", "app.example"), ("X-Name", "Zoë"))
    asked = asked_with(lambda client: client.request("GET", "/", headers=headers))
    assert asked.headers["host"] == "app.example"
    assert asked.headers["x-name"].encode("latin-1").decode() == "Zoë"
    assert "content-length" not in asked.headers


def test_an_empty_post_has_a_length() -> None:
    assert asked_with(lambda client: client.request("POST", "/")).headers["content-length"] == "0"


def test_a_session_keeps_cookies_and_drops_those_that_are_over() -> None:
    replies = iter(
        [
            Reply(headers=(("Set-Cookie", "a=1; Path=/; Secure; HttpOnly"), ("Set-Cookie", "b=x=y; SameSite=Lax"))),
            Reply(headers=(("Set-Cookie", "a=2"), ("Set-Cookie", "b=gone; Max-Age=0"))),
            Reply(headers=(("Set-Cookie", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"), ("Set-Cookie", "nonsense"))),
            Reply(),
        ]
    )

    async def run() -> list[dict[str, str]]:
        async with serving(lambda _: next(replies)) as site:
            session = Session()
            for _ in range(4):
                await site.client.request("GET", "/", session=session)
            return [one.cookies for one in site.asked]

    assert asyncio.run(run()) == [{}, {"a": "1", "b": "x=y"}, {"a": "2"}, {}]


def test_a_cookie_that_is_over_by_its_date_is_dropped() -> None:
    session = Session({"a": "1", "b": "1"})
    headers = (("set-cookie", "a=2; Expires=Wed, 21 Oct 2015 07:28:00 GMT"), ("set-cookie", "b=2; Expires=never"))
    session.keep(Answer(200, "", headers, b"", 0.0))
    assert session.cookies == {"b": "2"}


def test_a_held_request_is_answered_when_the_app_is_ready() -> None:
    async def run() -> tuple[bool, int, list[Answer | NoAnswer]]:
        asked, go = asyncio.Event(), asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            asked.set()
            await go.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

        async with talking(talk) as client:
            held = await client.begin("GET", "/slow")
            told: list[Answer | NoAnswer] = []
            held.ended = told.append
            await asked.wait()
            with pytest.raises(NoAnswer, match="no answer within"):
                await held.answer(0.01)
            early = held.done
            go.set()
            answer = await held.answer(10)
            assert await held.answer(0) is answer
            return early, answer.status, told

    early, status, told = asyncio.run(run())
    assert (early, status) == (False, 200)
    assert [one.status for one in told] == [200]


def test_whoever_holds_a_request_is_told_how_it_failed() -> None:
    async def run() -> list[Answer | NoAnswer]:
        async with talking(saying(b"")) as client:
            held = await client.begin("GET", "/slow")
            told: list[Answer | NoAnswer] = []
            held.ended = told.append
            with pytest.raises(NoAnswer):
                await held.answer(10)
            return told

    (error,) = asyncio.run(run())
    assert isinstance(error, NoAnswer)
    assert error.why == "closed"


def test_a_request_that_was_let_go_has_no_answer() -> None:
    async def run() -> tuple[NoAnswer, list[object]]:
        left = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            left.set()

        async with talking(talk) as client:
            held = await client.begin("GET", "/slow")
            told: list[object] = []
            held.ended = told.append
            held.abort()
            with pytest.raises(NoAnswer) as raised:
                await held.answer(10)
            await left.wait()
            return raised.value, told

    error, told = asyncio.run(run())
    assert (error.why, told) == ("closed", [])


def test_a_request_that_is_cancelled_closes_its_connection() -> None:
    async def run() -> None:
        asked, left = asyncio.Event(), asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            asked.set()
            await reader.read()
            left.set()

        async with talking(talk) as client:
            task = asyncio.create_task(client.request("GET", "/"))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await left.wait()

    asyncio.run(run())


def test_a_throttled_body_arrives_whole_and_is_counted() -> None:
    body = bytes(range(256)) * 4

    async def run() -> tuple[bool, int, bytes, int]:
        async with serving(lambda asked: Reply(body=asked.body)) as site:
            held = await site.client.begin("PUT", "/", body=body, chunk=100, pause=0.001)
            half = await held.reached(512)
            assert not site.asked
            middle = held.sent
            answer = await held.answer(10)
            return half, middle, answer.body, held.sent

    half, middle, echoed, sent = asyncio.run(run())
    assert half
    assert 512 <= middle < len(body)
    assert (echoed, sent) == (body, len(body))


def test_an_answer_before_the_body_is_sent_is_taken() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.read()

    async def run() -> tuple[int, bool]:
        async with talking(talk) as client:
            held = await client.begin("PUT", "/", body=b"x" * 1000, chunk=1, pause=60)
            answer = await held.answer(10)
            return answer.status, await held.reached(1000)

    assert asyncio.run(run()) == (413, False)


def test_a_reset_in_mid_upload_is_seen() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(10)
        reset(writer)

    async def run() -> tuple[bool, NoAnswer]:
        async with talking(talk) as client:
            held = await client.begin("PUT", "/", body=b"x" * 100, chunk=10, pause=0.001)
            with pytest.raises(NoAnswer) as raised:
                await held.answer(10)
            return await held.reached(100), raised.value

    reached, error = asyncio.run(run())
    assert error.why == "reset"
    assert not reached
