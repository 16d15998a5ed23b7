"""One page that needs nothing else, neither script nor picture from elsewhere: for who decides what is done next."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.audit.model import Audit, Contradiction, FactorAudit, Standing, Step
from tolv.audit.reports import View
from tolv.audit.reports.text import (
    MARKS,
    cause,
    claim,
    facts,
    mark,
    proved,
    said,
    seen,
    settled,
    summary,
    title,
)
from tolv.audit.reports.text import result as in_one_line
from tolv.prove.model import Result, Verdict
from tolv.prove.reports.text import seen as evidence
from tolv.reports.html import page, text

#: The class of a badge.
_STANDINGS: dict[Standing, str] = {
    "refuted": "error",
    "findings": "error",
    "proved": "holds",
    "holds": "holds",
    "open": "cannot-tell",
    "not applicable": "not-applicable",
}
_VERDICTS: dict[Verdict, str] = {
    Verdict.PROVED: "holds",
    Verdict.REFUTED: "error",
    Verdict.ADVISORY: "warning",
    Verdict.UNSTABLE: "warning",
    Verdict.NOT_PROVABLE: "cannot-tell",
    Verdict.NOT_APPLICABLE: "not-applicable",
}


def render(audit: Audit, view: View) -> str:
    """The page."""
    return page(f"tolv audit: {title(audit)}", "".join(_body(audit, view)))


def _body(audit: Audit, view: View) -> Iterator[str]:
    yield f"<h1>{text(title(audit))}</h1><p class=soft>{text(' · '.join(facts(audit)))}</p>"
    yield f"<p><strong>{proved(audit)}</strong>. {text(summary(audit))}.</p>"
    yield "".join(f"<p class=soft>{text(note)}</p>" for note in audit.proved.notes)
    if audit.contradictions:
        yield "<h2>Check and prove contradict each other</h2>"
        yield from map(_contradiction, audit.contradictions)
    yield "<h2>The factors</h2><table><tr><th>factor</th><th>stands</th><th>said</th><th>seen</th></tr>"
    yield from map(_row, audit.factors)
    yield "</table>"
    yield from _todo(audit)
    for factor in audit.factors:
        yield from _section(factor, view)


def _contradiction(one: Contradiction) -> str:
    return (
        f'<div class="finding warning"><strong>{one.factor}</strong> said: {text(claim(one))}<br>'
        f"seen: {_badge(one.seen.verdict)} {text(in_one_line(one.seen))}{_evidence(one.seen)}</div>"
    )


def _row(one: FactorAudit) -> str:
    sign = mark(one)
    kind = "warning" if sign == "!" else _STANDINGS[one.standing]
    stands = f'<span class="badge {kind}">{sign} {one.standing}</span>'
    name = f'<a href="#{one.factor.label}">{one.factor.label} {text(one.factor.title)}</a>'
    return f"<tr><td>{name}</td><td>{stands}</td><td>{text(said(one))}</td><td>{text(seen(one))}</td></tr>"


def _todo(audit: Audit) -> Iterator[str]:
    if not audit.todo:
        return
    yield "<h2>To do</h2><ol>"
    yield from (_step(one) for one in audit.todo if one.kind != "add")
    yield "</ol>"
    additions = [one for one in audit.todo if one.kind == "add"]
    if additions:
        lines = "\n".join(f"{one.fix}  # {one.what}" for one in additions).split("\n")
        yield "<p>Add to <code>[prove]</code> of <code>tolv.toml</code> what the app has of these:</p>"
        yield f"<pre>{chr(10).join(map(text, lines))}</pre>"


def _step(step: Step) -> str:
    rules = f" ({', '.join(step.rules)})" if step.rules else ""
    where = f"<br><span class=soft>{text(', '.join(step.places))}{rules}</span>" if step.places else ""
    fix = f"<br><strong>Fix.</strong> {text(step.fix)}" if step.fix else ""
    return f"<li><strong>{text(step.id)}</strong> {text(step.what)}{where}{fix}</li>"


def _section(factor: FactorAudit, view: View) -> Iterator[str]:
    label = factor.factor.label
    yield f'<section id="{label}"><h2>{label} {text(factor.factor.title)}</h2>'
    yield f"<p class=soft>{text(factor.factor.rule)}.</p>"
    why = f": {text(factor.said.why)}" if factor.said.why else ""
    yield f"<p>Said: {text(said(factor))}{why}</p>"
    for one in factor.settled:
        yield f"<p class=soft>Could not be told by reading: {text(settled(one))}</p>"
    for result in factor.seen:
        yield _result(result, view)
    yield "</section>"


def _result(one: Result, view: View) -> str:
    kind = _VERDICTS[one.verdict]
    shown = one.verdict in (Verdict.REFUTED, Verdict.UNSTABLE) or view.verbose
    return (
        f'<div class="finding {kind}">{_badge(one.verdict)} <strong>{one.id}</strong> {text(one.title)}'
        f"<br>{text(one.outcome.reason)}"
        + (f"<br><span class=soft>expected: {text(one.expected)}</span>" if one.expected else "")
        + (_evidence(one) if shown else "")
        + "".join(f"<div>Cause: <code>{text(cause(found))}</code></div>" for found in one.causes)
        + "</div>"
    )


def _evidence(one: Result) -> str:
    if not one.evidence:
        return ""
    lines = (f"{found.at:>7.2f} {found.kind:<8}{evidence(found)}" for found in one.evidence)
    return "<pre>" + "\n".join(map(text, lines)) + "</pre>"


def _badge(verdict: Verdict) -> str:
    return f'<span class="badge {_VERDICTS[verdict]}">{MARKS[verdict]} {verdict}</span>'
