"""Requests, mutilated and cut anywhere: what goes upstream is what two other parsers see in them, or nothing.

`TOLV_TEST_EXAMPLES=100000` looks longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h11
import httptools
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tolv.route.client_connection import ClientConnection
from tolv.route.limits import Limits
from tolv.route.model import Route, Table, Upstream
from tolv.route.switchboard import Switchboard
from tolv.route.upstream import UpstreamConnection

EXAMPLES = int(os.environ.get("TOLV_TEST_EXAMPLES", "400"))
bounded = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Seen(NamedTuple):
    """A request as somebody understands it."""

    method: bytes
    target: bytes
    body: bytes


# What others see in the same bytes


def seen_by_llhttp(data: bytes) -> list[Seen]:
    """The whole requests in `data` up to the first that llhttp refuses. Nobody takes up an offer to upgrade here."""
    found: list[Seen] = []

    class Collector:
        def on_message_begin(self) -> None:
            self.target, self.body = b"", b""

        def on_url(self, url: bytes) -> None:
            self.target += url

        def on_body(self, body: bytes) -> None:
            self.body += body

        def on_message_complete(self) -> None:
            found.append(Seen(parser.get_method(), self.target, self.body))

    parser = httptools.HttpRequestParser(Collector())
    with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        parser.feed_data(data.replace(b"\r\nUpgrade:", b"\r\nX-Grade:"))
    return found


class StrictApp:
    """An upstream that reads with h11, answers each request, and keeps what it understood."""

    def __init__(self, answer: Callable[[bytes], None]) -> None:
        self.seen: list[Seen] = []
        self._answer = answer
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        self._request: h11.Request | None = None
        self._body = b""

    def receive(self, data: bytes) -> None:
        self._connection.receive_data(data)
        while True:
            event = self._connection.next_event()
            if isinstance(event, h11.Request):
                self._request, self._body = event, b""
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self._conclude()
            else:
                return

    def _conclude(self) -> None:
        assert self._request is not None
        self.seen.append(Seen(self._request.method, self._request.target, self._body))
        self._connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        self._connection.send(h11.EndOfMessage())
        self._connection.start_next_cycle()
        self._answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


# The router between two ends that are not there


class Wire:
    """A transport that keeps what is written, or hands it on later as a loop would."""

    def __init__(self, hand_on: Callable[[bytes], None] | None = None) -> None:
        self.written: list[bytes] = []
        self.closed = False
        self.hand_on = hand_on

    def write(self, data: bytes) -> None:
        if not self.closed:
            self.written.append(data)

    def flush(self) -> bool:
        data, self.written = b"".join(self.written), []
        if data and self.hand_on is not None:
            self.hand_on(data)
        return bool(data)

    def close(self) -> None:
        self.closed = True

    abort = write_eof = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str) -> tuple[str, int] | None:
        return None if name == "socket" else ("127.0.0.1", 1)


class Bench:
    """A router, one client and its upstream, moved by hand."""

    def __init__(self, directory: Path) -> None:
        self.switchboard = Switchboard(directory, Limits())
        upstream = Upstream("u", "127.0.0.1", 9, "v1", "web.1")
        self.switchboard.apply(Table(1, (Route("app.localhost", "app", "dev", (upstream,)),)))
        only = self.switchboard.find("app.localhost")
        self.switchboard.find = lambda name, from_edge: only  # type: ignore[method-assign]
        self.pool = self.switchboard._pools["u"]
        self.pool.connect = self._connect  # type: ignore[method-assign]
        self.apps: list[StrictApp] = []
        self.wires: list[Wire] = []
        self.client = ClientConnection(self.switchboard)
        self.answers = Wire()
        self.client.connection_made(self.answers)  # type: ignore[arg-type]

    def _connect(self, exchange) -> None:
        connection = UpstreamConnection(self.pool, Limits())
        app = StrictApp(connection.data_received)
        wire = Wire(app.receive)
        self.apps.append(app)
        self.wires.append(wire)
        connection.connection_made(wire)  # type: ignore[arg-type]
        exchange.attach(connection, self.pool)

    def feed(self, data: bytes) -> None:
        """Bytes of the client's, and all that follows from them."""
        if not self.answers.closed:
            self.client.data_received(data)
            while any(wire.flush() for wire in self.wires):
                pass

    @property
    def forwarded(self) -> list[Seen]:
        return [one for app in self.apps for one in app.seen]

    def close(self) -> None:
        self.client.connection_lost(None)
        self.switchboard._sweeper.cancel()


