"""The router's own log: a line per request in `<home>/logs/<app>/<environment>/router.log`.

Lines are gathered and written a few times a second, whole and by one `write`, so that several router processes can
share a file, which keeps within a part of the app's budget for logs, oldest lines first. A disk that is full costs
lines, never a request; what was lost is counted and said in the log itself when there is room again.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tolv.budgets import budgets
from tolv.logs.model import deploy_logs
from tolv.logs.writer import append

_FLUSH_SECONDS = 0.2
_FLUSH_LINES = 2000
#: The part of the app's budget for logs that its requests may take, also while no server is there to look after it.
_SHARE = 4


class AccessLog:
    """The request log of one deploy.

    A line is `<nanoseconds since 1970> <release> router <text>`, as all of Tolv's own logs are.
    """

    def __init__(self, logs: Path, app: str, environment: str) -> None:
        self._path = deploy_logs(logs, app, environment) / "router.log"
        self._lines: list[str] = []
        self._lost = 0
        self._limit = budgets().logs // _SHARE
        self._timer: asyncio.TimerHandle | None = None

    def write(self, text: str) -> None:
        """Add a line; `text` begins with release and process, and has no newline."""
        self._lines.append(f"{time.time_ns()} {text}\n")
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)
        elif len(self._lines) >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        if self._lost:
            lines.insert(0, f"{time.time_ns()} - router lost={self._lost} lines: the log could not be written\n")
        data = "".join(lines).encode("utf-8", "backslashreplace")
        if not data:
            return
        try:
            append(self._path, data, self._limit)
            self._lost = 0
        except OSError:
            self._lost += len(lines) - (1 if self._lost else 0)
