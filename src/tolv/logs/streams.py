"""The files of a deploy's logs, and their lines with the time at which each arrived.

A line's time is that of its last byte, so that times within a stream never run backwards. A file may begin with a hole:
retention frees the oldest part of a file that is still written, without moving the rest.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tolv.logs.model import LogLine, Stream
from tolv.logs.writer import stamp

#: Bytes read at once.
BLOCK = 1 << 18
#: A "line" longer than this is cut: a reader's memory is bounded even when an app never ends its line.
LONGEST = 8 << 20
_RECORD = struct.Struct("<QQ")
_SUFFIXES: dict[str, Stream] = {".out": "stdout", ".err": "stderr"}
_STAMPED: dict[str, Stream] = {"platform.log": "platform", "router.log": "router"}


@dataclass(frozen=True, slots=True)
class Span:
    """One line of a file: its time, where it ends, its bytes without the newline."""

    time: int
    end: int
    text: bytes


@dataclass(frozen=True, slots=True)
class LogStream:
    """One file of a deploy's logs."""

    path: Path
    app: str
    environment: str
    stream: Stream
    started: int = 0
    """Nanoseconds since 1970; no line is older. 0 for a stamped log."""
    release: str = ""
    process: str = ""
    """Empty for a stamped log, whose lines name both."""

    @property
    def stamped(self) -> bool:
        return not self.process

    def line(self, span: Span) -> LogLine:
        """The line as a value. Bytes that are no UTF-8 are shown as `\\xNN`."""
        text = span.text.decode("utf-8", "backslashreplace")
        release, process = self.release, self.process
        if self.stamped:
            _, release, process, text = (text.split(" ", 3) + [""] * 3)[:4]
        return LogLine(span.time, self.app, self.environment, release, process, self.stream, text)

    def size(self) -> int:
        """Bytes in the file now; 0 if it is gone."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def lines(self, start: int, end: int, *, partial: bool = True) -> Iterator[Span]:
        """The lines between two offsets; `start` must be the start of a line. `partial`: with an unended last one."""
        with _opened(self.path) as file:
            if file is None:
                return
            clock = _stamped_time if self.stamped else _Clock(self.path, start)
            rest, position, at = b"", start, start
            while position < end and (block := os.pread(file, min(BLOCK, end - position), position)):
                if _begin(file) > position:  # retention was faster: that block may be nothing but zeros
                    position = _first_line(file)
                    yield self._dropped(clock, at, position)
                    rest, at = b"", position
                    continue
                position += len(block)
                *whole, rest = (rest + block).split(b"\n")
                for text in whole:
                    at += len(text) + 1
                    yield Span(clock(at, text), at, text)
                if len(rest) > LONGEST:
                    at += len(rest)
                    yield Span(clock(at, rest), at, rest)
                    rest = b""
            if rest and partial:
                yield Span(clock(position, rest), position, rest)

    def _dropped(self, clock: Callable[[int, bytes], int], start: int, end: int) -> Span:
        """What stands for bytes that retention has freed before they were read."""
        text = dropped(end - start)
        if self.stamped:
            text = stamp("", self.stream, text).decode().rstrip("\n")
        return Span(clock(end, text.encode()), end, text.encode())

    def tail(self, count: int, end: int) -> int:
        """Where the last `count` lines before `end` start."""
        with _opened(self.path) as file:
            if file is None or count <= 0 or end <= 0:
                return end
            first = _first_line(file)
            position = end
            # The newline that ends the last line does not begin another.
            if os.pread(file, 1, end - 1) == b"\n":
                position -= 1
            while position > first:
                size = min(BLOCK, position - first)
                block = os.pread(file, size, position - size)
                found = block.count(b"\n")
                if found >= count:
                    at = len(block)
                    for _ in range(count):
                        at = block.rindex(b"\n", 0, at)
                    return position - size + at + 1
                count -= found
                position -= size
            return first

    def since(self, time: int, end: int) -> int:
        """Where the first line that arrived at `time` or later starts; for a stamped log, a place before it."""
        with _opened(self.path) as file:
            if file is None:
                return end
            if self.stamped:
                return _first_line(file)
            boundary = _offset_before(self.path, time)
            return max(_first_line(file), _line_start(file, min(boundary, end)))

    def whole(self, end: int) -> int:
        """The end of the last whole line before `end`."""
        with _opened(self.path) as file:
            return end if file is None else max(_line_start(file, end), min(_first_line(file), end))


def dropped(size: int) -> str:
    """What a reader is told who came too late."""
    return f"[tolv] {size} bytes were dropped here before they were read: the app's logs are over their budget"


def find_streams(logs: Path, app: str, environment: str) -> list[LogStream]:
    """The files of a deploy's logs as they are now, in the order in which their processes started."""
    directory = logs / app / environment
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    found = [one for one in (parse_name(directory / name, app, environment) for name in names) if one is not None]
    return sorted(found, key=lambda one: (one.started, one.path.name))


