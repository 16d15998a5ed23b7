"""Which files a codebase has, and what each is: the first thing that a check reads.

Names and sizes alone; nothing is opened. What git ignores is no part of the codebase, what git would add is. Symbolic
links are not followed: what they lead to inside the tree is there under its own name, what lies outside is not ours.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tolv.codebase.context import Context, classify, copied_in, language_of
from tolv.codebase.git_command import ask
from tolv.codebase.model import Source

#: Contexts whose files are never read: they are not the app's own words.
NEVER_READ: frozenset[Context] = frozenset({"vendored", "generated", "locale", "binary"})

#: How the reason for an unread link begins.
LINK = "a link"

#: Directories that are never entered outside git.
_NEVER_ENTERED = frozenset(".git .hg .svn node_modules .venv venv __pycache__ .tox .mypy_cache".split())


@dataclass(frozen=True, slots=True)
class File:
    """A regular file of the codebase."""

    path: str
    """Relative to the root, with `/`; bytes that are no UTF-8 as surrogates."""
    size: int
    context: Context
    language: str | None
    """`python`, `javascript` … by its suffix."""
    tracked: bool = True
    """git has it; True outside git."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def directory(self) -> str:
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Survey:
    """All files below a root, by path."""

    root: Path
    files: tuple[File, ...]
    """Those that are read, sorted by path."""
    left_out: tuple[File, ...] = ()
    """Those of `NEVER_READ` contexts; lock files are among `files`."""
    unread: tuple[tuple[str, str], ...] = ()
    """Directories and files that could not be looked at, each with the reason."""
    by_path: dict[str, File] = field(default_factory=dict, repr=False)


def survey(source: Source) -> Survey:
    """Look through the tree of a source: its git listing where it has one, else its directories."""
    root = source.path
    unread: list[tuple[str, str]] = []
    listing = list(_from_git(source) if source.repository is not None else _from_walk(root, unread))
    copied = copied_in(path for path, _ in listing)
    directories = _Directories(root)
    kept: list[File] = []
    left_out: list[File] = []
    for path, tracked in listing:
        status = _status(str(root), path, directories, unread)
        if status is None:
            continue
        context = "vendored" if copied and _is_below(path, copied) else classify(path)
        file = File(path, status.st_size, context, language_of(path), tracked)
        (left_out if context in NEVER_READ else kept).append(file)
    kept.sort(key=lambda file: file.path)
    left_out.sort(key=lambda file: file.path)
    by_path = {file.path: file for file in kept}
    return Survey(root, tuple(kept), tuple(left_out), tuple(unread), by_path)


def _is_below(path: str, directories: frozenset[str]) -> bool:
    """Whether a file lies in one of the directories, however deep."""
    at = path.rfind("/")
    while at > 0:
        if path[:at] in directories:
            return True
        at = path.rfind("/", 0, at)
    return False


def _from_git(source: Source) -> Iterator[tuple[str, bool]]:
    """What git tracks below the source's path, and what it neither tracks nor ignores."""
    assert source.repository is not None
    below = source.prefix or "."
    start = len(source.prefix) + 1 if source.prefix else 0
    seen: set[str] = set()
    for tracked, options in ((True, ["--cached"]), (False, ["--others", "--exclude-standard"])):
        listing = ask(source.repository, "ls-files", "-z", "--full-name", *options, "--", below)
        for raw in listing.split(b"\0"):
            path = os.fsdecode(raw)[start:]
            if path and not path.endswith("/") and path not in seen:
                seen.add(path)
                yield path, tracked


def _from_walk(root: Path, unread: list[tuple[str, str]]) -> Iterator[tuple[str, bool]]:
    """All regular files below the root: a stack of directories, as a hostile tree can be deeper than Python's."""
    left = [""]
    while left:
        below = left.pop()
        try:
            with os.scandir(f"{root}/{below}") as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            unread.append((below, error.strerror or str(error)))
            continue
        for entry in found:
            path = f"{below}/{entry.name}" if below else entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield path, True
            elif entry.name not in _NEVER_ENTERED:
                left.append(path)


class _Directories:
    """Remembers which directories lie below the root by their own names: a link may have taken a directory's place."""

    def __init__(self, root: Path) -> None:
        self._root = f"{root}/"
        self._real: dict[str, bool] = {"": True}

    def has(self, directory: str) -> bool:
        """Whether neither the directory nor one above it is a link."""
        unknown = []
        here = directory
        while here not in self._real:
            unknown.append(here)
            here = here.rpartition("/")[0]
        known = self._real[here]
        for one in reversed(unknown):
            known = known and self._is_real(one)
            self._real[one] = known
        return known

    def _is_real(self, directory: str) -> bool:
        try:
            return stat.S_ISDIR(os.lstat(self._root + directory).st_mode)
        except OSError:
            return False


def _status(root: str, path: str, directories: _Directories, unread: list[tuple[str, str]]) -> os.stat_result | None:
    """The status of a regular file; None for anything else, and for a file that is gone."""
    try:
        status = os.lstat(f"{root}/{path}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        unread.append((path, getattr(error, "strerror", None) or str(error)))
        return None
    if stat.S_ISLNK(status.st_mode) and _leads_out(root, path):
        unread.append((path, f"{LINK} that leads out of the codebase"))
    return status if stat.S_ISREG(status.st_mode) and directories.has(path.rpartition("/")[0]) else None


def _leads_out(root: str, path: str) -> bool:
    """Whether a link leads to something that is there, and outside of the root."""
    try:
        target = os.path.realpath(f"{root}/{path}", strict=True)
    except (OSError, ValueError):
        return False
    inside = os.path.realpath(root)
    return target != inside and not target.startswith(f"{inside.rstrip('/')}/")


def read_bytes(root: Path, path: str) -> bytes:
    """The content of a file that the survey named. Raises `OSError` if it is gone, or is no regular file by now."""
    descriptor = os.open(f"{root}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is not a regular file")
    with open(descriptor, "rb", buffering=0) as stream:
        return stream.readall()
