"""Many repositories in one table: a row each, a column for each factor, the best first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tolv.check.grade import RULE, grade
from tolv.check.model import FactorReport, Report
from tolv.check.reports import View
from tolv.check.reports.text import commit
from tolv.factors import FACTORS
from tolv.reports.terminal import columns
from tolv.reports.text import plain

#: What a cell shows, and what it means.
MARKS = {
    "holds": ("●", "holds"),
    "error": ("✗", "an error"),
    "warning": ("!", "warnings"),
    "cannot tell": ("?", "cannot tell"),
    "not applicable": ("–", "not applicable"),
}
_COLOURS = {"●": "32", "✗": "31", "!": "33", "?": "2", "–": "2"}


def render(format: str, reports: Sequence[Report], view: View) -> str:
    """The table as `terminal`, `markdown` or `json`."""
    ranked = sorted(reports, key=_rank)
    if format == "json":
        return json.dumps([_row_data(one) for one in ranked], indent=2, ensure_ascii=False) + "\n"
    return "\n".join((_markdown if format == "markdown" else _terminal)(ranked, view)) + "\n"


def standing(factor: FactorReport) -> str:
    """The key of `MARKS` for a factor."""
    if factor.verdict != "findings":
        return factor.verdict
    return "error" if any(one.severity == "error" for one in factor.findings) else "warning"


def _rank(report: Report) -> tuple[float, int, str]:
    percent = grade(report).percent
    return -(percent if percent is not None else -1), _number(report, "error"), report.app


def _number(report: Report, severity: str) -> int:
    return sum(one.severity == severity for one in report.findings)


def _terminal(reports: Sequence[Report], view: View) -> Iterator[str]:
    names = [_name(one) for one in reports]
    width = max([len("APP"), *map(columns, names)])
    labels = [factor.label for factor in FACTORS]
    heading = f"{'APP':<{width}}  " + " ".join(labels) + "   GRADE  ERRORS  WARNINGS"
    yield f"\x1b[1m{heading}\x1b[0m" if view.colour else heading
    for name, report in zip(names, reports, strict=True):
        marks = {one.factor.label: MARKS[standing(one)][0] for one in report.factors}
        cells = " ".join(_painted(marks.get(label, " "), len(label), view) for label in labels)
        percent = grade(report).percent
        shown = "-" if percent is None else f"{percent} %"
        tail = f"{shown:>8}  {_number(report, 'error'):>6}  {_number(report, 'warning'):>8}"
        yield f"{name}{' ' * (width - columns(name))}  {cells}{tail}"
    yield ""
    yield _legend()


def _painted(mark: str, width: int, view: View) -> str:
    text = f"{mark:^{width}}"
    return f"\x1b[{_COLOURS[mark]}m{text}\x1b[0m" if view.colour and mark in _COLOURS else text


def _markdown(reports: Sequence[Report], view: View) -> Iterator[str]:
    labels = [factor.label for factor in FACTORS]
    yield f"| app | {' | '.join(labels)} | grade | errors | warnings |"
    yield "| --- |" + " :-: |" * len(labels) + " --: |" * 3
    for report in reports:
        marks = {one.factor.label: MARKS[standing(one)][0] for one in report.factors}
        percent = grade(report).percent
        cells = [marks.get(label, "") for label in labels]
        tail = ["-" if percent is None else f"{percent} %", _number(report, "error"), _number(report, "warning")]
        yield f"| {_name(report).replace('|', chr(92) + '|')} | {' | '.join(map(str, [*cells, *tail]))} |"
    yield ""
    yield _legend()


def _legend() -> str:
    return " · ".join(f"{mark} {meaning}" for mark, meaning in MARKS.values()) + f"\nGrade: {RULE}."


def _name(report: Report) -> str:
    sha = commit(report)
    return f"{plain(report.app)} {sha}" if sha else plain(report.app)


def _row_data(report: Report) -> dict[str, Any]:
    standings = {one.factor.label: one.verdict for one in report.factors}
    return {
        "app": report.app,
        "root": report.root,
        "commit": report.commit,
        "verdicts": standings,
        "errors": _number(report, "error"),
        "warnings": _number(report, "warning"),
        "notes": _number(report, "note"),
        "grade": grade(report).percent,
    }