def parse_name(path: Path, app: str, environment: str) -> LogStream | None:
    """The stream that a file's name tells of; None for an index, or a file that is none of ours."""
    if path.name in _STAMPED:
        return LogStream(path, app, environment, _STAMPED[path.name])
    stream = _SUFFIXES.get(path.suffix)
    started, _, rest = path.stem.partition("-")
    release, _, rest = rest.partition("-")
    process, _, _ = rest.rpartition("-")
    if stream is None or not started.isdigit() or not process:
        return None
    return LogStream(path, app, environment, stream, int(started), release, process)


class _Clock:
    """Tells when the byte before an offset arrived; offsets must be asked for in rising order."""

    def __init__(self, path: Path, start: int) -> None:
        self._records = _records(path, start)
        self._offset, self._time = 0, 0
        self._path = path

    def __call__(self, offset: int, text: bytes) -> int:
        while self._offset < offset:
            record = next(self._records, None)
            if record is None:
                # Bytes that the index does not describe yet: they are new.
                self._offset = 1 << 63
                self._time = max(self._time, self._path.stat().st_mtime_ns if self._path.exists() else 0)
            else:
                self._offset, self._time = record
        return self._time


def _stamped_time(offset: int, text: bytes) -> int:
    digits = text[:20].split(b" ", 1)[0]
    return int(digits) if digits.isdigit() else 0


def _records(path: Path, start: int) -> Iterator[tuple[int, int]]:
    """The index from the record on that describes the byte after `start`."""
    with _opened(_index(path)) as file:
        if file is None:
            return
        position = 16 * _search(file, 0, start + 1)
        while block := os.pread(file, 1 << 16, position):
            block = block[: len(block) // 16 * 16]
            if not block:
                return
            position += len(block)
            yield from _RECORD.iter_unpack(block)


def _offset_before(path: Path, time: int) -> int:
    """The offset up to which everything arrived before `time`."""
    with _opened(_index(path)) as file:
        found = 0 if file is None else _search(file, 1, time)
        if file is None or not found:
            return 0
        return int(_RECORD.unpack(os.pread(file, 16, (found - 1) * 16))[0])


def _search(file: int, field: int, value: int) -> int:
    """The number of records before the first whose `field` is at least `value`. Freed ones read as zero: before all."""
    low, high = 0, os.fstat(file).st_size // 16
    while low < high:
        middle = (low + high) // 2
        if _RECORD.unpack(os.pread(file, 16, middle * 16))[field] < value:
            low = middle + 1
        else:
            high = middle
    return low


def _first_line(file: int) -> int:
    """Where the first line starts that is there in full: 0, or behind what retention has freed."""
    start = _begin(file)
    if start == 0:
        return 0
    while block := os.pread(file, BLOCK, start):
        newline = block.find(b"\n")
        if newline >= 0:
            return start + newline + 1
        start += len(block)
    return start


def _begin(file: int) -> int:
    """Where a file's content begins: 0, or the end of the hole that retention has made."""
    try:
        return os.lseek(file, 0, os.SEEK_DATA)
    except OSError as error:
        return os.fstat(file).st_size if error.errno == errno.ENXIO else 0  # nothing but a hole


def _line_start(file: int, offset: int) -> int:
    """The start of the line that the byte at `offset` belongs to."""
    while offset > 0:
        size = min(BLOCK, offset)
        newline = os.pread(file, size, offset - size).rfind(b"\n")
        if newline >= 0:
            return offset - size + newline + 1
        offset -= size
    return 0


def _index(path: Path) -> Path:
    return path.with_name(path.name + ".idx")


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """A descriptor of `path`, or None if retention was faster."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield file
    finally:
        os.close(file)
