"""The report for people: the factors in a table, then each finding with its line and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tolv.check.answered import counted
from tolv.check.grade import grade
from tolv.check.model import FactorReport, Finding, Report
from tolv.check.reports import View
from tolv.check.reports.excerpt import Excerpt, excerpt
from tolv.check.reports.text import by_weight, commit, fix, place, probe_hint, severity, verdict, why
from tolv.reports.terminal import Paper, columns, fitted
from tolv.reports.text import amount, plain

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
_MARKS = {"error": "✗", "warning": "!", "note": "·"}
#: Where the table's columns of verdict and evidence begin.
_TITLE, _VERDICT = 21, 16
_LEFT = 2 + 5 + _TITLE + _VERDICT
#: Files that are named as unread before it is only said how many more there are.
_UNREAD = 5
#: Findings of one rule that are shown where there are others.
_MOST = 10


def render(reports: Sequence[Report], view: View) -> str:
    """The reports, one below the other."""
    pages = ["\n".join(_page(report, _Paint(view))) for report in reports]
    return "\n\n".join(pages) + "\n"


class _Paint:
    """A view, and the paper that it is written on."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.paper = Paper(view.width, view.colour)
        self.width = self.paper.width

    def __call__(self, text: str, style: str) -> str:
        return self.paper.paint(text, style)


def _page(report: Report, paint: _Paint) -> Iterator[str]:
    yield _heading(report, paint)
    yield ""
    for factor in report.factors:
        yield _row(factor, paint)
    weighty = [one for one in by_weight(report.findings) if one.severity != "note"]
    most = _MOST if len({one.rule for one in weighty}) > 1 else len(weighty)
    said: dict[str, list[str | None]] = {}
    for finding in weighty:
        fixes = said.setdefault(finding.rule, [])
        if len(fixes) < most:
            yield ""
            yield from _finding(report, finding, paint, fixes)
        fixes.append(fix(finding, paint.view))
    for rule, fixes in said.items():
        if len(fixes) > most:
            yield ""
            yield f"and {len(fixes) - most} more of {rule}: tolv check --only {rule} shows them all"
    notes = [one for one in report.findings if one.severity == "note"]
    if notes:
        yield ""
        yield from (_note(one, paint) for one in notes)
    yield ""
    yield from _end(report, paint)


def _heading(report: Report, paint: _Paint) -> str:
    app, sha = plain(report.app), commit(report)
    parts = [
        f"{paint(app, 'bold')} at {sha}" if sha else paint(app, "bold"),
        " + ".join(report.languages),
        " + ".join(map(plain, report.processes)),
        f"{amount(report.rules, 'rule')}, {report.duration:.2f} s",
    ]
    return " · ".join([paint("tolv check", "bold"), *filter(None, parts)])


def _row(factor: FactorReport, paint: _Paint) -> str:
    said = verdict(factor)
    colour = {"holds": "green", "findings": "yellow"}.get(factor.verdict, "dim")
    if any(one.severity == "error" for one in factor.findings):
        colour = "red"
    head = f"  {factor.factor.label:<5}{factor.factor.title:<{_TITLE}}" + paint(f"{said:<{_VERDICT}}", colour)
    return (head + _evidence(factor, paint)).rstrip()


def _evidence(factor: FactorReport, paint: _Paint) -> str:
    room = paint.width - _LEFT
    weighty = [one for one in by_weight(factor.findings) if one.severity != "note"]
    if factor.verdict == "findings" and weighty:
        first = weighty[0]
        where = place(first) if first.place.path else ""
        text = f"{_MARKS[severity(first)]} {first.rule} {plain(first.message)}"
        if where and columns(text) + columns(where) + 3 <= room:
            return f"{text}   {paint(where, 'dim')}"
        return fitted(text, room)
    if factor.verdict == "cannot tell":
        hint = probe_hint(factor)
        text = plain(factor.why)
        whole = f"{text}; {hint}" if hint and text else hint or text
        return paint(fitted(whole if columns(whole) <= room else hint or text, room), "dim")
    return paint(fitted(plain(factor.why), room), "dim")


def _finding(report: Report, finding: Finding, paint: _Paint, said: Sequence[str | None]) -> Iterator[str]:
    """One finding; `said` are the fixes of its rule that came before: none is said twice, nor is the reason."""
    grave = severity(finding)
    unit = paint(f"  [{plain(finding.unit)}]", "dim") if finding.unit else ""
    head = f"{paint(place(finding), 'bold')}  {finding.rule}  {paint(f'{grave:<7}', _COLOURS[grave])}"
    yield f"{head} {plain(finding.message)}{unit}"
    yield from _lines(excerpt(report, finding, paint.view, paint.width - 12), grave, paint)
    for other in finding.also:
        yield f"    {paint('see also', 'dim')} {plain(str(other))}"
    reason, remedy = why(finding, paint.view), fix(finding, paint.view)
    if not said and reason:
        yield from paint.paper.wrapped(reason)
    if remedy not in said or not said:
        yield from _remedy(remedy, finding.rule, paint)


def _remedy(remedy: str | None, rule: str, paint: _Paint) -> Iterator[str]:
    hint = f"tolv explain {rule}"
    lines = list(paint.paper.wrapped(f"Fix: {remedy}")) if remedy else []
    if lines and columns(lines[-1]) + columns(hint) + 6 <= paint.width:
        lines[-1] += f"      {paint(hint, 'dim')}"
    else:
        lines.append(f"    {paint(hint, 'dim')}")
    yield from lines


def _lines(shown: Excerpt, grave: str, paint: _Paint) -> Iterator[str]:
    for row in shown.rows:
        arrow = paint("→", _COLOURS[grave]) if row.marked else " "
        yield f"  {arrow} {paint(f'{row.number:>5} |', 'dim')} {row.text}".rstrip()
        if row.marked and shown.caret is not None:
            yield f"    {paint('      |', 'dim')} {' ' * shown.caret}{paint('^', _COLOURS[grave])}"


def _note(finding: Finding, paint: _Paint) -> str:
    return f"{place(finding)}  {finding.rule}  {paint('note', 'cyan')}    {plain(finding.message)}"


def _end(report: Report, paint: _Paint) -> Iterator[str]:
    for one in report.unread[:_UNREAD]:
        yield f"{paint('unread', 'yellow')}  {plain(one.path)}: {plain(one.why)}"
    if len(report.unread) > _UNREAD:
        yield f"{paint('unread', 'yellow')}  and {len(report.unread) - _UNREAD} more; --json names them all"
    found = counted(report.findings) or "nothing found"
    parts = [f"{found} in {amount(report.files, 'file')}, {amount(report.lines, 'line')}"]
    if report.suppressed:
        parts.append(f"{len(report.suppressed)} answered for")
    parts.append(str(grade(report)))
    yield paint(" · ".join(parts), "bold")
