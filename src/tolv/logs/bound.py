"""Keeps files that are still written to within a bound, oldest bytes first.

The front of a file is given back to the file system as a hole (`fallocate(2)`): offsets stay, so that neither writer
nor reader has to know. On a file system without holes it stays. Light to import (the keeper does): standard library
only.
"""

from __future__ import annotations

import errno
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Held(Protocol):
        """A log that takes part in a quota."""

        def held(self) -> int: ...
        def shrink(self, share: float) -> None: ...


#: A record of an index: offset after the bytes, nanoseconds since 1970.
RECORD = struct.Struct("<QQ")
#: What is freed goes below the limit by this part of it, so that it is not done at every write.
SLACK = 8
#: Where nothing could be freed it is tried again after this part of the limit.
RETRY = 64

_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_PAGE = 4096


def held(file: int) -> int:
    """Bytes that a file takes on disk."""
    return os.fstat(file).st_blocks * 512


def hold_to(file: int, limit: int) -> None:
    """Give back the oldest part of a file that takes more than `limit` bytes."""
    if held(file) > limit:
        _free_front(file, limit * (SLACK - 1) // SLACK)


def shrink(file: int, index: int | None, share: float) -> None:
    """Give back the oldest part of a file, and what its index says of that: the newest `share` of it stays."""
    begin = _free_front(file, int(held(file) * share))
    if begin and index is not None:
        _free_index(index, begin)


def _free_front(file: int, keep: int) -> int:
    """Give back all of a file but its newest `keep` bytes, in whole pages. Returns where it begins now, 0 if nothing
    could be given back."""
    end = (os.fstat(file).st_size - keep) // _PAGE * _PAGE
    return end if end > 0 and _punch(file, end) else 0


def _free_index(index: int, begin: int) -> None:
    """Give back the records of an index that describe nothing behind offset `begin` of its file. Freed ones read as
    zero, which a search takes for older than all."""
    low, high = 0, os.fstat(index).st_size // RECORD.size
    while low < high:
        middle = (low + high) // 2
        if RECORD.unpack(os.pread(index, RECORD.size, middle * RECORD.size))[0] <= begin:
            low = middle + 1
        else:
            high = middle
    if (end := low * RECORD.size // _PAGE * _PAGE) > 0:
        _punch(index, end)


class Quota:
    """What the living processes of one app may hold on disk together. Beyond it each gives up its oldest part."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._members: list[Held] = []
        self._spare = 0

    def join(self, member: Held) -> None:
        self._members.append(member)
        self._spare = 0  # nobody knows what it brings

    def leave(self, member: Held) -> None:
        if member in self._members:
            self._members.remove(member)

    @property
    def unused(self) -> bool:
        return not self._members

    def wrote(self, size: int) -> None:
        """Somebody has written so much. Cheap until there is something to do."""
        self._spare -= size
        if self._spare < 0:
            self._shrink()

    def _shrink(self) -> None:
        total = sum(one.held() for one in self._members)
        if total > self.limit:
            share = self.limit * (SLACK - 1) / SLACK / total
            for one in self._members:
                one.shrink(share)
            total = sum(one.held() for one in self._members)
        self._spare = max(self.limit - total, self.limit // RETRY)


def _punch(file: int, end: int) -> bool:
    import ctypes

    mode, library = _PUNCH_HOLE | _KEEP_SIZE, ctypes.CDLL(None, use_errno=True)
    while library.fallocate(file, mode, ctypes.c_int64(0), ctypes.c_int64(end)):
        if ctypes.get_errno() != errno.EINTR:
            return False
    return True
