"""The router's side towards one upstream: its connections, kept alive between requests, and what is in flight there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from tolv.route.chunked import ChunkedBody
from tolv.route.fields import BadMessage, tokens_of
from tolv.route.heads import Response, has_bare_newline, read_response
from tolv.route.limits import Limits
from tolv.route.model import Upstream

if TYPE_CHECKING:
    from tolv.route.exchange import Exchange

_MOST_INFORMATIONAL = 32

_IDLE, _HEAD, _LENGTH, _CHUNKED, _UNTIL_CLOSE, _TUNNEL = range(6)


class UpstreamPool:
    """One upstream: its idle connections and its exchanges in flight.

    It outlives its place in the table until the last exchange is over.
    """

    def __init__(self, upstream: Upstream, limits: Limits) -> None:
        self.upstream = upstream
        self.logged = upstream.release.encode(), upstream.process.encode()
        self.exchanges: set[Exchange] = set()
        """What is in flight: from the choice of this upstream to the last byte of the response."""
        self.requests = 0
        self.errors_5xx = 0
        """Whoever answered: the app, or the router in its place."""
        self.unanswered = 0
        """Requests that the router answered with 5xx, because this upstream did not."""
        self.cut_off = 0
        """Responses that this upstream began and did not end."""
        self.abandoned = 0
        """Requests whose client left before the response began."""
        self.turn = 0
        """When it was last chosen: of two upstreams that are as busy, the one that waited longer is taken."""
        self.shunned_until = 0.0
        """After a failed connect it is the last choice for a moment."""
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._idle: list[UpstreamConnection] = []
        self._connecting: set[asyncio.Task[None]] = set()
        self._retired = False
        self._settled: list[asyncio.Future[None]] = []

    def take(self, *, recently_used: bool) -> UpstreamConnection | None:
        """An idle connection, the one used last; `recently_used`: none that the upstream may be about to close."""
        if not self._idle:
            return None
        if recently_used and self._loop.time() - self._idle[-1].idle_since > self._limits.stale_after:
            return None
        return self._idle.pop()

    def connect(self, exchange: Exchange) -> None:
        """Open a connection; then `exchange.attach` or `exchange.connect_failed` is called."""
        task = self._loop.create_task(self._connect(exchange))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, exchange: Exchange) -> None:
        try:
            async with asyncio.timeout(self._limits.connect_timeout):
                _, connection = await self._loop.create_connection(
                    lambda: UpstreamConnection(self, self._limits), self.upstream.host, self.upstream.port
                )
        except (OSError, TimeoutError):
            self.shunned_until = self._loop.time() + 1.0
            exchange.connect_failed(self)
        else:
            self.shunned_until = 0.0
            if not exchange.attach(connection, self):
                self.put(connection)

    def put(self, connection: UpstreamConnection) -> None:
        """Take back a connection whose response is complete."""
        if self._retired or len(self._idle) >= self._limits.upstream_idle:
            connection.transport.close()
        else:
            connection.idle_since = self._loop.time()
            self._idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """An idle connection was closed by the upstream."""
        if connection in self._idle:
            self._idle.remove(connection)

    def release(self, exchange: Exchange) -> None:
        """The exchange is over."""
        self.exchanges.discard(exchange)
        if self._settled and not self.exchanges:
            for waiter in self._settled:
                if not waiter.done():
                    waiter.set_result(None)
            self._settled.clear()

    def count_unanswered(self) -> None:
        """A request is over that this upstream and all others refused: it counts here."""
        self.requests += 1
        self.errors_5xx += 1
        self.unanswered += 1

    def retire(self) -> None:
        """It left the table: no new exchange comes; idle connections end now, the others with their exchange."""
        self._retired = True
        for connection in self._idle:
            connection.transport.close()
        self._idle.clear()

    def close_tunnels(self) -> None:
        """Tell WebSockets to go away."""
        for exchange in list(self.exchanges):
            if exchange.tunnel is not None:
                exchange.tunnel.close_gently(self._limits.close_handshake)

    def expire_idle(self, now: float) -> None:
        """Close what has been idle for too long; the oldest are in front."""
        while self._idle and now - self._idle[0].idle_since > self._limits.upstream_idle_seconds:
            self._idle.pop(0).transport.close()

    async def settled(self) -> None:
        """Wait until nothing is in flight."""
        while self.exchanges:
            waiter = self._loop.create_future()
            self._settled.append(waiter)
            await waiter


class UpstreamConnection(asyncio.Protocol):
    """One connection to an upstream; reads responses and hands them to the exchange that it carries."""

    __slots__ = (
        "_buffer",
        "_chunks",
        "_informational",
        "_left",
        "_limits",
        "_pool",
        "_response",
        "_silent",
        "_state",
        "exchange",
        "idle_since",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, pool: UpstreamPool, limits: Limits) -> None:
        self._pool = pool
        self._limits = limits
        self._state = _IDLE
        self._buffer = b""
        self._silent = True
        self._informational = 0
        self._left = 0
        self._chunks: ChunkedBody | None = None
        self._response: Response | None = None
        self.exchange: Exchange | None = None
        self.idle_since = 0.0

    def begin(self, exchange: Exchange, data: bytes) -> None:
        """Carry an exchange from here on; `data` is its request's head and what there is of its body."""
        self.exchange = exchange
        self._state = _HEAD
        self._buffer = b""
        self._silent = True
        self._informational = 0
        self.transport.write(data)

    def abandon(self) -> None:
        """The exchange is over before its response is: this connection is of no more use."""
        self.exchange = None
        self.transport.abort()

    def pause(self, paused: bool) -> None:
        """Stop reading (the client does not take what was read), or go on."""
        if not self.transport.is_closing():
            if paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        state = self._state
        if exchange is None:
            self.transport.abort()  # nobody asked: a late body, or a 408 to an idle connection
        elif state == _HEAD:
            self._read_head(exchange, data)
        elif state == _LENGTH:
            self._read_length(exchange, data)
        elif state == _CHUNKED:
            self._read_chunks(exchange, data)
        elif state == _UNTIL_CLOSE:
            exchange.forward(data)
        else:
            exchange.tunnel_from_upstream(data)

    def eof_received(self) -> bool:
        exchange = self.exchange
        if exchange is None:
            self._pool.forget(self)
        elif self._state == _UNTIL_CLOSE:
            self.exchange = None
            exchange.complete(b"")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            self._pool.forget(self)
        else:
            exchange.upstream_lost(silent=self._silent)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.client.hold_back(True)

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.client.hold_back(False)

    def _read_head(self, exchange: Exchange, data: bytes) -> None:
        self._silent = False
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        end = data.find(b"\r\n\r\n") + 4
        try:
            if end < 4:
                if len(data) > self._limits.head_bytes or has_bare_newline(data):
                    raise BadMessage(502, "the upstream's response head is malformed or too long")
                self._buffer = data
                return
            if end > self._limits.head_bytes:
                raise BadMessage(502, "the upstream's response head is too long")
            response = read_response(data[:end])
            if response.status < 200:
                self._read_informational(exchange, response, data[end:])
                return
        except BadMessage as error:
            exchange.fail(502, error.reason)
            return
        if response.length < 0 or response.status == 304 or exchange.request.method == b"HEAD":
            self._begin_body(exchange, response, data[end:])
        else:
            self._response = response
            self._state = _LENGTH
            head = exchange.begin_response(response)
            self._left = response.length + len(head)
            self._read_length(exchange, head + data[end:])

    def _read_informational(self, exchange: Exchange, response: Response, rest: bytes) -> None:
        if response.status == 101:
            self._switch(exchange, response, rest)
            return
        self._informational += 1
        if self._informational > _MOST_INFORMATIONAL:
            raise BadMessage(502, "the upstream sent too many informational responses")
        exchange.informational(response)
        if rest:
            self._read_head(exchange, rest)

    def _switch(self, exchange: Exchange, response: Response, data: bytes) -> None:
        if response.upgrade.lower() not in tokens_of([exchange.request.upgrade]):
            exchange.fail(502, "the upstream changed to a protocol that nobody asked for")
            return
        self._state = _TUNNEL
        exchange.switch(response)
        if data:
            exchange.tunnel_from_upstream(data)

    def _begin_body(self, exchange: Exchange, response: Response, data: bytes) -> None:
        """A response that has no content, or whose Content-Length does not say how much."""
        self._response = response
        if exchange.request.method == b"HEAD" or response.status in (204, 304):
            head = exchange.begin_response(response, bodiless=True)
            self._finish(exchange, head, excess=data)
        elif response.chunked:
            self._state = _CHUNKED
            self._chunks = ChunkedBody(502, unframed=exchange.request.minor == 0)
            self._read_chunks(exchange, data, response)
        else:
            head = exchange.begin_response(response)
            self._state = _UNTIL_CLOSE
            exchange.forward(head + data)

    def _read_length(self, exchange: Exchange, data: bytes) -> None:
        left = self._left - len(data)
        self._left = left
        if left > 0:
            exchange.forward(data)
        elif left == 0:
            self._finish(exchange, data)
        else:
            self._finish(exchange, data[:left], excess=data[left:])

    def _read_chunks(self, exchange: Exchange, data: bytes, response: Response | None = None) -> None:
        """Go on by `data`, the first of which comes with the head of its response."""
        assert self._chunks is not None
        try:
            pieces, excess = self._chunks.feed(data)
        except BadMessage as error:
            exchange.fail(502, error.reason)  # or a cut, if the head is on its way already
            return
        if response is not None:
            pieces.insert(0, exchange.begin_response(response))
        out = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._chunks.done:
            self._finish(exchange, out, excess=excess)
        elif out:
            exchange.forward(out)

    def _finish(self, exchange: Exchange, data: bytes, excess: bytes = b"") -> None:
        """The response is complete with `data`. Whatever follows it was not asked for, so that the connection ends."""
        response = self._response
        self.exchange = self._response = self._chunks = None
        self._state = _IDLE
        assert response is not None
        if response.close or excess or not exchange.request_complete:
            self.transport.close()
        else:
            if exchange.client.hindered:
                self.pause(False)
            self._pool.put(self)
        exchange.complete(data)
