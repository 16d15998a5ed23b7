"""Evidence that says the same many times over, said once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from tolv.prove.model import Evidence

#: How often the same answer is shown before only the first and the last of its kind are.
_OFTEN = 3
#: How long an answer took, which differs from one to the next: ` (0.02 s)`.
_TOOK = re.compile(r" \(\d+\.\d+ s\)$")


#: A marker of Tolv's own, fresh each time (`tolv.prove.traffic.fresh`).
_MARKER = re.compile(r"\bk[0-9a-f]{12}\b")


def without_repeats(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The same evidence; of more than three answers of one process to one request, alike but for the time they took,
    the first and the last, which says how many there were."""
    return _folded(evidence, lambda text: text, "for the {} time", "")


def in_short(evidence: Sequence[Evidence], reason: str) -> tuple[Evidence, ...]:
    """The same for people: alike are also requests that differ in their marker alone; those whose marker the `reason`
    of the verdict names are left."""
    return _folded(evidence, lambda text: _MARKER.sub("k…", text), "the {} such", reason)


def _folded(evidence: Sequence[Evidence], key: Callable[[str], str], said: str, reason: str) -> tuple[Evidence, ...]:
    alike: dict[tuple[str | None, str], list[Evidence]] = defaultdict(list)
    for one in evidence:
        if one.kind == "answer":
            alike[one.where, key(_TOOK.sub("", one.text))].append(one)
    drop: set[int] = set()
    last: dict[int, Evidence] = {}
    for same in alike.values():
        if len(same) > _OFTEN:
            drop.update(id(one) for one in same[1:-1] if not _is_named(one, reason))
            last[id(same[-1])] = replace(same[-1], text=f"{same[-1].text}, {said.format(_ordinal(len(same)))}")
    return tuple(last.get(id(one), one) for one in evidence if id(one) not in drop)


def _is_named(one: Evidence, reason: str) -> bool:
    return any(marker in reason for marker in _MARKER.findall(one.text))


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
