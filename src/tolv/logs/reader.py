"""Reads a deploy's logs: every process, past releases and dead processes too, router and platform, merged by time."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from tolv.logs.model import LogLine, deploy_logs
from tolv.logs.streams import BLOCK, LogStream, Span, dropped, find_streams
from tolv.logs.watch import DirectoryWatch

#: Nanoseconds by which a file's modification time may lag behind the last line in it.
_SLACK = 1_000_000_000
#: Lines that are handed on at once.
_BATCH = 1000
#: Bytes that one look takes from all files together, and least from each: what a follower costs in memory.
_LOOK, _LEAST = 8 * BLOCK, 1 << 14
#: Seconds that a line without an end is waited for.
_PARTIAL = 1.0
#: Seconds between two looks when nothing reports a change (a file system without inotify).
_SWEEP = 1.0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which lines are wanted. `process` is a process (`web.1`) or a type (`web`); None is all."""

    process: str | None = None
    release: str | None = None
    since_ns: int | None = None

    def admits(self, stream: LogStream) -> bool:
        """Whether a file can hold such lines."""
        return stream.stamped or (self._release(stream.release) and self._process(stream.process))

    def accepts(self, line: LogLine) -> bool:
        """Whether a line is one."""
        return (
            (self.since_ns is None or line.time >= self.since_ns)
            and self._release(line.release)
            and self._process(line.process)
        )

    def _release(self, release: str) -> bool:
        return self.release is None or release == self.release

    def _process(self, process: str) -> bool:
        return self.process is None or process == self.process or process.startswith(self.process + ".")


def read(
    logs: Path,
    app: str,
    environment: str,
    *,
    process: str | None = None,
    release: str | None = None,
    since_ns: int | None = None,
    last: int | None = None,
) -> Iterator[LogLine]:
    """The lines that are there now, oldest first; `last`: only so many, from the end, without reading the rest.

    Lines of one stream keep their order exactly; between streams they are ordered by the time of their arrival.
    """
    selection = Selection(process, release, since_ns)
    ends = {one: one.size() for one in find_streams(logs, app, environment) if selection.admits(one)}
    return _read(ends, selection, last)


async def follow(
    logs: Path,
    app: str,
    environment: str,
    *,
    process: str | None = None,
    release: str | None = None,
    since_ns: int | None = None,
    last: int | None = 0,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[list[LogLine]]:
    """First what is there (`last` lines of it; None: all), then what comes, until `stop` is set; no gap in between.

    Lines come in batches, a bounded number in each: whoever takes them slowly finds the rest in the files, and is told
    when retention was faster. Files of new processes and releases are taken up as they appear. A line without an end
    is held until it has one, or for a second.
    """
    selection = Selection(process, release, since_ns)
    tails: dict[LogStream, _Tail] = {}
    for stream in find_streams(logs, app, environment):
        if selection.admits(stream):
            tails[stream] = _Tail(stream, await asyncio.to_thread(stream.whole, stream.size()))
    earlier = _read({stream: tail.position for stream, tail in tails.items()}, selection, last)
    while batch := await asyncio.to_thread(_take, earlier, _BATCH):
        yield batch
    with DirectoryWatch(deploy_logs(logs, app, environment)) as watch:
        names: set[str] | None = None
        while stop is None or not stop.is_set():
            if names is None or not names <= {stream.path.name for stream in tails}:
                for stream in find_streams(logs, app, environment):
                    if stream not in tails and selection.admits(stream):
                        tails[stream] = _Tail(stream, 0)
            due = [tail for tail in tails.values() if names is None or tail.held or tail.stream.path.name in names]
            lines, more = await asyncio.to_thread(_gather, due)
            wanted = [line for line in lines if selection.accepts(line)]
            for start in range(0, len(wanted), _BATCH):
                yield wanted[start : start + _BATCH]
            tails = {stream: tail for stream, tail in tails.items() if not tail.gone}
            if not more:
                held = any(tail.held for tail in tails.values())
                names = await watch.changed(_PARTIAL / 4 if held else _SWEEP, stop)


def _read(ends: dict[LogStream, int], selection: Selection, last: int | None) -> Iterator[LogLine]:
    if last is None:
        return _merge(ends, selection)
    return iter(_latest(ends, selection, last))


def _merge(ends: dict[LogStream, int], selection: Selection) -> Iterator[LogLine]:
    """All streams by time. A stream is opened no sooner than its first line can be due: dead ones may be many."""
    waiting = sorted(ends, key=lambda one: (-one.started, one.path.name))
    heads: list[tuple[int, int, LogLine, Iterator[LogLine]]] = []
    order = 0
    while waiting or heads:
        while waiting and (not heads or waiting[-1].started <= heads[0][0]):
            stream = waiting.pop()
            lines = _lines(stream, ends[stream], selection)
            order += 1
            if (line := next(lines, None)) is not None:
                heapq.heappush(heads, (line.time, order, line, lines))
        if heads:
            _, place, line, lines = heads[0]
            yield line
            following = next(lines, None)
            if following is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (following.time, place, following, lines))


