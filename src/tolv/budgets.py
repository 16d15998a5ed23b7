"""How much Tolv lets grow, and how much there is: the bounds of one home, which the environment of the server may set.

Light to import: the command line and the keeper's side do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tolv.errors import UsageError

T = TypeVar("T")

_SIZE = re.compile(r"([1-9][0-9]{0,9})([KMGT])(?:i?B)?")


@dataclass(frozen=True, slots=True)
class Budgets:
    """Bytes, and a number of releases."""

    logs: int = 50 << 20
    """`TOLV_LOG_BUDGET`: the logs of one app, all of its environments."""
    disk: int | None = None
    """`TOLV_DISK_BUDGET`: builds, dependency layers and caches together; None: see `on_disk`."""
    tmp: int = 1 << 30
    """`TOLV_TMP_BUDGET`: the temporary directory of one process."""
    releases: int = 10
    """`TOLV_KEPT_RELEASES`: releases of a deploy that can be restored, besides the live one."""

    def to_dict(self) -> dict[str, int | None]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def on_disk(self, root: Path) -> int:
        """The budget of the home at `root`: what was asked for, else 10 GiB, or a third of a smaller disk."""
        if self.disk is not None:
            return self.disk
        found = os.statvfs(root)
        return min(10 << 30, found.f_blocks * found.f_frsize // 3)


def budgets(environment: Mapping[str, str] = os.environ) -> Budgets:
    """The bounds that an environment asks for.

    Raises `UsageError` for what is no size or number, or is too small to work with.
    """
    default = Budgets()
    return Budgets(
        _size(environment, "TOLV_LOG_BUDGET", default.logs, least=1 << 20),
        _size(environment, "TOLV_DISK_BUDGET", default.disk, least=16 << 20),
        _size(environment, "TOLV_TMP_BUDGET", default.tmp, least=1 << 20),
        _number(environment, "TOLV_KEPT_RELEASES", default.releases),
    )


def disk_usage(root: Path, *, own: bool = False) -> int:
    """Bytes on disk of all below `root`; a file with several names counts once, with `own` not at all: it takes no
    space that would be free without `root`. What goes away meanwhile, or cannot be read, does not count."""
    size, seen = 0, set[tuple[int, int]]()
    waiting = [os.fspath(root)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif status.st_nlink > 1:
                if own or (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            size += status.st_blocks * 512
    return size


def _size(environment: Mapping[str, str], name: str, default: T, *, least: int) -> int | T:
    text = environment.get(name)
    if not text:
        return default
    match = _SIZE.fullmatch(text)
    size = int(match[1]) << {"K": 10, "M": 20, "G": 30, "T": 40}[match[2]] if match else 0
    if not least <= size < 1 << 62:
        raise UsageError(f"{name}={text} is not a size", remedy=f"set it to one of {least >> 20}M or more, such as 50G")
    return size


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1000):
        raise UsageError(f"{name}={text} is not a number of releases", remedy="set it to a number from 1 to 1000")
    return int(text)
