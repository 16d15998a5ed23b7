"""A light, steady load on one host through the router, of which every request is accounted for.

It runs in whoever asks for it, outside the server: the server is one of those who are killed meanwhile.
"""

from __future__ import annotations

import contextlib
import http.client
import secrets
import select
import threading
import time
from dataclasses import dataclass
from types import TracebackType

#: Seconds that an answer may take: longer than the router holds a request while nobody is ready.
TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One request and what came of it. Times are `time.monotonic()`."""

    id: str
    """Its X-Request-ID, by which the router's log names it."""
    path: str
    begun: float
    ended: float
    status: int | None
    """Of an answer that was read whole."""
    problem: str | None = None
    """Why it counts as failed: no whole answer, or one of status 5xx."""
    refused: bool = False
    """Nobody accepted the connection: nothing was sent."""

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


class Load:
    """`with Load(port, host) as load: …` sends requests all the while, and waits for those in flight at the end.

    Half of its clients keep their connection, the others make a new one for each request. A client that waits for an
    answer sends nothing meanwhile: nobody is flooded after a pause.
    """

    def __init__(
        self,
        port: int,
        host: str,
        *,
        address: str = "127.0.0.1",
        paths: tuple[str, ...] = ("/",),
        rate: float = 20.0,
        clients: int = 8,
        label: str = "drill",
    ) -> None:
        """`rate`: requests a second of all clients together; `paths` are asked for in turn."""
        self.label = f"{label}-{secrets.token_hex(4)}"
        """What the X-Request-ID of each of its requests begins with."""
        self._target = (address, port)
        self._host = host
        self._paths = paths
        self._interval = clients / rate
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._shots: list[Shot] = []
        self._waiting: dict[int, float] = {}
        self._begun = 0.0
        self._threads = [
            threading.Thread(target=self._run, args=(number, number / clients), daemon=True)
            for number in range(clients)
        ]

    def __enter__(self) -> Load:
        self._begun = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if not isinstance(error, KeyboardInterrupt):
            for thread in self._threads:
                thread.join()

    def shots(self, after: int = 0) -> list[Shot]:
        """The requests that have ended, in the order of their ends, from the given one on."""
        with self._lock:
            return self._shots[after:]

    def settled(self, before: float) -> bool:
        """Whether all requests that had begun before that moment have ended."""
        with self._lock:
            return all(begun >= before for begun in self._waiting.values())

    def _run(self, client: int, phase: float) -> None:
        connection = http.client.HTTPConnection(*self._target, timeout=TIMEOUT)
        due = self._begun + phase * self._interval
        number = client
        while not self._over.wait(max(0.0, due - time.monotonic())):
            with self._lock:
                self._waiting[client] = begun = time.monotonic()
            id_, path = f"{self.label}-{client}-{number}", self._paths[number % len(self._paths)]
            shot = self._shoot(connection, id_, path, begun)
            number += 1
            with self._lock:
                self._shots.append(shot)
                del self._waiting[client]
            if client % 2 or shot.problem:
                connection.close()
            due = max(due + self._interval, time.monotonic())
        connection.close()

    def _shoot(self, connection: http.client.HTTPConnection, id_: str, path: str, begun: float) -> Shot:
        try:
            _connect(connection)
        except OSError as error:
            return Shot(id_, path, begun, time.monotonic(), None, str(error), refused=True)
        try:
            connection.request("GET", path, headers={"Host": self._host, "X-Request-ID": id_})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return Shot(id_, path, begun, time.monotonic(), None, str(error) or type(error).__name__)
        said = body.decode("utf-8", "backslashreplace").strip().splitlines()
        problem = f"{answer.status}: {' '.join(said)[:120]}" if answer.status >= 500 else None
        return Shot(id_, path, begun, time.monotonic(), answer.status, problem)


def _connect(connection: http.client.HTTPConnection) -> None:
    """Connect, unless there is a connection that the other side has not closed: every client looks first."""
    if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
        with contextlib.suppress(OSError):
            connection.close()
    if connection.sock is None:
        connection.connect()
