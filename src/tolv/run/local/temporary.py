"""Bounds the processes' temporary directories, which lie on the disk that all share.

A directory has no limit of its own that a user without privileges could set. So they are measured, often while the disk
fills, seldom while it does not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

#: What a file takes at least, an empty one too: directories and inodes are not endless either.
_LEAST = 4096
#: The disk must have lost a part of the limit since the last measuring; or so many seconds have passed.
_PART, _SELDOM = 8, 60.0


class Temporary:
    """The temporary directories below `root`, one for each process, named by its id."""

    def __init__(self, root: Path, limit: int) -> None:
        self._root = root
        self.limit = limit
        self._free = 0
        self._measured = 0.0

    def over(self, limits: Mapping[str, int]) -> list[str]:
        """Ids of the processes whose directory takes more than the limit that `limits` gives it, or the general one.
        None while there is no sign that anything has grown."""
        found = os.statvfs(self._root)
        free, now = found.f_bfree * found.f_frsize, time.monotonic()
        self._free = max(self._free, free)
        if self._free - free < self.limit // _PART and now - self._measured < _SELDOM:
            return []
        self._free, self._measured = free, now
        most = {name: limits.get(name, self.limit) for name in os.listdir(self._root)}
        return [name for name, limit in most.items() if measure(self._root / name, limit) > limit]


def measure(root: Path, most: int) -> int:
    """Bytes below a directory, 4 KiB for each entry at least; no more is counted once it is above `most`."""
    size, waiting = 0, [os.fspath(root)]
    while waiting and size <= most:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    size += max(_LEAST, entry.stat(follow_symlinks=False).st_blocks * 512)
                    if size > most:
                        break
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue  # gone meanwhile, or closed by its owner
    return size
