"""A stand-in for the server, for what the client alone promises: how it reads an answer, and what it sends."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

Answer = Callable[["_Handler"], None]


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    answers: dict[str, Answer]
    requests: list[tuple[str, dict[str, str], Any]]
    closing: threading.Event


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        key = f"{self.command} {url.path}"
        self.server.requests.append((key, query, json.loads(body) if body else None))
        self.close_connection = True
        self.server.answers.get(key, _not_found)(self)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


def _not_found(handler: _Handler) -> None:
    raise AssertionError(f"the test has no answer for {handler.command} {handler.path}")


class FakeServer:
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self.requests = server.requests
        self.says("GET /v1/server", {"pid": 1, "version": "0"})

    def says(self, request: str, value: Any, status: int = 200) -> None:
        """Answer with one JSON value."""
        content = json.dumps(value).encode()

        def answer(handler: _Handler) -> None:
            handler.head(status, Content_Length=str(len(content)))
            handler.wfile.write(content)

        self._server.answers[request] = answer

    def streams(self, request: str, *events: dict[str, Any], pieces: int = 1 << 20, end: str = "whole") -> None:
        """Answer with JSON lines, cut into chunks of `pieces` bytes.

        `end`: `whole` ends as it should, `cut` closes the connection before the end, `open` stays open.
        """
        content = b"".join(json.dumps(event).encode() + b"\n" for event in events)

        def answer(handler: _Handler) -> None:
            handler.head(200, Transfer_Encoding="chunked")
            for start in range(0, len(content), pieces):
                handler.chunk(content[start : start + pieces])
            if end == "whole":
                handler.wfile.write(b"0\r\n\r\n")
            elif end == "open":
                self._server.closing.wait(60)

        self._server.answers[request] = answer

    def sent(self, request: str) -> Any:
        """The body of the last request like this."""
        return next(body for key, _, body in reversed(self.requests) if key == request)

    def asked(self, request: str) -> dict[str, str]:
        """The query of the last request like this."""
        return next(query for key, query, _ in reversed(self.requests) if key == request)


@pytest.fixture
def fake(tolv_environment: dict[str, str]) -> Iterator[FakeServer]:
    """A fake server in the test's home, with one app `shop` in one environment `dev`."""
    home = Path(tolv_environment["TOLV_HOME"])
    home.mkdir()
    with _Server(str(home / "server.sock"), _Handler) as server:
        server.answers, server.requests, server.closing = {}, [], threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        fake = FakeServer(server)
        fake.says("GET /v1/resolve", {"app": "shop", "environments": ["dev"]})
        yield fake
        (home / "server.sock").unlink()
        server.closing.set()
        server.shutdown()
        thread.join()
