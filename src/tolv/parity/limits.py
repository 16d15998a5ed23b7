"""Limits that a person sets to a parity: over which judgement, or over which figure, it counts as a failure. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tolv.errors import UsageError
from tolv.parity.model import JUDGEMENTS, WORDS, Figure, Judgement, Parity, worse
from tolv.parity.reports.text import duration

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_JUDGEMENTS: dict[str, Judgement] = {"harmless": "harmless", "notable": "notable"}
_REMEDY = "say harmless, notable, commits=N or age=N with m, h, d or w: --fail-over notable --fail-over age=14d"


@dataclass(frozen=True, slots=True)
class Limit:
    """A judgement, or the most that a figure may be on either side."""

    judgement: Judgement | None = None
    figure: str = ""
    """`time.commits`, `time.oldest`."""
    most: float = 0.0


def parse_limit(text: str) -> Limit:
    """`notable`, `commits=20`, `age=14d`. Raises `UsageError` for anything else."""
    if text in _JUDGEMENTS:
        return Limit(judgement=_JUDGEMENTS[text])
    if text == "breaking":
        raise UsageError(
            "nothing is worse than breaking parity, so nothing would ever fail",
            remedy="say --fail-over notable to fail on what breaks parity",
        )
    if found := re.fullmatch(r"commits=(\d{1,9})", text):
        return Limit(figure="time.commits", most=int(found[1]))
    if found := re.fullmatch(r"age=(\d{1,9})([mhdw])", text):
        return Limit(figure="time.oldest", most=int(found[1]) * _SECONDS[found[2]])
    raise UsageError(f"{text!r} is no limit", remedy=_REMEDY)


def exceeded(limit: Limit, parity: Parity) -> str | None:
    """In words, how a parity exceeds a limit; None: it does not. What could not be measured does exceed it."""
    if limit.judgement is not None:
        over = [one for one in parity.differences if worse(one.judgement, limit.judgement)]
        if not over:
            return None
        number = "1 difference is" if len(over) == 1 else f"{len(over)} differences are"
        return f"{number} worse than {WORDS[limit.judgement]}"
    figure = next(one for one in parity.figures if one.id == limit.figure)
    return _over(figure, limit, parity)


def strictest(limits: Iterable[Limit]) -> Judgement:
    """The least of the judgements that is no failure yet; without any, only what breaks parity fails."""
    judgements = [one.judgement for one in limits if one.judgement is not None]
    return min(judgements, key=JUDGEMENTS.index, default="notable")


def _over(figure: Figure, limit: Limit, parity: Parity) -> str | None:
    commits = next(one for one in parity.figures if one.id == "time.commits")
    if commits.left is None or commits.right is None:
        return f"the commits between {parity.left} and {parity.right} could not be counted"
    values = [one for one in (figure.left, figure.right) if isinstance(one, int | float)]
    most = max(values, default=0)
    if most <= limit.most:
        return None
    if figure.unit == "seconds":
        return f"the oldest commit that waits is {duration(most)} old: more than {duration(limit.most)}"
    return f"{most} commits are live in one environment only: more than {limit.most:g}"
