"""One page that needs nothing else, neither script nor picture from elsewhere: for who decides what is done next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from tolv.check.answered import counted
from tolv.check.grade import RULE, grade
from tolv.check.model import FactorReport, Finding, Report
from tolv.check.reports import View
from tolv.check.reports.excerpt import excerpt
from tolv.check.reports.questions import questions
from tolv.check.reports.ring import css_class, ring
from tolv.check.reports.summary import MARKS
from tolv.check.reports.text import (
    amount,
    by_weight,
    commit,
    fix,
    place,
    plain,
    probe_hint,
    severity,
    verdict,
    why,
)

#: The look of a page.
STYLE = """
:root{--ink:#1c2430;--paper:#fff;--soft:#667085;--line:#dfe3ea;--panel:#f6f7f9;--holds:#2e7d4f;--warning:#b7791f;
--error:#b3261e;--open:#8a94a6;--none:#c9cfda}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--paper:#14181f;--soft:#9aa4b5;--line:#2c333f;--panel:#1c222b;
--holds:#4caf7d;--warning:#d9a441;--error:#ef6a60;--open:#6b7588;--none:#3a4250}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:64rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.9rem;margin:0 0 .3rem}h2{margin:2.6rem 0 .4rem;font-size:1.3rem;border-top:1px solid var(--line);
padding-top:1.2rem}h3{margin:1.4rem 0 .2rem;font-size:1rem}
.soft{color:var(--soft)}.head{display:flex;flex-wrap:wrap;gap:2rem;align-items:center;margin-top:1rem}
.ring{width:20rem;max-width:100%;flex:none}.ring text{text-anchor:middle;font-size:13px;font-weight:600;fill:#fff}
.ring .mark{font-size:12px;font-weight:400}.ring .grade{font-size:40px;fill:var(--ink)}
.ring .below{font-size:12px;font-weight:400;fill:var(--soft)}
.holds path{fill:var(--holds)}.error path{fill:var(--error)}.warning path{fill:var(--warning)}
.cannot-tell path{fill:var(--open)}.not-applicable path{fill:var(--none)}.ring .not-applicable text{fill:var(--ink)}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);
vertical-align:top}
td:first-child{white-space:nowrap}
.badge{display:inline-block;border-radius:.7rem;padding:0 .6rem;color:#fff;font-size:.85rem;white-space:nowrap}
.badge.holds{background:var(--holds)}.badge.error{background:var(--error)}.badge.warning{background:var(--warning)}
.badge.cannot-tell,.badge.note{background:var(--open)}.badge.not-applicable{background:var(--none);color:var(--ink)}
.finding{margin:1rem 0;padding:.7rem 1rem;background:var(--panel);border-left:4px solid var(--open);border-radius:4px}
.finding.error{border-color:var(--error)}.finding.warning{border-color:var(--warning)}
pre{overflow-x:auto;margin:.5rem 0;padding:.5rem .7rem;background:var(--paper);border:1px solid var(--line);
border-radius:4px;font:13px/1.5 ui-monospace,monospace}pre b{color:var(--error)}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}a{color:inherit}
@media print{.finding{break-inside:avoid}}
"""


def render(reports: Sequence[Report], view: View) -> str:
    """The page."""
    title = "tolv check: " + ", ".join(plain(report.app) for report in reports)
    body = "".join(f"<article>{''.join(_article(report, view))}</article>" for report in reports)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{_text(title)}</title><style>{STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>\n"
    )


def _article(report: Report, view: View) -> Iterator[str]:
    sha = commit(report)
    facts = [f"at {sha}" if sha else "", ", ".join(report.languages), " + ".join(report.processes)]
    facts += [amount(report.files, "file"), amount(report.lines, "line"), amount(report.rules, "rule")]
    yield f"<h1>{_text(report.app)}</h1><p class=soft>{_text(' · '.join(filter(None, facts)))}</p>"
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
        yield f"<strong>{len(debt)}</strong> in debt: {_text(names)}. "
    if unsure:
        names = ", ".join(one.factor.title for one in unsure)
        yield f"<strong>{len(unsure)}</strong> cannot be told by reading alone: {_text(names)}. "
    yield f"</p><p>{_text(counted(report.findings) or 'Nothing found')}"
    if report.suppressed:
        yield f", {len(report.suppressed)} answered for"
    yield f". Grade: {_text(str(grade(report)))} <span class=soft>({_text(RULE)})</span>.</p><p>"
    for kind, (mark, meaning) in MARKS.items():
        yield f'<span class="badge {kind.replace(" ", "-")}">{mark} {meaning}</span> '
    yield "</p>"


def _question(report: Report) -> Iterator[str]:
    for one in questions(report):
        kind = {"yes": "holds", "no": "error", "in part": "warning"}.get(one.answer, "cannot-tell")
        yield f'<tr><td><span class="badge {kind}">{one.answer}</span></td><td>{_text(one.question)}</td>'
        yield f"<td class=soft>{_text(one.because)}</td></tr>"


def _row(factor: FactorReport) -> str:
    said = factor.why
    if factor.verdict == "cannot tell" and (hint := probe_hint(factor)):
        said = f"{said}; {hint}" if said else hint
    name = f"{factor.factor.label} {factor.factor.title}"
    named = f'<a href="#{factor.factor.label}">{_text(name)}</a>' if factor.findings else _text(name)
    badge = f'<span class="badge {css_class(factor)}">{verdict(factor)}</span>'
    return f"<tr><td>{named}</td><td>{badge}</td><td>{_text(said)}</td></tr>"


def _section(report: Report, factor: FactorReport, view: View) -> Iterator[str]:
    yield f'<section id="{factor.factor.label}"><h2>{factor.factor.label} {_text(factor.factor.title)}</h2>'
    yield f"<p class=soft>{_text(factor.factor.rule)}.</p>"
    explained: set[str] = set()
    for finding in by_weight(factor.findings):
        yield from _finding(report, finding, view, first=finding.rule not in explained)
        explained.add(finding.rule)
    yield "</section>"


def _finding(report: Report, finding: Finding, view: View, *, first: bool) -> Iterator[str]:
    grave = severity(finding)
    yield f'<div class="finding {grave}"><span class="badge {grave}">{grave}</span> <strong>{_text(finding.message)}'
    yield f"</strong><br><span class=soft>{finding.rule} · <code>{_text(place(finding))}</code></span>"
    rows = excerpt(report, finding, view, 140, before=1, after=1).rows
    if rows:
        lines = (
            f"<b>→ {row.number:>5}</b> {_text(row.text)}" if row.marked else _line(row.number, row.text) for row in rows
        )
        yield "<pre>" + "\n".join(lines) + "</pre>"
    if first and (reason := why(finding, view)):
        yield f"<div>{_text(reason)}</div>"
    if remedy := fix(finding, view):
        yield f"<div><strong>Fix.</strong> {_text(remedy)}</div>"
    yield "</div>"


def _line(number: int, text: str) -> str:
    return f"  {number:>5} {_text(text)}"


def _rest(report: Report) -> Iterator[str]:
    if report.suppressed:
        yield "<h2>Answered for</h2><table>"
        for one in report.suppressed:
            yield f"<tr><td>{one.finding.rule}</td><td><code>{_text(place(one.finding))}</code></td>"
            yield f"<td>{one.state}</td><td>{_text(one.reason)}</td></tr>"
        yield "</table>"
    if report.unread:
        yield "<h2>Not read</h2><table>"
        yield from (
            f"<tr><td><code>{_text(one.path)}</code></td><td>{_text(one.why)}</td></tr>" for one in report.unread
        )
        yield "</table>"


def _text(text: str) -> str:
    return escape(plain(text))
