"""The repository and its units as they are on disk; the interface that rules see is `tolv.check.unit`."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, Protocol, TypeVar

from tolv.check.beside import set_aside
from tolv.check.languages import make_source
from tolv.check.limits import LARGEST_SOURCE, LARGEST_TEXT
from tolv.check.look import Look, Seen
from tolv.check.looks.mentions import mentions
from tolv.check.model import Place, Unread
from tolv.check.resolve import Resolver
from tolv.check.sightings import Sightings
from tolv.check.source import LANGUAGES, Import, Language, Source, Value
from tolv.check.units import unit_of
from tolv.codebase.compose import Compose, is_compose, is_compose_name, parse_compose
from tolv.codebase.context import Context, classify
from tolv.codebase.dockerfile import Dockerfile, parse_dockerfile
from tolv.codebase.history import History
from tolv.codebase.kubernetes import Manifest, is_kubernetes, parse_kubernetes
from tolv.codebase.packages import Packages, read_packages
from tolv.codebase.procfile import parse_procfile
from tolv.codebase.start import Start, starts
from tolv.codebase.survey import File, Survey, read_bytes
from tolv.codebase.workflows import Workflow, parse_workflow, workflow_kind
from tolv.errors import UsageError

Sighting = TypeVar("Sighting")


class _Problematic(Protocol):
    """What a tolerant reader gives."""

    @property
    def path(self) -> str: ...

    @property
    def problem(self) -> str | None: ...


Parsed = TypeVar("Parsed", bound=_Problematic)

_DOCKERFILES = (
    "Dockerfile",
    "dockerfile",
    "Dockerfile.*",
    "Dockerfile-*",
    "*.Dockerfile",
    "*.dockerfile",
    "Containerfile",
)

#: Contexts whose code runs in production.
PRODUCTION = ("prod", "migrations", "admin")


class CheckedRepository:
    """See `tolv.check.unit.Repository`."""

    def __init__(self, survey: Survey, sightings: Sightings, history: History, roots: tuple[str, ...]) -> None:
        self.survey = survey
        self.sightings = sightings
        self.history = history
        self.unread: dict[str, Unread] = {path: Unread(path, why) for path, why in survey.unread}
        self.unread |= {path: Unread(path, why) for path, why in sightings.unread}
        for path, taken in sightings.by_path.items():
            if taken.broken is not None:
                self.unread[path] = Unread(path, f"cannot be parsed: {taken.broken}")
        self._texts: dict[str, str | None] = {}
        self._sources: dict[str, Source | None] = {}
        self.survey = set_aside(survey, sightings, self.text)
        self.units = tuple(CheckedUnit(self, root, roots) for root in roots)

    @property
    def files(self) -> tuple[File, ...]:
        return self.survey.files

    @property
    def left_out(self) -> tuple[File, ...]:
        return self.survey.left_out

    def context(self, path: str) -> str:
        file = self.survey.by_path.get(path)
        return file.context if file is not None else classify(path)

    def text(self, path: str) -> str | None:
        if path not in self._texts:
            data = self._bytes(path, LARGEST_TEXT)
            if data is not None and b"\0" in data[:8192]:
                data = None
            self._texts[path] = None if data is None else _decoded(data)
        return self._texts[path]

    def source(self, path: str) -> Source | None:
        if path not in self._sources:
            file = self.survey.by_path.get(path)
            data = self._bytes(path, LARGEST_SOURCE) if file is not None and file.language else None
            language: Any = file.language if file is not None else None
            self._sources[path] = None if data is None else make_source(path, language, data)
        return self._sources[path]

    def imports(self, path: str) -> tuple[Import, ...]:
        def read() -> tuple[Import, ...]:
            source = self.source(path)
            return tuple(source.imports()) if source is not None else ()

        return self.sightings.imports(path, read)

    def _bytes(self, path: str, most: int) -> bytes | None:
        file = self.survey.by_path.get(path)
        if file is None:
            return None
        if file.size > most:
            self.unread.setdefault(path, Unread(path, f"larger than {most >> 20} MiB"))
            return None
        try:
            return read_bytes(self.survey.root, path)
        except OSError as error:
            self.unread.setdefault(path, Unread(path, error.strerror or str(error)))
            return None


class CheckedUnit:
    """See `tolv.check.unit.Unit`."""

    def __init__(self, repository: CheckedRepository, root: str, roots: tuple[str, ...]) -> None:
        self.repository = repository
        self.root = root
        self._roots = roots
        self._named: dict[tuple[str, ...], tuple[File, ...]] = {}

    @property
    def name(self) -> str:
        return self.root.rpartition("/")[2] or self.repository.survey.root.name

    @cached_property
    def files(self) -> tuple[File, ...]:
        """Its own files, and those of the top that belong to no unit."""
        return tuple(
            file
            for file in self.repository.files
            if unit_of(file.path, self._roots) in ((self.root,) if "" in self._roots else (self.root, None))
        )

    @cached_property
    def _paths(self) -> frozenset[str]:
        return frozenset(file.path for file in self.files)

    @cached_property
    def languages(self) -> tuple[Language, ...]:
        sizes = dict.fromkeys(LANGUAGES, 0)
        for file in self.files:
            if file.language in sizes and file.context in PRODUCTION:
                sizes[file.language] += file.size
        return tuple(sorted((one for one in LANGUAGES if sizes[one]), key=lambda one: -sizes[one]))

    def named(self, *patterns: str) -> tuple[File, ...]:
        if patterns not in self._named:
            by_path = _one_of(one for one in patterns if "/" in one)
            by_name = _one_of(one for one in patterns if "/" not in one)
            self._named[patterns] = tuple(
                file for name, file in self._by_name if by_name.match(name) or by_path.match(file.path)
            )
        return self._named[patterns]

    @cached_property
    def _by_name(self) -> list[tuple[str, File]]:
        return [(file.name, file) for file in self.files]

    def text(self, path: str) -> str | None:
        return self.repository.text(path)

    def source(self, path: str) -> Source | None:
        return self.repository.source(path)

    def imports(self, path: str) -> tuple[Import, ...]:
        return self.repository.imports(path)

    def context(self, path: str) -> str:
        return self.repository.context(path)

    def place(self, path: str, line: int | None = None, column: int | None = None) -> Place:
        return Place(path, line, column)

    @cached_property
    def _seen(self) -> dict[str, list[Seen[Any]]]:
        seen: dict[str, list[Seen[Any]]] = {}
        for path in sorted(self.repository.sightings.by_path.keys() & self._paths):
            for name, sightings in self.repository.sightings.by_path[path].sightings.items():
                seen.setdefault(name, []).extend(Seen(path, one) for one in sightings)
        return seen

    def seen(self, look: Look[Sighting], *contexts: str) -> Iterator[Seen[Sighting]]:
        for one in self._seen.get(look.name, ()):
            if not contexts or self.repository.context(one.path) in contexts:
                yield one

    @cached_property
    def _resolver(self) -> Resolver:
        return Resolver(self.repository.survey.by_path, self.repository.source, self.root)

    def resolve(self, value: Value, path: str) -> Value:
        return self._resolver.resolve(value, path)

    @cached_property
    def packages(self) -> Packages:
        return read_packages([file.path for file in self.files], self.text, self.root)

    @cached_property
    def procfile(self) -> tuple[tuple[str, str, int], ...]:
        """Type, command and line of each entry; empty without a Procfile, or with a broken one."""
        path = posixpath.join(self.root, "Procfile")
        text = self.text(path)
        try:
            return parse_procfile(text, path) if text is not None else ()
        except UsageError as error:
            self.repository.unread.setdefault(path, Unread(path, error.problem))
            return ()

    @cached_property
    def dockerfiles(self) -> tuple[Dockerfile, ...]:
        """Those of images; `.context` says which are for development."""
        return tuple(self._read(_DOCKERFILES, parse_dockerfile))

    @cached_property
    def composes(self) -> tuple[Compose, ...]:
        """Compose files, by their names or by what they hold; `.context` says which are for development."""
        found = []
        for file in self.named("*.yml", "*.yaml"):
            text = self.text(file.path)
            if text is not None and (is_compose_name(file.name) or is_compose(text)):
                found.append(self._noted(parse_compose(text, file.path, file.context)))
        return tuple(found)

    @cached_property
    def kubernetes(self) -> tuple[Manifest, ...]:
        """Kubernetes objects, those of Helm templates too as far as they can be read."""
        found: list[Manifest] = []
        for file in self.named("*.yml", "*.yaml", "*.json", "*.tpl"):
            text = self.text(file.path) if file.size < 2 << 20 else None
            if text is not None and is_kubernetes(text):
                found += (self._noted(one) for one in parse_kubernetes(text, file.path, file.context))
        return tuple(one for one in found if one.kind)

    @cached_property
    def workflows(self) -> tuple[Workflow, ...]:
        """CI files, those of the whole repository: one pipeline serves all units."""
        found = []
        for file in self.repository.files:
            kind = workflow_kind(file.path)
            text = self.text(file.path) if kind is not None else None
            if text is not None:
                found.append(self._noted(parse_workflow(text, file.path, kind)))
        return tuple(found)

    @cached_property
    def starts(self) -> tuple[Start, ...]:
        """What is started; `.prod` says what is started in production."""
        return starts(self.files, self.text)

    def _read(self, patterns: tuple[str, ...], parse: Callable[[str, str, Context], Parsed]) -> Iterator[Parsed]:
        """The files of some names, parsed."""
        for file in self.named(*patterns):
            text = self.text(file.path)
            if text is not None:
                yield self._noted(parse(text, file.path, file.context))

    def _noted(self, parsed: Parsed) -> Parsed:
        """What a reader gives; what it could not follow is noted as unread."""
        if parsed.problem is not None:
            self.repository.unread.setdefault(parsed.path, Unread(parsed.path, parsed.problem))
        return parsed

    def uses(self, *names: str) -> bool:
        return any(name in self._used for name in names)

    @cached_property
    def _used(self) -> frozenset[str]:
        declared = {
            one.name.lower() for one in self.packages.declared if one.group in ("main", "optional") and not one.indirect
        }
        imported = set()
        for seen in self.seen(mentions, *PRODUCTION):
            imported |= {seen.what.module, seen.what.top}
        return frozenset(declared | imported)


def _one_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Matches what one of the globs does; nothing if there are none."""
    return re.compile("|".join(fnmatch.translate(one) for one in patterns) or r"(?!)")


def _decoded(data: bytes) -> str:
    """Text for people and parsers, whatever its bytes; a byte order mark is no part of it."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
