"""One connection to a router process's control socket, as the server sees it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tolv.errors import PlatformError
from tolv.home import Home, socket_address
from tolv.route.state import control_socket

CALL_SECONDS = 10.0
"""How long a router process may take to answer an order that takes no time by itself."""
_LINE_LIMIT = 64 * 1024 * 1024


class RouterGone(Exception):
    """The router process on the other side of a link has died."""


class Link:
    """A connection to one router process's control socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.gone = asyncio.Event()
        """Set when the process has died or closed the link."""
        self.pid = 0
        self.port = 0
        self.bind = ""
        self.version = ""
        """Of Tolv, as the process runs it."""
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last_id = 0
        self._listener = asyncio.create_task(self._listen(reader))

    @classmethod
    async def open(cls, home: Home, index: int) -> Link | None:
        """A link to router process `index`, or None if none answers."""
        try:
            reader, writer = await asyncio.open_unix_connection(
                socket_address(control_socket(home, index)), limit=_LINE_LIMIT
            )
        except OSError:
            return None
        link = cls(reader, writer)
        try:
            hello = await link.ask({"op": "hello"})
        except RouterGone:
            await link.close()
            return None
        link.pid, link.port, link.bind = hello["pid"], hello["port"], hello["bind"]
        link.version = hello["version"]
        return link

    async def ask(self, request: dict[str, Any], seconds: float = CALL_SECONDS) -> dict[str, Any]:
        """Send a request and await its reply. Raises `RouterGone`, and `PlatformError` if no reply comes or it is
        an error."""
        if self.gone.is_set():
            raise RouterGone
        self._last_id = identity = self._last_id + 1
        future = self._waiting[identity] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(json.dumps({**request, "id": identity}).encode() + b"\n")
            async with asyncio.timeout(seconds):
                reply: dict[str, Any] = await future
        except TimeoutError:
            raise PlatformError(
                f"the router (pid {self.pid}) does not answer",
                remedy=f"end it with `kill {self.pid}`: it is started again with the same table",
            ) from None
        finally:
            self._waiting.pop(identity, None)
        if "error" in reply:
            raise PlatformError(f"the router refused an order: {reply['error']}", remedy="restart the Tolv server")
        return reply

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                reply = json.loads(line)
                future = self._waiting.get(reply.get("id"))
                if future is not None and not future.done():
                    future.set_result(reply)
        except (ConnectionError, ValueError):
            pass
        finally:
            self.gone.set()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(RouterGone())
            self._writer.close()

    async def close(self) -> None:
        """Let go of the process."""
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
