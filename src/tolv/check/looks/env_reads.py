"""The variables that the code reads from its environment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Source, Value


@dataclass(frozen=True, slots=True)
class EnvRead:
    """One read of a variable."""

    name: str
    default: Value | None
    line: int
    column: int


env_reads: Look[EnvRead] = Look("env reads")


@env_reads.reads(
    "python",
    "javascript",
    "go",
    "java",
    "ruby",
    "php",
    words=("decouple", "viper", "pydantic_settings"),
    within=("env",),
)
def _read(source: Source) -> Iterator[EnvRead]:
    seen: set[tuple[str, int]] = set()
    for value in source.env_reads():
        line = source.lines[value.line - 1] if 0 < value.line <= len(source.lines) else ""
        if value.name and (value.name, value.line) not in seen and not _is_set(value.name, line):
            seen.add((value.name, value.line))
            default = value.default
            if default is None and _is_optional(value.name, line):
                default = Value("literal", "null", "null", (), value.line, value.column)
            yield EnvRead(value.name, default, value.line, value.column)


def _is_optional(name: str, line: str) -> bool:
    """The line says what there is without the variable: nothing."""
    return re.search(rf"""['"]{re.escape(name)}['"]\s*,\s*(?:default\s*=\s*)?(?:None|nil|null)\b""", line) is not None


def _is_set(name: str, line: str) -> bool:
    """The line gives the variable a value instead of reading it."""
    return (
        re.search(
            rf"""(?:[\[.]['"]?{re.escape(name)}['"]?\]?\s*=(?![=~>]))|setdefault\(\s*['"]{re.escape(name)}""", line
        )
        is not None
    )
