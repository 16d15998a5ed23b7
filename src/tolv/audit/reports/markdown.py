"""The report as Markdown, for a wiki, an issue or the summary of a CI run."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.audit.model import Audit, Contradiction, FactorAudit, Step
from tolv.audit.reports import View
from tolv.audit.reports.text import (
    MARKS,
    cause,
    facts,
    mark,
    proved,
    said,
    seen,
    settled,
    summary,
    title,
)
from tolv.prove.model import Result, Verdict
from tolv.prove.reports.text import seen as evidence
from tolv.reports.markdown import block, code, prose, quoted


def render(audit: Audit, view: View) -> str:
    """The page."""
    return "\n".join(_page(audit, view)) + "\n"


def _page(audit: Audit, view: View) -> Iterator[str]:
    yield f"# {quoted(title(audit))}"
    yield ""
    yield f"**{proved(audit)}**. {quoted(summary(audit))}."
    yield ""
    yield quoted(" · ".join(facts(audit)))
    yield ""
    yield from (f"* {quoted(note)}" for note in audit.proved.notes)
    if audit.contradictions:
        yield ""
        yield "## Check and prove contradict each other"
        for one in audit.contradictions:
            yield from _contradiction(one)
    yield ""
    yield "## The factors"
    yield ""
    yield "| | factor | stands | said | seen |"
    yield "| --- | --- | --- | --- | --- |"
    yield from map(_row, audit.factors)
    yield ""
    yield from _todo(audit)
    for factor in audit.factors:
        yield from _section(factor, view)


def _contradiction(one: Contradiction) -> Iterator[str]:
    yield ""
    yield f"* **{one.factor}** said: {quoted(one.rule + ' ') if one.rule else ''}{prose(one.said)}"
    yield f"  <br>seen: {_verdict(one.seen)}"
    yield from (f"    * {code(evidence(found))}" for found in one.seen.evidence)


def _row(one: FactorAudit) -> str:
    stands = f"{mark(one)} {one.standing}"
    return f"| {one.factor.label} | {one.factor.title} | {stands} | {said(one)} | {seen(one)} |"


def _todo(audit: Audit) -> Iterator[str]:
    if not audit.todo:
        return
    yield "## To do"
    yield ""
    yield from (_step(one) for one in audit.todo if one.kind != "add")
    additions = [one for one in audit.todo if one.kind == "add"]
    if additions:
        yield ""
        yield "Add to `[prove]` of `tolv.toml` what the app has of these:"
        yield ""
        yield block("\n".join(f"{one.fix}  # {one.what}" for one in additions), "toml")
    yield ""


def _step(step: Step) -> str:
    rules = f" ({', '.join(step.rules)})" if step.rules else ""
    where = f"\n   <br>{', '.join(map(code, step.places))}{rules}" if step.places else ""
    fix = f"\n   <br>*Fix:* {prose(step.fix)}" if step.fix else ""
    return f"1. **{step.id}** {prose(step.what)}{where}{fix}"


def _section(factor: FactorAudit, view: View) -> Iterator[str]:
    shown = [one for one in factor.seen if one.verdict is not Verdict.NOT_APPLICABLE]
    if not shown and not factor.settled:
        return
    yield f"## {factor.factor.label} {factor.factor.title}"
    yield ""
    yield f"{factor.factor.rule}."
    yield ""
    yield f"* said: {said(factor)}" + (f": {quoted(factor.said.why)}" if factor.said.why else "")
    yield from (f"* could not be told by reading: {quoted(settled(one))}" for one in factor.settled)
    for one in shown:
        yield from _result(one, view)
    yield ""


def _result(one: Result, view: View) -> Iterator[str]:
    yield f"* {_verdict(one)}"
    if one.expected:
        yield f"    * expected: {quoted(one.expected)}"
    if one.verdict in (Verdict.REFUTED, Verdict.UNSTABLE) or view.verbose:
        yield from (f"    * {found.kind}: {code(evidence(found))}" for found in one.evidence)
    yield from (f"    * cause: {code(cause(found))}" for found in one.causes)


def _verdict(one: Result) -> str:
    return f"{MARKS[one.verdict]} **{one.id}** {quoted(one.title)}: {one.verdict}: {quoted(one.outcome.reason)}"
