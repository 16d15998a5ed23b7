"""The paths of a tree: what is where, and which file of it a path inside a container is."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
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
        self._copies = _copies(file, stage)
        self.workdir = file.workdir
        self.context = context if context is not None else self._context(posixpath.dirname(file.path))

    def file(self, path: str) -> str | None:
        """The tree's file that lies at a path in the container, absolute or from where its command runs."""
        return self._find(posixpath.normpath(posixpath.join(self.workdir, path)), self._tree.exists)

    def directory(self, path: str = "") -> str:
        """The tree's directory that lies at a path in the container; that of the build where it is none."""
        place = posixpath.normpath(posixpath.join(self.workdir, path))
        found = self._find(place, self._tree.is_directory)
        return self.context if found is None else found

    def _find(self, path: str, there: Callable[[str], bool]) -> str | None:
        for sources, target, workdir in reversed(self._copies):
            to = posixpath.normpath(posixpath.join(workdir, target))
            below = posixpath.relpath(path, to) if path == to or path.startswith(to.rstrip("/") + "/") else None
            if below is None:
                continue
            for source in sources:
                if (found := self._within(source, below, there)) is not None:
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
        best, most = directory, -1
        while True:
            found = sum(self._is_there(directory, source) for sources, _, _ in self._copies for source in sources)
            if found > most:
                best, most = directory, found
            if not directory:
                return best
            directory = posixpath.dirname(directory)

    def _is_there(self, directory: str, source: str) -> bool:
        place = _inside(directory, source)
        return place is not None and place != directory and (self._tree.exists(place) or self._tree.is_directory(place))


def _inside(context: str, source: str) -> str | None:
    """The path of a source in the tree; None: it is no path, or leads out."""
    if "://" in source or source.startswith("<<"):
        return None
    path = posixpath.normpath(posixpath.join(context, source.lstrip("/")))
    path = "" if path == "." else path
    return None if path.startswith("..") else path


def _copies(file: Dockerfile, stage: Stage | None) -> list[tuple[tuple[str, ...], str, str]]:
    """What COPY and ADD take from the build's directory, where to, and the directory that this is relative to."""
    known = {name: entry.value for name, entry in file.env_of(stage).items()}
    workdir = "/"
    found = []
    for one in file.effective(stage):
        if one.keyword == "WORKDIR":
            workdir = posixpath.join(workdir, expand(one.text.strip().strip("\"'"), known))
        elif one.keyword in ("COPY", "ADD") and "from" not in one.flags and len(one.words) > 1:
            *sources, target = (expand(word, known) for word in one.words)
            found.append((tuple(sources[:50]), target, workdir))
    return found[-200:]
