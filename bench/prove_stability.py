"""Whether `tolv prove` says the same each time: every probe on its good and its bad twin, with all processors busy.

    python bench/prove_stability.py [--rounds 20] [--only VI,IX-P2]

A verdict *flips* when it is neither the one that the twin must have nor *unstable*, which is an honest answer.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections import Counter

from _measure import print_surroundings, scratch

from tolv.home import Home
from tolv.prove.catalogue import catalogue, chosen
from tolv.prove.model import Result, Verdict
from tolv.prove.probe import Probe
from tolv.prove.twins.control import controls

_BUSY = "while True: pass"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="probes or factors")
    parser.add_argument("--calm", action="store_true", help="without the busy loops")
    given = parser.parse_args()
    probes = catalogue()
    wanted = chosen([one for one in given.only.split(",") if one], probes) or frozenset(probes)
    busy = [] if given.calm else [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        with scratch() as directory:
            chosen_probes = [one for id, one in probes.items() if id in wanted]
            counts = asyncio.run(_rounds(Home(directory / "home"), chosen_probes, given.rounds))
    finally:
        for one in busy:
            one.kill()
            one.wait()
    _print(counts)
    print_surroundings()


async def _rounds(home: Home, probes: list[Probe], rounds: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    async with controls(home, lambda text: None) as control:
        for number in range(1, rounds + 1):
            began = time.monotonic()
            for probe in probes:
                for twin, wanted in (("good", Verdict.PROVED), ("bad", probe.worst)):
                    result = await (control.good(probe) if twin == "good" else control.bad(probe))
                    kind = _kind(result, wanted)
                    counts[kind] += 1
                    if kind != "as it must be":
                        told = f"{result.verdict}: {result.outcome.reason}"
                        print(f"  round {number}: {probe.id} of the {twin} twin: {told}")
            print(f"round {number}: {time.monotonic() - began:.0f} s", flush=True)
    return counts


def _kind(result: Result, wanted: Verdict) -> str:
    if result.verdict is wanted:
        return "as it must be"
    return "unstable" if result.verdict is Verdict.UNSTABLE else "flipped"


def _print(counts: Counter[str]) -> None:
    total = counts.total()
    print(f"\n{'verdicts':<24}{'count':>8}{'share':>10}")
    for kind in ("as it must be", "unstable", "flipped"):
        print(f"{kind:<24}{counts[kind]:>8}{counts[kind] / max(1, total):>10.2%}")


if __name__ == "__main__":
    main()
