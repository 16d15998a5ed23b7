"""A small disk of its own for a home, and a way to fill it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@contextmanager
def small_disk(path: Path, options: str) -> Iterator[None]:
    """A disk of its own, mounted at `path`."""
    path.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tolv", str(path)], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(disk: Path, left: int) -> None:
    """Leave this many bytes free."""
    (disk / "ballast").unlink(missing_ok=True)
    found = os.statvfs(disk)
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        os.posix_fallocate(ballast.fileno(), 0, max(1, found.f_bavail * found.f_frsize - left))
