"""Secrets in provider format in source files: read as bytes, comments included, nothing is parsed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.facts.providers import find_secrets
from tolv.check.look import Look
from tolv.check.source import Source


@dataclass(frozen=True, slots=True)
class Leak:
    """One secret. What it is, not its value: sightings are kept on disk."""

    what: str
    line: int
    column: int
    public: bool


provider_secrets_seen: Look[Leak] = Look("provider secrets")


@provider_secrets_seen.reads("python", "javascript", "go", "java", "ruby", "php")
def _read(source: Source) -> Iterator[Leak]:
    yield from leaks_in(source.data)


def leaks_in(data: bytes) -> Iterator[Leak]:
    """The secrets in provider format of a text."""
    for found in find_secrets(data):
        yield Leak(found.form.name, found.line, found.column, found.form.public)
