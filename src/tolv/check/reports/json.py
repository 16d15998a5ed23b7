"""The report as JSON. Stable: keys are added, never renamed or removed, and values keep their meaning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tolv.check.model import FactorReport, Finding, Report
from tolv.check.reports import View
from tolv.check.reports.text import fix, message, severity


def render(reports: Sequence[Report], view: View) -> str:
    """One report as an object, several as a list of them."""
    values = [as_data(report, view) for report in reports]
    return json.dumps(values[0] if len(values) == 1 else values, indent=2, ensure_ascii=False) + "\n"


def as_data(report: Report, view: View) -> dict[str, Any]:
    """The report as plain values."""
    return {
        "app": report.app,
        "commit": report.commit,
        "languages": list(report.languages),
        "factors": [factor_data(one, view) for one in report.factors],
        "unread": [{"path": one.path, "why": one.why, "factors": list(one.factors)} for one in report.unread],
        "duration_s": round(report.duration, 3),
    }


def factor_data(factor: FactorReport, view: View) -> dict[str, Any]:
    """One factor as plain values."""
    return {
        "number": factor.factor.label,
        "slug": factor.factor.slug,
        "verdict": factor.verdict,
        "why": factor.why,
        "probe": factor.probe,
        "findings": [_finding(one, view) for one in factor.findings],
    }


def _finding(finding: Finding, view: View) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": severity(finding),
        "path": finding.place.path,
        "line": finding.place.line,
        "column": finding.place.column,
        "message": message(finding),
        "fix": fix(finding, view),
        "fingerprint": finding.fingerprint,
    }
