"""A collector: an HTTP server of the harness's, inside a trial's network, that takes all that it is sent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    from tolv.prove.harness.network import Network

_READ = 1 << 16
#: Bytes that are kept of one connection.
_LARGEST = 4 << 20


class Collector:
    """Answers every request with 200 and `{}`. Made by `Collector.open`; it ends with the trial's network."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard: list[bytearray] = []
        """What came, by connection: as it came, whether it is HTTP or not."""
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, network: Network) -> Collector:
        """Listen at a port of its own. Raises `OSError`."""
        collector = cls(network.free_port())
        await network.expose(collector.port, collector._serve)
        return collector

    @property
    def url(self) -> str:
        """Without a path, and without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def holds(self, text: str) -> bool:
        """Whether something that came holds the text."""
        return any(text.encode() in one for one in self.heard)

    def _serve(self, client: socket.socket) -> None:
        heard = bytearray()
        self.heard.append(heard)
        task = asyncio.get_running_loop().create_task(self._converse(client, heard))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, client: socket.socket, heard: bytearray) -> None:
        reader, writer = await asyncio.open_connection(sock=client)
        protocol = h11.Connection(h11.SERVER)
        with contextlib.suppress(OSError, h11.RemoteProtocolError, h11.LocalProtocolError):
            while len(heard) < _LARGEST:
                event = protocol.next_event()
                if event is h11.NEED_DATA:
                    if protocol.they_are_waiting_for_100_continue:
                        writer.write(protocol.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                    data = await reader.read(_READ)
                    heard += data
                    protocol.receive_data(data)
                elif isinstance(event, h11.EndOfMessage):
                    head = h11.Response(
                        status_code=200, headers=[("Content-Type", "application/json"), ("Content-Length", "2")]
                    )
                    for part in (head, h11.Data(data=b"{}"), h11.EndOfMessage()):
                        writer.write(protocol.send(part) or b"")
                    await writer.drain()
                    if protocol.our_state is not h11.DONE:
                        break
                    protocol.start_next_cycle()
                elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                    break
        writer.close()
