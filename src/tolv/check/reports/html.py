"""One page that needs nothing else, neither script nor picture from elsewhere: for who decides what is done next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tolv.check.answered import counted
from tolv.check.grade import RULE, grade
from tolv.check.model import FactorReport, Finding, Report
from tolv.check.reports import View
from tolv.check.reports.excerpt import excerpt
from tolv.check.reports.questions import questions
from tolv.check.reports.ring import css_class, ring
from tolv.check.reports.summary import MARKS
from tolv.check.reports.text import by_weight, commit, fix, place, probe_hint, severity, verdict, why
from tolv.reports.html import page, text
from tolv.reports.text import amount, plain


def render(reports: Sequence[Report], view: View) -> str:
    """The page."""
    title = "tolv check: " + ", ".join(plain(report.app) for report in reports)
    body = "".join(f"<article>{''.join(_article(report, view))}</article>" for report in reports)
    return page(title, body)


def _article(report: Report, view: View) -> Iterator[str]:
    sha = commit(report)
    facts = [f"at {sha}" if sha else "", ", ".join(report.languages), " + ".join(report.processes)]
    facts += [amount(report.files, "file"), amount(report.lines, "line"), amount(report.rules, "rule")]
    yield f"<h1>{text(report.app)}</h1><p class=soft>{text(' · '.join(filter(None, facts)))}</p>"
    yield f"<div class=head>{ring(report)}<div>{''.join(_brief(report))}</div></div>"
    yield "<h2>The five questions</h2><table>" + "".join(_question(report)) + "</table>"
    yield "<h2>The factors</h2><table>" + "".join(map(_row, report.factors)) + "</table>"
    for factor in report.factors:
        if factor.findings:
            yield from _section(report, factor, view)
    yield from _rest(report)


def _brief(report: Report) -> Iterator[str]:
    """What it comes to, in words."""
    held = sum(one.verdict == "holds" for one in report.factors)
    debt = [one for one in report.factors if one.verdict == "findings"]
    unsure = [one for one in report.factors if one.verdict == "cannot tell"]
    yield f"<p><strong>{amount(held, 'factor holds', 'factors hold')}</strong>, each with evidence. "
    if debt:
        names = ", ".join(one.factor.title for one in debt)
        yield f"<strong>{len(debt)}</strong> in debt: {text(names)}. "
    if unsure:
        names = ", ".join(one.factor.title for one in unsure)
        yield f"<strong>{len(unsure)}</strong> cannot be told by reading alone: {text(names)}. "
    yield f"</p><p>{text(counted(report.findings) or 'Nothing found')}"
    if report.suppressed:
        yield f", {len(report.suppressed)} answered for"
    yield f". Grade: {text(str(grade(report)))} <span class=soft>({text(RULE)})</span>.</p><p>"
    for kind, (mark, meaning) in MARKS.items():
        yield f'<span class="badge {kind.replace(" ", "-")}">{mark} {meaning}</span> '
    yield "</p>"


def _question(report: Report) -> Iterator[str]:
    for one in questions(report):
        kind = {"yes": "holds", "no": "error", "in part": "warning"}.get(one.answer, "cannot-tell")
        yield f'<tr><td><span class="badge {kind}">{one.answer}</span></td><td>{text(one.question)}</td>'
        yield f"<td class=soft>{text(one.because)}</td></tr>"


def _row(factor: FactorReport) -> str:
    said = factor.why
    if factor.verdict == "cannot tell" and (hint := probe_hint(factor)):
        said = f"{said}; {hint}" if said else hint
    name = f"{factor.factor.label} {factor.factor.title}"
    named = f'<a href="#{factor.factor.label}">{text(name)}</a>' if factor.findings else text(name)
    badge = f'<span class="badge {css_class(factor)}">{verdict(factor)}</span>'
    return f"<tr><td>{named}</td><td>{badge}</td><td>{text(said)}</td></tr>"


def _section(report: Report, factor: FactorReport, view: View) -> Iterator[str]:
    yield f'<section id="{factor.factor.label}"><h2>{factor.factor.label} {text(factor.factor.title)}</h2>'
    yield f"<p class=soft>{text(factor.factor.rule)}.</p>"
    explained: set[str] = set()
    for finding in by_weight(factor.findings):
        yield from _finding(report, finding, view, first=finding.rule not in explained)
        explained.add(finding.rule)
    yield "</section>"


def _finding(report: Report, finding: Finding, view: View, *, first: bool) -> Iterator[str]:
    grave = severity(finding)
    yield f'<div class="finding {grave}"><span class="badge {grave}">{grave}</span> <strong>{text(finding.message)}'
    yield f"</strong><br><span class=soft>{finding.rule} · <code>{text(place(finding))}</code></span>"
    rows = excerpt(report, finding, view, 140, before=1, after=1).rows
    if rows:
        lines = (
            f"<b>→ {row.number:>5}</b> {text(row.text)}" if row.marked else _line(row.number, row.text) for row in rows
        )
        yield "<pre>" + "\n".join(lines) + "</pre>"
    if first and (reason := why(finding, view)):
        yield f"<div>{text(reason)}</div>"
    if remedy := fix(finding, view):
        yield f"<div><strong>Fix.</strong> {text(remedy)}</div>"
    yield "</div>"


def _line(number: int, said: str) -> str:
    return f"  {number:>5} {text(said)}"


def _rest(report: Report) -> Iterator[str]:
    if report.suppressed:
        yield "<h2>Answered for</h2><table>"
        for one in report.suppressed:
            yield f"<tr><td>{one.finding.rule}</td><td><code>{text(place(one.finding))}</code></td>"
            yield f"<td>{one.state}</td><td>{text(one.reason)}</td></tr>"
        yield "</table>"
    if report.unread:
        yield "<h2>Not read</h2><table>"
        yield from (f"<tr><td><code>{text(one.path)}</code></td><td>{text(one.why)}</td></tr>" for one in report.unread)
        yield "</table>"
