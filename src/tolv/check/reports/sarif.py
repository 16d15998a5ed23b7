"""SARIF 2.1.0 (OASIS Standard, 27 March 2020): for code scanning, editors and whatever collects findings.

A result is known again by `partialFingerprints`, which hold no line number. Findings that somebody answered for are
there, too, as suppressed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tolv import __version__
from tolv.check.grade import grade
from tolv.check.model import Finding, Place, Report, Suppressed
from tolv.check.reports import View
from tolv.check.reports.excerpt import shown
from tolv.check.reports.text import fix, message, severity
from tolv.check.rule import Rule
from tolv.factors import FACTORS

#: What the fingerprint is made of, as its name: another recipe gets another number.
_FINGERPRINT = "tolvFingerprint/v1"
#: Relative to what places are.
BASE = "%SRCROOT%"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def render(reports: Sequence[Report], view: View) -> str:
    """One log with a run for each report."""
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(report, view) for report in reports],
    }
    return json.dumps(log, indent=2) + "\n"


def _run(report: Report, view: View) -> dict[str, Any]:
    every = [*report.findings, *(one.finding for one in report.suppressed)]
    ids = list(dict.fromkeys([*view.rules, *(one.rule for one in every)]))
    index = {id: number for number, id in enumerate(ids)}
    results = [_result(one, index, view) for one in report.findings]
    results += [{**_result(one.finding, index, view), "suppressions": [_suppression(one)]} for one in report.suppressed]
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "Tolv",
                "semanticVersion": __version__,
                "version": __version__,
                "rules": [_descriptor(id, view.rules.get(id)) for id in ids],
            }
        },
        "automationDetails": {"id": f"tolv/check/{report.app}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {BASE: {"description": {"text": "The root of the repository that was checked"}}},
        "invocations": [_invocation(report)],
        "results": results,
        "properties": {"factors": _factors(report), "grade": grade(report).percent},
    }
    if report.commit:
        run["properties"]["commit"] = report.commit
    return run


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
    """A place. The repository as a whole is `.`; what is about a file as a whole stands at its first line, as viewers
    show nothing without one."""
    uri = quote(os.fsencode(place.path)) if place.path else "."
    line = max(place.line or 1, 1)
    region: dict[str, Any] = {"startLine": line}
    if place.line is not None and place.column is not None:
        region["startColumn"] = max(place.column, 1)
    if place.end_line is not None and place.end_line >= line:
        region["endLine"] = place.end_line
    if snippet:
        region["snippet"] = {"text": snippet}
    return {"physicalLocation": {"artifactLocation": {"uri": uri, "uriBaseId": BASE}, "region": region}}


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
