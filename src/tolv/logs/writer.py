"""Logs that Tolv itself writes, line by line: `platform.log` (its events) and `router.log` (its requests)."""

from __future__ import annotations

import os
import time
from pathlib import Path


class StampedLog:
    """Appends lines `<nanoseconds> <release> <process> <text>`; several programs may write to one file.

    Each line is one `write` to a file opened for appending, so that lines never mix. The file is opened for each call's
    first line only; `close` when done.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def write(self, release: str, process: str, text: str, time_ns: int | None = None) -> None:
        """Append one line; newlines in `text` are written as `\\n`. Raises OSError when there is no room for it."""
        self.append(stamp(release, process, text, time_ns))

    def append(self, lines: bytes) -> None:
        """Append lines that `stamp` made, all in one write."""
        if self._file is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(self._file, lines)

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def stamp(release: str, process: str, text: str, time_ns: int | None = None) -> bytes:
    """One line of a stamped log, with its newline. An empty release or process is written as `-`."""
    moment = time.time_ns() if time_ns is None else time_ns
    flat = text.replace("\n", "\\n")
    return f"{moment} {release or '-'} {process or '-'} {flat}\n".encode(errors="backslashreplace")
