"""The router's control socket: one JSON object a line, answered by one line that carries the request's `id`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tolv.home import socket_address
from tolv.route.model import Table
from tolv.route.switchboard import Switchboard

_LINE_LIMIT = 64 * 1024 * 1024
_DEFAULT_STOP_SECONDS = 30.0
_LOOK_SECONDS = 2.0


class Control:
    """Serves the operations of `docs/router.md`: hello, apply, drain, cut, stats, tally, stop, handover."""

    def __init__(
        self,
        switchboard: Switchboard,
        hello: dict[str, Any],
        stop: Callable[[float], Awaitable[None]],
        hand_over: Callable[[socket.socket], None],
    ) -> None:
        """`stop` ends the process after so many seconds at most; `hand_over` sends the listening sockets to a peer."""
        self._switchboard = switchboard
        self._hello = hello
        self._stop = stop
        self._hand_over = hand_over
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._conversations: dict[asyncio.Task[None] | None, asyncio.StreamReader] = {}
        self._calls: set[asyncio.Task[None]] = set()

    async def serve(self, path: Path) -> None:
        """Listen at `path`, mode 0600; what lies there is stale, since the caller holds the index's lock."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._converse, socket_address(path), limit=_LINE_LIMIT)
        finally:
            os.umask(mask)
        self._inode = path.stat().st_ino

    async def see_to(self, path: Path) -> None:
        """Somebody may remove the socket: cleaners of temporary directories do. Listen anew then, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == self._inode:
                    continue
            with contextlib.suppress(OSError):
                await self.serve(path)

    async def close(self) -> None:
        """End after the replies under way."""
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*self._calls, return_exceptions=True)
        for reader in self._conversations.values():
            reader.feed_eof()
        await asyncio.gather(*(task for task in self._conversations if task))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Calls run side by side: a drain does not hold up the next table."""
        task = asyncio.current_task()
        self._conversations[task] = reader
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                call = asyncio.get_running_loop().create_task(self._answer(line, writer))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
        writer.close()
        del self._conversations[task]

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        reply: dict[str, Any] = {}
        try:
            request = json.loads(line)
            reply["id"] = request.get("id")
            if request["op"] == "handover":
                peer = writer.get_extra_info("socket")
                with socket.socket(fileno=os.dup(peer.fileno())) as connection:
                    self._hand_over(connection)
                return
            reply.update(await self._perform(request))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reply["error"] = f"bad request: {type(error).__name__}: {error}"
        with contextlib.suppress(ConnectionError):
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()

    async def _perform(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["op"]:
            case "hello":
                return self._hello
            case "apply":
                self._switchboard.apply(Table.from_json(request["table"]))
                return {"version": self._switchboard.version}
            case "drain":
                left = await self._switchboard.drain(
                    [str(one) for one in request["upstreams"]], float(request["deadline"])
                )
                return {"left": left}
            case "cut":
                self._switchboard.cut([str(one) for one in request["upstreams"]])
                return {}
            case "stats":
                return self._switchboard.stats()
            case "tally":
                return self._switchboard.tally()
            case "stop":
                await self._stop(float(request.get("drain_s", _DEFAULT_STOP_SECONDS)))
                return {}
            case other:
                raise ValueError(f"no operation {other!r}")
