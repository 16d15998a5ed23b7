"""Files and directories that only a service's own user may read, handled by Tolv, who may be root."""

from __future__ import annotations

import os
from io import BufferedReader
from pathlib import Path


def write(path: Path, text: str, owner: int | None) -> None:
    """Replace a file: old or new at every moment, on disk on return, of `owner`'s if given. Raises `OSError`."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            if owner is not None:
                os.fchown(descriptor, owner, owner)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        aside.rename(path)
    finally:
        aside.unlink(missing_ok=True)


def make(path: Path, owner: int | None) -> None:
    """A directory that may be there already. Raises `OSError`."""
    path.mkdir(mode=0o700, exist_ok=True)
    if owner is not None:
        os.chown(path, owner, owner, follow_symlinks=False)


def read(path: Path) -> BufferedReader:
    """Open a file of a service's; no link is followed, and nothing waited for. Raises `OSError`."""
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK))
