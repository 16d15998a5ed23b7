"""HTTP/1.1 over one unix socket, as much as the server's API needs.

`http.client` would add 20 ms to each start of the command line, a third of the whole: it brings the e-mail parser.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any, BinaryIO


class CutShort(ConnectionError):
    """The other side went away before the end of its answer."""


class Response:
    """An answer whose head has been read; its body is read once, by `body` or `lines`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file: BinaryIO = connection.makefile("rb")
        self.status = self._read_status()
        self._headers = dict(self._read_headers())

    def body(self) -> bytes:
        """The whole body."""
        with self:
            return b"".join(self._chunks())

    def lines(self) -> Iterator[bytes]:
        """The body line by line, each as soon as it is complete."""
        rest = b""
        with self:
            for chunk in self._chunks():
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
        if rest:
            yield rest

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._connection.close()

    def _read_status(self) -> int:
        parts = self._line().split(b" ", 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
            raise CutShort("the answer is not HTTP")
        return int(parts[1])

    def _read_headers(self) -> Iterator[tuple[bytes, bytes]]:
        while line := self._line():
            name, _, value = line.partition(b":")
            yield name.strip().lower(), value.strip()

    def _chunks(self) -> Iterator[bytes]:
        if self._headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            while size := _number(self._line().split(b";")[0], 16):
                yield self._exactly(size)
                self._line()
            self._line()
        elif b"content-length" in self._headers:
            yield self._exactly(_number(self._headers[b"content-length"], 10))
        else:
            while data := self._file.read(65536):
                yield data

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise CutShort("the answer ended early")
        return line.rstrip(b"\r\n")

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise CutShort("the answer ended early")
        return data


def _number(text: bytes, base: int) -> int:
    try:
        return int(text, base)
    except ValueError:
        raise CutShort("the answer is not HTTP") from None


def connect(address: str) -> socket.socket:
    """A connection to the unix socket at `address`. Raises `OSError`."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def request(connection: socket.socket, method: str, target: str, body: Any = None) -> Response:
    """Send one request, with `body` as JSON, and read the head of its answer. Raises `OSError`."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {target} HTTP/1.1\r\nHost: tolv\r\nConnection: close\r\n"
    if content:
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    try:
        connection.sendall(head.encode("ascii") + b"\r\n" + content)
        return Response(connection)
    except BaseException:
        connection.close()
        raise
