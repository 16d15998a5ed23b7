"""Workflow commands of GitHub Actions: each finding as an annotation of its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tolv.check.answered import counted
from tolv.check.grade import grade
from tolv.check.model import Finding, Report, Severity
from tolv.check.reports import View
from tolv.check.reports.text import by_weight, fix, message, plain, plain_block, severity

_COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


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


def command(severity: Severity, properties: Mapping[str, object], text: str) -> str:
    """A workflow command; properties without a value are left out."""
    head = ",".join(f"{name}={_property(plain(str(value)))}" for name, value in properties.items() if value)
    return f"::{_COMMANDS[severity]} {head}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
