"""What of a tree speaks of backing services: drivers, the variables that name one, servers that it starts for itself.

Cheap on purpose, as `tolv up` looks before each start: a bounded part of the tree, and patterns instead of parsers
where code is read. `tolv check` is the one that looks closely. What is for tests, documentation or CI alone says
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tolv.codebase.services import Kind

Origin = Literal["example", "platform", "compose", "code"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands."""

    what: str
    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.what} in {self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Driver:
    """A package that speaks to a kind of service."""

    kind: Kind
    place: Place
    optional: bool = False
    """An extra that an installation may leave out."""
    indirect: bool = False
    """Another package pulls it in."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A place that names a variable."""

    name: str
    place: Place
    origin: Origin
    value: str | None = field(default=None, repr=False)
    """What it holds there, or is when it is not set: never shown."""
    optional: bool = False
    """The place says that it may be missing."""
    commented_out: bool = False
    """It stands in a comment: it need not be set, whether for a default that does or for a service that is not used."""
    text: str = field(default="", repr=False)
    """The file of code that reads it."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a kind that the tree starts, or asks a platform for."""

    kind: Kind
    version: str | None
    place: Place
    dev: bool = False
    """It is for a developer's machine."""
    plain: bool = False
    """The file is the one that is taken when nobody names another."""
    depended_on: bool = False
    """The app is not started without it."""


@dataclass(frozen=True, slots=True)
class Signs:
    """All that was found."""

    drivers: tuple[Driver, ...]
    mentions: tuple[Mention, ...]
    servers: tuple[Server, ...]
    packages: frozenset[str]
    """Names of all that is declared for production."""
