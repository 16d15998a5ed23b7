"""The disk below a local server: when it is full, which is said in many words; and when it has all that was written."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tolv.errors import PlatformError
from tolv.services.ask import Unreachable
from tolv.services.model import Instance

#: Bytes that a server needs to go on: a segment of PostgreSQL's log of changes.
_LEAST = 16 << 20


@contextmanager
def is_full(instance: Instance) -> Iterator[None]:
    """What fails inside failed for want of space, if there is none: raises `Unreachable` that says so."""
    try:
        yield
    except PlatformError as error:
        if isinstance(error, Unreachable) and error.reason == "full":
            raise
        left = free(instance)
        if left is None or left >= _LEAST:
            raise
        raise Unreachable(
            "full",
            f"no space is left for the service: {error.problem}",
            where=str(instance.directory),
            remedy="free some space; the service goes on by itself then",
            answered=isinstance(error, Unreachable) and error.answered,
        ) from None


def free(instance: Instance) -> int | None:
    """Bytes that the disk of an instance has left; None: cannot be told."""
    try:
        found = os.statvfs(instance.directory)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def settle(path: Path) -> None:
    """Have all that was written to the file system of a directory on disk: at once, where thousands of files are new.

    Raises `OSError`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)
