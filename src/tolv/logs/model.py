"""A line of a log as a value, and the names of the files that hold it. No I/O.

A deploy's logs live in `<home>/logs/<app>/<environment>/`:

* `<started>-<release>-<process>-<suffix>.out` and `.err`: the bytes of one process, untouched, with `.idx` beside
  each: records of (offset after the bytes: u64, time: u64 nanoseconds since 1970), little-endian, appended after
  the bytes that they describe. `started` is 19 digits of nanoseconds, so that names sort by time.
* `platform.log` (events of Tolv's) and `router.log` (requests): lines of `<nanoseconds> <release> <process> <text>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Stream = Literal["stdout", "stderr", "platform", "router"]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line, without its newline. `time` is nanoseconds since 1970."""

    time: int
    app: str
    environment: str
    release: str
    process: str
    stream: Stream
    message: str

    def to_dict(self) -> dict[str, Any]:
        """As `tolv logs --json` prints it: `time` in ISO 8601, UTC, microseconds."""
        moment = datetime.fromtimestamp(self.time // 1_000_000_000, UTC)
        return {
            "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{self.time // 1000 % 1_000_000:06d}Z",
            "app": self.app,
            "environment": self.environment,
            "release": self.release,
            "process": self.process,
            "stream": self.stream,
            "message": self.message,
        }


def deploy_logs(logs: Path, app: str, environment: str) -> Path:
    """The directory of a deploy's logs."""
    return logs / app / environment


def process_log(directory: Path, started_ns: int, release: str, process: str, suffix: str) -> tuple[Path, Path]:
    """The files for standard output and standard error of a process that starts now."""
    stem = f"{started_ns:019d}-{release}-{process}-{suffix}"
    return directory / f"{stem}.out", directory / f"{stem}.err"
