"""Texts that come from elsewhere, as any format may show them."""

from __future__ import annotations

import re
from typing import Literal

Level = Literal["error", "warning", "note"]
"""How grave something is, for formats that ask for it."""

#: Control characters, and those that turn the direction of text: a file name must not draw a report of its own.
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """A text on one line, with what is not to be printed as escapes."""
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def plain_block(text: str) -> str:
    """The same of a text that may have several lines."""
    return "\n".join(map(plain, text.split("\n")))


def amount(number: int, one: str, many: str | None = None) -> str:
    """`1 file`, `1 200 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}".replace(",", " ")


def short_commit(commit: str | None) -> str | None:
    """`a975ef6`, `a975ef6-dirty`; None outside git."""
    if not commit:
        return None
    sha, dash, dirty = commit.partition("-")
    return plain(f"{sha[:7]}{dash}{dirty}")
