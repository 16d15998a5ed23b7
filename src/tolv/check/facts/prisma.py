"""Prisma's schema: which engine it is for, and where its address comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tolv.check.unit import Unit

_BLOCK = re.compile(r"(?m)^\s*datasource\s+\w+\s*\{([^}]*)\}")
_ENGINES = {"postgresql": "postgres", "postgres": "postgres", "mysql": "mysql", "sqlite": "sqlite",
            "sqlserver": "mssql", "mongodb": "mongodb", "cockroachdb": "postgres"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Datasource:
    """The `datasource` of a schema."""

    engine: str
    """Empty: another one."""
    variable: str | None
    """The variable that its URL is read from."""
    url: str | None
    """The URL that is written there."""
    path: str
    line: int
    """Of the URL, or of the block."""


def datasources(unit: Unit) -> tuple[Datasource, ...]:
    """Those of the unit's schemas."""
    found = []
    for file in unit.named("*.prisma"):
        text = unit.text(file.path) or ""
        match = _BLOCK.search(text)
        if match is None or file.context in ("test", "docs"):
            continue
        provider = re.search(r'provider\s*=\s*"(\w+)"', match[1])
        given = re.search(r'(?m)^\s*url\s*=\s*(?:env\("(\w+)"\)|"([^"]*)")', match[1])
        at = match.start(1) + (given.end() if given else 0)
        found.append(
            Datasource(
                _ENGINES.get(provider[1] if provider else "", ""),
                given[1] if given else None,
                given[2] if given else None,
                file.path,
                text.count("\n", 0, at) + 1,
            )
        )
    return tuple(found)
