"""The report for people: the three gaps as a table, then each difference with what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from tolv.parity.model import GAPS, WORDS, Difference, Figure, Judgement, Parity
from tolv.parity.reports import View
from tolv.parity.reports.text import counted, message, remedy, shown, title
from tolv.reports.terminal import Paper, filled
from tolv.reports.text import plain

_COLOURS: dict[Judgement, str] = {"breaking": "red", "notable": "yellow", "harmless": "cyan"}
_MARKS: dict[Judgement, str] = {"breaking": "✗", "notable": "!", "harmless": "·"}
_NAME = 30


def render(parity: Parity, view: View) -> str:
    """The table, the differences, and the count."""
    return "\n".join(_page(parity, Paper(view.width, view.colour))) + "\n"


def _page(parity: Parity, paper: Paper) -> Iterator[str]:
    yield f"{paper.paint('tolv parity', 'bold')} · {title(parity)}"
    yield paper.paint(f"measured {parity.measured}", "dim")
    width = (paper.width - _NAME - 4) // 2
    for gap in GAPS:
        yield ""
        heading = f"{gap.upper():<{_NAME}}  {filled(plain(parity.left), width)}  {plain(parity.right)}"
        yield paper.paint(heading, "bold")
        for figure in parity.figures:
            if figure.gap == gap:
                yield from _row(figure, width, paper)
    yield from _differences(parity, paper)
    for one in parity.unmeasured:
        yield ""
        yield from paper.wrapped(f"not measured  {plain(one.what)}: {plain(one.why)}", "", "  ")
    yield ""
    yield paper.paint(counted(parity), "bold")


def _row(figure: Figure, width: int, paper: Paper) -> Iterator[str]:
    """A figure: as many lines as its longer side needs."""
    sides = [textwrap.wrap(shown(figure, value), width) or ["-"] for value in (figure.left, figure.right)]
    mark = paper.paint("≠", "yellow") if _differs(figure) else " "
    name = figure.name
    for number in range(max(map(len, sides))):
        left, right = (lines[number] if number < len(lines) else "" for lines in sides)
        yield f"{mark} {filled(plain(name), _NAME - 2)}  {filled(left, width)}  {right}".rstrip()
        mark, name = " ", ""


def _differs(figure: Figure) -> bool:
    """Whether it is told by the table alone: of measures that are never equal it says nothing."""
    if figure.id == "tools.values":  # the same list on both sides
        return bool(figure.left)
    return figure.gap == "tools" and figure.left != figure.right


def _differences(parity: Parity, paper: Paper) -> Iterator[str]:
    for one in parity.differences:
        if one.judgement != "harmless":
            yield ""
            yield from _difference(one, paper)
    harmless = [one for one in parity.differences if one.judgement == "harmless"]
    if harmless:
        yield ""
        for one in harmless:
            said = f"{message(one)}: {remedy(one)}" if one.remedy else message(one)
            yield from paper.wrapped(f"{_MARKS[one.judgement]} {WORDS[one.judgement]}  {said}", "", "    ")


def _difference(one: Difference, paper: Paper) -> Iterator[str]:
    head = f"{_MARKS[one.judgement]} {WORDS[one.judgement]}"
    lines = list(paper.wrapped(f"{head}  {message(one)}", "", "    "))
    yield lines[0].replace(head, paper.paint(head, _COLOURS[one.judgement]), 1)
    yield from lines[1:]
    if said := remedy(one):
        yield from paper.wrapped(f"Remedy: {said}", "    ", "    ")
