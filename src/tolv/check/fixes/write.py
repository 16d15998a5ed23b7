"""Writing changes: each file whole or not at all, and only if it is still what the change was made from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tolv.check.fixes import Change
from tolv.check.fixes.tree import read_file
from tolv.codebase.replace import replace_file
from tolv.errors import ConflictError, PlatformError, UsageError


def write(root: Path, changes: Iterable[Change]) -> None:
    """Write the changes below `root`.

    All are looked at before the first is written. Raises `ConflictError` if a file is not what it was, `UsageError` if
    a change would lose a line or leads out of `root`, `PlatformError` if a file cannot be written.
    """
    planned = [(change, _target(root, change)) for change in changes]
    for change, target in planned:
        try:
            replace_file(target, change.after.encode())
        except OSError as error:
            raise PlatformError(
                f"{change.path} cannot be written: {error.strerror}",
                where=str(target),
                remedy="make room, or make its directory one that you may write to; what was there is still there",
            ) from None


def _target(root: Path, change: Change) -> Path:
    target = root / change.path
    if change.loses:
        raise UsageError(f"the change of {change.path} would lose a line", where=str(target), remedy="do it by hand")
    if not target.parent.resolve().is_relative_to(root.resolve()) or target.is_symlink():
        raise UsageError(f"{change.path} leads elsewhere", where=str(target), remedy="replace the link by a file")
    now = read_file(root, change.path)
    if now != change.before or (change.before is None and os.path.lexists(target)):
        raise ConflictError(f"{change.path} was changed meanwhile", where=str(target), remedy="run it again")
    return target
