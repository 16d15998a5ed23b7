"""The variables that the code reads from its environment."""

from __future__ import annotations

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
        if value.name and (value.name, value.line) not in seen:
            seen.add((value.name, value.line))
            yield EnvRead(value.name, value.default, value.line, value.column)
