"""SARIF 2.1.0 (OASIS Standard, 27 March 2020): for code scanning, editors and whatever collects findings.

A result is known again by `partialFingerprints`, which hold no line number. Findings that somebody answered for are
there, too, as suppressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tolv.check.grade import grade
from tolv.check.model import Finding, Place, Report, Suppressed
from tolv.check.reports import View
from tolv.check.reports.excerpt import shown
from tolv.check.reports.text import fix, message, severity
from tolv.check.rule import Rule
from tolv.factors import FACTORS
from tolv.reports import sarif
from tolv.reports.sarif import log

#: What the fingerprint is made of, as its name: another recipe gets another number.
_FINGERPRINT = "tolvFingerprint/v1"


def render(reports: Sequence[Report], view: View) -> str:
    """One log with a run for each report."""
    return log([run(report, view) for report in reports])


def run(report: Report, view: View) -> dict[str, Any]:
    """The run of one report."""
    every = [*report.findings, *(one.finding for one in report.suppressed)]
    ids = list(dict.fromkeys([*view.rules, *(one.rule for one in every)]))
    index = {id: number for number, id in enumerate(ids)}
    results = [_result(one, index, view) for one in report.findings]
    results += [{**_result(one.finding, index, view), "suppressions": [_suppression(one)]} for one in report.suppressed]
    rules = [_descriptor(id, view.rules.get(id)) for id in ids]
    properties = {"factors": _factors(report), "grade": grade(report).percent}
    return {
        **sarif.run(f"tolv/check/{report.app}/", rules, results, "The root of the repository that was checked"),
        "invocations": [_invocation(report)],
        "properties": {**properties, "commit": report.commit} if report.commit else properties,
    }


def _descriptor(id: str, rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return {"id": id}
    factor = next((one for one in FACTORS if one.label == rule.label), None)
    help_text = (
        f"{rule.why}\n\nFix: {rule.fix}\n\nNot so:\n\n{rule.bad}\n\nBut so:\n\n{rule.good}\n\nSource: {rule.source}"
    )
    descriptor: dict[str, Any] = {
        "id": id,
        "name": "".join(word.capitalize() for word in rule.judge.__name__.strip("_<>").split("_")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": f"{rule.title}. {rule.why}"},
        "help": {"text": help_text, "markdown": _markdown_help(rule)},
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"tags": ["twelve-factor", *([factor.slug] if factor else [])]},
    }
    if rule.source.startswith("https://") and " " not in rule.source:
        descriptor["helpUri"] = rule.source
    return descriptor


def _markdown_help(rule: Rule) -> str:
    return (
        f"{rule.why}\n\n**Fix.** {rule.fix}\n\nNot so:\n\n```\n{rule.bad}\n```\n\nBut so:\n\n```\n{rule.good}\n```\n\n"
        f"Source: {rule.source}"
    )


def _result(finding: Finding, index: dict[str, int], view: View) -> dict[str, Any]:
    remedy = fix(finding, view)
    said = f"{message(finding)}." + (f"\n\nFix: {remedy}" if remedy else "")
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": severity(finding),
        "message": {"text": said},
        "locations": [_location(finding.place, shown(finding))],
        # The second is the name under which GitHub keeps it; without one its uploader would make its own from the line.
        "partialFingerprints": {_FINGERPRINT: finding.fingerprint, "primaryLocationLineHash": finding.fingerprint},
    }
    if finding.also:
        result["relatedLocations"] = [{"id": n, **_location(one, "")} for n, one in enumerate(finding.also, start=1)]
    properties = {"unit": finding.unit, "commit": finding.place.commit, "subject": finding.subject}
    if any(properties.values()):
        result["properties"] = {name: value for name, value in properties.items() if value}
    return result


def _location(place: Place, snippet: str) -> dict[str, Any]:
    return sarif.location(place.path, place.line, column=place.column, end_line=place.end_line, snippet=snippet)


def _suppression(one: Suppressed) -> dict[str, Any]:
    kind = "inSource" if one.by == "inline" else "external"
    justification = f"{one.state}: {one.reason}" if one.reason else one.state
    return {"kind": kind, "status": "accepted", "justification": justification}


def _invocation(report: Report) -> dict[str, Any]:
    return {
        "executionSuccessful": True,
        "toolExecutionNotifications": [
            {
                "level": "warning",
                "message": {"text": f"{one.path} was not read: {one.why}"},
                "locations": [_location(Place(one.path), "")],
            }
            for one in report.unread
        ],
    }


def _factors(report: Report) -> list[dict[str, Any]]:
    return [{"number": one.factor.label, "verdict": one.verdict, "why": one.why} for one in report.factors]
