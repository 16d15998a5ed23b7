"""Architecture decision records: one for each factor in debt, ready to be argued about.

What a record says is what was found: context and consequences from the findings and their rules, the effort from their
number and the nature of the factor. Who accepts it, and when, is for people to write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tolv.check.model import FactorReport, Finding, Report
from tolv.check.reports import View
from tolv.check.reports.questions import asked_of, questions
from tolv.check.reports.text import by_weight, commit, fix, place, severity, why
from tolv.factors import Factor
from tolv.reports.markdown import code, prose, quoted
from tolv.reports.text import amount

#: What paying a factor's debt changes: files beside the code (0), the code (1), the design (2).
_NATURE = {
    "I": 0,
    "II": 0,
    "III": 1,
    "IV": 1,
    "V": 0,
    "VI": 2,
    "VII": 1,
    "VIII": 2,
    "IX": 1,
    "X": 0,
    "XI": 1,
    "XII": 1,
    "API": 1,
    "TEL": 1,
    "SEC": 1,
    "HLT": 1,
}
_NATURES = ("files beside the code", "the code", "the design")
_EFFORTS = ("hours", "days", "a week or two", "weeks")
#: Files from which a change is a step larger.
_MANY_FILES = 8
#: Places of one rule that are listed.
_LISTED = 12


@dataclass(frozen=True, slots=True)
class Record:
    """One record, and the name of the file that it may have."""

    name: str
    text: str


def render(reports: Sequence[Report], view: View) -> str:
    """The five questions of each report, then its records."""
    return "\n".join(part for report in reports for part in _document(report, view))


def records(report: Report, view: View) -> Iterator[Record]:
    """The records of a report: `0003-config.md` for the third factor."""
    for factor in report.factors:
        if factor.verdict == "findings" and factor.findings:
            name = f"{factor.factor.number:04}-{factor.factor.slug}.md"
            yield Record(name, "\n".join(_record(report, factor, view)) + "\n")


def overview(report: Report) -> str:
    """The five questions with their answers, as Markdown."""
    sha = commit(report)
    lines = [f"# {quoted(report.app)}" + (f" at {code(sha)}" if sha else ""), "", "| question | answer | because |"]
    lines.append("| --- | --- | --- |")
    lines += [f"| {one.question} | {one.answer} | {quoted(one.because)} |" for one in questions(report)]
    return "\n".join(lines) + "\n"


def _document(report: Report, view: View) -> Iterator[str]:
    yield overview(report)
    found = [one.text for one in records(report, view)]
    yield from found or ["No factor is in debt.\n"]


def _record(report: Report, factor: FactorReport, view: View) -> Iterator[str]:
    findings = by_weight(factor.findings)
    yield from heading(factor.factor, view)
    yield from context(report, factor.factor, findings)
    yield from decision(findings, view)
    yield from consequences(findings, view)
    label = factor.factor.label
    yield f"Once it is done, `tolv check --only {label}` finds nothing, and a line in CI keeps it so."
    yield ""
    yield from effort(factor.factor, findings)


def heading(factor: Factor, view: View) -> Iterator[str]:
    """The title of a factor's record, and its status."""
    yield f"# {factor.number}. Pay the debt in {factor.label} {factor.title}"
    yield ""
    yield "Status: proposed" + (f", {view.today.isoformat()}" if view.today else "")
    yield ""


def context(report: Report, factor: Factor, findings: Sequence[Finding]) -> Iterator[str]:
    """What was found, and which questions it decides."""
    sha = commit(report)
    at = f" at {code(sha)}" if sha else ""
    yield "## Context"
    yield ""
    yield f"*{factor.rule}.* {quoted(report.app)}{at} does not keep to it{':' if findings else '.'}"
    yield ""
    for one in findings[:_LISTED]:
        yield f"* {code(place(one))}: {prose(one.message)} ({one.rule}, {severity(one)})"
    if len(findings) > _LISTED:
        yield f"* and {len(findings) - _LISTED} more"
    if findings:
        yield ""
    if asked := asked_of(factor.label):
        yield f"It decides what can be answered to: {' '.join(asked)}"
        yield ""


def decision(findings: Sequence[Finding], view: View) -> Iterator[str]:
    """What is to be done, a line for each rule."""
    yield "## Decision"
    yield ""
    said: dict[str, None] = {}
    for one in findings:
        rule = view.rules.get(one.rule)
        remedy = rule.fix if rule else fix(one, view)
        said.setdefault(f"* {one.rule}: {prose(remedy or 'remove what was found')}")
        if rule and one.fix and one.fix != rule.fix:
            said.setdefault(f"    * {code(place(one))}: {prose(one.fix)}")
    yield from said
    if said:
        yield ""


def consequences(findings: Sequence[Finding], view: View) -> Iterator[str]:
    """What follows if it stays as it is."""
    yield "## Consequences"
    yield ""
    reasons = dict.fromkeys(quoted(reason) for one in findings if (reason := why(one, view)))
    if reasons:
        yield "If it stays as it is:"
        yield ""
        yield from (f"* {reason}" for reason in reasons)
        yield ""


def effort(factor: Factor, findings: Sequence[Finding]) -> Iterator[str]:
    """How much it is likely to take."""
    files = len({one.place.path for one in findings})
    nature = _NATURE[factor.label]
    size = _EFFORTS[nature + (files > _MANY_FILES)]
    yield "## Effort"
    yield ""
    counted = f"{amount(len(findings), 'place')} in {amount(files, 'file')}"
    yield f"{size[0].upper()}{size[1:]}: {counted}, and what changes is {_NATURES[nature]}."
    yield "Counted from the findings; who knows the code knows better."
