"""The lines on which a word or a text stands, found without parsing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_IN_WORDS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") | frozenset(
    range(0x80, 0x100)
)


def rows_of(data: bytes, words: Iterable[bytes], then: re.Pattern[bytes] | None = None) -> set[int]:
    """The lines, from 1, on which one of these identifiers stands, whole; `then` must match what comes behind it."""
    rows: set[int] = set()

    def counts(at: int, end: int) -> bool:
        return _is_whole(data, at, end) and (then is None or then.match(data, end) is not None)

    for word in words:
        if word:
            _find(data, word, rows, counts)
    return rows


def rows_with(data: bytes, part: bytes) -> set[int]:
    """The lines, from 1, on which a text begins."""
    rows: set[int] = set()
    if part:
        _find(data, part, rows, lambda at, end: True)
    return rows


def _find(data: bytes, part: bytes, rows: set[int], counts: Callable[[int, int], bool]) -> None:
    row, position, at = 1, 0, data.find(part)
    while at != -1:
        if counts(at, at + len(part)):
            row += data.count(b"\n", position, at)
            position = at
            rows.add(row)
            # Nothing else on this line can add to the set.
            next_line = data.find(b"\n", at)
            at = data.find(part, next_line) if next_line != -1 else -1
        else:
            at = data.find(part, at + 1)


def _is_whole(data: bytes, at: int, end: int) -> bool:
    return (at == 0 or data[at - 1] not in _IN_WORDS) and (end == len(data) or data[end] not in _IN_WORDS)
