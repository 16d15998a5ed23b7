"""What a check finds: plain values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tolv.factors import Factor

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

Verdict = Literal["holds", "findings", "cannot tell", "not applicable"]

State = Literal["accepted", "false positive", "to fix"]
"""What somebody decided about a finding: it is true and stays, it is wrong, it is true and goes."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: a place in a file, a file as a whole (`line` is None), or a commit of the history."""

    path: str
    """Relative to the root of what is checked, with `/`; `''` is the root itself."""
    line: int | None = None
    """From 1."""
    column: int | None = None
    """From 1, in characters."""
    end_line: int | None = None
    commit: str | None = None
    """Full SHA, for what is only in the history."""

    def __str__(self) -> str:
        at = self.path or "."
        if self.line is not None:
            at += f":{self.line}"
        return f"{at} ({self.commit[:7]})" if self.commit else at


@dataclass(frozen=True, slots=True)
class Finding:
    """A place where a rule does not hold.

    A rule gives `message`, `place` and, where the place lowers them, `severity` and `fix`; the engine fills in the
    rest, so that a finding that leaves it is whole.
    """

    message: str
    """What is wrong here, in one sentence without a full stop: 'SECRET_KEY has a default that anyone can read'."""
    place: Place
    severity: Severity | None = None
    """None: the rule's own. A rule may lower it, never raise it."""
    fix: str | None = None
    """What to write instead, as concrete as can be; None: the rule's own."""
    also: tuple[Place, ...] = ()
    """Other places that belong to it: the second of two contradictory files, the route that leads there."""
    subject: str = ""
    """What it is about, where one line may hold several (a variable's name): part of the fingerprint."""
    rule: str = ""
    unit: str = ""
    """The app of a monorepo, by its root; `''`: the only one."""
    snippet: str = ""
    """The line, without its end."""
    fingerprint: str = ""

    def at(self, severity: Severity) -> Finding:
        """The same with another severity."""
        return replace(self, severity=severity)


@dataclass(frozen=True, slots=True)
class Witness:
    """Evidence that a rule holds: 'every client is built from the environment', with a place."""

    message: str
    place: Place | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """Reading does not settle the rule."""

    why: str
    probe: str | None = None
    """Id of the probe that would (`VI-P1`); None: the rule's own."""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The app has nothing that the rule is about."""

    why: str
    rule: str = ""


Outcome = Finding | Witness | CannotTell | NotApplicable


@dataclass(frozen=True, slots=True)
class FactorReport:
    """What is said of one factor."""

    factor: Factor
    verdict: Verdict
    why: str
    """One line: the witness, the count, the reason."""
    probe: str | None = None
    """The probe that would settle it, where the verdict is `cannot tell`."""
    findings: tuple[Finding, ...] = ()
    """Errors first, then by path and line."""
    witnesses: tuple[Witness, ...] = ()
    unsettled: tuple[CannotTell, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be read, or only in part, and why."""

    path: str
    why: str
    factors: tuple[str, ...] = ()
    """Labels of the factors that cannot be said to hold because of it; empty: all that read such files."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that somebody answered for: inline, in `tolv.toml` or in a baseline."""

    finding: Finding
    reason: str
    by: Literal["inline", "tolv.toml", "baseline"]
    state: State = "accepted"


@dataclass(frozen=True, slots=True)
class Report:
    """What one check says."""

    app: str
    root: str
    commit: str | None
    """Full SHA of what is checked out, with `-dirty` behind it where the tree differs; None outside git."""
    languages: tuple[str, ...]
    processes: tuple[str, ...]
    """Names of the process types that were found."""
    factors: tuple[FactorReport, ...]
    """All sixteen, in order."""
    rules: int
    """How many rules were tried."""
    unread: tuple[Unread, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    files: int = 0
    lines: int = 0
    duration: float = 0.0
    """Seconds."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(one for factor in self.factors for one in factor.findings)
