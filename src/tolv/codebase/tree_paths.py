"""The paths of a tree: what is where, and which file of it a path inside a container is."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tolv.codebase.dockerfile import Dockerfile, Stage
from tolv.codebase.images import expand

Read = Callable[[str], str | None]
"""The text of a file of the tree; None: there is none, or it cannot be read."""


class TreePaths:
    """The files of a tree, by path, relative to its root."""

    def __init__(self, paths: Iterable[str], read: Read) -> None:
        self.files = frozenset(paths)
        self.read = read
        self._directories: frozenset[str] | None = None
        self._named: dict[str, list[str]] | None = None

    def exists(self, path: str) -> bool:
        return path in self.files

    def is_directory(self, path: str) -> bool:
        if self._directories is None:
            found = {""}
            for file in self.files:
                directory = posixpath.dirname(file)
                while directory not in found:
                    found.add(directory)
                    directory = posixpath.dirname(directory)
            self._directories = frozenset(found)
        return path in self._directories

    def named(self, name: str) -> list[str]:
        """The files of a base name, those nearest to the top first."""
        if self._named is None:
            self._named = {}
            for path in sorted(self.files, key=lambda path: (path.count("/"), path)):
                self._named.setdefault(path.rpartition("/")[2], []).append(path)
        return self._named.get(name, [])

    def near(self, directory: str, name: str) -> str | None:
        """The file `name` in the directory, or in the nearest one above."""
        while True:
            path = posixpath.join(directory, name)
            if path in self.files:
                return path
            if not directory:
                return None
            directory = posixpath.dirname(directory)


class Container:
    """Where the files of a tree lie in a container that a Dockerfile makes of it."""

    def __init__(
        self, tree: TreePaths, file: Dockerfile, context: str | None = None, stage: Stage | None = None
    ) -> None:
        """`context`: the directory that it is built in; None: it is found by what is copied."""
        self._tree = tree
        self._file = file
        self._copies = _copies(file, stage)
        self._stages: dict[int, Container] = {}
        self.workdir = file.workdir if stage is None else (self._copies[-1].workdir if self._copies else "/")
        self.context = context if context is not None else self._context(posixpath.dirname(file.path))

    @property
    def is_alpine(self) -> bool:
        """Whether its base says that it is Alpine Linux, whose shell is BusyBox's."""
        base = self._file.base
        return base is not None and "alpine" in base.text.lower()

    def file(self, path: str) -> str | None:
        """The tree's file that lies at a path in the container, absolute or from where its command runs."""
        return self._find(posixpath.normpath(posixpath.join(self.workdir, path)), self._tree.exists)

    def directory(self, path: str = "") -> str:
        """The tree's directory that lies at a path in the container; that of the build where it is none."""
        place = posixpath.normpath(posixpath.join(self.workdir, path))
        found = self._find(place, self._tree.is_directory)
        return self.context if found is None else found

    def built_in(self, path: str) -> str | None:
        """The tree's directory in which a program was built that an earlier stage gave; None: none did."""
        path = posixpath.normpath(posixpath.join(self.workdir, path))
        for copy in reversed(self._copies):
            below = copy.below(path)
            stage = self._earlier(copy.stage)
            if below is None or stage is None:
                continue
            return self._container(stage).directory(posixpath.dirname(copy.sources[-1]))
        return None

    def _earlier(self, name: str | None) -> Stage | None:
        if name is None:
            return None
        if name.isdigit() and len(name) < 5:
            return self._file.stages[int(name)] if int(name) < len(self._file.stages) else None
        return self._file.stage(name)

    def _container(self, stage: Stage) -> Container:
        if stage.line not in self._stages:
            self._stages[stage.line] = Container(self._tree, self._file, self.context, stage)
        return self._stages[stage.line]

    def _find(self, path: str, there: Callable[[str], bool], depth: int = 2) -> str | None:
        for copy in reversed(self._copies):
            below = copy.below(path)
            if below is None:
                continue
            if copy.stage is not None:
                found = self._of_stage(copy, below, there, depth)
                if found is not None:
                    return found
                continue
            for source in copy.sources:
                if (found := self._within(source, below, there)) is not None:
                    return found
        return None

    def _of_stage(self, copy: Copy, below: str, there: Callable[[str], bool], depth: int) -> str | None:
        """What an earlier stage gives, where it has it from the tree."""
        stage = self._earlier(copy.stage)
        if stage is None or depth <= 0:
            return None
        container = self._container(stage)
        for source in copy.sources[:3]:
            place = posixpath.normpath(posixpath.join("/", source, below))
            found = container._find(place, there, depth - 1)
            if found is None and below == posixpath.basename(source):
                found = container._find(posixpath.normpath(posixpath.join("/", source)), there, depth - 1)
            if found is not None:
                return found
        return None

    def _within(self, source: str, below: str, there: Callable[[str], bool]) -> str | None:
        """What a source that was copied gives at a place below its target."""
        place = _inside(self.context, source)
        if place is None:
            return None
        if self._tree.is_directory(place):
            candidate = posixpath.normpath(posixpath.join(place, below))
            candidate = "" if candidate == "." else candidate
            return candidate if there(candidate) else None
        name = posixpath.basename(below)
        if "*" in source or "?" in source:
            candidate = posixpath.join(posixpath.dirname(place), name)
            return candidate if fnmatchcase(candidate, place) and there(candidate) else None
        return place if below in (".", posixpath.basename(place)) and there(place) else None

    def _context(self, directory: str) -> str:
        """The directory, among that of the Dockerfile and those above, that most of what is copied is in."""
        sources = [source for stage in self._file.stages for copy in _own_copies(stage, {}) for source in copy.sources]
        best, most = directory, -1
        while True:
            found = sum(self._is_there(directory, source) for source in sources[:100])
            if found > most:
                best, most = directory, found
            if not directory:
                return best if most > 0 else self._top(sources)
            directory = posixpath.dirname(directory)

    def _top(self, sources: list[str]) -> str:
        """Where only `.` is copied: the directory of the Dockerfile if that has more than what packages the app."""
        directory = posixpath.dirname(self._file.path)
        own = any(self._tree.exists(posixpath.join(directory, name)) for name in _MANIFESTS)
        return directory if own or not sources or not directory else self._nearest(directory)

    def _nearest(self, directory: str) -> str:
        """The nearest directory above that has a manifest of a language; else the top."""
        while directory:
            directory = posixpath.dirname(directory)
            if any(self._tree.exists(posixpath.join(directory, name)) for name in _MANIFESTS):
                return directory
        return ""

    def _is_there(self, directory: str, source: str) -> bool:
        place = _inside(directory, source)
        return place is not None and place != directory and (self._tree.exists(place) or self._tree.is_directory(place))


