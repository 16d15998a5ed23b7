"""Keeps an app's logs within a budget, oldest first, without touching who writes them."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from tolv.budgets import Budgets
from tolv.logs import bound

#: Bytes for an app, across environments and releases.
BUDGET = Budgets().logs
#: Processes of which logs are kept, however little they wrote: a crash loop makes many files.
MOST = 1000

#: A process that started within these nanoseconds counts as living: it may have come after `keep` was made.
_YOUNG = 60 * 10**9


@dataclass(slots=True)
class _Group:
    """The files of one process, or one stamped log."""

    name: str
    live: bool
    files: list[Path] = field(default_factory=list)
    size: int = 0


def trim(
    logs: Path, app: str, budget_bytes: int = BUDGET, keep: frozenset[str] | set[str] = frozenset(), most: int = MOST
) -> int:
    """Free what exceeds the budget and return the bytes freed.

    `keep` has the stems of living processes' files: those are never removed. When they exceed the budget on their own,
    the oldest part of each is given back to the file system; offsets stay, writers and readers do not notice.
    """
    groups = _groups(logs / app, keep)
    total = before = sum(group.size for group in groups)
    dead = [group for group in groups if not group.live]
    surplus = len(groups) - most
    for number, group in enumerate(dead):
        if total <= budget_bytes and number >= surplus:
            break
        _remove(group)
        total -= group.size
    if total > budget_bytes:
        share = budget_bytes / total
        for group in groups:
            if group.live:
                total -= sum(_free_front(path, share) for path in group.files)
    return max(0, before - total)


def shrink(path: Path, most: int) -> None:
    """Give back the oldest part of a log that takes more than `most` bytes; a missing one is fine."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        bound.hold_to(file.fileno(), most)


def _groups(directory: Path, keep: frozenset[str] | set[str]) -> list[_Group]:
    """All files below an app's logs, by process, oldest process first."""
    groups: dict[tuple[Path, str], _Group] = {}
    young = time.time_ns() - _YOUNG
    for parent, _, names in os.walk(directory):
        for name in names:
            stem = name.removesuffix(".idx").removesuffix(".out").removesuffix(".err")
            started = stem.partition("-")[0]
            live = stem in keep or not started.isdigit() or int(started) > young
            group = groups.setdefault((Path(parent), stem), _Group(stem, live))
            path = Path(parent, name)
            with contextlib.suppress(FileNotFoundError):
                group.size += path.stat().st_blocks * 512
                group.files.append(path)
    return sorted(groups.values(), key=lambda group: group.name)


def _remove(group: _Group) -> None:
    for path in group.files:
        path.unlink(missing_ok=True)


def _free_front(path: Path, share: float) -> int:
    """Keep the newest `share` of what a file holds, and what its index says of that. Returns the bytes given back."""
    if path.suffix == ".idx":
        return 0  # it goes with its file
    with contextlib.ExitStack() as stack:
        file = index = None
        with contextlib.suppress(OSError):
            file = stack.enter_context(path.open("r+b")).fileno()
            index = stack.enter_context(path.with_name(path.name + ".idx").open("r+b")).fileno()
        if file is None:
            return 0
        both = [one for one in (file, index) if one is not None]
        before = sum(map(bound.held, both))
        bound.shrink(file, index, share)
        return before - sum(map(bound.held, both))
