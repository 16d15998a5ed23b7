"""The files that fixers look at: text, read with care, from a directory that nobody vouched for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

#: Bytes of a file that is looked at.
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory of files, some of them as they would be after a change."""

    root: Path
    changed: Mapping[str, str] = field(default_factory=dict)

    def with_changes(self, changed: Mapping[str, str]) -> Tree:
        """The same, with these files as given."""
        return Tree(self.root, {**self.changed, **changed})

    def read(self, path: str) -> str | None:
        """A file's text with its line ends as they are; None if there is none, or it is no UTF-8 text below 1 MiB, or
        a link."""
        return self.changed[path] if path in self.changed else read_file(self.root, path)

    def exists(self, path: str) -> bool:
        """Whether there is anything of this name."""
        return path in self.changed or os.path.lexists(self.root / path)

    def named(self, directory: str, *patterns: str) -> Iterator[str]:
        """The entries of a directory that match one of the globs, sorted, with the directory before them."""
        try:
            names = sorted(os.listdir(self.root / directory))
        except OSError:
            return
        for name in names:
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                yield below(directory, name)


def below(directory: str, name: str) -> str:
    """The path of a name in a directory; `''` is the root."""
    return f"{directory}/{name}" if directory else name


def read_file(root: Path, path: str) -> str | None:
    """A file's text, as `Tree.read` gives it."""
    try:
        handle = os.open(root / path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        data = file.read(_LARGEST + 1)
    try:
        return data.decode("utf-8") if len(data) <= _LARGEST else None
    except UnicodeDecodeError:
        return None
