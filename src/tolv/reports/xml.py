"""Texts in JUnit's XML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from tolv.reports.text import plain

#: What no XML may hold, not even escaped.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def content(lines: Sequence[str]) -> str:
    """Lines as the text of an element."""
    return escape(_FORBIDDEN.sub("�", "\n".join(lines)))


def attribute(value: object) -> str:
    """A value as an attribute, with its quotes."""
    return quoteattr(_FORBIDDEN.sub("�", plain(str(value))))
