"""Texts in Markdown."""

from __future__ import annotations

import re
import textwrap

from tolv.reports.text import plain, plain_block

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def quoted(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", plain(text))


def prose(text: str) -> str:
    """The same, with what stands between ticks as code."""
    parts = re.split(r"`([^`\n]{1,200})`", text)
    return "".join(code(part) if position % 2 else quoted(part) for position, part in enumerate(parts))


def code(text: str) -> str:
    """A text as code, whatever ticks it has."""
    text = plain(text)
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def block(text: str, language: str = "text") -> str:
    """Lines as a block of code, whatever fences they have."""
    text = plain_block(textwrap.dedent(text).strip("\n"))
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def own(text: str) -> str:
    """A sentence of Tolv's own, which is Markdown already; what would be a tag is shown as it is."""
    return text.strip().replace("<", "&lt;")


def cell(text: str) -> str:
    """What is already Markdown, as a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")
