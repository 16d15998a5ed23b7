"""What a drill has found: one outcome a fault, and the bill. Values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tolv.drill.evidence import Excuse, Kill, excuse
from tolv.drill.load import Shot


class Verdict(StrEnum):
    """How a fault was borne."""

    CLEAN = "clean"
    SHORT = "fell short"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Requests:
    """What became of the requests of one stretch of load."""

    sent: int = 0
    failed: int = 0
    """Without an excuse."""
    in_flight: int = 0
    """Failed in what was killed, when it was killed."""
    refused: int = 0
    """Met the port while the router was dead: nothing was sent."""
    slowest: float = 0.0
    """Seconds, of those that were answered."""
    unlogged: int = 0
    """Answered, and not in the router's own log: it was killed with them in memory, or the disk was full."""
    problems: tuple[str, ...] = ()
    """Of those that failed without an excuse, each kind once."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What became of the numbered lines that the witness wrote meanwhile."""

    kept: int = 0
    lost: int = 0
    announced: int = 0
    """Of those that were lost, how many the log itself says were lost."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One fault and what came of it."""

    fault: str
    title: str
    verdict: Verdict
    target: str = ""
    """Who was hit; or why it was not run."""
    requests: Requests = field(default_factory=Requests)
    lines: Lines = field(default_factory=Lines)
    recovery: float | None = None
    """Seconds from the blow until what was hit was back."""
    problems: tuple[str, ...] = ()
    """Why it fell short."""

    def to_dict(self) -> dict[str, Any]:
        """As `tolv drill --json` prints it."""
        return {
            "fault": self.fault,
            "title": self.title,
            "verdict": str(self.verdict),
            "target": self.target,
            "sent": self.requests.sent,
            "failed": self.requests.failed,
            "in_flight": self.requests.in_flight,
            "refused": self.requests.refused,
            "slowest_s": round(self.requests.slowest, 3),
            "unlogged": self.requests.unlogged,
            "recovery_s": None if self.recovery is None else round(self.recovery, 3),
            "lines_kept": self.lines.kept,
            "lines_lost": self.lines.lost,
            "lines_announced": self.lines.announced,
            "problems": list(self.problems),
        }


@dataclass(frozen=True, slots=True)
class Bill:
    """A whole drill."""

    app: str
    environment: str
    path: str | None
    """What was asked for; None: the deploy has no web process, so there was no load."""
    outcomes: tuple[Outcome, ...]

    @property
    def clean(self) -> bool:
        return all(one.verdict is not Verdict.SHORT for one in self.outcomes)

    def summary(self) -> list[str]:
        """What it comes to, for a person."""
        run = [one for one in self.outcomes if one.verdict is not Verdict.NOT_RUN]
        total = [one.requests for one in run]
        sent, failed = sum(one.sent for one in total), sum(one.failed for one in total)
        lost = sum(one.lines.lost for one in run)
        recoveries = [one.recovery for one in run if one.recovery is not None]
        in_flight, refused = sum(one.in_flight for one in total), sum(one.refused for one in total)
        said = [f"{failed} of {_count(sent, 'request')} failed" if sent else "no web process, so no requests"]
        if in_flight or refused:
            said[0] += ", those excepted that were in flight or refused"
        if recoveries:
            said.append(f"every fault was over within {max(recoveries):.1f} s")
        said.append(f"{_count(lost, 'log line')} lost")
        lines = [("A clean bill: " if self.clean else "Not a clean bill: ") + "; ".join(said) + "."]
        if in_flight:
            lines.append(f"In flight: {_count(in_flight, 'request')} in what was killed, when it was killed.")
        if refused:
            lines.append(f"Refused: {_count(refused, 'connection')} while there was no router; nothing was sent.")
        if unlogged := sum(one.unlogged for one in total):
            said_why = "they were in its memory when it was killed, or found no room"
            lines.append(f"The router's own log lacks {_count(unlogged, 'answered request')}: {said_why}.")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """As `tolv drill --json` prints it."""
        return {
            "app": self.app,
            "environment": self.environment,
            "path": self.path,
            "clean": self.clean,
            "faults": [one.to_dict() for one in self.outcomes],
        }


def account(shots: Sequence[Shot], kills: Sequence[Kill], upstreams: Mapping[str, str]) -> Requests:
    """Sum up requests. `upstreams`: the process that each request id was sent to, by the router's log."""
    excuses = [excuse(one, kills, upstreams) for one in shots if one.problem]
    unexcused = [one for one in shots if one.problem and excuse(one, kills, upstreams) is None]
    answered = [one for one in shots if not one.problem]
    return Requests(
        sent=len(shots),
        failed=len(unexcused),
        in_flight=excuses.count(Excuse.IN_FLIGHT),
        refused=excuses.count(Excuse.REFUSED),
        slowest=max((one.seconds for one in answered), default=0.0),
        unlogged=sum(one.id not in upstreams for one in answered),
        problems=tuple(sorted({one.problem for one in unexcused if one.problem})),
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
