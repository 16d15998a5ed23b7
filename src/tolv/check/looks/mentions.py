"""Modules that a file mentions as imports, found by the look of its lines: a superset, without parsing.

An import inside a text or a comment is among them. A rule for which that matters asks `Source.imports`, of the files
that are left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Language, Source


@dataclass(frozen=True, slots=True)
class Mention:
    """One module, once a file."""

    module: str
    """As written."""
    top: str
    """What names its distribution: `flask` of `flask.views`, `@nestjs/core` of `@nestjs/core/testing`."""
    line: int


mentions: Look[Mention] = Look("mentions")

_PATTERNS: dict[Language, re.Pattern[bytes]] = {
    "python": re.compile(rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import\b|import[ \t]+([\w., \t]+))", re.MULTILINE),
    "javascript": re.compile(
        rb"""(?:\brequire\(\s*|\bfrom\s*|^\s*import\s*|\bimport\(\s*)["']([^"'\n]{1,200})["']""", re.MULTILINE
    ),
    "go": re.compile(rb"""^\s*(?:import\s+)?(?:[\w.]+\s+)?"([\w.~/-]{2,200})"\s*(?://.*)?$""", re.MULTILINE),
    "java": re.compile(rb"^\s*import\s+(?:static\s+)?([\w.]+(?:\.\*)?)\s*;", re.MULTILINE),
    "ruby": re.compile(rb"""^\s*require\s*\(?\s*["']([\w./-]+)["']""", re.MULTILINE),
    "php": re.compile(rb"^\s*use\s+(?:function\s+|const\s+)?\\?([\w\\]+)", re.MULTILINE),
}


@mentions.reads("python", "javascript", "go", "java", "ruby", "php")
def _read(source: Source) -> Iterator[Mention]:
    known: set[str] = set()
    row, position = 1, 0
    for match in _PATTERNS[source.language].finditer(source.data):
        row += source.data.count(b"\n", position, match.start(match.lastindex or 0))
        position = match.start(match.lastindex or 0)
        for text in (match[match.lastindex or 0] or b"").decode("utf-8", "replace").split(","):
            module = text.split(" as ")[0].strip()
            if module and module not in known:
                known.add(module)
                yield Mention(module, top_of(module, source.language), row)


def top_of(module: str, language: Language) -> str:
    """The part of a module's name that names its distribution."""
    if language == "python":
        return module.partition(".")[0]
    if language == "javascript":
        parts = module.split("/")
        return "/".join(parts[:2]) if module.startswith("@") else parts[0]
    if language == "ruby":
        return module.partition("/")[0]
    return module
