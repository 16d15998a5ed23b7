"""Logs that Tolv itself writes, line by line: `platform.log` (its events) and `router.log` (its requests)."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path

from tolv.logs import bound


class StampedLog:
    """Appends lines `<nanoseconds> <release> <process> <text>`; several programs may write to one file.

    Whoever writes has more important things to do than to fail here: what a full disk does not take is counted, and
    the count stands before the next line that it takes.
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
            append(self._path, lines)
            self._lost = 0
        except OSError:
            self._lost += 1


def append(path: Path, lines: bytes, limit: int | None = None) -> None:
    """Append whole lines in one write, so that those of several programs never mix; the directory is made if needed.

    When the file takes more than `limit` bytes on disk its oldest part goes. Raises OSError when there is no room;
    what was written of a line then is ended, so that the next one is whole.
    """
    # Opened anew each time: retention may have removed the file, and who is idle holds no descriptor.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        file = os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, flags, 0o600)
    try:
        if os.write(file, lines) < len(lines):
            with contextlib.suppress(OSError):
                os.write(file, b"\n")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if limit is not None:
            bound.hold_to(file, limit)
    finally:
        os.close(file)


def stamp(release: str, process: str, text: str, time_ns: int | None = None) -> bytes:
    """One line of a stamped log, with its newline. An empty release or process is written as `-`."""
    moment = time.time_ns() if time_ns is None else time_ns
    flat = text.replace("\n", "\\n")
    return f"{moment} {release or '-'} {process or '-'} {flat}\n".encode(errors="backslashreplace")
