"""Servers on loopback to try a client on: those that speak HTTP well, and those that do not."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from tolv.prove.client import Client

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Asked:
    """A request as a server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def cookies(self) -> dict[str, str]:
        pairs = (one.partition("=") for one in self.headers.get("cookie", "").split("; ") if one)
        return {name: value for name, _, value in pairs}


@dataclass
class Reply:
    """What a server answers."""

    status: int = 200
    body: str | bytes = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Site:
    """An app under proof: its instance's name, a client for it, and what it was asked."""

    name: str
    client: Client
    port: int
    asked: list[Asked] = field(default_factory=list)


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[Client]:
    """A server that does what it likes with each connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Client(lambda: asyncio.open_connection("127.0.0.1", port))
    finally:
        server.close()


@asynccontextmanager
async def serving(reply: Callable[[Asked], Reply], name: str = "web.1") -> AsyncIterator[Site]:
    """A server that answers each request with what `reply` gives."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await read_request(reader)
            site.asked.append(asked)
            said = reply(asked)
            body = said.body.encode() if isinstance(said.body, str) else said.body
            lines = [f"HTTP/1.1 {said.status} Said", f"Content-Length: {len(body)}"]
            lines += [f"{key}: {value}" for key, value in said.headers]
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    site = Site(name, Client(lambda: asyncio.open_connection("127.0.0.1", port)), port)
    try:
        yield site
    finally:
        server.close()


async def read_request(reader: asyncio.StreamReader) -> Asked:
    """One request, whole."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, body)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close the connection with a reset."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
