"""The model app in processes of its own, asked as anybody would."""

from __future__ import annotations

import http.client
import http.server
import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ports import free_port
from services.servers import Server

from tolv.prove.twins import MODEL

T = TypeVar("T")


def eventually(look: Callable[[], T], timeout: float = 30) -> T:
    """The first answer that is true."""
    until = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() < until, f"still {found!r} after {timeout} s"
        time.sleep(0.02)
    return found


def url_of(postgres: Server) -> str:
    return f"postgresql://tolv:{postgres.instance.password}@127.0.0.1:{postgres.instance.port}/postgres"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Process:
    """One process of the app, what it writes, and, if it is a web process, its port."""

    def __init__(self, *command: str, root: Path = MODEL, prefix: tuple[str, ...] = (), **config: str) -> None:
        self.port = free_port()
        environment = {"PORT": str(self.port), "SECRET_KEY": "a-key-for-tests", **config}
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-B", *command],
            cwd=root,
            env={name: value for name, value in environment.items() if value},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.lines)]

    def event(self, name: str, **fields: object) -> dict[str, Any]:
        """The first event of that name and with those fields, once there is one."""

        def found() -> dict[str, Any] | None:
            wanted = {"event": name, **fields}
            return next((one for one in self.events if wanted.items() <= one.items()), None)

        event = eventually(found)
        assert event is not None
        return event

    def connect(self, timeout: float = 20) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """One request on a connection of its own; what is not bytes is sent as JSON."""
        connection = self.connect()
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, sent, given)
        answer = connection.getresponse()
        try:
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def status(self, path: str) -> int:
        """0: nobody answers."""
        try:
            return self.ask("GET", path).status
        except OSError:
            return 0

    def ready(self) -> Process:
        eventually(lambda: self.status("/ready") == 200)
        return self

    def later(self, method: str, path: str, body: object = None) -> queue.SimpleQueue[Reply | Exception]:
        """The reply to a request that is under way, as soon as there is one."""
        replies: queue.SimpleQueue[Reply | Exception] = queue.SimpleQueue()

        def run() -> None:
            try:
                replies.put(self.ask(method, path, body))
            except Exception as error:
                replies.put(error)

        threading.Thread(target=run, daemon=True).start()
        return replies

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.end()

    def end(self) -> int:
        """How it ended, with all that it wrote read."""
        code = self.process.wait(30)
        self._reader.join(30)
        return code


def connections(web: Process) -> int:
    """How many connections of clients a web process holds, as the kernel has them."""
    rows = Path(f"/proc/{web.process.pid}/net/tcp").read_text().splitlines()[1:]
    fields = [row.split() for row in rows]
    return sum(one[1].endswith(f":{web.port:04X}") and one[3] == "01" for one in fields)


@contextmanager
def hushing(port: int, word: bytes) -> Iterator[int]:
    """The port of a way to the service at `port` that falls silent once a client has sent `word`."""

    def copy(source: socket.socket, target: socket.socket, until: bytes | None) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if until is not None and until in data:
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                held.extend((client, server := socket.create_connection(("127.0.0.1", port))))
                threading.Thread(target=copy, args=(client, server, word), daemon=True).start()
                threading.Thread(target=copy, args=(server, client, None), daemon=True).start()

    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    for one in held:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@contextmanager
def listening() -> Iterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    """The URL of a server that takes all that it is sent, and what it was sent: path, headers, body."""
    heard: list[tuple[str, dict[str, str], bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the tests look at `heard`."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", heard
        server.shutdown()
