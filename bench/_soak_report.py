"""What a soak has seen, and its report."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from _gauges import PARTS, Disk, Growth, Sample, growth

from tolv.drill.evidence import Excuse, Kill
from tolv.drill.load import Shot


@dataclass
class Seen:
    """What the run adds up to."""

    commands: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By name and exit status."""
    oddities: list[str] = field(default_factory=list)
    """Commands that ended as they should not, and no kill explains it."""
    kills: list[Kill] = field(default_factory=list)
    """Of what requests go through."""
    killed: Counter[str] = field(default_factory=Counter)
    excuses: Counter[Excuse] = field(default_factory=Counter)
    unexplained: list[Shot] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """Seconds of each answered request."""
    requests: int = 0
    samples: list[Sample] = field(default_factory=list)
    disks: list[Disk] = field(default_factory=list)
    lines: int = 0
    lost: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    calm_from: float = 0.0
    """The moment from which growth is measured, by `time.monotonic()`."""


def report(seen: Seen, minutes: float, seed: int) -> Iterator[str]:
    """The run as Markdown."""
    commands = seen.commands.total()
    yield f"{minutes:g} minutes, seed {seed}: {commands} commands, {seen.requests:,} requests.\n"
    yield from _promises(seen, commands)
    yield from _processes(seen)
    yield from _home(seen)
    yield "\n| command | ended with | times |\n|---|---|---|"
    for (name, code), count in sorted(seen.commands.items()):
        yield f"| {name} | {code} | {count} |"
    for title, found in (
        ("Failed requests that no kill explains", [f"{one.path}: {one.problem}" for one in seen.unexplained]),
        ("Commands that ended as they should not", seen.oddities),
        ("Lines that were lost", seen.lost),
        ("Left over", seen.leftovers),
    ):
        if found:
            yield f"\n{title}:\n"
            yield from (f"* {one}" for one in found[:50])


def _promises(seen: Seen, commands: int) -> Iterator[str]:
    kills = ", ".join(f"{count} × {name}" for name, count in sorted(seen.killed.items()))
    yield "| what | seen | target |\n|---|---|---|"
    yield f"| kills with -9 | {kills or 'none'} | |"
    yield f"| failed requests that no kill explains | **{len(seen.unexplained)}** of {seen.requests:,} | 0 |"
    yield f"| requests in flight in what was killed | {seen.excuses[Excuse.IN_FLIGHT]} | |"
    yield f"| connections refused between the router's death and its return | {seen.excuses[Excuse.REFUSED]} | |"
    if seen.waits:
        ordered = sorted(seen.waits)
        middle, p99 = statistics.median(ordered) * 1000, ordered[len(ordered) * 99 // 100] * 1000
        yield f"| time to answer: median, p99, slowest | {middle:.0f} ms, {p99:.0f} ms, {ordered[-1]:.1f} s | |"
    yield f"| commands that ended as they should not | {len(seen.oddities)} of {commands} | 0 |"
    yield f"| lines of the workers that were lost | {len(seen.lost)} of {seen.lines:,} | 0 |"
    yield f"| left over: processes, records, directories | {len(seen.leftovers)} | 0 |"


def _processes(seen: Seen) -> Iterator[str]:
    yield "\n| process | lives | memory, first → last tenth | an hour | descriptors, first → last tenth | an hour |"
    yield "|---|---|---|---|---|---|"
    for role in ("server", "keeper", "router"):
        ours = [one for one in seen.samples if one.role == role]
        calm = [one for one in ours if one.at >= seen.calm_from]
        memory = growth([(one.at, one.memory / 2**20) for one in calm])
        descriptors = growth([(one.at, float(one.descriptors)) for one in calm])
        yield f"| {role} | {len({one.pid for one in ours})} | {_shown(memory, ' MB')} | {_shown(descriptors)} |"


def _home(seen: Seen) -> Iterator[str]:
    calm = [one for one in seen.disks if one.at >= seen.calm_from]
    yield "\n| the home | first → last tenth | an hour |\n|---|---|---|"
    yield f"| files | {_shown(growth([(one.at, float(one.files)) for one in calm]))} |"
    for part in (*PARTS, "store", "rest"):
        yield f"| {part} | {_shown(growth([(one.at, one.size.get(part, 0) / 2**20) for one in calm]), ' MB')} |"


def _shown(found: Growth | None, unit: str = "") -> str:
    if found is None:
        return "too short a run to say | "
    return f"{found.first:.1f} → {found.last:.1f}{unit} | {found.hourly:+.1f}{unit}"
