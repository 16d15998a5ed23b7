"""Waits for a directory's files to be written or made: inotify, which the standard library does not offer."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import struct
from pathlib import Path
from types import TracebackType

_MODIFY, _CREATE, _MOVED_TO, _OVERFLOW = 0x2, 0x100, 0x80, 0x4000
_EVENT = struct.Struct("iIII")
#: Seconds in which more is waited for when something comes: a busy log costs its reader 50 looks a second.
_GATHER = 0.02
_libc = ctypes.CDLL(None, use_errno=True)


class DirectoryWatch:
    """Tells when something in a directory has changed. Where inotify is not to be had, only time passes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._watching = False
        self._changed = asyncio.Event()
        self._names: set[str | None] = set()
        """None stands for any name."""

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

    async def changed(self, timeout: float, stop: asyncio.Event | None = None) -> set[str] | None:
        """The names of the files that have changed since the last call, as soon as there are any; or None, after
        `timeout` seconds or when `stop` is set: look at all of them."""
        self._try_to_watch()
        waiting = [asyncio.ensure_future(one.wait()) for one in (self._changed, stop) if one is not None]
        try:
            await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if self._changed.is_set():
                await asyncio.sleep(_GATHER)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        self._changed.clear()
        names, self._names = self._names, set()
        return None if not names or None in names else {name for name in names if name}

    def _try_to_watch(self) -> None:
        """The directory may not be there before the first process is."""
        if self._file >= 0 and not self._watching and self._directory.is_dir():
            path = os.fsencode(self._directory)
            self._watching = _libc.inotify_add_watch(self._file, path, _MODIFY | _CREATE | _MOVED_TO) >= 0
            self._names.add(None)  # whatever was made before we watched
            self._changed.set()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            events = os.read(self._file, 1 << 16)
            while events:
                _, mask, _, size = _EVENT.unpack_from(events)
                name = os.fsdecode(events[_EVENT.size : _EVENT.size + size].rstrip(b"\0"))
                self._names.add(None if mask & _OVERFLOW else name.removesuffix(".idx"))
                events = events[_EVENT.size + size :]
        self._changed.set()
