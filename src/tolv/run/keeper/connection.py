"""One client of the keeper: JSON objects, one a line, both ways; descriptors by SCM_RIGHTS. Never blocks."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
from collections.abc import Callable

from tolv.run.keeper.loop import IN, OUT, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The longest request: an environment and arguments have 2 MiB at most, and JSON may need 6 characters for one.
LONGEST = 16 << 20
#: A client that lets this much wait for it is not reading: it is dropped.
PATIENCE = 4 << 20
_DESCRIPTORS = 3


class Malformed(Exception):
    """What came is no request; the text says why."""


class Connection:
    """Calls `serve(connection, request)` for each request and `gone(connection)` once at its end."""

    def __init__(
        self,
        loop: Loop,
        peer: socket.socket,
        serve: Callable[[Connection, dict[str, Any]], None],
        gone: Callable[[Connection], None],
    ) -> None:
        peer.setblocking(False)
        self.subscribed = False
        self.descriptors: list[int] = []
        """What the client has sent and no request has taken."""
        self._loop, self._peer, self._serve, self._gone = loop, peer, serve, gone
        self._input = bytearray()
        self._output = bytearray()
        self._open = True
        loop.watch(peer.fileno(), self._ready)

    def send(self, message: dict[str, Any]) -> None:
        """Queue a message. Goes on without the client if that does not read."""
        if not self._open:
            return
        self._output += json.dumps(message).encode() + b"\n"
        self._flush()
        if len(self._output) > PATIENCE:
            self.close()

    def close(self) -> None:
        """End the connection and everything that it held."""
        if not self._open:
            return
        self._open = False
        self._loop.unwatch(self._peer.fileno())
        self._peer.close()
        self.drop_descriptors()
        self._gone(self)

    def drop_descriptors(self) -> None:
        """Close what came and was not taken."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []

    def _ready(self, events: int) -> None:
        if events & OUT:
            self._flush()
        if events & ~OUT and self._open:
            self._receive()

    def _flush(self) -> None:
        try:
            while self._output:
                del self._output[: self._peer.send(self._output)]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        self._loop.change(self._peer.fileno(), IN | OUT if self._output else IN)

    def _receive(self) -> None:
        try:
            data, ancillary, _, _ = self._peer.recvmsg(1 << 16, socket.CMSG_SPACE(4 * _DESCRIPTORS), _CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        self._take_descriptors(ancillary)
        if not data:
            self.close()
            return
        self._input += data
        while self._open and (end := self._input.find(b"\n")) >= 0:
            line = bytes(self._input[:end])
            del self._input[: end + 1]
            self._handle(line)
        if self._open and len(self._input) > LONGEST:
            self.send({"id": None, "error": {"problem": f"a request is longer than {LONGEST} bytes"}})
            self.close()

    def _take_descriptors(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self.drop_descriptors()
                self.descriptors = [one for (one,) in struct.iter_unpack("i", data[: len(data) // 4 * 4])]

    def _handle(self, line: bytes) -> None:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise Malformed("a request is a JSON object")
        except (ValueError, RecursionError, Malformed) as error:
            self.send({"id": None, "error": {"problem": f"this is no request: {error}"}})
            return
        with contextlib.suppress(BrokenPipeError):
            self._serve(self, request)


_CLOEXEC = socket.MSG_CMSG_CLOEXEC
