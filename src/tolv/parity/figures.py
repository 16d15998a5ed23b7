"""The figures of two sides, side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tolv.codebase.commits import CommitLog, Entry
from tolv.parity.between import Arrival, Between, arrivals, commit_to_live, counted, deployed_by_author, per_week
from tolv.parity.model import Figure, Gap, Service, Side, Unit
from tolv.parity.pairs import pairs


def figures(left: Side, right: Side, log: CommitLog, lies_between: Between, now: float) -> Iterator[Figure]:
    """Every figure, in the order in which a report shows them."""
    came = list(arrivals(left, log)), list(arrivals(right, log))
    yield from _time(left, right, lies_between, came, now)
    yield from _people(left, right, lies_between, came)
    yield from _tools(left, right)


def commit_text(side: Side) -> str | None:
    """`9f3c1a7 (main), with changes`."""
    if side.build is None:
        return None
    if not side.build.commit:
        return "no commit"
    branch = f" ({side.build.branch})" if side.build.branch else ""
    return f"{side.build.commit[:7]}{branch}{', with changes' if side.build.dirty else ''}"


def service_text(one: Service) -> str:
    """`postgres 16.2`."""
    return f"{one.kind} {one.version}" if one.version else one.kind


def _time(
    left: Side, right: Side, lies_between: Between, came: tuple[list[Arrival], list[Arrival]], now: float
) -> Iterator[Figure]:
    yield _figure("time.release", "live release", "text", left.release, right.release)
    yield _figure("time.live", "live for", "seconds", *(_since_live(one, now) for one in (left, right)))
    yield _figure("time.commit", "commit", "text", commit_text(left), commit_text(right))
    ours, theirs = (_only(one, lies_between.known) for one in (lies_between.left, lies_between.right))
    yield _figure(
        "time.commits", "commits only here", "count", *(None if x is None else len(x) for x in (ours, theirs))
    )
    newest = (x[0].time if x else None for x in (ours, theirs))
    yield _figure("time.newest", "age of the newest", "seconds", *(_age(one, now) for one in newest))
    oldest = (x[-1].time if x else None for x in (ours, theirs))
    yield _figure("time.oldest", "age of the oldest", "seconds", *(_age(one, now) for one in oldest))
    rates = (per_week(len(one.went), one, now) for one in (left, right))
    yield _figure("time.releases", "releases", "per week", *rates)
    new = (per_week(len(found), side, now) for side, found in zip((left, right), came, strict=True))
    yield _figure("time.builds", "new builds", "per week", *new)
    yield _figure("time.commit_to_live", "commit to live (median)", "seconds", *map(commit_to_live, came))


def _people(
    left: Side, right: Side, lies_between: Between, came: tuple[list[Arrival], list[Arrival]]
) -> Iterator[Figure]:
    wrote = (_only(one, lies_between.known) for one in (lies_between.left, lies_between.right))
    authors = (None if x is None else counted([one.name for one in x]) for x in wrote)
    yield _figure("people.authors", "who wrote what is only here", "list", *authors)
    deployers = (counted([one.went.by for one in found]) for found in came)
    yield _figure("people.deployers", "who deployed", "list", *deployers)
    shares = (by / told if told else None for by, told in map(deployed_by_author, came))
    yield _figure("people.by_author", "deployed by an author", "share", *shares)


def _tools(left: Side, right: Side) -> Iterator[Figure]:
    both = (left, right)
    builds = [one.build for one in both]
    yield _figure("tools.build", "build", "text", *(one.digest if one else None for one in builds))
    yield _figure("tools.runtime", "interpreter", "text", *(one.runtime if one else None for one in builds))
    yield _figure("tools.packages", "packages", "count", *(one.packages if one else None for one in builds))
    for name in process_types(left, right):
        numbers = (quantity(one, name) for one in both)
        yield _figure(f"tools.process.{name}", f"{name} processes", "count", *numbers)
    yield _figure("tools.variables", "variables", "count", *(len(one.settings) for one in both))
    ours, theirs = left.settings.keys() - right.settings.keys(), right.settings.keys() - left.settings.keys()
    yield _figure("tools.variables_only", "variables only here", "list", sorted(ours), sorted(theirs))
    shared = left.settings.keys() & right.settings.keys()
    differ = [one for one in sorted(shared) if left.settings[one].fingerprint != right.settings[one].fingerprint]
    yield _figure("tools.values", "with another value", "list", differ, differ)
    for name, ours_of, theirs_of in pairs(left, right):
        texts = (service_text(one) if one else None for one in (ours_of, theirs_of))
        yield _figure(f"tools.service.{name}", name, "text", *texts)
    yield _figure("tools.platform", "built for", "text", *(one.platform if one else None for one in builds))
    yield _figure("tools.os", "operating system", "text", *(one.os or None for one in both))
    yield _figure("tools.engine", "engine", "text", *(one.engine or None for one in both))


def process_types(left: Side, right: Side) -> list[str]:
    """The process types of both, each once."""
    names = [one.name for side in (left, right) if side.build for one in side.build.processes]
    return list(dict.fromkeys(sorted(names)))


def quantity(side: Side, name: str) -> int | None:
    """How many processes of a type a side has; None: it has no such type."""
    if side.build is None or side.build.process(name) is None:
        return None
    return side.formation.get(name, 0)


def _figure(id: str, name: str, unit: Unit, left: Any, right: Any) -> Figure:
    gap: Gap = id.partition(".")[0]  # type: ignore[assignment]
    return Figure(id, gap, name, unit, _rounded(left), _rounded(right))


def _rounded(value: Any) -> Any:
    """Whole seconds, and hundredths of the rest."""
    if not isinstance(value, float):
        return value
    return int(value) if value >= 1000 else round(value, 2)


def _only(entries: Sequence[Entry], known: bool) -> Sequence[Entry] | None:
    return entries if known else None


def _age(moment: int | None, now: float) -> float | None:
    return None if moment is None else max(0.0, now - moment)


def _since_live(side: Side, now: float) -> float | None:
    live = [one.at for one in side.went if one.release == side.release]
    return max(0.0, now - live[-1]) if live else None
