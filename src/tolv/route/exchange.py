"""One request and its response: from the choice of an upstream to the last byte."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tolv.route.heads import Request, Response
from tolv.route.pages import error_page
from tolv.route.tunnel import Tunnel
from tolv.route.upstream import UpstreamConnection, UpstreamPool

if TYPE_CHECKING:
    from tolv.route.client_connection import ClientConnection
    from tolv.route.switchboard import Host

_NEVER = float("inf")
_NOBODY = b"-", b"-"
_HANGING_UP = "the upstream closed the connection before it answered"


def _random_ids() -> Iterator[bytes]:
    """128 random bits each, in hexadecimal; the system is asked for many at once."""
    while True:
        batch = os.urandom(4096).hex().encode()
        yield from [batch[at : at + 32] for at in range(0, len(batch), 32)]


_ids = _random_ids()


class Exchange:
    """A request on its way. Its client owns it; an upstream's connection carries it for a while.

    Life: `dispatch` (again when the table changes while it is held, or when a connection failed) → `attach` →
    `begin_response` → `forward` … → `complete`; or `fail`, `cut`, `abort`.
    """

    __slots__ = (
        "_body",
        "_body_bytes",
        "_body_lost",
        "_fresh",
        "_patience",
        "_started",
        "_tried",
        "_waits",
        "client",
        "connect_seconds",
        "connection",
        "held_until",
        "host",
        "keep_alive",
        "over",
        "pool",
        "request",
        "request_complete",
        "request_id",
        "respond_by",
        "sent_bytes",
        "status",
        "tunnel",
    )

    def __init__(self, client: ClientConnection, request: Request, request_complete: bool) -> None:
        self.client = client
        self.request = request
        self.request_complete = request_complete
        self.request_id = request.request_id or next(_ids)
        self.keep_alive = request.persistent
        self.host: Host | None = None
        self.pool: UpstreamPool | None = None
        self.connection: UpstreamConnection | None = None
        self.tunnel: Tunnel | None = None
        self.status = 0
        """Of the response whose head went to the client; 0 before."""
        self.sent_bytes = 0
        self.over = False
        self.respond_by = _NEVER
        """When the head of the response must be there; the upstream's turn, as long as it takes what it gets."""
        self.held_until = 0.0
        self.connect_seconds = 0.0
        self._started = time.perf_counter()
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._body_lost = False
        self._fresh = False
        self._tried: tuple[str, ...] = ()
        self._patience = 0.0
        self._waits = False

    # Finding an upstream

    def dispatch(self) -> None:
        """Send the request to the upstream with the fewest in flight, or hold it, or say why not."""
        client = self.client
        self.host = host = client.switchboard.find(self.request.name, from_edge=client.from_edge)
        if host is None or not host.open:
            self._wait_or_refuse(host)
        elif (pool := host.choose(self._tried)) is None:
            self._wait_for_a_better_table()
        else:
            self.pool = pool
            pool.exchanges.add(self)
            connection = None if self._fresh else pool.take(recently_used=not self.request.idempotent)
            if connection is None:
                self._fresh = True
                pool.connect(self)
            else:
                self._send(connection)

    def _wait_or_refuse(self, host: Host | None) -> None:
        if host is None:
            self.fail(404, f"no app answers to the host {self.request.name!r}")
        elif host.route.mode == "refuse":
            self.fail(503, f"{host.route.app} is stopped in {host.route.environment}")
        elif host.route.mode == "maintenance":
            self.fail(503, f"{host.route.app} is in maintenance in {host.route.environment}", page=host.route.page)
        elif host.crowded:
            self.fail(503, f"too many requests for {host.route.app} in {host.route.environment} are in flight")
        else:
            self._waits = True
            self.client.switchboard.hold(self, host.route.hold)

    def attach(self, connection: UpstreamConnection, pool: UpstreamPool) -> bool:
        """A new connection is there. Gives whether it is still wanted."""
        if self.over or self.pool is not pool or self.connection is not None:
            return False
        self.connect_seconds = time.perf_counter() - self._started
        self._send(connection)
        return True

    def connect_failed(self, pool: UpstreamPool) -> None:
        """Nothing was sent: another upstream can have it."""
        if self.over or self.pool is not pool:
            return
        self._leave_pool()
        self._tried += (pool.upstream.id,)
        self.dispatch()

    def _wait_for_a_better_table(self) -> None:
        """Every upstream refused: perhaps it has just died and the table does not know yet."""
        switchboard = self.client.switchboard
        now = switchboard.loop.time()
        self._tried = ()
        if not self._patience:
            self._patience = now + switchboard.limits.connect_patience
        if now >= self._patience:
            if self.host is not None and self.host.pools:
                self.host.pools[0].count_unanswered()
            self.fail(502, "no upstream accepts connections")
        else:
            self._waits = True
            switchboard.retry_soon(self)

    def _send(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        client, request = self.client, self.request
        self._await_response()
        head = (request.sent, client.forwarded(request), b"X-Request-ID: ", self.request_id, b"\r\n\r\n")
        connection.begin(self, b"".join((*head, *self._body) if self._body else head))
        if self._body:
            self._let_go_of_body()
            client.regulate()
        if client.hindered:
            connection.pause(True)

    # The request's body

    def send_body(self, data: bytes) -> None:
        """A piece of the request's body, framed as it goes upstream."""
        if self.connection is not None:
            self.connection.transport.write(data)
            self._await_response()
        self._body.append(data)
        self._body_bytes += len(data)
        if self.connection is not None:
            self._let_go_of_body()

    @property
    def waiting_bytes(self) -> int:
        """How much of the body waits for an upstream."""
        return self._body_bytes if self.connection is None else 0

    def _let_go_of_body(self) -> None:
        """The body was sent. Keep it only where it may be sent again, and while it is small."""
        limit = self.client.switchboard.limits.buffer_bytes
        if not self.request.idempotent or self._body_bytes > limit:
            self._body.clear()
            self._body_bytes = 0
            self._body_lost = True

    # The response

    def _await_response(self) -> None:
        assert self.pool is not None
        self.respond_by = self.client.now() + self.pool.upstream.response_timeout

    def informational(self, response: Response) -> None:
        """100, 102, 103: passed on to whoever understands them."""
        self._await_response()
        if self.request.minor == 1:
            self.client.transport.write(b"%b%b\r\n" % (response.line, response.sent))

    def begin_response(self, response: Response, *, bodiless: bool = False) -> bytes:
        """The head of the response as it goes to the client."""
        self.status = response.status
        self.respond_by = _NEVER
        if response.status >= 500:
            self._count_error()
        framed = bodiless or response.length >= 0 or response.chunked
        if self.keep_alive and self.request_complete and framed and self.request.minor and not self.client.stopping:
            head = response.whole
        else:
            head = self._head_with_persistence(response, bodiless)
        self.sent_bytes = -len(head)
        return head

    def _head_with_persistence(self, response: Response, bodiless: bool) -> bytes:
        """The head for a client that must be told whether its connection goes on."""
        old = self.request.minor == 0
        if not self.request_complete or self.client.stopping:
            self.keep_alive = False
        if not bodiless and response.length < 0 and (old or not response.chunked):
            self.keep_alive = False
        framing = b"Transfer-Encoding: chunked\r\n" if response.chunked and not old else b""
        persistence = b"keep-alive" if self.keep_alive else b"close"
        return b"%b%b%bConnection: %b\r\n\r\n" % (response.line, response.sent, framing, persistence)

    def forward(self, data: bytes) -> None:
        """Pass on a part of the response."""
        self.sent_bytes += len(data)
        self.client.transport.write(data)

    def complete(self, data: bytes) -> None:
        """The response ends with `data`."""
        self.connection = None
        if data:
            self.sent_bytes += len(data)
            self.client.transport.write(data)
        self._end()
        self.client.exchange_over(self)

    # When things go wrong

    def upstream_lost(self, *, silent: bool) -> None:
        """The connection that carried this exchange is gone. `silent`: it answered nothing at all."""
        reused = not self._fresh
        self.connection = None
        if self.tunnel is not None:
            self.tunnel.upstream_lost()
        elif self.status:
            if self.pool is not None and self.status < 500:
                self.pool.cut_off += 1
            self.cut()
        elif silent and reused and self._replayable:
            # Most likely the upstream closed an idle connection just as we took it, and never saw the request.
            self._fresh = True
            self.respond_by = _NEVER
            self._leave_pool()
            self.dispatch()
        else:
            self.fail(502, _HANGING_UP)

    @property
    def _replayable(self) -> bool:
        if self._body_lost:
            return False
        return self.request.idempotent or not self.request_complete

    def fail(self, status: int, reason: str, *, page: str = "") -> None:
        """Answer with an error of the router's own; `page`: an app's own words for it."""
        if self.over:
            return
        self.respond_by = _NEVER
        if self.connection is not None:
            connection, self.connection = self.connection, None
            connection.abandon()
        if self.status:
            self.cut()
            return
        self.status = status
        if status >= 500:
            self._count_error()
            if self.pool is not None:
                self.pool.unanswered += 1
        if not self.request_complete or self.client.stopping:
            self.keep_alive = False
        head = self.request.method == b"HEAD"
        answer = error_page(status, reason, self.request_id, keep_alive=self.keep_alive, head=head, page=page)
        self.client.transport.write(answer)
        self._end()
        self.client.exchange_over(self)

    def cut(self) -> None:
        """End the client's connection in the middle, so that nobody takes what it has for a whole response."""
        if not self.over:
            self.abort()
            self.client.reset()

    def abort(self) -> None:
        """The client is gone: so is the request upstream."""
        if self.over:
            return
        if self.connection is not None:
            connection, self.connection = self.connection, None
            connection.abandon()
        if not self.status:
            self.status = 499
            if self.pool is not None:
                self.pool.abandoned += 1
        self._end(cut=True)

    def _count_error(self) -> None:
        if self.pool is not None:
            self.pool.errors_5xx += 1
        if self.host is not None:
            self.host.errors_5xx += 1

    def _end(self, *, cut: bool = False) -> None:
        self.over = True
        if self._waits:
            self.client.switchboard.unhold(self)
        pool, host = self.pool, self.host
        if host is not None:
            host.requests += 1
            host.log.write(
                _NOBODY if pool is None else pool.logged,
                self.request.logged,
                self.status,
                self.sent_bytes if self.sent_bytes > 0 else 0,
                self.connect_seconds,
                time.perf_counter() - self._started,
                self.request_id,
                cut,
            )
        if pool is not None:
            pool.requests += 1
            self._leave_pool()

    def _leave_pool(self) -> None:
        pool, self.pool = self.pool, None
        if pool is not None:
            pool.release(self)

    # After a change of protocol

    def switch(self, response: Response) -> None:
        """101: from here on bytes go through in both directions."""
        assert self.connection is not None
        self.respond_by = _NEVER
        self.status = 101
        self.keep_alive = False
        head = b"%b%bConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % (response.line, response.sent, response.upgrade)
        self.sent_bytes = -len(head)
        self.forward(head)
        websocket = response.upgrade.lower() == b"websocket"
        self.tunnel = Tunnel(self, self.client.transport, self.connection.transport, websocket=websocket)
        self.client.enter_tunnel(self.tunnel)

    def tunnel_from_upstream(self, data: bytes) -> None:
        """Bytes of the new protocol."""
        assert self.tunnel is not None
        self.tunnel.from_upstream(data)

    def leave_tunnel(self) -> None:
        """Both sides are done with each other."""
        if self.connection is not None:
            connection, self.connection = self.connection, None
            connection.exchange = None
            connection.transport.close()
        if not self.over:
            self._end()
            self.client.exchange_over(self)
