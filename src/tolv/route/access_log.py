"""The router's own log: a line per request in `<home>/logs/<app>/<environment>/router.log`.

What happened is gathered and written a few times a second, whole and by one `write`, so that several router processes
can share a file, which keeps within a part of the app's budget for logs, oldest lines first. A disk that is full costs
lines, never a request; what was lost is counted and said in the log itself when there is room again.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from tolv.budgets import budgets
from tolv.logs.model import deploy_logs
from tolv.logs.writer import append

_FLUSH_SECONDS = 0.2
_FLUSH_LINES = 500
#: The part of the app's budget for logs that its requests may take, also while no server is there to look after it.
_SHARE = 4
_LINE: Final = b"%d %b router %b status=%d bytes=%d connect_ms=%.1f service_ms=%.1f request_id=%b upstream=%b%b\n"
_Entry = tuple[int, bytes, bytes, int, int, float, float, bytes, bytes, bytes]


class AccessLog:
    """The request log of one deploy.

    A line is `<nanoseconds since 1970> <release> router <text>`, as all of Tolv's own logs are.
    """

    def __init__(self, logs: Path, app: str, environment: str) -> None:
        self._path = deploy_logs(logs, app, environment) / "router.log"
        self._entries: list[_Entry] = []
        self._lost = 0
        self._limit = budgets().logs // _SHARE
        self._timer: asyncio.TimerHandle | None = None

    def write(
        self,
        upstream: tuple[bytes, bytes],
        request: bytes,
        status: int,
        size: int,
        connect: float,
        service: float,
        request_id: bytes,
        cut: bool,
    ) -> None:
        """Add a line. `upstream`: release and process; `request`: method, path and host as they are logged; `size` in
        bytes; `connect` and `service` in seconds; `cut`: the response was not finished."""
        release, process = upstream
        moment, mark = time.time_ns(), b" cut=true" if cut else b""
        self._entries.append(
            (moment, release, request, status, size, connect * 1000, service * 1000, request_id, process, mark)
        )
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
        elif len(self._entries) >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        entries, self._entries = self._entries, []
        if not entries and not self._lost:
            return
        lines = [_LINE % entry for entry in entries]
        if self._lost:
            lost = b"%d - router lost=%d lines: the log could not be written\n" % (time.time_ns(), self._lost)
            lines.insert(0, lost)
        try:
            append(self._path, b"".join(lines), self._limit)
            self._lost = 0
        except OSError:
            self._lost += len(entries)
