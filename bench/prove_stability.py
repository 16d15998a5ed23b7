"""Whether `tolv prove` says the same each time: every probe on its good and its bad twin, with all processors busy.

    python bench/prove_stability.py [--rounds 20] [--only VI,IX-P2] [--jobs 3] [--record FILE]
    python bench/prove_stability.py --summary FILE

A verdict *flips* when it is neither the one that the twin must have nor *unstable*, which is an honest answer. A record
has a line of JSON for each verdict; the rounds of a later run are added to it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from _measure import print_surroundings, scratch

from tolv.home import Home
from tolv.prove.catalogue import catalogue, chosen
from tolv.prove.model import Verdict
from tolv.prove.probe import Probe
from tolv.prove.twins.control import Controls, controls

_BUSY = "while True: pass"
_KINDS = ("as it must be", "unstable", "flipped")


@dataclass(frozen=True)
class Line:
    """One verdict, as it is recorded."""

    round: int
    probe: str
    twin: str
    """`good` or `bad`."""
    verdict: str
    reason: str
    seconds: float

    @property
    def kind(self) -> str:
        """One of `_KINDS`."""
        wanted = Verdict.PROVED if self.twin == "good" else catalogue()[self.probe].worst
        if self.verdict == wanted:
            return "as it must be"
        return "unstable" if self.verdict == Verdict.UNSTABLE else "flipped"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="probes or factors")
    parser.add_argument("--jobs", type=int, default=3, help="how many verdicts are sought side by side, default: 3")
    parser.add_argument("--calm", action="store_true", help="without the busy loops")
    parser.add_argument("--record", type=Path, metavar="FILE", help="add a line of JSON for each verdict")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="try nothing, and print what a record holds")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # it ends as by ^C: with what it has started
    if given.summary is not None:
        _print(list(read_record(given.summary)))
        return
    probes = catalogue()
    wanted = chosen([one for one in given.only.split(",") if one], probes) or frozenset(probes)
    before = max((one.round for one in read_record(given.record)), default=0) if given.record else 0
    busy = [] if given.calm else [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        with scratch() as directory, open(given.record or os.devnull, "a", encoding="utf-8") as record:
            rounds = range(before + 1, before + 1 + given.rounds)
            tried = [one for id, one in probes.items() if id in wanted]
            lines = asyncio.run(_rounds(Home(directory / "home"), tried, rounds, given.jobs, record))
    finally:
        for one in busy:
            one.kill()
            one.wait()
    _print(lines)
    print_surroundings()


def read_record(path: Path) -> Iterator[Line]:
    """The lines of a record; none where there is no file yet."""
    if path.exists():
        yield from (Line(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())


async def _rounds(home: Home, probes: Sequence[Probe], rounds: Iterable[int], jobs: int, record: TextIO) -> list[Line]:
    found: list[Line] = []

    def note(line: Line) -> None:
        found.append(line)
        record.write(json.dumps(asdict(line)) + "\n")
        record.flush()
        if line.kind != "as it must be":
            told = f"{line.verdict}: {line.reason}"
            print(f"  round {line.round}: {line.probe} of the {line.twin} twin: {told}", flush=True)

    async with controls(home) as control:
        for number in rounds:
            began = time.monotonic()
            await _round(control, probes, number, jobs, note)
            print(f"round {number}: {time.monotonic() - began:.0f} s", flush=True)
    return found


async def _round(
    control: Controls, probes: Sequence[Probe], number: int, jobs: int, note: Callable[[Line], None]
) -> None:
    """Each probe on both twins: side by side, but those that a proof tries alone."""
    slots = asyncio.Semaphore(jobs)

    async def attempt(probe: Probe, twin: str) -> None:
        async with slots:
            began = time.monotonic()
            result = await (control.good(probe) if twin == "good" else control.bad(probe))
            seconds = round(time.monotonic() - began, 2)
            note(Line(number, probe.id, twin, str(result.verdict), result.outcome.reason, seconds))

    cases = [(probe, twin) for probe in probes for twin in ("good", "bad")]
    async with asyncio.TaskGroup() as group:
        for probe, twin in cases:
            if not probe.alone:
                group.create_task(attempt(probe, twin))
    for probe, twin in cases:
        if probe.alone:
            await attempt(probe, twin)


def _print(lines: Sequence[Line]) -> None:
    """The table: the sums, the probes that did not always say what they must, and the slowest."""
    rounds = len({one.round for one in lines})
    print(f"\n{'verdicts':<24}{'count':>8}{'share':>10}   ({rounds} {'round' if rounds == 1 else 'rounds'})")
    counts = Counter(one.kind for one in lines)
    for kind in _KINDS:
        print(f"{kind:<24}{counts[kind]:>8}{counts[kind] / max(1, len(lines)):>10.2%}")
    cases: dict[tuple[str, str], list[Line]] = {}
    for one in lines:
        cases.setdefault((one.probe, one.twin), []).append(one)
    wrong = {case: found for case, found in cases.items() if any(one.kind != _KINDS[0] for one in found)}
    if wrong:
        print(f"\n{'probe':<10}{'twin':<6}{'as it must be':>14}{'unstable':>10}{'flipped':>9}")
    for (probe, twin), found in wrong.items():
        kinds = Counter(one.kind for one in found)
        print(f"{probe:<10}{twin:<6}{kinds[_KINDS[0]]:>14}{kinds[_KINDS[1]]:>10}{kinds[_KINDS[2]]:>9}")
        for reason in dict.fromkeys(f"{one.verdict}: {one.reason}" for one in found if one.kind != _KINDS[0]):
            print(f"    {reason}")
    slowest = sorted(cases.items(), key=lambda one: -statistics.median(line.seconds for line in one[1]))
    print(f"\n{'slowest':<10}{'twin':<6}{'median, s':>10}{'slowest, s':>12}")
    for (probe, twin), found in slowest[:10]:
        seconds = [one.seconds for one in found]
        print(f"{probe:<10}{twin:<6}{statistics.median(seconds):>10.1f}{max(seconds):>12.1f}")


if __name__ == "__main__":
    main()
