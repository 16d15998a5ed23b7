"""A collector: an HTTP server of the harness's, inside a trial's network, that takes all that it is sent."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import socket
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    from tolv.prove.harness.network import Network

_READ = 1 << 16
#: Bytes that are kept of one connection.
_LARGEST = 4 << 20
#: What a client of HTTP/2, such as OTLP over gRPC, begins with.
_HTTP2 = b"PRI * HTTP/2.0"
_JSON_NAME = re.compile(rb'"service\.name"\s*,\s*"value"\s*:\s*\{\s*"stringValue"\s*:\s*"([^"]*)"')
#: In protobuf: the key, then an `AnyValue` whose first field is a text, each with its length.
_PROTOBUF_NAME = re.compile(rb"service\.name\x12.\x0a(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Received:
    """A request that came."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case."""
    body: bytes
    """Without its compression."""

    def header(self, name: str) -> str:
        """The first header of that name; empty: there is none."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def service(self) -> str | None:
        """The `service.name` that an OTLP request carries, as JSON or protobuf; None: it has none."""
        if match := _JSON_NAME.search(self.body):
            return match[1].decode("utf-8", "replace")
        if match := _PROTOBUF_NAME.search(self.body):
            return self.body[match.end() : match.end() + match[1][0]].decode("utf-8", "replace")
        return None


class Collector:
    """Answers every request with 200, and with `{}` unless protobuf was sent. Made by `Collector.open`; it ends with
    the trial's network."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard: list[bytearray] = []
        """What came, by connection: as it came, whether it is HTTP or not."""
        self.received: list[Received] = []
        """The requests of HTTP/1.1 among it, whole."""
        self._arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, network: Network) -> Collector:
        """Listen at a port of its own. Raises `OSError`."""
        collector = cls(network.free_port())
        await network.expose(collector.port, collector.serve)
        return collector

    @property
    def url(self) -> str:
        """Without a path, and without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def http2(self) -> int:
        """Connections that spoke HTTP/2: what they carried is not read."""
        return sum(one.startswith(_HTTP2) for one in self.heard)

    def holds(self, text: str) -> bool:
        """Whether something that came holds the text."""
        return any(text.encode() in one for one in self.heard)

    async def wait(self, timeout: float) -> bool:
        """Whether anything has come, waited for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._arrived.wait()
        return self._arrived.is_set()

    def serve(self, client: socket.socket) -> None:
        """Take a connection: for `Network.expose`, where it is to listen at another port, too."""
        heard = bytearray()
        self.heard.append(heard)
        task = asyncio.get_running_loop().create_task(self._converse(client, heard))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, client: socket.socket, heard: bytearray) -> None:
        reader, writer = await asyncio.open_connection(sock=client)
        with contextlib.suppress(OSError, h11.RemoteProtocolError, h11.LocalProtocolError):
            await self._answer(reader, writer, heard)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: bytearray) -> None:
        protocol = h11.Connection(h11.SERVER)
        request: h11.Request | None = None
        body = bytearray()
        while len(heard) < _LARGEST:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                if protocol.they_are_waiting_for_100_continue:
                    writer.write(protocol.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                data = await reader.read(_READ)
                heard += data
                if heard.startswith(_HTTP2):  # what it begins with looks like a request, and is none
                    self._arrived.set()
                    return
                protocol.receive_data(data)
            elif isinstance(event, h11.Request):
                request, body = event, bytearray()
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                received = _received(request, bytes(body))
                self.received.append(received)
                self._arrived.set()
                kind = received.header("content-type")
                content = b"" if "protobuf" in kind else b"{}"
                headers = [("Content-Type", kind or "application/json"), ("Content-Length", str(len(content)))]
                for part in (
                    h11.Response(status_code=200, headers=headers),
                    h11.Data(data=content),
                    h11.EndOfMessage(),
                ):
                    writer.write(protocol.send(part) or b"")
                await writer.drain()
                if protocol.our_state is not h11.DONE:
                    return
                protocol.start_next_cycle()
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                return


def _received(request: h11.Request, body: bytes) -> Received:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers)
    if ("content-encoding", "gzip") in headers:
        with contextlib.suppress(OSError, EOFError, zlib.error):
            body = gzip.decompress(body)
    return Received(request.method.decode("latin-1"), request.target.decode("latin-1"), headers, body)
