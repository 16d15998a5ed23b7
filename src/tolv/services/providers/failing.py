"""What the file system refuses a provider, said for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tolv.errors import PlatformError
from tolv.services.model import Instance


@contextmanager
def can(problem: str, instance: Instance) -> Iterator[None]:
    """An `OSError` inside becomes a `PlatformError` that says `problem`."""
    try:
        yield
    except OSError as error:
        raise PlatformError(
            f"{problem}: {error.strerror or error}",
            where=str(instance.directory),
            remedy="free some space on the disk, or look at the directory's owner and mode",
        ) from None