def through_the_router(data: bytes, cuts: list[int]) -> list[Seen]:
    """What the upstream understood of `data`, which arrives in pieces."""

    async def run() -> list[Seen]:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        with tempfile.TemporaryDirectory() as directory:
            bench = Bench(Path(directory))
            start = 0
            for cut in [*sorted({min(cut, len(data)) for cut in cuts}), len(data)]:
                if start < cut:
                    bench.feed(data[start:cut])
                start = cut
            bench.close()
            assert failures == []
            assert not bench.pool.exchanges
            return bench.forwarded

    return asyncio.run(run())


# Requests and what is done to them

HOST = b"Host: app.localhost\r\n"
NASTY = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"0", b"3", b"\r\n\r\n", b"\x0b", b"\x7f", b"+", b"0x",
    b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n",
    b"Transfer-Encoding : chunked\r\n", b"Content-Length:\t5\r\n", b" chunked\r\n", b"Connection: close\r\n", HOST,
    b"Connection: content-length\r\n", b"GET /in HTTP/1.1\r\n" + HOST + b"\r\n", b"0\r\n\r\n", b"3\r\nabc\r\n",
    b"Expect: 100-continue\r\n", b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b" HTTP/1.1", b"HTTP/1.0",
]  # fmt: skip

contents = st.binary(max_size=20).map(lambda data: bytes(byte & 0x7F for byte in data))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request that is well-formed."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE"]))
    target = draw(st.sampled_from([b"/", b"/a?b=c", b"/%00", b"http://app.localhost/x"]))
    fields = HOST + draw(
        st.sampled_from([b"", b"X-A: b\r\n", b"X-A:b \r\nCookie: c\r\n", b"Connection: keep-alive\r\n"])
    )
    content = draw(contents)
    if draw(st.booleans()):
        return b"%b %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (method, target, fields, len(content), content)
    if not draw(st.booleans()):
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, target, fields)
    extension = draw(st.sampled_from([b"", b";a=b", b';a="b;c";d']))
    trailer = draw(st.sampled_from([b"", b"X-T: 1\r\n"]))
    chunk = b"%x%b\r\n%b\r\n" % (len(content), extension, content) if content else b""
    head = b"%b %b HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n" % (method, target, fields)
    return head + chunk + b"0\r\n" + trailer + b"\r\n"


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """A few requests in a row, changed in a few places."""
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        until = draw(st.integers(at, min(len(data), at + 12)))
        data = data[:at] + draw(st.sampled_from([b"", data[at:until] * 2, *NASTY])) + data[until:]
    return data


cuts = st.lists(st.integers(0, 400), max_size=6)
BY_BYTES = list(range(400))


@bounded
@given(st.lists(requests(), min_size=1, max_size=3), cuts)
def test_well_formed_requests_go_upstream_with_their_bodies_however_they_are_cut(sent: list[bytes], cuts) -> None:
    data = b"".join(sent)
    expected = [one._replace(target=one.target.removeprefix(b"http://app.localhost")) for one in seen_by_llhttp(data)]
    assert len(expected) == len(sent)
    assert through_the_router(data, cuts) == expected


@bounded
@given(mutilated(), cuts)
@example(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /in", [])
@example(b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3;\na\r\nabc\r\n0\r\n\r\n", BY_BYTES)
def test_what_goes_upstream_is_what_another_parser_sees(data: bytes, cuts: list[int]) -> None:
    """Never two requests where llhttp sees one, never another body; h11, the upstream here, never fails."""
    expected = [one._replace(target=one.target.removeprefix(b"http://app.localhost")) for one in seen_by_llhttp(data)]
    forwarded = through_the_router(data, cuts)
    assert forwarded == expected[: len(forwarded)]


@bounded
@given(mutilated(), cuts)
def test_how_the_bytes_are_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    assert through_the_router(data, cuts) == through_the_router(data, [])


@bounded
@given(st.lists(st.one_of(st.sampled_from(NASTY), st.binary(max_size=8), requests()), max_size=12).map(b"".join), cuts)
def test_no_bytes_whatever_break_the_router(data: bytes, cuts: list[int]) -> None:
    through_the_router(data, cuts)
