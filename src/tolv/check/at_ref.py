"""A commit of a repository as a directory of its own, to be checked like any other."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tolv.codebase.git import export, locate, resolve
from tolv.codebase.git_command import ask
from tolv.errors import AppError, UsageError


@contextmanager
def checked_out(path: Path, ref: str) -> Iterator[Path]:
    """The codebase at `path` as it is in the commit that `ref` names, for as long as the context lasts.

    It is a repository with the branches, tags and history of the first, whose objects it shares, so that rules about
    the history see the same. Nothing is written to the first. Raises `UsageError` if there is no such commit, or its
    tree cannot be written.
    """
    source = locate(path)
    commit = resolve(source, ref)
    with tempfile.TemporaryDirectory(prefix="tolv-check-") as scratch:
        top = Path(scratch, source.repository.name if source.repository else "app")
        root = top / (source.prefix or "")
        root.mkdir(parents=True)
        try:
            export(source, commit, root)
        except AppError as error:
            raise UsageError(
                f"{ref} cannot be compared: {error.problem}", where=error.where, remedy=error.remedy
            ) from None
        assert source.repository is not None
        share_history(
            top,
            commit.id,
            objects=_git_path(source.repository, "objects"),
            shallow=_git_path(source.repository, "shallow"),
            refs=ask(source.repository, *BRANCHES_AND_TAGS),
        )
        ask(top, "read-tree", f"{commit.id}^{{tree}}")
        yield root


#: What git is asked for the branches and tags of a repository, in the form of `packed-refs`.
BRANCHES_AND_TAGS = ("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")


def share_history(top: Path, commit: str, *, objects: Path, shallow: Path, refs: bytes) -> None:
    """Make `top` a repository at `commit` that takes its objects from another's, and reads none of its settings.

    `refs` is that one's answer to `BRANCHES_AND_TAGS`, `shallow` its file of that name, where it has one.
    """
    git = top / ".git"
    (git / "objects" / "info").mkdir(parents=True)
    (git / "refs").mkdir()
    (git / "HEAD").write_text(f"{commit}\n")
    version = "1\n[extensions]\n\tobjectformat = sha256" if len(commit) == 64 else "0"
    (git / "config").write_text(f"[core]\n\trepositoryformatversion = {version}\n")
    (git / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects.resolve()) + b"\n")
    if shallow.is_file():
        (git / "shallow").write_bytes(shallow.read_bytes())
    (git / "packed-refs").write_bytes(b"# pack-refs with: sorted \n" + refs)


def _git_path(repository: Path, name: str) -> Path:
    answer = ask(repository, "rev-parse", "--git-path", name)
    return Path(repository, os.fsdecode(answer.rstrip(b"\n"))).resolve()
