"""What all formats say of a finding in the same words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tolv.check.model import SEVERITIES, FactorReport, Finding, Report, Severity
from tolv.check.reports import View

#: Control characters, and those that turn the direction of text: a file name must not draw a report of its own.
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """A text on one line, with what is not to be printed as escapes."""
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def plain_block(text: str) -> str:
    """The same of a text that may have several lines."""
    return "\n".join(map(plain, text.split("\n")))


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
    if not report.commit:
        return None
    sha, dash, dirty = report.commit.partition("-")
    return plain(f"{sha[:7]}{dash}{dirty}")


def amount(number: int, one: str, many: str | None = None) -> str:
    """`1 file`, `1 200 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}".replace(",", " ")


def probe_hint(factor: FactorReport) -> str | None:
    """What would settle a factor that cannot be told."""
    return f"{factor.probe} would settle it: tolv prove --only {factor.probe}" if factor.probe else None
