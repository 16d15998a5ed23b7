"""The report as Markdown, for a wiki, an issue or the summary of a CI run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tolv.check.answered import counted
from tolv.check.grade import RULE, grade
from tolv.check.model import FactorReport, Finding, Report
from tolv.check.reports import View
from tolv.check.reports.excerpt import shown
from tolv.check.reports.text import by_weight, commit, fix, place, probe_hint, severity, verdict, why
from tolv.reports.markdown import code, prose, quoted
from tolv.reports.text import amount

_ICONS = {"error": "✗", "warning": "!", "note": "·"}


def render(reports: Sequence[Report], view: View) -> str:
    """The reports, one below the other."""
    return "\n".join(line for report in reports for line in _page(report, view)) + "\n"


def _page(report: Report, view: View) -> Iterator[str]:
    sha = commit(report)
    yield f"# {quoted(report.app)}" + (f" at {code(sha)}" if sha else "")
    yield ""
    yield f"{counted(report.findings) or 'Nothing found'}. {grade(report)} ({RULE})."
    yield ""
    yield "| | factor | verdict | |"
    yield "| --- | --- | --- | --- |"
    for factor in report.factors:
        yield _row(factor)
    yield ""
    for factor in report.factors:
        if factor.findings:
            yield from _section(factor, view)
    yield from _rest(report)


def _row(factor: FactorReport) -> str:
    said = quoted(factor.why)
    if factor.verdict == "cannot tell" and (hint := probe_hint(factor)):
        said = f"{said}; {hint}" if said else hint
    return f"| {factor.factor.label} | {factor.factor.title} | {verdict(factor)} | {said} |"


def _section(factor: FactorReport, view: View) -> Iterator[str]:
    yield f"## {factor.factor.label} {factor.factor.title}"
    yield ""
    yield f"{factor.factor.rule}."
    yield ""
    explained: set[str] = set()
    for finding in by_weight(factor.findings):
        yield from _finding(finding, view, first=finding.rule not in explained)
        explained.add(finding.rule)


def _finding(finding: Finding, view: View, *, first: bool) -> Iterator[str]:
    grave = severity(finding)
    yield f"* {_ICONS[grave]} **{finding.rule}** {grave}, {code(place(finding))}: {prose(finding.message)}."
    if line := shown(finding).strip():
        yield f"  <br>{code(line)}"
    if first and (reason := why(finding, view)):
        yield f"  <br>{prose(reason)}"
    if remedy := fix(finding, view):
        yield f"  <br>*Fix:* {prose(remedy)}"
    yield ""


def _rest(report: Report) -> Iterator[str]:
    if report.suppressed:
        yield "## Answered for"
        yield ""
        yield "| rule | place | state | by | reason |"
        yield "| --- | --- | --- | --- | --- |"
        for one in report.suppressed:
            where = code(place(one.finding)).replace("|", "\\|")
            yield f"| {one.finding.rule} | {where} | {one.state} | {one.by} | {quoted(one.reason)} |"
        yield ""
    if report.unread:
        yield f"## Not read: {amount(len(report.unread), 'file')}"
        yield ""
        yield from (f"* {code(one.path)}: {quoted(one.why)}" for one in report.unread)
        yield ""
