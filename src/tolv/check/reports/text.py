"""What all formats say of a finding in the same words."""

from __future__ import annotations

from collections.abc import Iterable

from tolv.check.model import SEVERITIES, FactorReport, Finding, Report, Severity
from tolv.check.reports import View
from tolv.reports.text import plain, short_commit


def place(finding: Finding) -> str:
    """`config.py:8`, or what stands for an absence."""
    return plain(str(finding.place)) if finding.place.path or finding.place.commit else "repository"


def message(finding: Finding) -> str:
    """The message, with the commit where that is the place and a format has no room for it."""
    said = plain(finding.message)
    commit = finding.place.commit
    return f"{said} (in commit {commit[:7]})" if commit and commit[:7] not in said else said


def severity(finding: Finding) -> Severity:
    return finding.severity or "note"


def fix(finding: Finding, view: View) -> str | None:
    """What to do: the finding's own words, or the rule's."""
    rule = view.rules.get(finding.rule)
    said = finding.fix or (rule.fix if rule else None)
    return said.strip() if said else None


def why(finding: Finding, view: View) -> str | None:
    rule = view.rules.get(finding.rule)
    return rule.why.strip() if rule else None


def verdict(factor: FactorReport) -> str:
    """`holds`, `1 error`, `2 findings`, `cannot tell`, `not applicable`; `known`: all findings are answered for."""
    if factor.verdict != "findings":
        return factor.verdict
    errors = sum(one.severity == "error" for one in factor.findings)
    all_told = errors + sum(one.severity == "warning" for one in factor.findings)
    if not all_told:
        return "known"
    word = "error" if errors == all_told else "finding"
    return f"{all_told} {word}{'s' * (all_told > 1)}"


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then in the order in which they come."""
    return sorted(findings, key=lambda one: SEVERITIES.index(one.severity or "note"))


def commit(report: Report) -> str | None:
    """`a975ef6`, `a975ef6-dirty`."""
    return short_commit(report.commit)


def probe_hint(factor: FactorReport) -> str | None:
    """What would settle a factor that cannot be told."""
    return f"{factor.probe} would settle it: tolv prove --only {factor.probe}" if factor.probe else None
