"""The names that may have a certificate: one empty file each, which Caddy looks for when a name is called."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def permit(directory: Path, names: Iterable[str]) -> None:
    """Let exactly these names have certificates."""
    directory.mkdir(mode=0o700, exist_ok=True)
    wanted, there = set(names), set(os.listdir(directory))
    for name in wanted - there:
        (directory / name).touch(mode=0o600)
    for name in there - wanted:
        (directory / name).unlink(missing_ok=True)