def _lines(stream: LogStream, end: int, selection: Selection) -> Iterator[LogLine]:
    start = stream.since(selection.since_ns or 0, end)
    return (line for span in stream.lines(start, end) if selection.accepts(line := stream.line(span)))


def _latest(ends: dict[LogStream, int], selection: Selection, count: int) -> list[LogLine]:
    """The last `count` lines, from the ends of the files that were written to last."""
    found: list[LogLine] = []
    if count <= 0:
        return found
    written = {stream: _written(stream) for stream in ends}
    for stream in sorted(ends, key=lambda one: written[one], reverse=True):
        if len(found) == count and found[0].time > written[stream] + _SLACK:
            break
        found = sorted([*found, *_last_lines(stream, ends[stream], selection, count)], key=lambda one: one.time)
        found = found[-count:]
    return found


def _last_lines(stream: LogStream, end: int, selection: Selection, count: int) -> list[LogLine]:
    wanted = count
    while True:
        start = stream.tail(wanted, end)
        lines = [line for span in stream.lines(start, end) if selection.accepts(line := stream.line(span))]
        whole = start == stream.tail(wanted + 1, end)
        if len(lines) >= count or whole or not stream.stamped:
            return lines[-count:]
        wanted *= 8


def _written(stream: LogStream) -> int:
    try:
        return stream.path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _take(lines: Iterator[LogLine], count: int) -> list[LogLine]:
    return [line for _, line in zip(range(count), lines, strict=False)]


class _Tail:
    """How far one stream has been followed."""

    def __init__(self, stream: LogStream, position: int) -> None:
        self.stream = stream
        self.position = position
        self.held = False
        """There is the beginning of a line after `position`."""
        self.gone = False
        """The file was removed: nothing comes any more."""
        self._size = 0
        self._since = 0.0

    def advance(self, most: int) -> tuple[list[LogLine], bool]:
        """New lines, of about `most` bytes, and whether there are more."""
        size = self.stream.size()
        if size < self.position or not size:
            return self._missed()
        if size == self.position:
            self.held = False
            return [], False
        end = min(size, self.position + most)
        lines = []
        # A cut-off end is a partial line only where the file ends too.
        for span in self.stream.lines(self.position, end, partial=self._is_overdue(size) and end == size):
            lines.append(self.stream.line(span))
            self.position = span.end
        if not lines and end < size:
            return self._long_line(size)
        self.held = self.position < size
        return lines, bool(lines) and self.held and end < size

    def _missed(self) -> tuple[list[LogLine], bool]:
        """Retention removed the file of a dead process. Whoever had not read it to its end is told."""
        self.gone, self.held = not self.stream.path.exists(), False
        missed = self._size - self.position
        if not self.gone or missed <= 0 or self.stream.stamped:
            return [], False
        return [self.stream.line(Span(time.time_ns(), self._size, dropped(missed).encode()))], False

    def _long_line(self, size: int) -> tuple[list[LogLine], bool]:
        spans = self.stream.lines(self.position, size, partial=self._is_overdue(size))
        span = next(spans, None)
        if span is None:
            self.held = True
            return [], False
        self.position = span.end
        self.held = self.position < size
        return [self.stream.line(span)], self.held

    def _is_overdue(self, size: int) -> bool:
        """Whether what is there has not grown for so long that its end is not waited for."""
        now = time.monotonic()
        if size != self._size:
            self._size, self._since = size, now
        return size > self.position and now - self._since >= _PARTIAL


def _gather(tails: list[_Tail]) -> tuple[list[LogLine], bool]:
    """New lines of all streams, by time."""
    most = max(_LEAST, _LOOK // max(1, len(tails)))
    found = [tail.advance(most) for tail in tails]
    lines = sorted((line for lines, _ in found for line in lines), key=lambda one: one.time)
    return lines, any(more for _, more in found)
