"""Evidence that says the same many times over, said once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from tolv.prove.model import Evidence

#: How often the same answer is shown before only the first and the last of its kind are.
_OFTEN = 3
#: How long an answer took, which differs from one to the next: ` (0.02 s)`.
_TOOK = re.compile(r" \(\d+\.\d+ s\)$")


def without_repeats(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The same evidence; of more than three answers of one process to one request, alike but for the time they took,
    the first and the last, which says how many there were."""
    alike: dict[tuple[str | None, str], list[Evidence]] = defaultdict(list)
    for one in evidence:
        if one.kind == "answer":
            alike[one.where, _TOOK.sub("", one.text)].append(one)
    drop: set[int] = set()
    last: dict[int, Evidence] = {}
    for same in alike.values():
        if len(same) > _OFTEN:
            drop.update(map(id, same[1:-1]))
            last[id(same[-1])] = replace(same[-1], text=f"{same[-1].text}, for the {_ordinal(len(same))} time")
    return tuple(last.get(id(one), one) for one in evidence if id(one) not in drop)


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
