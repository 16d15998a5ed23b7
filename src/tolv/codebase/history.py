"""The history of what is checked: tags, branches and how far they are apart, what is tracked, what once was.

Everything is asked of git when it is first needed, and nothing raises: what git refuses to say is empty, and `problem`
has its words. Reading what was deleted is bounded in number, bytes and time, as a history may have millions of files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from tolv.codebase.git_command import ask, streamed
from tolv.errors import TolvError

#: What each system of version control leaves at the top of a working copy.
_MARKERS: tuple[tuple[str, str], ...] = (
    (".git", "git"),
    (".hg", "hg"),
    (".svn", "svn"),
    (".jj", "jj"),
    (".bzr", "bzr"),
    (".pijul", "pijul"),
    (".fslckout", "fossil"),
    ("_FOSSIL_", "fossil"),
    ("CVS/Root", "cvs"),
)
#: What an archive of a repository, or a package made of one, carries in place of a history.
_EXPORTED = (".git_archival.txt", ".hg_archival.txt", "PKG-INFO", ".tarball-version", ".gitrevision")

#: Branches that are read.
_MOST_BRANCHES = 2000
#: Files of the past that are listed.
_MOST_OBJECTS = 2_000_000


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag."""

    name: str
    time: int
    """Seconds since 1970: of the tag, or of its commit where it is light."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch, here or of a remote."""

    name: str
    """Without the remote's: `staging`."""
    ref: str
    """In full: `refs/remotes/origin/staging`."""
    commit: str
    time: int
    """Seconds since 1970, of its last commit."""
    remote: bool


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far a branch and another one are apart."""

    ahead: int
    """Commits that only the branch has."""
    behind: int
    """Commits that only the other has."""
    since: int | None
    """Seconds since 1970, of the last commit that both have; None: there is none."""
    first_ahead: int | None = None
    """Seconds since 1970, of the oldest commit that only the branch has."""


@dataclass(frozen=True, slots=True)
class PastFile:
    """A file that is in the history, but not in what is checked out."""

    path: str
    """Relative to the repository."""
    blob: str
    """Id of its content."""
    size: int


class History:
    """The history of the tree at a directory; see `system` for whether there is one."""

    def __init__(self, root: Path) -> None:
        """`root` is what is checked: the top of a repository, or a directory below it."""
        self.root = root.resolve()
        self.system, self.top = _system_of(self.root)
        self.problem: str | None = None

    @property
    def exists(self) -> bool:
        """There is a git repository, with a commit."""
        return self.top is not None and self.system == "git" and self.head is not None

    @cached_property
    def exported(self) -> str | None:
        """The file that says that the tree was taken out of a repository, where there is no history."""
        return next((name for name in _EXPORTED if os.path.isfile(self.root / name)), None)

    @cached_property
    def shallow(self) -> bool:
        """Older commits, tags and branches may be missing."""
        return self._text("rev-parse", "--is-shallow-repository").strip() == "true"

    @cached_property
    def head(self) -> str | None:
        """Full SHA of the commit that is checked out; None if there is none."""
        if self.system != "git":
            return None
        return self._text("rev-parse", "--verify", "--quiet", "HEAD^{commit}", none_is=1).strip() or None

    @cached_property
    def commits(self) -> int:
        """How many commits led to what is checked out."""
        return _number(self._text("rev-list", "--count", "HEAD")) if self.head else 0

    @cached_property
    def tags(self) -> tuple[Tag, ...]:
        """All tags, the newest first."""
        rows = self._refs("%(refname:short)%00%(creatordate:unix)", "refs/tags")
        return tuple(sorted((Tag(row[0], _number(row[1])) for row in rows), key=lambda tag: -tag.time))

    @cached_property
    def branches(self) -> tuple[Branch, ...]:
        """All branches by name; of a local one and that of a remote with the same commit, the local one."""
        form = "%(refname)%00%(objectname)%00%(committerdate:unix)%00%(symref)"
        found: dict[tuple[str, str], Branch] = {}
        for ref, commit, at, symbolic in self._refs(form, "refs/heads", "refs/remotes")[:_MOST_BRANCHES]:
            remote = ref.startswith("refs/remotes/")
            name = ref.split("/", 3)[-1] if remote else ref.split("/", 2)[-1]
            if not symbolic:
                found.setdefault((name, commit), Branch(name, ref, commit, _number(at), remote))
        return tuple(sorted(found.values(), key=lambda one: (one.name, one.remote)))

    @cached_property
    def default_branch(self) -> Branch | None:
        """What the remote says is its default, else `main`, `master` or `trunk`, else what is checked out."""
        said = self._text("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD", none_is=1).strip()
        here = self._text("symbolic-ref", "--quiet", "HEAD", none_is=1).strip()
        by_ref = {one.ref: one for one in self.branches}
        if said in by_ref:
            return by_ref[said]
        named = {one.name: one for one in reversed(self.branches)}
        short = said.removeprefix("refs/remotes/origin/")
        names = (short, "main", "master", "trunk", here.removeprefix("refs/heads/"))
        return next((named[name] for name in names if name in named), None)

    def divergence(self, branch: Branch, other: Branch) -> Divergence | None:
        """How far two branches are apart; None if git cannot say."""
        counts = self._text("rev-list", "--left-right", "--count", f"{branch.commit}...{other.commit}").split()
        if len(counts) != 2:
            return None
        base = self._text("merge-base", branch.commit, other.commit, none_is=1).strip()
        since = self._text("show", "-s", "--format=%ct", base).strip() if base else ""
        ahead = self._text("rev-list", "--max-count=1000", "--format=%ct", branch.commit, f"^{other.commit}")
        times = [int(line) for line in ahead.split("\n") if line.isdigit()]
        return Divergence(
            _number(counts[0]), _number(counts[1]), int(since) if since.isdigit() else None, min(times, default=None)
        )

    @cached_property
    def tracked(self) -> frozenset[str]:
        """The files that git tracks, relative to `root`; empty outside git."""
        return frozenset(self._listed("ls-files", "-z")) if self.exists else frozenset()

    @cached_property
    def ignored_but_tracked(self) -> frozenset[str]:
        """The tracked files that `.gitignore` says should not be, relative to `root`."""
        if not self.exists:
            return frozenset()
        return frozenset(self._listed("ls-files", "-z", "--cached", "--ignored", "--exclude-standard"))

    def past_files(self, wanted: Callable[[str], bool], *, most: int = 200, seconds: float = 20.0) -> Past:
        """The contents that once stood under a path that is `wanted`, and no longer stand anywhere in HEAD.

        `wanted` gets paths relative to the repository. At most `most` are given, in at most `seconds`.
        """
        if not self.exists or self.top is None:
            return Past((), True)
        deadline = time.monotonic() + seconds
        listing = self._text("ls-tree", "-r", "-z", "HEAD", at_top=True)
        now = {row.partition("\t")[0].rpartition(" ")[2] for row in listing.split("\0")}
        found: dict[str, str] = {}
        complete = not self.shallow
        for count, (blob, path) in enumerate(self._objects()):
            if count >= _MOST_OBJECTS or len(found) >= most or (count % 4096 == 0 and time.monotonic() > deadline):
                complete = False
                break
            if blob not in now and path and wanted(path):
                found.setdefault(blob, path)
        files = tuple(PastFile(found[blob], blob, size) for blob, size in self._sizes(found))
        return Past(files, complete)

    def contents(
        self, files: Iterable[PastFile], *, largest: int = 1 << 20, total: int = 64 << 20
    ) -> Iterator[tuple[PastFile, bytes]]:
        """The contents of files of the past, none larger than `largest` bytes and not more than `total` together."""
        chosen = [one for one in files if one.size <= largest]
        if self.top is None or not chosen:
            return
        spent, kept = 0, []
        for one in chosen:
            spent += one.size
            if spent > total:
                break
            kept.append(one)
        answer = self._bytes("cat-file", "--batch", given="".join(f"{one.blob}\n" for one in kept).encode())
        at = 0
        for one in kept:
            end = answer.find(b"\n", at)
            words = answer[at:end].split(b" ")
            if end < 0:
                return
            size = int(words[2]) if len(words) == 3 and words[2].isdigit() else -1
            at = end + 1
            if size >= 0:
                yield one, answer[at : at + size]
                at += size + 1

    def commit_of(self, file: PastFile) -> str | None:
        """The newest commit of any branch or tag that added or removed a file of the past; None if git cannot say."""
        said = self._text(
            *("log", "--all", "--max-count=1", "--format=%H", "--no-ext-diff", "--no-textconv"),
            *(f"--find-object={file.blob}", "--", file.path),
            at_top=True,
        )
        return said.strip() or None

    def _objects(self) -> Iterator[tuple[str, str]]:
        """All that the history holds: id and path."""
        try:
            for line in self._streamed("rev-list", "--objects", "--all", "HEAD"):
                blob, _, path = line.rstrip(b"\n").decode("utf-8", "surrogateescape").partition(" ")
                yield blob, path
        except TolvError as error:
            self.problem = error.problem

    def _streamed(self, *arguments: str) -> Iterator[bytes]:
        assert self.top is not None
        with streamed(self.top, *arguments, given=b"") as answer:
            yield from _lines(answer)

    def _sizes(self, blobs: Iterable[str]) -> Iterator[tuple[str, int]]:
        asked = list(blobs)
        if not asked:
            return
        answer = self._bytes("cat-file", "--batch-check", given="".join(f"{one}\n" for one in asked).encode())
        for line in answer.decode("ascii", "replace").split("\n"):
            words = line.split(" ")
            if len(words) == 3 and words[1] == "blob":
                yield words[0], _number(words[2])

    def _listed(self, *arguments: str) -> list[str]:
        return [one for one in self._text(*arguments).split("\0") if one]

    def _refs(self, form: str, *below: str) -> list[list[str]]:
        if not self.exists:
            return []
        lines = self._text("for-each-ref", f"--format={form}", *below).split("\n")
        fields = form.count("%00") + 1
        return [row for line in lines if len(row := line.split("\0")) == fields and row[0]]

    def _text(self, *arguments: str, none_is: int | None = None, at_top: bool = False) -> str:
        where = self.top if at_top else self.root
        return self._bytes(*arguments, none_is=none_is, where=where).decode("utf-8", "surrogateescape")

    def _bytes(
        self, *arguments: str, given: bytes = b"", none_is: int | None = None, where: Path | None = None
    ) -> bytes:
        if self.top is None or self.system != "git":
            return b""
        below = os.path.relpath(where or self.top, self.top)
        inside = ("-C", below) if below != "." else ()
        try:
            return ask(self.top, *inside, *arguments, given=given, none_is=none_is)
        except TolvError as error:
            self.problem = self.problem or error.problem
            return b""


def read_history(root: Path) -> History:
    """The history of the tree at a directory; nothing is asked of git yet."""
    return History(root)


@dataclass(frozen=True, slots=True)
class Past:
    """What was found of the past."""

    files: tuple[PastFile, ...]
    complete: bool
    """Nothing was left out: neither a bound was reached nor is the history shallow."""


def _system_of(root: Path) -> tuple[str | None, Path | None]:
    """The system of version control that holds a directory, and the top of its working copy."""
    for candidate in (root, *root.parents):
        for marker, system in _MARKERS:
            if os.path.exists(candidate / marker):
                return system, candidate
    return None, None


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    yield from stream


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0
