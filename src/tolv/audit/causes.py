"""What in the code a refuted probe comes from, as far as check has found it. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from tolv.audit.ties import rules_of
from tolv.check import model as check
from tolv.check.model import SEVERITIES, Finding
from tolv.check.reports.excerpt import shown
from tolv.check.rule import Rule
from tolv.prove import model as prove
from tolv.prove.model import Cause, Result, Verdict
from tolv.prove.probe import Probe

#: Causes that a result gets.
_MOST = 3
#: Names in what was seen that may stand in the code, too: of files, variables, routes. Short words say nothing.
_NAME = re.compile(r"[A-Za-z_][\w.-]{3,120}")


def with_causes(
    report: prove.Report, checked: check.Report, probes: Mapping[str, Probe], rules: Mapping[str, Rule]
) -> prove.Report:
    """The report with the causes of each refuted result: findings of its probe's rules, the likeliest first, three at
    most. Those that somebody accepted are causes all the same; those that were taken back are not."""
    found = [*checked.findings, *(one.finding for one in checked.suppressed if one.state != "false positive")]
    return replace(report, results=tuple(_explained(one, found, probes, rules) for one in report.results))


def _explained(
    result: Result, findings: Iterable[Finding], probes: Mapping[str, Probe], rules: Mapping[str, Rule]
) -> Result:
    if result.verdict is not Verdict.REFUTED or result.id not in probes:
        return result
    tied = {id: position for position, id in enumerate(rules_of(probes[result.id], rules))}
    names = frozenset(_names(result))
    own = sorted(
        (one for one in findings if one.rule in tied),
        key=lambda one: (not _is_named(one, names), SEVERITIES.index(one.severity or "note"), tied[one.rule]),
    )
    causes = dict.fromkeys(map(_cause, own))
    return replace(result, causes=tuple(causes)[:_MOST])


def _names(result: Result) -> Iterator[str]:
    """What the result's reason and evidence name; of a path each part."""
    for text in (result.outcome.reason, *(one.text for one in result.evidence)):
        yield from _NAME.findall(text)


def _is_named(finding: Finding, names: frozenset[str]) -> bool:
    """Whether what was seen names what the finding is about: its subject, or a file that its line names."""
    if finding.subject and finding.subject in names:
        return True
    return any(name in names for name in _NAME.findall(finding.snippet) if "." in name.strip("."))


def _cause(finding: Finding) -> Cause:
    place = finding.place
    said = shown(finding).strip() or finding.message
    return Cause(finding.rule, place.path or ".", place.line, said)
