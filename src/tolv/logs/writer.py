"""Logs that Tolv itself writes, line by line: `platform.log` (its events) and `router.log` (its requests)."""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path


class StampedLog:
    """Appends lines `<nanoseconds> <release> <process> <text>`; several programs may write to one file.

    Each line is one `write` to a file opened for appending, so that lines never mix. The file is opened for each: they
    are few, and whoever has one of these for every process would hold a descriptor for every process. A full disk costs
    lines, never what they tell of; how many is said with the next line for which there is room.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lost = 0

    def write(self, release: str, process: str, text: str, time_ns: int | None = None) -> None:
        """Append one line; newlines in `text` are written as `\\n`."""
        lines = stamp(release, process, text, time_ns)
        if self._lost:
            notice = f"{self._lost} lines of this process were lost: the log could not be written"
            lines = stamp(release, process, notice, time_ns) + lines
        try:
            self._append(lines)
            self._lost = 0
        except OSError:
            self._lost += 1

    def _append(self, lines: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if os.write(file, lines) < len(lines):
                with suppress(OSError):
                    os.write(file, b"\n")  # the disk filled up within a line: the next one is whole
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(file)


def stamp(release: str, process: str, text: str, time_ns: int | None = None) -> bytes:
    """One line of a stamped log, with its newline. An empty release or process is written as `-`."""
    moment = time.time_ns() if time_ns is None else time_ns
    flat = text.replace("\n", "\\n")
    return f"{moment} {release or '-'} {process or '-'} {flat}\n".encode(errors="backslashreplace")
