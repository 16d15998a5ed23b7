"""The HTTP server: requests in, answers out, an event for each; and an end at which nobody's answer is lost."""

import json
import re
import secrets
import socket
import socketserver
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event
from time import monotonic, time_ns
from typing import Any, cast

import psycopg

from config import COMMIT
from telemetry import log, metrics, spans

#: The longest body that is taken, in bytes.
LONGEST = 1 << 20
#: Set once the process was told to end.
stopping = Event()


@dataclass(frozen=True, slots=True)
class Question:
    """A request, its body read."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    traceparent: str
    """Of the span that this request is: what it asks of others belongs to it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back. Anything but bytes is sent as JSON."""

    status: int
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    type: str = "application/json"


class Refusal(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, error: str, **headers: str) -> None:
        super().__init__(error)
        self.answer = Answer(status, {"error": error}, {name.replace("_", "-"): text for name, text in headers.items()})


class Server(ThreadingHTTPServer):
    """Each connection on a thread of its own. It knows which ones wait for an answer."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], respond: Callable[[Question], Answer]) -> None:
        self.respond = respond
        self._busy: dict[object, bool] = {}
        self._changed = Condition()
        self._draining = False
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer would ask DNS for the machine's name

    def process_request(self, request: Any, client_address: Any) -> None:
        self.set_busy(request, False)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._busy.pop(request, None)
            self._changed.notify_all()

    def set_busy(self, connection: socket.socket, busy: bool) -> bool:
        """Whether it waits for an answer. Returns whether it may ask again afterwards."""
        with self._changed:
            self._busy[connection] = busy
            return not self._draining

    def drain(self, seconds: float) -> bool:
        """Take no more connections, answer what was asked, hang up. False if that was not done in so many seconds."""
        self.shutdown()
        self.server_close()
        with self._changed:
            self._draining = True
            for connection, busy in self._busy.items():
                if not busy:  # it reads what was sent already, and no more
                    with suppress(OSError):
                        cast(socket.socket, connection).shutdown(socket.SHUT_RD)
            return self._changed.wait_for(lambda: not self._busy, seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log("warning", "connection is lost", reason=type(sys.exception()).__name__)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds that a client may take for a line, or say nothing
    disable_nagle_algorithm = True
    server: Server
    request_id = ""

    def handle_one_request(self) -> None:
        super().handle_one_request()
        if not self.server.set_busy(self.connection, False):
            self.close_connection = True

    def parse_request(self) -> bool:
        self.server.set_busy(self.connection, True)
        self.begin()
        if not super().parse_request():
            return False
        given = self.headers.get("X-Request-ID", "")
        if re.fullmatch(r"[\w.:-]{1,128}", given, re.ASCII):
            self.request_id = given
        of = re.fullmatch(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", self.headers.get("traceparent", ""))
        if of:
            self.trace, self.parent = of.groups()
        return True

    def begin(self) -> None:
        self.began, self.began_ns = monotonic(), time_ns()
        self.request_id, self.trace = secrets.token_hex(8), secrets.token_hex(16)
        self.parent, self.span = "", secrets.token_hex(8)

    def serve(self) -> None:
        try:
            answer = self.server.respond(self.question())
        except Refusal as refusal:
            answer = refusal.answer
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            log("warning", "database is away", request_id=self.request_id, reason=str(error).partition("\n")[0])
            answer = Answer(503, {"error": "the database is away"}, {"Retry-After": "2"})
        except (ConnectionError, TimeoutError):
            raise  # the client is gone
        except Exception:
            log("error", "request failed", request_id=self.request_id, traceback=traceback.format_exc())
            answer = Answer(500, {"error": "internal error"})
        self.send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve

    def question(self) -> Question:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch("[0-9]{1,9}", length, re.ASCII):
            self.close_connection = True
            raise Refusal(411, "the body needs a Content-Length")
        if int(length) > LONGEST:
            self.close_connection = True
            self.rfile.read(min(int(length), 8 * LONGEST))
            raise Refusal(413, f"the body is longer than {LONGEST} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError
        method = "GET" if self.command == "HEAD" else self.command
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Question(method, self.path.partition("?")[0], headers, body, f"00-{self.trace}-{self.span}-01")

    def send(self, answer: Answer) -> None:
        """Note the request and answer it, in this order: who has the answer can rely on the event."""
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        if answer.status == 204:
            body = b""
        if stopping.is_set():
            self.close_connection = True
        self.note(answer.status)
        headers = {"Date": self.date_time_string(), "X-Request-ID": self.request_id, "X-Commit": COMMIT}
        if answer.status != 204:
            headers |= {"Content-Type": answer.type, "Content-Length": str(len(body))}
        headers |= {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", **answer.headers}
        if self.close_connection:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('',))[0]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head if self.command == "HEAD" else head + body)

    def note(self, status: int) -> None:
        seconds = monotonic() - self.began
        method, path = self.command or "?", getattr(self, "path", "?").partition("?")[0]
        request: dict[str, str | int] = {"method": method, "path": path, "status": status}
        ids = {"request_id": self.request_id, "trace_id": self.trace}
        log("info", "request", **request, seconds=round(seconds, 4), **ids)
        metrics.count(method if hasattr(self, f"do_{method}") else "other", status, seconds)
        ids = {"traceId": self.trace, "spanId": self.span, "parentSpanId": self.parent}
        described: dict[str, str | int] = {"http.request.method": method, "url.path": path}
        described["http.response.status_code"] = status
        spans.add(method, ids, self.began_ns, time_ns(), described)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What is no request that can be read."""
        self.close_connection = True
        if not self.request_id:
            self.begin()
        self.send(Answer(code, {"error": message or self.responses.get(code, ("error",))[0]}))

    def log_message(self, format: str, *args: object) -> None:
        log("debug", "connection", reason=format % args)
