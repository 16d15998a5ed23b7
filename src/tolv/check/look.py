"""Looks: what is taken from each source file, once, in parallel, and kept by the file's content.

A rule judges a whole app; a look reads one file. What a look yields must be a frozen dataclass of plain values, as it
crosses processes and is cached. A look knows nothing of where the file lies: its path, its context and its unit are the
judge's business, so that a cached answer can never be stale.

    listens = Look("listens")

    @listens.reads("python", words=("run", "serve", "bind"))
    def _python(source: Source) -> Iterator[Listen]:
        for call in source.calls("flask.Flask.run", "uvicorn.run"):
            yield Listen(port=call.argument(1, "port"), line=call.line, column=call.column)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tolv.check.source import Language, Source

Sighting = TypeVar("Sighting")
Reading = Callable[[Source], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Reader:
    """How a look reads one language."""

    read: Reading
    words: frozenset[bytes]
    """One of these identifiers must be in the file …"""
    within: tuple[bytes, ...]
    """… or one identifier, lower case, must hold one of these. With neither, every file is read."""

    def wants(self, words: frozenset[bytes], lower: bytes) -> bool:
        """Whether a file with these identifiers can have something for the look; `lower`: all of them, in one text."""
        if not self.words and not self.within:
            return True
        if not self.words.isdisjoint(words):
            return True
        return any(part in lower for part in self.within)


@dataclass(eq=False, slots=True)
class Look(Generic[Sighting]):
    """One kind of thing that is looked for in every source file; module-level, with a unique name."""

    name: str
    readers: dict[Language, Reader] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name in LOOKS:
            raise ValueError(f"two looks are called {self.name}")
        LOOKS[self.name] = self

    def reads(
        self, *languages: Language, words: Iterable[str] = (), within: Iterable[str] = ()
    ) -> Callable[[Callable[[Source], Iterator[Sighting]]], Callable[[Source], Iterator[Sighting]]]:
        """Declare how these languages are read: only files with one of `words`, or of whose identifiers one holds one
        of `within` (lower case), are parsed for it."""

        def declare(read: Callable[[Source], Iterator[Sighting]]) -> Callable[[Source], Iterator[Sighting]]:
            reader = Reader(read, frozenset(word.encode() for word in words), tuple(w.encode() for w in within))
            for language in languages:
                self.readers[language] = reader
            return read

        return declare


#: All looks by name, in the order of their declaration.
LOOKS: dict[str, Look[Any]] = {}


@dataclass(frozen=True, slots=True)
class Seen(Generic[Sighting]):
    """A sighting with the place of its file."""

    path: str
    what: Sighting
