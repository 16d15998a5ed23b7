"""The time gap: what is live in one environment and waits for the other."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.codebase.commits import CommitLog
from tolv.parity.between import Between, arrivals, commit_to_live, per_week
from tolv.parity.model import Difference, Judgement, Side
from tolv.parity.remedies import Remedies

_DAY = 86400.0
#: Seconds that the oldest commit may wait before it is worth knowing, and before it breaks parity.
WAITING, WAITING_LONG = 1 * _DAY, 30 * _DAY
#: So many times as often, with so many new builds at least, is far more often.
_FAR, _BUILDS = 4.0, 3
#: Seconds by which a commit takes far longer.
_FAR_LONGER = 7 * _DAY


def judge(
    left: Side, right: Side, log: CommitLog, lies_between: Between, remedies: Remedies, now: float
) -> Iterator[Difference]:
    """What the time gap consists of."""
    if (left.release is None) != (right.release is None):
        lacks, has = (left, right) if left.release is None else (right, left)
        message = f"{has.environment} runs {has.release}, {lacks.environment} has no live release"
        yield Difference("release", "time", "breaking", message, lacks.environment, remedies.same_build())
        return
    if left.release is None:
        return
    if left.running != right.running:
        stopped = right if left.running else left
        message = f"{stopped.environment} is stopped"
        yield Difference("stopped", "time", "notable", message, stopped.environment, remedies.start(stopped))
    yield from _commits(left, right, lies_between, remedies, now)
    yield from _pace(left, right, log, now)


def _commits(left: Side, right: Side, lies_between: Between, remedies: Remedies, now: float) -> Iterator[Difference]:
    if not lies_between.left and not lies_between.right:
        return
    remedy = remedies.same_build()
    if not lies_between.related:
        message = f"no commit led to both {left.environment} and {right.environment}: they run two codebases"
        yield Difference("history", "time", "breaking", message, remedy=remedy)
        return
    parts = []
    for side, other, entries in ((left, right, lies_between.left), (right, left, lies_between.right)):
        if entries:
            number = f"{len(entries)} commit" + "s" * (len(entries) != 1)
            waited = said(max(0.0, now - entries[-1].time))
            parts.append(f"{number} live in {side.environment}, not in {other.environment}, the oldest {waited} old")
    oldest = max(now - entries[-1].time for entries in (lies_between.left, lies_between.right) if entries)
    judgement: Judgement = "harmless" if oldest < WAITING else "notable" if oldest < WAITING_LONG else "breaking"
    yield Difference("commits", "time", judgement, "; ".join(parts), remedy=remedy)


def _pace(left: Side, right: Side, log: CommitLog, now: float) -> Iterator[Difference]:
    came = {side.environment: list(arrivals(side, log)) for side in (left, right)}
    both = [(per_week(len(came[side.environment]), side, now), side) for side in (left, right)]
    (slow, slower), (fast, faster) = sorted(both, key=lambda one: one[0])
    if len(came[faster.environment]) >= _BUILDS and fast > _FAR * slow:
        message = f"{faster.environment} gets {fast:.2g} new builds a week, {slower.environment} {slow:.2g}"
        remedy = f"promote what {faster.environment} has shown to work as soon as it has"
        yield Difference("deploy-rate", "time", "notable", message, slower.environment, remedy)
    taken = [(commit_to_live(came[side.environment]), side) for side in (left, right)]
    known = sorted(((seconds, side) for seconds, side in taken if seconds is not None), key=lambda one: one[0])
    if len(known) == 2 and known[1][0] - known[0][0] >= _FAR_LONGER:
        (short, quick), (long, late) = known
        message = f"a commit takes {said(long)} into {late.environment}, {said(short)} into {quick.environment}"
        remedy = "make smaller changes, and release each when it is done"
        yield Difference("commit-to-live", "time", "notable", message, late.environment, remedy)


def said(seconds: float) -> str:
    """`12 s`, `3 min`, `5 h`, `9 d`."""
    for size, unit in ((_DAY, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(int(seconds), 0)} s"