_MANIFESTS = (
    *("package.json", "requirements.txt", "pyproject.toml", "Pipfile", "setup.py", "go.mod", "pom.xml", "build.gradle"),
    *("build.gradle.kts", "Gemfile", "composer.json", "Cargo.toml", "mix.exs", "manage.py"),
)


@dataclass(frozen=True, slots=True)
class Copy:
    """A COPY or ADD."""

    sources: tuple[str, ...]
    target: str
    """Absolute."""
    workdir: str
    stage: str | None
    """The earlier stage that it copies from; None: the directory of the build."""

    def below(self, path: str) -> str | None:
        """Where a path lies below the target; None: it does not."""
        if path != self.target and not path.startswith(self.target.rstrip("/") + "/"):
            return None
        return posixpath.relpath(path, self.target)


def _inside(context: str, source: str) -> str | None:
    """The path of a source in the tree; None: it is no path, or leads out."""
    if "://" in source or source.startswith("<<"):
        return None
    path = posixpath.normpath(posixpath.join(context, source.lstrip("/")))
    path = "" if path == "." else path
    return None if path.startswith("..") else path


def _copies(file: Dockerfile, stage: Stage | None) -> list[Copy]:
    """What makes up a stage: its copies and those of the stages below it, in order."""
    known = {name: entry.value for name, entry in file.env_of(stage).items()}
    found: list[Copy] = []
    workdir = "/"
    for one in file.chain(stage):
        own = list(_own_copies(one, known, workdir))
        found += own
        workdir = own[-1].workdir if own else workdir
    return found[-60:]


def _own_copies(stage: Stage, known: Mapping[str, str], workdir: str = "/") -> Iterator[Copy]:
    for one in stage.instructions:
        if one.keyword == "WORKDIR":
            workdir = posixpath.join(workdir, expand(one.text.strip().strip("\"'"), known))
        elif one.keyword in ("COPY", "ADD") and len(one.words) > 1:
            *sources, target = (expand(word, known) for word in one.words)
            to = posixpath.normpath(posixpath.join(workdir, target))
            yield Copy(tuple(sources[:50]), to, workdir, one.flags.get("from"))
