"""Workflow commands of GitHub Actions: each finding as an annotation of its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tolv.check.answered import counted
from tolv.check.grade import grade
from tolv.check.model import Finding, Report
from tolv.check.reports import View
from tolv.check.reports.text import by_weight, fix, message, severity
from tolv.reports.github import command
from tolv.reports.text import plain, plain_block


def render(reports: Sequence[Report], view: View) -> str:
    """A command a line, and at the end of each report a line for the log."""
    return "".join(f"{line}\n" for report in reports for line in _commands(report, view))


def _commands(report: Report, view: View) -> Iterator[str]:
    for finding in by_weight(report.findings):
        yield _command(finding, view)
    said = counted(report.findings) or "nothing found"
    yield f"tolv check: {plain(report.app)}: {said}; {grade(report)}"


def _command(finding: Finding, view: View) -> str:
    rule, place = view.rules.get(finding.rule), finding.place
    properties = {
        "file": place.path if place.commit is None else "",
        "line": place.line,
        "endLine": place.end_line if place.line else None,
        "col": place.column if place.line else None,
        "title": f"{finding.rule} {rule.title}" if rule else finding.rule,
    }
    remedy = fix(finding, view)
    said = message(finding) + (f"\nFix: {plain_block(remedy)}" if remedy else "")
    return command(severity(finding), properties, said)
