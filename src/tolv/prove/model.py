"""The values of `tolv prove`: what a probe saw, and what follows from it. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal


class Verdict(StrEnum):
    """What a probe says of its factor. Nothing is a pass by default: what could not be tried is *not provable*."""

    PROVED = "proved"
    REFUTED = "refuted"
    ADVISORY = "advisory"
    """It was tried, and what was seen is worth knowing, but breaks nothing."""
    UNSTABLE = "unstable"
    """Tried several times, and the tries do not agree."""
    NOT_PROVABLE = "not provable"
    """It could not be tried here; the reason says what is missing."""
    NOT_APPLICABLE = "not applicable"
    """The app has nothing of what it tries."""


Kind = Literal["start", "sent", "answer", "signal", "exit", "log", "file", "socket", "service", "saw", "cause"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was done or seen, so that a person can do and see it again."""

    kind: Kind
    text: str
    """`POST /notes {"text":"k-17"} -> 201`."""
    at: float = 0.0
    """Seconds since the probe began."""
    where: str | None = None
    """Which process: `web.1`."""

    def to_dict(self) -> dict[str, Any]:
        return {"at": round(self.at, 3), "kind": self.kind, "where": self.where, "text": self.text}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try of a probe."""

    verdict: Verdict
    reason: str
    """One line: of a proved one what was seen (`41873, then 52011`), of all others why."""
    add: tuple[str, ...] = ()
    """Lines for `[prove]` of tolv.toml that would let it be tried."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A finding of `tolv check` that says of the code what a refuted probe saw of the app."""

    rule: str
    path: str
    line: int | None
    excerpt: str

    def __str__(self) -> str:
        if not self.line and (self.path == "." or self.excerpt.startswith(self.path)):
            return self.excerpt or self.path
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place} {self.excerpt}".rstrip()


@dataclass(frozen=True, slots=True)
class Result:
    """A probe's verdict with all that supports it."""

    id: str
    """`VI-P2`."""
    factor: str
    """The factor's label: `VI`."""
    title: str
    outcome: Outcome
    evidence: tuple[Evidence, ...] = ()
    backend: str | None = None
    """How the app was set apart: `namespaces` or `process group`; None: it was not run."""
    duration: float = 0.0
    """Seconds."""
    causes: tuple[Cause, ...] = ()
    expected: str | None = None
    """Why the team expects it to be refuted; None: it does not."""
    tier: int = 0
    """The probe's own."""

    @property
    def verdict(self) -> Verdict:
        return self.outcome.verdict

    @property
    def unexpected(self) -> bool:
        """It is refuted, and nobody answers for that."""
        return self.verdict is Verdict.REFUTED and self.expected is None

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "factor": self.factor,
            "title": self.title,
            "tier": self.tier,
            "verdict": str(self.verdict),
            "reason": self.outcome.reason,
            "add": list(self.outcome.add),
            "evidence": [one.to_dict() for one in self.evidence],
            "causes": [
                {"rule": one.rule, "path": one.path, "line": one.line, "excerpt": one.excerpt} for one in self.causes
            ],
            "expected": self.expected,
            "backend": self.backend,
            "duration_s": round(self.duration, 3),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of `tolv prove` found."""

    app: str
    commit: str | None
    """The full SHA; None outside git."""
    dirty: bool
    types: tuple[str, ...]
    """Its process types."""
    services: tuple[str, ...]
    """What it was given: `postgres 16.14`."""
    results: tuple[Result, ...]
    """In the catalogue's order."""
    duration: float
    tier: int = 2
    root: str = ""
    """The directory that was named."""
    manifest: str = ""
    """The file that was named to stand for its `tolv.toml`; empty: none was."""
    notes: tuple[str, ...] = ()
    unready: str | None = None
    """Why the app does not become ready, so that hardly anything could be tried."""

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many there are of each verdict, in the order of `Verdict`; those without any are 0."""
        found = Counter(one.verdict for one in self.results)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def in_tier(self) -> tuple[Result, ...]:
        """Those that were to be tried."""
        return tuple(one for one in self.results if one.tier <= self.tier)

    @property
    def waiting(self) -> tuple[Result, ...]:
        """Those that were not tried because the app does not become ready, and for no other reason."""
        return tuple(one for one in self.in_tier if self.unready and one.outcome.reason == self.unready)

    @property
    def left_out(self) -> tuple[Result, ...]:
        """Those of a higher tier than was asked for; they count as not provable."""
        return tuple(one for one in self.results if one.tier > self.tier)

    def of(self, factor: str) -> Iterator[Result]:
        return (one for one in self.results if one.factor == factor)

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON of the report."""
        return {
            "app": self.app,
            "commit": self.commit,
            "dirty": self.dirty,
            "processes": list(self.types),
            "services": list(self.services),
            "tier": self.tier,
            "probes": [one.to_dict() for one in self.results],
            "summary": {str(verdict): count for verdict, count in self.counts.items()},
            "unexpected": [one.id for one in self.results if one.unexpected],
            "unready": self.unready,
            "notes": list(self.notes),
            "duration_s": round(self.duration, 3),
        }
