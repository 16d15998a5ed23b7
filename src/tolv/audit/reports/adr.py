"""Architecture decision records: one for each factor in debt, with what is said and what is seen of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tolv.audit.model import Audit, FactorAudit
from tolv.audit.reports import View
from tolv.audit.reports.text import cause, proved, summary, title
from tolv.check.reports.adr import Record, consequences, context, decision, effort, heading
from tolv.check.reports.text import by_weight
from tolv.prove.model import Result, Verdict
from tolv.prove.reports.text import seen as evidence
from tolv.reports.markdown import code, prose, quoted

#: Lines of evidence of one result.
_EVIDENCE = 12


def render(audit: Audit, view: View) -> str:
    """How the app stands, then the records."""
    found = [one.text for one in records(audit, view)]
    return "\n".join([overview(audit), *(found or ["No factor is in debt.\n"])])


def overview(audit: Audit) -> str:
    """How the app stands, as Markdown."""
    return f"# {quoted(title(audit))}\n\n**{proved(audit)}**. {quoted(summary(audit))}.\n"


def records(audit: Audit, view: View) -> Iterator[Record]:
    """The records of a report: `0006-processes.md` for the sixth factor."""
    for factor in audit.factors:
        refuted = [one for one in factor.seen if one.verdict is Verdict.REFUTED]
        if refuted or (factor.said.verdict == "findings" and factor.said.findings):
            name = f"{factor.factor.number:04}-{factor.factor.slug}.md"
            yield Record(name, "\n".join(_record(audit, factor, refuted, view)) + "\n")


def _record(audit: Audit, factor: FactorAudit, refuted: list[Result], view: View) -> Iterator[str]:
    findings = by_weight(factor.said.findings)
    yield from heading(factor.factor, view.checked)
    yield from context(replace(audit.checked, app=audit.app), factor.factor, findings)
    for one in refuted:
        yield from _seen(one)
    yield from decision(findings, view.checked)
    for one in refuted:
        probe = view.probes.get(one.id)
        yield f"* {one.id}: {prose(probe.fix if probe else 'mend what was seen')}"
        if one.expected:
            yield f"    * expected so far: {quoted(one.expected)}"
    if refuted:
        yield ""
    yield from consequences(findings, view.checked)
    label = factor.factor.label
    if refuted:
        names = ",".join(one.id for one in refuted)
        yield f"Once it is done, `tolv prove --only {names}` proves it, and `tolv audit --only {label}` finds nothing."
    else:
        yield f"Once it is done, `tolv audit --only {label}` finds nothing, and a line in CI keeps it so."
    yield ""
    if findings:
        yield from effort(factor.factor, findings)


def _seen(one: Result) -> Iterator[str]:
    yield f"{one.id}, {quoted(one.title)}, was tried on the running app, and is refuted: {quoted(one.outcome.reason)}"
    yield ""
    yield from (f"* {code(evidence(found))}" for found in one.evidence[-_EVIDENCE:])
    yield from (f"* cause: {code(cause(found))}" for found in one.causes)
    if one.evidence or one.causes:
        yield ""
