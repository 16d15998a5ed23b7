"""The router's own log: a line per request in `<home>/logs/<app>/<environment>/router.log`.

Lines are gathered and written a few times a second, whole and by one `write`, so that several router processes can
share a file. A disk that is full costs lines, never a request; what was lost is counted and said in the log itself
when there is room again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path

from tolv.logs.model import deploy_logs

_FLUSH_SECONDS = 0.2
_FLUSH_LINES = 2000


class AccessLog:
    """The request log of one deploy."""

    def __init__(self, logs: Path, app: str, environment: str) -> None:
        self._path = deploy_logs(logs, app, environment) / "router.log"
        self._lines: list[str] = []
        self._lost = 0
        self._timer: asyncio.TimerHandle | None = None

    def write(self, release: str, process: str, text: str) -> None:
        """Add a line; `text` has no newline."""
        self._lines.append(f"{time.time_ns()} {release} {process} {text}\n")
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
        # Opened anew each time: retention may have renamed or removed the file, and idle deploys hold no descriptor.
        try:
            self._append(data)
            self._lost = 0
        except OSError:
            self._lost += len(lines) - (1 if self._lost else 0)

    def _append(self, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, flags, 0o600)
        try:
            written = os.write(descriptor, data)
            if written < len(data):
                # The disk filled up within a line: end it, so that the next one is whole.
                with contextlib.suppress(OSError):
                    os.write(descriptor, b"\n")
                raise OSError("short write")
        finally:
            os.close(descriptor)
