"""Waits for a directory's files to be written or made: inotify, which the standard library does not offer."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from pathlib import Path
from types import TracebackType

_MODIFY, _CREATE, _MOVED_TO = 0x2, 0x100, 0x80
_libc = ctypes.CDLL(None, use_errno=True)


class DirectoryWatch:
    """Tells when something in a directory has changed. Where inotify is not to be had, only time passes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._watching = False
        self._changed = asyncio.Event()

    def __enter__(self) -> DirectoryWatch:
        if self._file >= 0:
            asyncio.get_running_loop().add_reader(self._file, self._drain)
        self._try_to_watch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file >= 0:
            asyncio.get_running_loop().remove_reader(self._file)
            os.close(self._file)

    async def changed(self, timeout: float, stop: asyncio.Event | None = None) -> None:
        """Return when something has changed since the last call, `stop` is set, or `timeout` seconds have passed."""
        self._try_to_watch()
        waiting = [asyncio.ensure_future(one.wait()) for one in (self._changed, stop) if one is not None]
        try:
            await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        self._changed.clear()

    def _try_to_watch(self) -> None:
        """The directory may not be there before the first process is."""
        if self._file >= 0 and not self._watching and self._directory.is_dir():
            path = os.fsencode(self._directory)
            self._watching = _libc.inotify_add_watch(self._file, path, _MODIFY | _CREATE | _MOVED_TO) >= 0
            self._changed.set()  # what was made before we watched

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._file, 1 << 16)
        self._changed.set()
