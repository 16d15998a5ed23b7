"""Texts on a terminal: how wide they are, how they break, and their colours."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.reports.text import plain

_STYLES = {"red": "31", "yellow": "33", "green": "32", "cyan": "36", "dim": "2", "bold": "1"}
_NARROWEST = 60


def columns(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def fitted(text: str, room: int) -> str:
    """A text, cut with `…` where it takes more than `room` columns."""
    if columns(text) <= room:
        return text
    text = text[: 4 * room]
    while text and columns(text) >= room:
        text = text[:-1]
    return text.rstrip() + "…"


def filled(text: str, width: int) -> str:
    """A text with spaces behind it up to `width` columns."""
    return text + " " * (width - columns(text))


def broken(text: str, room: int) -> list[str]:
    """The lines of a text, each of at most so many columns, broken at spaces where it has any. Spaces within stay."""
    lines = []
    while columns(text[: 4 * room]) > room or len(text) > 4 * room:
        end, taken = 0, columns(text[0])
        while taken <= room or end == 0:
            end += 1
            taken += columns(text[end]) if end < len(text) else room
        space = text.rfind(" ", 1, end + 1)
        lines.append(text[: space if space > 0 else end].rstrip())
        text = text[space if space > 0 else end :].lstrip()
    return [*lines, text] if text or not lines else lines


@dataclass(frozen=True, slots=True)
class Paper:
    """What is written on: so many columns, at least sixty, with or without colour."""

    columns: int = 100
    colour: bool = False

    @property
    def width(self) -> int:
        return max(self.columns, _NARROWEST)

    def paint(self, text: str, style: str) -> str:
        """A text in a style: `red`, `bold` …"""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour and text else text

    def wrapped(self, text: str, first: str = "    ", rest: str | None = None) -> Iterator[str]:
        """The lines of a text; `first` and `rest` stand before its first line and the others."""
        rest = first if rest is None else rest
        for part in text.splitlines():
            yield from textwrap.wrap(
                plain(part), self.width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
            )
