"""The router's side towards one client: requests read in order, one at a time, and their responses."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, cast

from tolv.route.chunked import ChunkedBody
from tolv.route.exchange import Exchange
from tolv.route.fields import BadMessage
from tolv.route.heads import Request, has_bare_newline, known_request, read_request, read_request_line
from tolv.route.pages import error_page

if TYPE_CHECKING:
    from tolv.route.switchboard import Host, Switchboard
    from tolv.route.tunnel import Tunnel

_NEVER = float("inf")
_LINGER_BYTES = 4 * 1024 * 1024


class ClientConnection(asyncio.Protocol):
    """One connection of a client's.

    Reading stops while the upstream takes nothing, while too much is read ahead, and while the client itself takes
    nothing of its response.
    """

    __slots__ = (
        "_advancing",
        "_body_until",
        "_buffer",
        "_chunks",
        "_deadline",
        "_ended",
        "_exchange",
        "_forwarded",
        "_forwarded_host",
        "_idle_timeout",
        "_left",
        "_lingering",
        "_new",
        "_paused",
        "_peer",
        "_port",
        "_seen",
        "_stall_deadline",
        "_stalled_at",
        "_tunnel",
        "_upstream_full",
        "from_edge",
        "hindered",
        "host",
        "now",
        "switchboard",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, switchboard: Switchboard, *, from_edge: bool = False) -> None:
        self.switchboard = switchboard
        self.from_edge = from_edge
        """The HTTPS edge has sent it: own domains alone answer, and what it says of its client counts."""
        self.now = switchboard.loop.time
        self._idle_timeout = switchboard.limits.idle_timeout
        self.hindered = False
        """The client does not take what was written to it."""
        self.host: Host | None = None
        """Who answered its last request."""
        self._buffer = b""
        self._exchange: Exchange | None = None
        self._tunnel: Tunnel | None = None
        self._left = 0
        self._chunks: ChunkedBody | None = None
        self._advancing = False
        self._ended = False
        self._lingering = 0
        self._new = True
        self._paused = False
        self._upstream_full = False
        self._body_until = _NEVER
        self._seen = 0
        self._deadline = _NEVER
        self._stall_deadline = _NEVER
        self._stalled_at = 0
        self._forwarded = b""
        self._forwarded_host = b""

    @property
    def stopping(self) -> bool:
        """This router process ends: no connection is kept."""
        return self.switchboard.stopping

    # From the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]).encode() if peer else b"unknown"
        self._port = b"" if self.from_edge else b"%d" % transport.get_extra_info("sockname")[1]
        if self.switchboard.admit(self):
            self._rest()
            if self.switchboard.stopping and not self.switchboard.patient:
                self.stop()
        else:
            self._refuse(503, "too many connections")

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            if self._lingering:
                self._linger(data)
            elif not self._buffer and not self.hindered and (request := known_request(data)) is not None:
                self._begin(request)  # the usual case: one whole head, and one that was read before
            else:
                self._buffer = self._buffer + data if self._buffer else data
                self._advance(len(data))
                if self.hindered:
                    self.regulate()
        elif self._left or self._chunks is not None:
            self._take_body(data)
        elif self._tunnel is not None:
            self._tunnel.from_client(data)
        else:
            self._buffer += data
            self.regulate()

    def eof_received(self) -> bool:
        """The client sends nothing more, but may well wait for its responses."""
        self._ended = True
        if self._tunnel is not None:
            self._tunnel.client_lost()
        elif self._exchange is not None and not self._exchange.request_complete:
            self._exchange.abort()
            self.transport.abort()
        elif self._exchange is None and not (self._buffer and self.hindered):
            self._close()
        elif self._exchange is not None:
            self._watch_half_closed()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.switchboard.dismiss(self)
        self._ended = True
        self._buffer = b""
        self._deadline = self._stall_deadline = _NEVER
        tunnel, self._tunnel = self._tunnel, None
        exchange, self._exchange = self._exchange, None
        if tunnel is not None:
            tunnel.client_lost()
        if exchange is not None:
            exchange.abort()

    def pause_writing(self) -> None:
        self.hindered = True
        self._stalled_at = self.transport.get_write_buffer_size()
        self._stall_deadline = self.now() + self.switchboard.limits.write_timeout
        if self._exchange is not None and self._exchange.connection is not None:
            self._exchange.connection.pause(True)

    def resume_writing(self) -> None:
        self.hindered = False
        self._stall_deadline = _NEVER
        if self._exchange is not None and self._exchange.connection is not None:
            self._exchange.connection.pause(False)
        elif self._exchange is None and self._buffer:
            self._advance(len(self._buffer))

    # From the exchange

    def exchange_over(self, exchange: Exchange) -> None:
        """The response is written; the next request may be served."""
        self.host = exchange.host
        self._exchange = None
        if not exchange.keep_alive:
            self._tunnel = None
            self._hang_up(rest_unread=not exchange.request_complete or bool(self._buffer))
            return
        self._upstream_full = False
        self._rest()
        if self._buffer:
            self._advance(len(self._buffer))
        elif self._ended:
            self._close()
        if self._paused:
            self.regulate()

    def enter_tunnel(self, tunnel: Tunnel) -> None:
        """The protocol has changed; what was read ahead belongs to the new one."""
        self._tunnel = tunnel
        data, self._buffer = self._buffer, b""
        if data:
            tunnel.from_client(data)
        self.regulate()

    def hold_back(self, full: bool) -> None:
        """The upstream takes nothing more of the body (or takes it again)."""
        self._upstream_full = full
        self.regulate()

    def reset(self) -> None:
        """End the connection so that the client cannot take it for a regular end."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def forwarded(self, request: Request) -> bytes:
        """The X-Forwarded-* lines for a request of this client's. What others than the edge say is dropped."""
        if self.from_edge:
            return self._forwarded_lines(request, request.forwarded)
        if request.host != self._forwarded_host:
            self._forwarded_host = request.host
            self._forwarded = self._forwarded_lines(request, {})
        return self._forwarded

    def _forwarded_lines(self, request: Request, said: dict[bytes, bytes]) -> bytes:
        return b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\nX-Forwarded-Port: %b\r\n" % (
            said.get(b"x-forwarded-for", self._peer),
            said.get(b"x-forwarded-proto", b"http"),
            said.get(b"x-forwarded-host", request.host),
            said.get(b"x-forwarded-port", self._port),
        )

    def regulate(self) -> None:
        """Stop or go on reading from the client."""
        exchange = self._exchange
        limit = self.switchboard.limits.buffer_bytes
        full = self._upstream_full or len(self._buffer) > limit
        if exchange is not None and exchange.waiting_bytes > limit:
            full = True
        if full == self._paused or self.transport.is_closing():
            return
        self._paused = full
        if full:
            self.transport.pause_reading()
            self._deadline = _NEVER
        else:
            self.transport.resume_reading()
            if self._left or self._chunks is not None:
                self._await_body()

    # From the switchboard

    @property
    def customer_of(self) -> str:
        """The host whose requests it sends; '' before the first."""
        host = self.host if self._exchange is None else self._exchange.host
        return host.route.host if host is not None else ""

    @property
    def idle_until(self) -> float | None:
        """When it is closed unless it sends a whole request; None while it has one, or is on its way out."""
        idle = self._exchange is None and self._tunnel is None and not self._lingering
        return self._deadline if idle and not self.transport.is_closing() else None

    def give_way(self) -> None:
        """Close: others need the room more."""
        self._close()

    def expire(self, now: float) -> None:
        """Act on what has taken too long."""
        if now > self._stall_deadline:
            left = self.transport.get_write_buffer_size()
            if left >= self._stalled_at:
                self.reset()
                return
            self._stalled_at = left
            self._stall_deadline = now + self.switchboard.limits.write_timeout
        exchange = self._exchange
        if exchange is not None and now > exchange.respond_by and (exchange.request_complete or self._upstream_full):
            exchange.fail(504, "the upstream did not answer in time")
            return
        if now <= self._deadline:
            return
        self._deadline = _NEVER
        if exchange is not None and exchange.request_complete:
            self._expire_half_closed(exchange)
        elif exchange is not None:
            exchange.fail(408, "the request's body did not arrive in time")
        elif self.transport.is_closing() or (self._lingering and not self.transport.get_write_buffer_size()):
            self.transport.abort()
        elif self._lingering:
            self._deadline = now + self.switchboard.limits.write_timeout
        elif self._buffer:
            self._refuse(408, "the request's head did not arrive in time")
        else:
            self.transport.close()

    def _watch_half_closed(self) -> None:
        """Nothing more comes from the client: it may wait for its response, or have left."""
        self._seen = self._exchange.sent_bytes if self._exchange is not None else 0
        self._deadline = self.now() + self.switchboard.limits.half_closed_timeout

    def _expire_half_closed(self, exchange: Exchange) -> None:
        if exchange.status and exchange.sent_bytes == self._seen:
            exchange.cut()
        else:
            self._watch_half_closed()

    def stop(self) -> None:
        """The router ends: an idle connection is closed, another after its response. One that has just been accepted
        gets a moment for its first request, since its client cannot know that it should try again."""
        if self._exchange is not None or self._lingering or self._buffer:
            return
        if self._new:
            self._deadline = self.now() + self.switchboard.limits.linger
        else:
            self._close()

    # Reading requests

    def _rest(self) -> None:
        self._deadline = self.now() + self._idle_timeout

    def _advance(self, fresh: int) -> None:
        """Serve the requests in the buffer, of which the last `fresh` bytes were not looked at yet."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._buffer and self._exchange is None and not self.hindered and not self._lingering:
                if not self._next_request(fresh):
                    break
                fresh = len(self._buffer)
        except BadMessage as error:
            self._refuse(error.status, error.reason)
        finally:
            self._advancing = False
        if self._ended and not self.hindered:
            if self._exchange is None:
                self._close()
            else:
                self._watch_half_closed()

    def _next_request(self, fresh: int) -> bool:
        buffer = self._buffer
        if buffer.startswith(b"\r\n"):  # an empty line before a request is ignored (RFC 9112, 2.2)
            self._buffer = buffer[2:]
            return True
        seen = max(0, len(buffer) - fresh - 3)
        end = buffer.find(b"\r\n\r\n", seen) + 4
        limits = self.switchboard.limits
        if end < 4:
            self._check_beginning(buffer, seen)
            if len(buffer) == fresh:
                self._deadline = self.now() + limits.head_timeout
            return False
        if end > limits.head_bytes:
            raise BadMessage(431, "the request's head is too long")
        request = read_request(buffer[:end], limits.target_bytes)
        self._buffer = buffer[end:]
        self._begin(request)
        return True

    def _begin(self, request: Request) -> None:
        """Serve a request; what there is of its body is in the buffer."""
        self._new = False
        if request.length or request.chunked:
            self._begin_body(request)
        else:
            self._deadline = _NEVER
            self._exchange = exchange = Exchange(self, request, True)
            exchange.dispatch()

    def _begin_body(self, request: Request) -> None:
        self._left = request.length
        self._chunks = ChunkedBody(400) if request.chunked else None
        self._await_body()
        self._exchange = exchange = Exchange(self, request, False)
        data, self._buffer = self._buffer, b""
        if data:
            self._take_body(data)
        if not exchange.over:
            exchange.dispatch()

    def _await_body(self) -> None:
        """It is the client's turn to send (more of) the body."""
        self._deadline = self._body_until = self.now() + self.switchboard.limits.body_timeout

    def _check_beginning(self, buffer: bytes, seen: int) -> None:
        """Refuse a head as soon as it cannot become a good one; up to `seen` its lines were checked before."""
        limits = self.switchboard.limits
        if has_bare_newline(buffer, seen):
            raise BadMessage(400, "a line of the head ends without CR LF")
        if len(buffer) > limits.head_bytes:
            raise BadMessage(431, "the request's head is too long")
        line_end = buffer.find(b"\r\n")
        if line_end >= seen:
            read_request_line(buffer, line_end, limits.target_bytes)

    def _take_body(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        if self._chunks is not None:
            try:
                pieces, rest = self._chunks.feed(data)
            except BadMessage as error:
                self._left, self._chunks = 0, None
                exchange.fail(error.status, error.reason)
                return
            if self._chunks.done:
                self._chunks = None
        else:
            pieces, rest = ([data], b"") if len(data) <= self._left else ([data[: self._left]], data[self._left :])
            self._left -= len(pieces[0])
        self._buffer = rest
        if not self._left and self._chunks is None:
            exchange.request_complete = True
            self._deadline = _NEVER
        elif not self._paused:
            limits = self.switchboard.limits
            self._body_until += len(data) / limits.body_rate
            self._deadline = min(self.now() + limits.body_timeout, self._body_until)
        for piece in pieces:
            exchange.send_body(piece)
        if exchange.waiting_bytes or rest:
            self.regulate()

    # Ending

    def _refuse(self, status: int, reason: str) -> None:
        """Answer what cannot be served at all, and end the connection."""
        self.switchboard.refused += 1
        self.transport.write(error_page(status, reason))
        self._hang_up(rest_unread=True)

    def _hang_up(self, *, rest_unread: bool) -> None:
        """Close after the response. Bytes left unread would make the kernel reset the connection and the client lose
        its response, so they are read for a moment."""
        self._buffer = b""
        self._left, self._chunks = 0, None
        if not rest_unread or self._ended or self.transport.is_closing():
            self._close()
            return
        self._lingering = _LINGER_BYTES
        self._deadline = self.now() + self.switchboard.limits.linger
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        self.transport.write_eof()

    def _linger(self, data: bytes) -> None:
        self._lingering -= len(data)
        if self._lingering <= 0:
            self.transport.abort()

    def _close(self) -> None:
        """Close after what was written has gone out, for which there is a limit, too."""
        self.transport.close()
        self._deadline = self.now() + self.switchboard.limits.write_timeout
