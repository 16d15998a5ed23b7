"""What lies between two sides in time: commits, how often each is deployed to, how long a commit takes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tolv.codebase.commits import CommitLog, Entry
from tolv.parity.model import Side, Unmeasured, Went
from tolv.parity.people import is_shared, wrote

_WEEK = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Between:
    """The commits that lie between two sides."""

    left: tuple[Entry, ...] = ()
    """Those that led to what is live on the left, and not to what is live on the right; the newest first."""
    right: tuple[Entry, ...] = ()
    known: bool = False
    """False: it could not be found out."""
    related: bool = True
    """False: no commit led to both."""


def between(left: Side, right: Side, log: CommitLog) -> Between:
    """The commits between two sides."""
    ours, theirs = commit_below(left), commit_below(right)
    if ours is None or theirs is None:
        return Between()
    if ours == theirs:
        return Between(known=True)
    if ours not in log.entries or theirs not in log.entries:
        return Between()
    all_ours, all_theirs = log.leading_to(ours), log.leading_to(theirs)
    return Between(
        tuple(log.chosen(all_ours - all_theirs)),
        tuple(log.chosen(all_theirs - all_ours)),
        known=True,
        related=not log.whole or not all_ours.isdisjoint(all_theirs),
    )


def commit_below(side: Side) -> str | None:
    """The commit that runs on a side, or that its changed files are based on."""
    return side.build.commit or None if side.build else None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A build that went live for the first time, with the commits that it brought."""

    went: Went
    commits: tuple[Entry, ...]
    """Empty: they are not known."""
    first: bool
    """It is the side's first one, so that the whole history came with it."""


def arrivals(side: Side, log: CommitLog) -> Iterator[Arrival]:
    """The builds that went live on a side, in order. What comes back by a rollback or with another config is no
    arrival."""
    builds: set[str] = set()
    seen: set[str] = set()
    for went in side.went:
        if went.build in builds:
            continue
        first = not builds
        builds.add(went.build)
        if went.commit is None or went.commit not in log.entries:
            yield Arrival(went, (), first)
            continue
        new = log.leading_to(went.commit, seen)
        seen |= new
        # A commit that was there before, built anew: it is itself what came.
        yield Arrival(went, tuple(log.chosen(new)) or (log.entries[went.commit],), first)


def commit_to_live(found: Sequence[Arrival]) -> float | None:
    """Seconds between a commit and its going live, the median over all that arrived; None: none is known.

    Of what arrived first, only the newest commit counts: the others were written before there was such an environment.
    """
    taken = [
        max(0.0, one.went.at - entry.time) for one in found for entry in (one.commits[:1] if one.first else one.commits)
    ]
    return median(taken) if taken else None


def deployed_by_author(found: Sequence[Arrival]) -> tuple[int, int]:
    """Of how many arrivals one of their authors was who deployed them, and how many could be told."""
    told = [one for one in found if one.commits and not is_shared(one.went.by)]
    by_author = sum(wrote(one.went.by, {(entry.name, entry.email) for entry in one.commits}) for one in told)
    return by_author, len(told)


def per_week(number: int, side: Side, now: float) -> float:
    """How many a week, over the time since the first release went live; less than a week counts as one."""
    since = side.went[0].at if side.went else now
    return number / max((now - since) / _WEEK, 1.0)


def counted(names: Sequence[str]) -> list[str]:
    """`Ada (3)`, `Bob (1)`: the most frequent first."""
    return [f"{name} ({number})" for name, number in sorted(Counter(names).items(), key=lambda one: (-one[1], one[0]))]


def unmeasured(sides: Sequence[Side], log: CommitLog) -> Iterator[Unmeasured]:
    """What is not known of the commits, and why."""
    ids = {commit for side in sides if (commit := commit_below(side))}
    if not ids:
        return
    if log.problem is not None:
        yield Unmeasured("commits", f"the app's source cannot be read: {log.problem} ({log.where})")
        return
    for side in sides:
        commit = commit_below(side)
        if commit is not None and commit not in log.entries:
            yield Unmeasured("commits", f"{commit[:7]}, live in {side.environment}, is not in {log.where}")
    gone = {one.commit for side in sides for one in side.went if one.commit} - log.entries.keys() - ids
    if gone:
        yield Unmeasured("commits", f"{len(gone)} released commits of the past are not in {log.where}")
    if not log.whole:
        yield Unmeasured("commits", f"older commits are not in {log.where}: figures count those that are")
    for side in sides:
        shared = sorted({one.went.by for one in arrivals(side, log) if is_shared(one.went.by)})
        if shared:
            who = ", ".join(shared)
            yield Unmeasured("people", f"who deployed to {side.environment} as {who} cannot be told from the name")
