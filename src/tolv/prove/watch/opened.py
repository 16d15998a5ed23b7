"""Which files below a directory are opened, by whomever: from inotify(7)."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

_OPEN, _OVERFLOW, _IS_DIRECTORY = 0x20, 0x4000, 0x40000000
_HEADER = struct.Struct("iIII")
_READ = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)
_add = _libc.inotify_add_watch


class CannotWatch(Exception):
    """The kernel gives no watches; the text says why."""


class Opened:
    """Collects the files that are opened below a directory for as long as it is entered.

        with Opened(directory) as opened:
            ...
        opened.paths  # {"config/prod.env"}

    Directories that are made meanwhile are not watched. Entering raises `CannotWatch`.
    """

    def __init__(self, directory: Path, without: Collection[str] = ()) -> None:
        """`without`: names of directories that are left out, wherever they are."""
        self._root = directory
        self._without = frozenset(without)
        self._watches: dict[int, str] = {}
        self._paths: set[str] = set()
        self._descriptor = -1
        self.lost = False
        """There were more openings than the kernel kept."""

    def __enter__(self) -> Opened:
        self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise CannotWatch(f"inotify: {os.strerror(ctypes.get_errno())}")
        for place, directories, _ in os.walk(self._root):
            directories[:] = [name for name in directories if name not in self._without]
            number = _add(self._descriptor, os.fsencode(place), _OPEN)
            if number < 0:
                error = os.strerror(ctypes.get_errno())
                os.close(self._descriptor)
                raise CannotWatch(f"inotify: {error}")
            self._watches[number] = os.path.relpath(place, self._root)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._read()
        os.close(self._descriptor)
        self._descriptor = -1

    @property
    def paths(self) -> frozenset[str]:
        """Those so far, below the directory."""
        if self._descriptor >= 0:
            self._read()
        return frozenset(self._paths)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._descriptor, _READ)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, mask, _, length = _HEADER.unpack_from(data, at)
                name = data[at + _HEADER.size : at + _HEADER.size + length].rstrip(b"\0")
                at += _HEADER.size + length
                self.lost = self.lost or bool(mask & _OVERFLOW)
                if mask & _OPEN and not mask & _IS_DIRECTORY and name and watch in self._watches:
                    self._paths.add(os.path.normpath(os.path.join(self._watches[watch], os.fsdecode(name))))
