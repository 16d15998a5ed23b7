"""Two sides compared: figures, and each difference judged. Pure.

The judgement follows one question: can what works in one environment fail in the other because of it? A difference
*breaks parity* where it can and nobody means it to, is *worth knowing* where it may or where a person has to say, and
is *harmless* where environments differ by their nature.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tolv.codebase.commits import CommitLog
from tolv.parity.between import Between, between, unmeasured
from tolv.parity.figures import figures
from tolv.parity.judge import config, people, services, time, tools
from tolv.parity.model import JUDGEMENTS, Difference, Parity, Side, Unmeasured
from tolv.parity.remedies import Remedies


def compare(app: str, left: Side, right: Side, log: CommitLog, now: float) -> Parity:
    """How far apart two sides are at a moment, in seconds since 1970. `log` has the commits that led to both."""
    lies_between = between(left, right, log)
    told = [*unmeasured((left, right), log), *_unasked(left, right)]
    return Parity(
        app,
        left.environment,
        right.environment,
        datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        tuple(figures(left, right, log, lies_between, now)),
        _judged(app, left, right, log, lies_between, now),
        tuple(dict.fromkeys(told)),
    )


def differences_at_start(dev: Side, prod: Side, app: str = "") -> list[str]:
    """What breaks parity between what is about to start and what production runs, a line each.

    Neither git nor a service needs to be asked: both sides may lack what they would say.
    """
    found = _judged(app, dev, prod, CommitLog(), Between(), 0.0)
    breaking = (one for one in found if one.judgement == "breaking" and one.gap == "tools")
    return [f"{one.message}{f': {one.remedy}' if one.remedy else ''}" for one in breaking]


def _judged(
    app: str, left: Side, right: Side, log: CommitLog, lies_between: Between, now: float
) -> tuple[Difference, ...]:
    remedies = Remedies(app, left, right, lies_between)
    found = [
        *time.judge(left, right, log, lies_between, remedies, now),
        *people.judge(left, right, log),
        *tools.judge(left, right, remedies),
        *config.judge(left, right, remedies),
        *services.judge(left, right, remedies),
    ]
    return tuple(sorted(found, key=lambda one: -JUDGEMENTS.index(one.judgement)))


def _unasked(left: Side, right: Side) -> list[Unmeasured]:
    return [
        Unmeasured(f"service {one.name}", f"in {side.environment}: {one.problem}")
        for side in (left, right)
        for one in side.services
        if one.problem is not None
    ]
