"""The commits that led to those which were released: who wrote them, when, and which of two lines has which.

Reading asks git; all else is arithmetic on what it said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tolv.codebase.git import locate
from tolv.codebase.git_command import ask
from tolv.errors import TolvError

#: Commits that are read; a history may have millions.
_MOST = 50_000
_FORM = "%x01%H%x00%P%x00%ct%x00%aN%x00%aE"


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit of the log."""

    id: str
    parents: tuple[str, ...]
    time: int
    """When it was committed, seconds since 1970."""
    name: str
    """Of its author; `.mailmap` counts."""
    email: str
    own: bool = True
    """It changes the app; False: only other apps of the same repository."""


@dataclass(frozen=True, slots=True)
class CommitLog:
    """The commits that led to some releases."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    where: str = ""
    """The directory that was read."""
    problem: str | None = None
    """Why nothing could be read."""
    whole: bool = True
    """False: older commits are missing, as the clone is shallow or the history is longer than what is read."""

    def leading_to(self, commit: str, without: Collection[str] = ()) -> set[str]:
        """Ids of the commits that led to one, itself among them, but not through those that are left out."""
        found: set[str] = set()
        left = [commit]
        while left:
            one = left.pop()
            if one in self.entries and one not in found and one not in without:
                found.add(one)
                left += self.entries[one].parents
        return found

    def chosen(self, ids: Iterable[str]) -> list[Entry]:
        """The entries that change the app, the newest first."""
        own = (self.entries[one] for one in ids if self.entries[one].own)
        return sorted(own, key=lambda one: (-one.time, one.id))


def read_commits(path: Path, commits: Iterable[str]) -> CommitLog:
    """The log of the repository at `path`, back from these commits; those that it lacks are not in it.

    Raises nothing: what git refuses to say is the log's `problem`.
    """
    where = str(path)
    try:
        source = locate(path)
        if source.repository is None:
            return CommitLog(where=where, problem="it is not in a git repository")
        top = source.repository
        known = _present(top, sorted(set(commits)))
        entries = _read(top, known) if known else {}
        if source.prefix and entries:
            entries = _marked(top, known, source.prefix, entries)
        whole = len(entries) < _MOST and ask(top, "rev-parse", "--is-shallow-repository").strip() != b"true"
    except TolvError as error:
        return CommitLog(where=where, problem=error.problem)
    return CommitLog(entries, where, None, whole)


def _present(top: Path, commits: list[str]) -> list[str]:
    """Those of the commits that the repository has."""
    given = "".join(f"{one}\n" for one in commits).encode()
    answer = ask(top, "cat-file", "--batch-check", given=given).decode("ascii", "replace").splitlines()
    return [one for one, line in zip(commits, answer, strict=True) if line.split(" ")[1:2] == ["commit"]]


def _read(top: Path, commits: list[str]) -> dict[str, Entry]:
    """`rev-list`, not `log`: a repository's own settings cannot make it start a program."""
    given = "".join(f"{one}\n" for one in commits).encode()
    answer = ask(top, "rev-list", "--stdin", f"--max-count={_MOST}", f"--format={_FORM}", given=given)
    entries = {}
    for line in answer.decode("utf-8", "replace").split("\n"):
        fields = line.removeprefix("\x01").split("\0")
        if line.startswith("\x01") and len(fields) == 5:
            id, parents, time, name, email = fields
            entries[id] = Entry(id, tuple(parents.split()), int(time) if time.isdigit() else 0, name, email)
    return entries


def _marked(top: Path, commits: list[str], prefix: str, entries: dict[str, Entry]) -> dict[str, Entry]:
    """The entries of a monorepo, each with whether it changes the app below `prefix`."""
    arguments = ["--full-history", f"--max-count={_MOST}", *commits, "--", prefix]
    own = set(ask(top, "rev-list", *arguments).decode("ascii", "replace").split())
    return {id: Entry(one.id, one.parents, one.time, one.name, one.email, own=id in own) for id, one in entries.items()}
