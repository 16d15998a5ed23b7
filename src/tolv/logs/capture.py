"""Moves what a process writes into its pipe to a file, without ever holding a byte of it in memory.

`splice(2)` takes pages out of the pipe and puts them into the file in one system call: if the keeper is killed
between two calls nothing is in its hands, so no line is lost and none is written twice. The times live beside the
bytes, in `<path>.idx`: records of (offset after the bytes: u64, nanoseconds since 1970: u64), little-endian.

Light to import (the keeper does): the standard library only, and little of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

from tolv.logs import bound
from tolv.logs.bound import RECORD

#: A pipe of this size lets a process write for a while without a reader: 1 MiB is what the kernel grants to all.
PIPE_SIZES = (1 << 20, 1 << 18, 1 << 16)
#: Most that one call moves, so that a process that floods its pipe cannot hold up the others.
CHUNK = 1 << 20
#: Seconds between two tries to write again after the disk was full.
RETRY = 0.5


class Capture:
    """One pipe and the file it is moved to. Opening it creates what is missing: the pipe, the file, its index."""

    def __init__(self, fifo: str, path: str) -> None:
        self.path = path
        self.moved = 0
        """Bytes that the last `pump` took out of the pipe."""
        self.eof = False
        """Nobody holds the pipe for writing any more, and all that was in it has been moved."""
        with contextlib.suppress(FileExistsError):
            os.mkfifo(fifo, 0o600)
        self._pipe = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        _enlarge(self._pipe)
        self._file: int | None = None
        self._index: int | None = None
        self._size = 0
        self._records = 0
        self._time = 0
        self._lost = _Loss()
        self._open_files()

    def fileno(self) -> int:
        """The pipe's descriptor, for epoll."""
        return self._pipe

    def pump(self) -> bool:
        """Move what is in the pipe, at most `CHUNK`; never blocks. False once the pipe is at its end."""
        self.moved = 0
        if self._lost.until or self._file is None:
            return self._discard()
        try:
            self.moved = os.splice(self._pipe, self._file, CHUNK, offset_dst=self._size, flags=os.SPLICE_F_NONBLOCK)
        except BlockingIOError:
            return True
        except OSError as error:  # full, most often; whatever it is, the process must not feel it
            self._lost.begin(error.errno or 0)
            return self._discard()
        self._size += self.moved
        if self.moved:
            self._stamp()
        else:
            self.eof = True
        return not self.eof

    def held(self) -> int:
        """Bytes that file and index take on disk."""
        return sum(bound.held(one) for one in (self._file, self._index) if one is not None)

    def shrink(self, share: float) -> None:
        """Give up the oldest part of what is held: the newest `share` of it stays."""
        if self._file is not None:
            bound.shrink(self._file, self._index, share)

    def close(self) -> None:
        """Let go of pipe and file; a loss that has not been announced is, if there is room for it."""
        if self._lost.until:
            self._resume(b"")
        for descriptor in (self._pipe, self._file, self._index):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._index = None

    def _open_files(self) -> None:
        """Go on where the file ends: what is there came from this process, moved by a keeper before us."""
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._index = os.open(self.path + ".idx", flags, 0o600)
            self._file = os.open(self.path, flags, 0o600)
        except OSError as error:
            if self._index is not None:
                os.close(self._index)
                self._index = None
            self._lost.begin(error.errno or 0)
            return
        self._size = os.fstat(self._file).st_size
        self._records = os.fstat(self._index).st_size // RECORD.size
        described = 0
        if self._records:
            described, self._time = RECORD.unpack(os.pread(self._index, 16, (self._records - 1) * 16))
        if described < self._size:
            self._stamp()

    def _stamp(self) -> None:
        """Say when the bytes up to here arrived. Times never run backwards, so that the index can be searched."""
        self._time = max(time.time_ns(), self._time)
        if self._index is None:
            return
        # At its own offset, not appended: a record that a full disk cut short is overwritten by the next one.
        with contextlib.suppress(OSError):
            if os.pwrite(self._index, RECORD.pack(self._size, self._time), self._records * 16) == RECORD.size:
                self._records += 1

    def _discard(self) -> bool:
        """The file cannot be written: the process must not notice, so throw away, count, and try again later."""
        try:
            data = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return True
        self.moved = len(data)
        if not data:
            self.eof = True
            return False
        if time.monotonic() >= self._lost.until:
            self._resume(data)
        else:
            self._lost.add(data)
        return True

    def _resume(self, data: bytes) -> None:
        """Try to write again: the notice first, then `data` from its next whole line on."""
        if self._file is None:
            self._open_files()
        lost, rest = self._lost.split(data)
        text = self._lost.notice(lost) + rest
        if self._file is not None:
            if self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
                text = b"\n" + text
            with contextlib.suppress(OSError):
                if os.pwrite(self._file, text, self._size) == len(text):
                    self._size += len(text)
                    self._stamp()
                    self._lost = _Loss()
                    return
                os.ftruncate(self._file, self._size)  # no room for all of it: half a notice says nothing
        self._lost.add(data)
        self._lost.begin(self._lost.reason)


class _Loss:
    """What had to be thrown away: how much, and why. `until` is 0.0 when nothing was."""

    __slots__ = ("lines", "reason", "size", "tail", "until")

    def __init__(self) -> None:
        self.size = self.lines = self.reason = 0
        self.tail = False
        """The last byte thrown away was not the end of a line: what follows is the rest of one."""
        self.until = 0.0

    def begin(self, reason: int) -> None:
        self.reason = reason
        self.until = time.monotonic() + RETRY

    def add(self, data: bytes) -> None:
        if data:
            self.size += len(data)
            self.lines += data.count(b"\n")
            self.tail = not data.endswith(b"\n")

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """The rest of a line that is lost already, and the whole lines after it."""
        if not self.tail:
            return b"", data
        end = data.find(b"\n") + 1
        return (data[:end], data[end:]) if end else (data, b"")

    def notice(self, more: bytes) -> bytes:
        """What to tell the reader, when `more` is lost too."""
        size, lines = self.size + len(more), self.lines + more.count(b"\n")
        if not size:
            return b""
        return f"[tolv] {size} bytes in {lines} lines were lost here: {os.strerror(self.reason)}\n".encode()


def _enlarge(pipe: int) -> None:
    for size in PIPE_SIZES:
        # Beyond a user's share of pipe memory (pipe-user-pages-soft) the kernel says no: take what it gives.
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, size)
            return
