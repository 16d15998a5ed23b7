"""Standard output and standard error as the commands write to them: what happens when they take no more.

Both are replaced once, when the program starts, so that no command has to see to it.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

from tolv.errors import PlatformError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class ReaderLeft(Exception):
    """Whoever read our standard output has gone."""


class OutputFull(PlatformError):
    """There is no room for what we print."""


#: What a write to standard output may raise.
LOST = (ReaderLeft, OutputFull)


def guard_streams() -> None:
    """From now on a write to standard output raises `ReaderLeft` when its reader has gone, and `OutputFull` when
    there is no room; what cannot be said on standard error is lost, and stops nothing. After its first failure a
    stream swallows what comes: also what is still buffered when the program ends."""
    sys.stdout = _guarded(sys.stdout, _Output)
    sys.stderr = _guarded(sys.stderr, _Errors)


class _Whole(io.FileIO):
    """A file that takes all of what it is given: the text above it does not ask how much that was."""

    def write(self, data: ReadableBuffer, /) -> int:
        left = memoryview(data).cast("B")
        size = left.nbytes
        while left:
            written = super().write(left)
            if written is None:  # somebody has set it not to block
                select.select((), (self,), ())
            left = left[written or 0 :]
        return size


class _Output(_Whole):
    """Standard output."""

    failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        if self.failed:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except BrokenPipeError:
            self.failed = True
            raise ReaderLeft from None
        except OSError as error:
            self.failed = True
            raise OutputFull(
                f"standard output cannot be written: {error.strerror}", remedy="make room, or send it elsewhere"
            ) from None


class _Errors(_Whole):
    """Standard error."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _guarded(stream: TextIO | None, kind: type[_Whole]) -> TextIO:
    """The same stream, written through such a file; one that was closed by whoever started us leads nowhere."""
    if stream is None:
        return open(os.devnull, "w")
    assert isinstance(stream, io.TextIOWrapper)
    raw = kind(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(  # which has a buffer of its own; another would say twice what ^C comes upon
        raw,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering or stream.write_through,
    )
