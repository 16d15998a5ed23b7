"""What rules ask: the repository, its units (the apps of a monorepo), and what was seen in their files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

from tolv.check.look import Look, Seen
from tolv.check.model import Place
from tolv.check.source import Import, Language, Source, Value

Sighting = TypeVar("Sighting")


class Repository(Protocol):
    """All that is checked: one tree of files, with its history if it has one."""

    @property
    def units(self) -> tuple[Unit, ...]:
        """The apps: a manifest or a start command each."""

    @property
    def files(self) -> tuple[Any, ...]:
        """`tolv.codebase.survey.File`s, sorted by path: vendored, generated and the like left out."""

    @property
    def left_out(self) -> tuple[Any, ...]:
        """Those that are not read: vendored, generated, translations, binary."""

    @property
    def history(self) -> Any:
        """`tolv.codebase.history.History`."""

    def text(self, path: str) -> str | None:
        """A file's text; None if there is none, or it cannot be read (then it is noted as unread)."""

    def source(self, path: str) -> Source | None:
        """A file's code, parsed on demand; None if it is of no language that is read."""

    def context(self, path: str) -> str:
        """The context of a path: `prod`, `test`, `dev` …"""


class Unit(Protocol):
    """One app: the files below its root that belong to no other unit, and those of the top that serve all."""

    @property
    def repository(self) -> Repository: ...

    @property
    def root(self) -> str:
        """Relative to the repository, `''` for the top."""

    @property
    def languages(self) -> tuple[Language, ...]:
        """Those with code in production context, the most used first."""

    @property
    def files(self) -> tuple[Any, ...]:
        """Its `File`s."""

    def named(self, *patterns: str) -> tuple[Any, ...]:
        """Its files whose path or base name matches one of the globs: `Dockerfile*`, `k8s/*.yml`."""

    def text(self, path: str) -> str | None: ...

    def source(self, path: str) -> Source | None: ...

    def imports(self, path: str) -> tuple[Import, ...]:
        """All imports of a file, in order; none if its code cannot be read. A file is parsed for them only once."""

    def context(self, path: str) -> str: ...

    def seen(self, look: Look[Sighting], *contexts: str) -> Iterator[Seen[Sighting]]:
        """What a look took from the unit's files, in order of path; of all contexts that are read, or of these."""

    def resolve(self, value: Value, path: str) -> Value:
        """What a value of kind `name` is, followed across files one hop at a time (at most five): a constant, a
        settings attribute, a default. Gives the value itself where it leads nowhere."""

    def place(self, path: str, line: int | None = None, column: int | None = None) -> Place: ...

    # Manifests, each read once, all contexts (look at `.context`):
    @property
    def procfile(self) -> Any: ...

    @property
    def dockerfiles(self) -> tuple[Any, ...]: ...

    @property
    def composes(self) -> tuple[Any, ...]: ...

    @property
    def kubernetes(self) -> tuple[Any, ...]: ...

    @property
    def workflows(self) -> tuple[Any, ...]: ...

    @property
    def starts(self) -> tuple[Any, ...]:
        """Its start commands: `tolv.codebase.start.Start`."""

    @property
    def packages(self) -> Any:
        """`tolv.codebase.packages.Packages`."""

    def uses(self, *names: str) -> bool:
        """Whether production code declares or imports one of these distributions or modules."""
