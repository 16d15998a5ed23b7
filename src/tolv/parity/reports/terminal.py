"""The report for people: the three gaps as a table, then each difference with what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from tolv.check.reports.excerpt import columns
from tolv.check.reports.text import plain
from tolv.parity.model import GAPS, WORDS, Difference, Figure, Judgement, Parity
from tolv.parity.reports import View
from tolv.parity.reports.text import counted, message, remedy, shown, title

_STYLES = {"red": "31", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}
_COLOURS: dict[Judgement, str] = {"breaking": "red", "notable": "yellow", "harmless": "cyan"}
_MARKS: dict[Judgement, str] = {"breaking": "✗", "notable": "!", "harmless": "·"}
_NARROWEST = 60
_NAME = 30


def render(parity: Parity, view: View) -> str:
    """The table, the differences, and the count."""
    return "\n".join(_page(parity, view)) + "\n"


def _page(parity: Parity, view: View) -> Iterator[str]:
    yield f"{_paint('tolv parity', 'bold', view)} · {title(parity)}"
    yield _paint(f"measured {parity.measured}", "dim", view)
    width = (max(view.width, _NARROWEST) - _NAME - 4) // 2
    for gap in GAPS:
        yield ""
        heading = f"{gap.upper():<{_NAME}}  {_fit(plain(parity.left), width)}  {plain(parity.right)}"
        yield _paint(heading, "bold", view)
        for figure in parity.figures:
            if figure.gap == gap:
                yield from _row(figure, width, view)
    yield from _differences(parity, view)
    for one in parity.unmeasured:
        yield ""
        yield from _wrapped(f"not measured  {plain(one.what)}: {plain(one.why)}", view, "", "  ")
    yield ""
    yield _paint(counted(parity), "bold", view)


def _row(figure: Figure, width: int, view: View) -> Iterator[str]:
    """A figure: as many lines as its longer side needs."""
    sides = [textwrap.wrap(shown(figure, value), width) or ["-"] for value in (figure.left, figure.right)]
    mark = _paint("≠", "yellow", view) if _differs(figure) else " "
    name = figure.name
    for number in range(max(map(len, sides))):
        left, right = (lines[number] if number < len(lines) else "" for lines in sides)
        yield f"{mark} {_fit(plain(name), _NAME - 2)}  {_fit(left, width)}  {right}".rstrip()
        mark, name = " ", ""


def _differs(figure: Figure) -> bool:
    """Whether it is told by the table alone: of measures that are never equal it says nothing."""
    if figure.id == "tools.values":  # the same list on both sides
        return bool(figure.left)
    return figure.gap == "tools" and figure.left != figure.right


def _differences(parity: Parity, view: View) -> Iterator[str]:
    for one in parity.differences:
        if one.judgement != "harmless":
            yield ""
            yield from _difference(one, view)
    harmless = [one for one in parity.differences if one.judgement == "harmless"]
    if harmless:
        yield ""
        for one in harmless:
            said = f"{message(one)}: {remedy(one)}" if one.remedy else message(one)
            yield from _wrapped(f"{_MARKS[one.judgement]} {WORDS[one.judgement]}  {said}", view, "", "    ")


def _difference(one: Difference, view: View) -> Iterator[str]:
    head = f"{_MARKS[one.judgement]} {WORDS[one.judgement]}"
    lines = list(_wrapped(f"{head}  {message(one)}", view, "", "    "))
    yield lines[0].replace(head, _paint(head, _COLOURS[one.judgement], view), 1)
    yield from lines[1:]
    if said := remedy(one):
        yield from _wrapped(f"Remedy: {said}", view, "    ", "    ")


def _wrapped(text: str, view: View, first: str, rest: str) -> Iterator[str]:
    width = max(view.width, _NARROWEST)
    yield from textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _fit(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _paint(text: str, style: str, view: View) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if view.colour and text else text
