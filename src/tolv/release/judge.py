"""Whether a new release must go, from what was seen of it since it went live. A pure function; no I/O, no clock.

Three things speak against a release, each only if the one before did not do the same:

* a *crash loop*: processes of one type crash again and again;
* a *hang*: half of the processes of a type, or more, stopped to answer;
* *failed requests*: their share is well above that of the release before, in all that is known and still now.

A share is judged with care, as requests of few people are no sample of many: there must be enough of them, failures
must go on for a while and not be over, and chance must be ruled out. The test is Fisher's exact test, one-sided: the
probability of as many failures by chance, were both releases the same. It is asked again every second, and one bad
client sends many requests, so that the probability must be very small.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import exp, lgamma, log
from typing import Any

from tolv.codebase.model import RolloutPolicy

#: Failed requests below which no share is judged.
LEAST_FAILURES = 5
#: Seconds that requests must have been failing for.
LASTING = 5.0
#: A share must be at least this many times that of the release before.
TIMES = 2.0
#: The probability of what was seen, were it chance, must be below this.
CHANCE = 1e-4
#: Where nothing is known of the release before, more than this share must fail, beyond chance.
MOST = 0.5


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests to a release that are over, but for those whose client left before an answer."""

    requests: int = 0
    errors: int = 0
    """Answered with 5xx, by the app or by the router in its place."""
    unanswered: int = 0
    """Of those: by the router, because the app did not answer."""
    cut_off: int = 0
    """Answers that began and did not end."""

    @property
    def failed(self) -> int:
        return self.errors + self.cut_off

    @property
    def share(self) -> float:
        return self.failed / self.requests if self.requests else 0.0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(*(getattr(self, one) + getattr(other, one) for one in self.__dataclass_fields__))

    def __sub__(self, other: Traffic) -> Traffic:
        """What came since `other`; never less than nothing."""
        return Traffic(*(max(0, getattr(self, one) - getattr(other, one)) for one in self.__dataclass_fields__))

    def to_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Crashed:
    """A process of the release that crashed or hung. `at` is seconds since 1970."""

    process: str
    """`web.1`."""
    at: float
    reason: str
    hung: bool = False

    @property
    def type(self) -> str:
        return self.process.rpartition(".")[0]

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of a release that bakes, and of the one that it is compared with."""

    seconds: float
    """Since it went live."""
    traffic: Traffic = Traffic()
    recent: Traffic = Traffic()
    """Of the last few seconds."""
    failing_for: float = 0.0
    """Seconds since the first request failed."""
    crashes: tuple[Crashed, ...] = ()
    formation: Mapping[str, int] = field(default_factory=dict)
    before: Traffic = Traffic()
    """Of the release before, in its last minutes."""
    looping: frozenset[str] = frozenset()
    """Process types that were in a crash loop in the release before."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """That a release must go."""

    reason: str
    """The evidence, in one line."""
    process: str | None = None
    """Whose last lines say more: `web.1`; None: those of all web processes."""


def judge(policy: RolloutPolicy, seen: Observed, name: str, before: str | None) -> Verdict | None:
    """The verdict on release `name`, compared with release `before`; None while nothing speaks against it."""
    return _crash_loop(policy, seen) or _hang(seen) or _failed_requests(policy, seen, name, before)


def _crash_loop(policy: RolloutPolicy, seen: Observed) -> Verdict | None:
    for type_, crashes in _by_type(seen).items():
        if len(crashes) >= policy.crashes:
            last = crashes[-1]
            names = sorted({one.process for one in crashes})
            who = names[0] if len(names) == 1 else f"{type_} ({', '.join(names)})"
            times = "once" if len(crashes) == 1 else f"{len(crashes)} times in {_seconds(last.at - crashes[0].at)}"
            return Verdict(f"{who} crashed {times}: {last.reason}", last.process)
    return None


def _hang(seen: Observed) -> Verdict | None:
    for type_, crashes in _by_type(seen).items():
        hung = {one.process: one for one in crashes if one.hung}
        quantity = seen.formation.get(type_, 0)
        if hung and 2 * len(hung) >= quantity:
            last = list(hung.values())[-1]
            return Verdict(f"{' and '.join(sorted(hung))} hung: {last.reason}", last.process)
    return None


def _by_type(seen: Observed) -> dict[str, list[Crashed]]:
    found: dict[str, list[Crashed]] = {}
    for one in seen.crashes:
        if one.type not in seen.looping:
            found.setdefault(one.type, []).append(one)
    return found


def _failed_requests(policy: RolloutPolicy, seen: Observed, name: str, before: str | None) -> Verdict | None:
    now, old = seen.traffic, seen.before
    if now.requests < policy.min_requests or now.failed < LEAST_FAILURES or seen.failing_for < LASTING:
        return None
    known = before is not None and old.requests >= policy.min_requests
    bar = max(old.share + policy.error_rate, old.share * TIMES) if known else MOST
    if now.share < bar or not seen.recent.requests or seen.recent.share < bar:
        return None
    chance = (
        by_chance(now.failed, now.requests, old.failed, old.requests) if known else as_coins(now.failed, now.requests)
    )
    if chance >= CHANCE:
        return None
    return Verdict(f"{name} {_told(now)} in {_seconds(seen.seconds)}; {_told_before(before, old, known)}")


def by_chance(failed: int, requests: int, failed_before: int, requests_before: int) -> float:
    """Fisher's exact test, one-sided: the probability that at least `failed` of all failures fall on these `requests`,
    were failures spread by chance over these and those before."""
    everything, failures = requests + requests_before, failed + failed_before
    whole = _log_choose(everything, requests)
    return _sum(
        exp(_log_choose(failures, one) + _log_choose(everything - failures, requests - one) - whole)
        for one in range(failed, min(failures, requests) + 1)
        if requests - one <= everything - failures
    )


def as_coins(failed: int, requests: int) -> float:
    """The probability of as many failures or more, were each request to fail or not as a coin falls (`MOST`)."""
    whole = requests * log(MOST)
    return _sum(exp(_log_choose(requests, one) + whole) for one in range(failed, requests + 1))


def _sum(terms: Iterable[float]) -> float:
    """A sum of terms that fall off; what no longer counts is left out."""
    total = 0.0
    for term in terms:
        total += term
        if term < total * 1e-12:
            break
    return min(total, 1.0)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _told(now: Traffic) -> str:
    if now.failed == now.errors - now.unanswered:
        return f"answered {now.failed:,} of {now.requests:,} requests with 5xx ({percent(now.share)})"
    kinds = [
        (now.errors - now.unanswered, "answered with 5xx"),
        (now.unanswered, "not answered"),
        (now.cut_off, "cut off"),
    ]
    parts = ", ".join(f"{count:,} {kind}" for count, kind in kinds if count)
    return f"failed {now.failed:,} of {now.requests:,} requests ({percent(now.share)}; {parts})"


def _told_before(before: str | None, old: Traffic, known: bool) -> str:
    if before is None:
        return "there is no release before it to compare with"
    if not known:
        return f"of {before} too little is known to compare ({old.requests:,} requests)"
    return f"{before} had {old.failed:,} of {old.requests:,} ({percent(old.share)})"


def percent(share: float) -> str:
    """`33 %`, `0.03 %`, `0 %`: two digits that count."""
    value = share * 100
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.2g} %"


def _seconds(seconds: float) -> str:
    return f"{max(seconds, 0):.0f} s" if seconds >= 1 else "a second"
