"""Who may touch what at once, over all threads and processes: file locks, which die with their holder."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tolv.home import Home


@contextlib.contextmanager
def in_use(home: Home) -> Iterator[None]:
    """Held by every build from its first act to its last: nothing is collected meanwhile."""
    with _opened(home, ".in-use") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def alone(home: Home) -> Iterator[bool]:
    """Whether no build is in flight; none starts before this ends."""
    with _opened(home, ".in-use") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextlib.contextmanager
def placing(home: Home) -> Iterator[None]:
    """One change of the unpacked trees at a time."""
    with _opened(home, ".placing") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _opened(home: Home, name: str) -> BinaryIO:
    home.builds.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(home.builds, name).open("ab")
