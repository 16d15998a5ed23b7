"""The grade of a report, from arithmetic that anybody can redo.

Of the factors that apply, those are decided whose verdict is "holds" or "findings". One that holds counts 1, one with
warnings alone ½, one with an error 0. The grade is the sum, as a share of the factors decided. Where fewer than half of
the factors that apply are decided there is none. What was accepted counts as what it is; notes count nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tolv.check.model import FactorReport, Report, Suppressed

RULE = "a factor that holds counts 1, one with warnings alone ½, one with an error 0, of the factors decided"


@dataclass(frozen=True, slots=True)
class Grade:
    """How an app stands."""

    points: float
    decided: int
    applicable: int

    @property
    def percent(self) -> int | None:
        """0 to 100; None: too little was decided."""
        if not self.decided or self.decided * 2 < self.applicable:
            return None
        return int(100 * self.points / self.decided + 0.5)

    def __str__(self) -> str:
        if self.percent is None:
            return f"no grade: {self.decided} of {self.applicable} factors decided"
        return f"{self.percent} % of {self.decided} decided factors"


def grade(report: Report) -> Grade:
    """The grade of a report."""
    applicable = [one for one in report.factors if one.verdict != "not applicable"]
    decided = [one for one in applicable if one.verdict != "cannot tell"]
    worst = Counter(one.finding.rule.partition("-")[0] for one in report.suppressed if _accepted_error(one))
    points = sum(_points(one, bool(worst[one.factor.label])) for one in decided)
    return Grade(points, len(decided), len(applicable))


def _accepted_error(one: Suppressed) -> bool:
    return one.finding.severity == "error" and one.state != "false positive"


def _points(factor: FactorReport, accepted_error: bool) -> float:
    if factor.verdict == "holds":
        return 1.0
    return 0.0 if accepted_error or any(one.severity == "error" for one in factor.findings) else 0.5
