"""Constant load on one host through router or edge, from threads, with keep-alive; every failure is kept."""

from __future__ import annotations

import http.client
import ssl
import threading
from types import TracebackType


class Load:
    """`with Load(port, host) as load: …` sends requests all the while, and waits for those in flight at the end."""

    def __init__(
        self,
        port: int,
        host: str,
        *,
        paths: tuple[str, ...] = ("/",),
        threads: int = 4,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.failures: list[str] = []
        self.answered = 0
        self.connections = 0
        self._tls = tls
        self._port = port
        self._host = host
        self._paths = paths
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(index,)) for index in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        connection = _Connection(self)
        while not self._ended.is_set():
            path = self._paths[number % len(self._paths)]
            number += 1
            try:
                connection.request("GET", path, headers={"Host": self._host})
                response = connection.getresponse()
                body = response.read()
                if response.status != 200:
                    self._fail(f"{path}: {response.status} {body[:200]!r}")
                else:
                    with self._lock:
                        self.answered += 1
            except (OSError, http.client.HTTPException) as error:
                self._fail(f"{path}: {error!r}")
                connection.close()
        connection.close()

    def _fail(self, what: str) -> None:
        with self._lock:
            self.failures.append(what)


class _Connection(http.client.HTTPConnection):
    """Over TLS where the load is; each time that it connects counts."""

    def __init__(self, load: Load) -> None:
        super().__init__("127.0.0.1", load._port, timeout=60)
        self._load = load

    def connect(self) -> None:
        super().connect()
        if self._load._tls is not None:
            self.sock = self._load._tls.wrap_socket(self.sock, server_hostname=self._load._host)
        with self._load._lock:
            self._load.connections += 1
