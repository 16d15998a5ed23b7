"""A report without the findings that somebody answered for.

A finding that was accepted is still true: its factor goes on saying "findings", and how many were accepted. One that
was wrong is taken out as if it had never been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from tolv.check.model import SEVERITIES, FactorReport, Finding, Report, State, Suppressed, Verdict


def set_aside(report: Report, answers: Iterable[Suppressed]) -> Report:
    """The report with these findings among its `suppressed`, and its verdicts as they are without them."""
    answered = {one.finding.fingerprint: one for one in answers}
    if not answered:
        return report
    factors = tuple(_without(factor, answered, report) for factor in report.factors)
    taken = tuple(answered[one.fingerprint] for one in report.findings if one.fingerprint in answered)
    return replace(report, factors=factors, suppressed=(*report.suppressed, *taken))


def leave_out(report: Report, outside: Callable[[str], bool]) -> Report:
    """The report without the findings in files, or of apps, that are `outside`, and without those unread files."""
    report = replace(report, unread=tuple(one for one in report.unread if not outside(one.path)))
    gone = {
        one.fingerprint: Suppressed(one, "", "tolv.toml", "false positive")
        for one in report.findings
        if (one.place.path and outside(one.place.path)) or (one.unit and outside(f"{one.unit}/"))
    }
    if not gone:
        return report
    return replace(report, factors=tuple(_without(factor, gone, report) for factor in report.factors))


def only_new(report: Report, known: Collection[str], since: str) -> Report:
    """The report without the findings whose fingerprints were known at `since`, a commit or branch.

    Verdicts stay: they are about the app, not about the change.
    """

    def newer(factor: FactorReport) -> FactorReport:
        new = tuple(one for one in factor.findings if one.fingerprint not in known)
        old = len(factor.findings) - len(new)
        if not old or factor.verdict != "findings":
            return replace(factor, findings=new)
        said = counted(new) if new else "nothing new"
        return replace(factor, findings=new, why=f"{said}; {old} as at {since}")

    return replace(report, factors=tuple(map(newer, report.factors)))


def counted(findings: Iterable[Finding]) -> str:
    """How many there are: `2 errors, 1 note`."""
    number = Counter(one.severity or "note" for one in findings)
    return ", ".join(f"{number[one]} {one}{'s' * (number[one] > 1)}" for one in SEVERITIES if number[one])


def weighs(finding: Finding) -> bool:
    """It decides a verdict: a note does not."""
    return finding.severity in ("error", "warning")


_WORDS: dict[State, str] = {"accepted": "accepted", "to fix": "to fix by and by", "false positive": "taken back"}


def _without(factor: FactorReport, answered: Mapping[str, Suppressed], report: Report) -> FactorReport:
    left = tuple(one for one in factor.findings if one.fingerprint not in answered)
    gone = [answered[one.fingerprint] for one in factor.findings if one.fingerprint in answered]
    if not gone:
        return factor
    factor = replace(factor, findings=left)
    if factor.verdict != "findings":
        return factor
    true = [one for one in gone if one.state != "false positive" and weighs(one.finding)]
    if any(map(weighs, left)) or true:
        parts = [counted(filter(weighs, left)), *_states(gone)]
        return replace(factor, why=", ".join(filter(None, parts)))
    verdict, why = _again(factor, report)
    return replace(factor, verdict=verdict, why=why)


def _states(gone: list[Suppressed]) -> list[str]:
    number = Counter(one.state for one in gone)
    return [f"{number[state]} {word}" for state, word in _WORDS.items() if number[state]]


def _again(factor: FactorReport, report: Report) -> tuple[Verdict, str]:
    """The verdict of a factor none of whose findings was right."""
    for unread in report.unread:
        if not unread.factors or factor.factor.label in unread.factors:
            return "cannot tell", f"{unread.path} could not be read: {unread.why}"
    if factor.witnesses:
        return "holds", factor.witnesses[0].message
    if factor.unsettled:
        return "cannot tell", factor.unsettled[0].why
    return "cannot tell", "no finding is left, and nothing shows that it holds"
