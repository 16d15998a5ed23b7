"""The part of a tree in which signs of backing services are looked for."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tolv.codebase.survey import read_bytes

#: Bounds of the look.
_MOST_ENTRIES, _DEEPEST = 6000, 6
_LARGEST = 256 << 10
_ENTERED_NEVER = frozenset(
    "node_modules venv env vendor dist build out target static public assets media docs doc locale locales "
    "translations migrations fixtures coverage __pycache__ tests test spec specs __tests__ cypress e2e examples "
    "example templates bower_components third_party site-packages images img fonts".split()
)  # fmt: skip


class Files:
    """The files of the tree that may tell something, nearest to the root first."""

    def __init__(self, tree: Path) -> None:
        self.root = tree
        self.texts: dict[str, str | None] = {}
        self.paths: list[str] = []
        waiting, left = deque([("", 0)]), _MOST_ENTRIES
        while waiting and left > 0:
            below, depth = waiting.popleft()
            try:
                with os.scandir(f"{tree}/{below}") as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError:
                continue
            left -= len(found)
            for entry in found:
                path = f"{below}/{entry.name}" if below else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if depth < _DEEPEST and entry.name not in _ENTERED_NEVER and not entry.name.startswith("."):
                        waiting.append((path, depth + 1))
                elif entry.is_file(follow_symlinks=False):
                    self.paths.append(path)

    def near(self, depth: int) -> Iterator[str]:
        """Those at most so many directories below the root."""
        return (path for path in self.paths if path.count("/") <= depth)

    def text(self, path: str, largest: int = _LARGEST) -> str | None:
        """A file's text; None if it is gone, too large, or lies outside."""
        if path not in self.texts:
            self.texts[path] = self._read(path, largest)
        return self.texts[path]

    def _read(self, path: str, largest: int) -> str | None:
        if path.startswith(("/", "../")) or "/../" in path or "\0" in path:
            return None
        try:
            if os.lstat(f"{self.root}/{path}").st_size > largest:
                return None
            return read_bytes(self.root, path).decode("utf-8", "replace").removeprefix("\ufeff")
        except OSError:
            return None


def name_of(path: str) -> str:
    """A path's last part."""
    return path.rpartition("/")[2]


def line_at(text: str, offset: int) -> int:
    """The line, from 1, in which a character is."""
    return text.count("\n", 0, offset) + 1
