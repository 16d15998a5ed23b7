"""An HTTP/1.1 client that shows what happens to a request: slow bodies, held requests, and how an answer fails to come.

Each request has a connection of its own. h11 speaks the protocol; the streams come from whoever knows where the app is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import h11

from tolv.prove.answer import Answer, NoAnswer, Why
from tolv.prove.session import Session

__all__ = ["Answer", "Client", "Held", "NoAnswer", "Session"]

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Headers = Iterable[tuple[str, str]]

#: Bytes of an answer's head, and of its body, beyond which it is nonsense.
_LARGEST_HEAD, _LARGEST_BODY = 256 << 10, 256 << 20
_READ = 1 << 16
#: Seconds that a connection may take.
_CONNECT = 10.0


class Client:
    """Asks one instance of the app. `host`: what it is asked for."""

    def __init__(self, connect: Callable[[], Awaitable[Streams]], host: str = "localhost") -> None:
        self._connect = connect
        self.host = host

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Headers = (),
        body: bytes | str | None = None,
        timeout: float = 10.0,
        session: Session | None = None,
    ) -> Answer:
        """Ask, and wait at most `timeout` seconds for the whole answer. Redirects are not followed.

        Raises `NoAnswer`.
        """
        begun = time.monotonic()
        held = await self.begin(method, path, headers=headers, body=body, session=session, timeout=timeout)
        try:
            return await held.answer(max(0.0, begun + timeout - time.monotonic()))
        finally:
            held.abort()

    async def begin(
        self,
        method: str,
        path: str,
        *,
        headers: Headers = (),
        body: bytes | str | None = None,
        chunk: int | None = None,
        pause: float = 0.0,
        session: Session | None = None,
        timeout: float = _CONNECT,
    ) -> Held:
        """Send a request and go on; with `chunk` its body goes out so many bytes at a time, `pause` seconds apart.

        Returns when its head is sent. Raises `NoAnswer` if there is no connection within `timeout` seconds.
        """
        content = body.encode() if isinstance(body, str) else body
        lines = self._headers(method, tuple(headers), content, session)
        request = h11.Request(method=method, target=path, headers=lines)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                streams = await self._connect()
        except TimeoutError:
            raise NoAnswer("timeout", f"no connection within {timeout:g} s") from None
        except ConnectionRefusedError:
            raise NoAnswer("refused", "the connection was refused") from None
        except ConnectionResetError:
            raise NoAnswer("reset", "the connection was reset while it was made") from None
        except OSError as error:
            raise NoAnswer("refused", f"there is no connection: {error.strerror or error}") from None
        return Held(streams, request, content or b"", chunk, pause, session, begun)

    def _headers(
        self, method: str, given: tuple[tuple[str, str], ...], content: bytes | None, session: Session | None
    ) -> list[tuple[bytes, bytes]]:
        """All headers of a request: what is given comes before what would be set by itself."""
        usual = {"Host": self.host, "Accept": "*/*"}
        if session is not None and session.cookie:
            usual["Cookie"] = session.cookie
        if content is not None or method in ("POST", "PUT", "PATCH"):
            usual["Content-Length"] = str(len(content or b""))
        named = {name.lower() for name, _ in given}
        lines = [*((name, value) for name, value in usual.items() if name.lower() not in named), *given]
        return [(name.encode("ascii"), value.encode()) for name, value in (*lines, ("Connection", "close"))]


class Held:
    """A request that is on its way: its body may still be going out, its answer may still be coming in."""

    def __init__(
        self,
        streams: Streams,
        request: h11.Request,
        body: bytes,
        chunk: int | None,
        pause: float,
        session: Session | None,
        begun: float,
    ) -> None:
        self.sent = 0
        """Bytes of the body that are sent."""
        self.size = len(body)
        self.ended: Callable[[Answer | NoAnswer], None] | None = None
        """Called once when the answer is there, or is known not to come; not after `abort`."""
        self._reader, self._writer = streams
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        self._session = session
        self._begun = begun
        self._status: int | None = None
        self._moved = asyncio.Event()
        self._writer.write(self._protocol.send(request) or b"")
        self._sending = asyncio.create_task(self._send(body, chunk or len(body) or 1, pause))
        self._receiving = asyncio.create_task(self._receive())
        self._sending.add_done_callback(lambda _: self._moved.set())
        self._receiving.add_done_callback(self._end)

    @property
    def port(self) -> int:
        """The port that the connection comes from."""
        return int(self._writer.get_extra_info("sockname")[1])

    async def over(self, timeout: float) -> bool:
        """Wait so many seconds for the answer, or for it to be known not to come. Whether that is so."""
        await asyncio.wait({self._receiving}, timeout=timeout)
        return self.done

    @property
    def done(self) -> bool:
        """Whether the answer is there, or is known not to come."""
        return self._receiving.done()

    async def answer(self, timeout: float) -> Answer:
        """The answer, if it comes whole within `timeout` seconds from now. It can be asked for again.

        Raises `NoAnswer`.
        """
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(self._receiving)
        except TimeoutError:
            what = "no answer" if self._status is None else f"an answer with {self._status} that did not end"
            seconds = round(time.monotonic() - self._begun, 2)
            raise NoAnswer("timeout", f"{what} within {seconds:g} s", self._status) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._receiving.cancelled() and not (task and task.cancelling()):
                raise NoAnswer("closed", "the request was given up", self._status) from None
            raise

    async def reached(self, count: int) -> bool:
        """Wait until `count` bytes of the body are sent; False: no more will be, as the request is over."""
        while self.sent < count and not self._sending.done() and not self._receiving.done():
            self._moved.clear()
            await self._moved.wait()
        return self.sent >= count

    def abort(self) -> None:
        """Let go: the connection is closed, whatever is still on its way."""
        self._receiving.cancel()
        self._sending.cancel()
        self._writer.transport.abort()

    async def _send(self, body: bytes, chunk: int, pause: float) -> None:
        try:
            for start in range(0, len(body), chunk):
                if start and pause:
                    await asyncio.sleep(pause)
                piece = body[start : start + chunk]
                self._writer.write(self._protocol.send(h11.Data(data=piece)) or b"")
                await self._writer.drain()
                self.sent += len(piece)
                self._moved.set()
            self._writer.write(self._protocol.send(h11.EndOfMessage()) or b"")
            await self._writer.drain()
        except (OSError, h11.LocalProtocolError):
            pass  # what became of the connection is for `_receive` to say

    async def _receive(self) -> Answer:
        body = bytearray()
        head: h11.Response | None = None
        over = False
        while True:
            try:
                event = self._protocol.next_event()
                if event is h11.NEED_DATA:
                    data = await self._reader.read(_READ)
                    over = not data
                    self._protocol.receive_data(data)
            except h11.RemoteProtocolError as error:
                if over:
                    raise self._broken("closed", "the connection was closed", len(body)) from None
                raise NoAnswer("nonsense", f"the answer is not HTTP: {error}", self._status) from None
            except OSError:
                raise self._broken("reset", "the connection was reset", len(body)) from None
            match event:
                case h11.Response():
                    head, self._status = event, event.status_code
                case h11.Data():
                    body += event.data
                    if len(body) > _LARGEST_BODY:
                        raise NoAnswer("nonsense", f"an answer of more than {_LARGEST_BODY >> 20} MB", self._status)
                case h11.EndOfMessage() if head is not None:
                    return self._answer(head, bytes(body))
                case h11.PAUSED | h11.ConnectionClosed():
                    raise NoAnswer("nonsense", "the app changed to another protocol", self._status)

    def _answer(self, head: h11.Response, body: bytes) -> Answer:
        answer = Answer(
            head.status_code,
            head.reason.decode("latin-1"),
            tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers),
            body,
            time.monotonic() - self._begun,
            head.http_version.decode("ascii"),
        )
        if self._session is not None:
            self._session.keep(answer)
        return answer

    def _broken(self, why: Why, what: str, count: int) -> NoAnswer:
        if self._status is None:
            return NoAnswer(why, f"{what} without an answer")
        return NoAnswer(why, f"{what} after {count} bytes of an answer with {self._status}", self._status)

    def _end(self, task: asyncio.Task[Answer]) -> None:
        self._sending.cancel()
        self._moved.set()
        self._writer.transport.abort()
        if task.cancelled():
            return
        error = task.exception()
        if self.ended is not None and (error is None or isinstance(error, NoAnswer)):
            self.ended(error or task.result())
