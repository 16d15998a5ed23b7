"""What the keeper must find again after its death: small JSON files, each whole or not there."""

from __future__ import annotations

import contextlib
import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def write_durably(path: str, data: dict[str, Any]) -> None:
    """Replace `path`: on return it is on disk, and at no moment is it half written."""
    temporary = f"{path}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8", closefd=False) as file:
            json.dump(data, file)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    sync_directory(os.path.dirname(path))


def read(path: str) -> dict[str, Any] | None:
    """The record at `path`, or None if there is none that makes sense."""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def sync_directory(path: str) -> None:
    """Make the names in `path` durable."""
    descriptor = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_directory(path: str) -> None:
    """Remove a directory that holds files only. What is gone already is fine."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{path}/{name}")
        os.rmdir(path)


def boot_id() -> str:
    """Names this boot of the machine: pids of another one mean nothing."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
