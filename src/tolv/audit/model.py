"""The values of `tolv audit`: of each factor what is said, what is seen, and what is to be done. No I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from tolv.check import model as check
from tolv.check.model import FactorReport, Finding
from tolv.factors import Factor
from tolv.prove import model as prove
from tolv.prove.model import Result, Verdict

Standing = Literal["refuted", "findings", "proved", "holds", "open", "not applicable"]
"""How a factor stands: the first of these that is true.

`refuted`: a probe refutes it. `findings`: check finds an error. `proved`: every probe of it that applies was tried, and
proved it, or made a remark. `holds`, `findings`: check says so. `not applicable`: the app has nothing of it. `open`:
nobody knows.
"""
STANDINGS: tuple[Standing, ...] = ("refuted", "findings", "proved", "holds", "open", "not applicable")


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Check and prove say the opposite of each other."""

    factor: str
    """The factor's label."""
    rule: str | None
    """None: check speaks of the factor as a whole."""
    said: str
    """Check's side, with its evidence: a witness or a finding, and where."""
    seen: Result
    """Prove's side, with its evidence."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What check could not tell, and the verdict of the probe that it names."""

    factor: str
    rule: str | None
    """None: check speaks of the factor as a whole."""
    why: str
    """Why reading did not tell."""
    seen: Result


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    kind: Literal["refuted", "finding", "add"]
    factor: str
    """The factor's label; `''`: it is about several."""
    id: str
    """The probe that is refuted, the rule that finds, or the key of `[prove]`."""
    what: str
    """What is wrong, or what doing it brings."""
    fix: str
    """What to do; lines for tolv.toml where the kind is `add`."""
    places: tuple[str, ...] = ()
    """Where: `app.py:23`."""
    rules: tuple[str, ...] = ()
    """Rules that found the cause of what was refuted."""


@dataclass(frozen=True, slots=True)
class FactorAudit:
    """All that is known of one factor."""

    factor: Factor
    standing: Standing
    said: FactorReport
    seen: tuple[Result, ...]
    settled: tuple[Settled, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many of its probes there are of each verdict that there is, in the order of `Verdict`."""
        found = Counter(one.verdict for one in self.seen)
        return {verdict: found[verdict] for verdict in Verdict if found[verdict]}


@dataclass(frozen=True, slots=True)
class Audit:
    """The whole report."""

    app: str
    commit: str | None
    """Full SHA, with `-dirty` behind it where the tree differs; None outside git."""
    factors: tuple[FactorAudit, ...]
    """Those that were asked for, in order."""
    todo: tuple[Step, ...]
    checked: check.Report
    proved: prove.Report
    """With causes."""

    @property
    def contradictions(self) -> tuple[Contradiction, ...]:
        return tuple(one for factor in self.factors for one in factor.contradictions)

    @property
    def standings(self) -> dict[Standing, int]:
        """How many factors stand how; those without any are 0."""
        found = Counter(one.standing for one in self.factors)
        return {standing: found[standing] for standing in STANDINGS}

    @property
    def applicable(self) -> int:
        """The factors that the app has anything of."""
        return len(self.factors) - self.standings["not applicable"]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Check's, of the factors that were asked for."""
        return tuple(one for factor in self.factors for one in factor.said.findings)
