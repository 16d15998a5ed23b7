"""Writing a file so that nobody ever sees half of it."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def replace_file(target: Path, data: bytes) -> None:
    """Write a file whole or not at all, with the mode that it has or would get. Raises `OSError`."""
    if target.exists() and not target.is_file():  # a pipe, `/dev/stdout`: there is nothing to keep
        target.write_bytes(data)
        return
    try:
        mode = stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        mode = 0o666 & ~umask
    handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.replace(scratch, target)
    except BaseException:
        os.unlink(scratch)
        raise
