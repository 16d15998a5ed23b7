"""The lines around a finding, with an arrow at its line and a caret at its column."""

from __future__ import annotations

from dataclasses import dataclass

from tolv.check.model import Finding, Report
from tolv.check.reports import View
from tolv.check.reports.hide import HIDDEN, hide
from tolv.reports.terminal import columns
from tolv.reports.text import plain

#: Characters of a line that are looked at: minified files have one line of millions.
_LONGEST = 4000
_TAB = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file."""

    number: int
    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is shown of a file."""

    rows: tuple[Row, ...]
    caret: int | None
    """Columns before the finding's, in its row."""


def excerpt(report: Report, finding: Finding, view: View, width: int, *, before: int = 1, after: int = 0) -> Excerpt:
    """The finding's line with some before and after, none longer than `width` columns, secrets hidden.

    Without the file, or where it is not any more what was checked, the line alone that the finding holds.
    """
    place = finding.place
    if place.line is None or not (finding.snippet or place.commit is None):
        return Excerpt((), None)
    lines = view.lines(report, place.path) if place.path and place.commit is None else None
    if not lines or not _same(lines[place.line - 1 : place.line], finding):
        text, caret = _cropped(finding.snippet, finding, width)
        return Excerpt((Row(place.line, text, True),) if finding.snippet else (), caret if finding.snippet else None)
    first, last = max(place.line - before, 1), min(place.line + after, len(lines))
    rows, caret = [], None
    for number in range(first, last + 1):
        marked = number == place.line
        text, at = _cropped(lines[number - 1], finding if marked else None, width, finding)
        caret = at if marked else caret
        rows.append(Row(number, text, marked))
    return Excerpt(tuple(rows), caret)


def shown(finding: Finding) -> str:
    """The finding's own line as it may be shown, cut at 200 columns."""
    return _cropped(finding.snippet, finding, 200)[0]


def _same(found: object, finding: Finding) -> bool:
    assert isinstance(found, (list, tuple))
    return bool(found) and (not finding.snippet or found[0].rstrip("\r\n") == finding.snippet.rstrip("\r\n"))


def _cropped(line: str, finding: Finding | None, width: int, of: Finding | None = None) -> tuple[str, int | None]:
    """A line as it is shown, and the columns before the finding's."""
    about = finding or of
    assert about is not None
    start = 0
    column = (about.place.column or 0) - 1 if finding else -1
    if column > _LONGEST // 2:
        start = column - _LONGEST // 2
    part = line[start : start + _LONGEST].rstrip()
    text = _drawn(hide(part, about.rule, about.place.path))
    if column < 0 or column - start > len(part):
        return _fitted(text, 0, width), None
    # What is hidden before the column moves it: hide what stands there in the same way.
    head = _drawn(hide(part[: column - start], about.rule, about.place.path))
    if not text.startswith(head):
        return _fitted(text, 0, width), None
    skip = _skipped(head, width // 2) if columns(text) > width else 0
    caret = columns(head[skip:]) + (1 if skip else 0)
    return _fitted(text, skip, width), caret


def _skipped(head: str, room: int) -> int:
    """Characters at the front of a text that leave no more than `room` columns behind them."""
    left = len(head)
    while left and room > 0:
        left -= 1
        room -= columns(head[left])
    return left


def _fitted(text: str, skip: int, width: int) -> str:
    text = (HIDDEN if skip else "") + text[skip:]
    if columns(text) <= width:
        return text
    while text and columns(text) >= width:
        text = text[: max(len(text) - max((columns(text) - width) // 2, 1), 0)]
    return text + HIDDEN


def _drawn(text: str) -> str:
    """Without tabs, and without what would steer a terminal."""
    return plain(text.expandtabs(_TAB))
