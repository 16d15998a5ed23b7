"""What Tolv's own processes and its home take, sampled over time."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: The parts of a home that are counted on their own.
PARTS = ("builds", "layers", "images", "cache", "logs", "keeper", "router", "tmp", "work")


@dataclass(frozen=True)
class Sample:
    """One process of Tolv's at one moment."""

    role: str
    pid: int
    at: float
    """`time.monotonic()`."""
    memory: int
    """Resident, bytes."""
    descriptors: int


@dataclass(frozen=True)
class Disk:
    """What a home holds at one moment."""

    at: float
    files: int
    size: dict[str, int]
    """Bytes by part; `store` is the database, `rest` all that has no name here."""


def sample(home: Path) -> list[Sample]:
    """Server, keeper and routers of a home, those that live."""
    named = [("server", home / "server.json"), ("keeper", home / "keeper" / "keeper.json")]
    named += [("router", path) for path in sorted((home / "router").glob("router-*.json"))]
    found = []
    for role, path in named:
        try:
            pid = int(json.loads(path.read_bytes())["pid"])
            memory = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            found.append(Sample(role, pid, time.monotonic(), memory, len(os.listdir(f"/proc/{pid}/fd"))))
        except (OSError, ValueError, KeyError):
            continue
    return found


def disk(home: Path) -> Disk:
    """Files and bytes of a home, as `du` counts them."""
    size: dict[str, int] = {}
    files = 0
    for path in _files(home):
        try:
            blocks = path.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
        first = path.relative_to(home).parts[0]
        part = first if first in PARTS else "store" if first.startswith("store.db") else "rest"
        size[part] = size.get(part, 0) + blocks
        files += 1
    return Disk(time.monotonic(), files, size)


def _files(home: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(home):
        yield from (Path(parent, name) for name in names)


@dataclass(frozen=True)
class Growth:
    """How a figure went: its median in the first and the last tenth, and by how much it rises in an hour."""

    first: float
    last: float
    hourly: float


def growth(points: Sequence[tuple[float, float]]) -> Growth | None:
    """Of (seconds, figure) pairs; None when there are too few to say anything."""
    if len(points) < 10:
        return None
    tenth = max(3, len(points) // 10)
    values = [value for _, value in points]
    slope = statistics.linear_regression([at for at, _ in points], values).slope
    return Growth(statistics.median(values[:tenth]), statistics.median(values[-tenth:]), slope * 3600)
