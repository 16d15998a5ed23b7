"""Reading an app's small text files: a Procfile, a manifest, a .env."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tolv.errors import UsageError

#: Bytes that such a file may have; more is a mistake, or an attack.
_LARGEST = 1 << 20


def read_text(path: Path) -> str | None:
    """The file's text, without a byte order mark and with its line ends as they are; None if there is no such file.

    Raises `UsageError` if it is not a readable UTF-8 text of at most 1 MiB.
    """
    try:
        # A pipe of that name must not hold us up: opened so, it gives nothing, and is refused.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            data = file.read(_LARGEST + 1) if regular else b""
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        problem = f"{path.name} cannot be read: {error.strerror}"
        raise UsageError(problem, where=str(path), remedy="make it a file that you may read") from None
    if not regular:
        raise UsageError(f"{path.name} is not a file", where=str(path), remedy="replace it by a text file")
    if len(data) > _LARGEST:
        raise UsageError(f"{path.name} is larger than 1 MiB", where=str(path), remedy="check that it is the right file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path.name} is not UTF-8 text", where=f"{path}:{line}", remedy="save it as UTF-8") from None
