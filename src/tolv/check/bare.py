"""Bare repositories: those that hold a history and no files, as a server keeps them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tolv.check.at_ref import BRANCHES_AND_TAGS, share_history
from tolv.codebase.git_command import ask
from tolv.errors import UsageError


@contextmanager
def with_a_work_tree(path: Path) -> Iterator[Path]:
    """`path` itself; for a bare repository one beside it, with an empty work tree and the same history.

    It shares the objects of the first, to which nothing is written, and reads none of its settings. Raises `UsageError`
    for a bare repository without a commit.
    """
    if not is_bare(path):
        yield path
        return
    commit = _ask(path, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", none_is=1).strip().decode()
    if not commit:
        raise UsageError("the repository has no commit", where=str(path), remedy="push something to it first")
    with tempfile.TemporaryDirectory(prefix="tolv-check-") as scratch:
        top = Path(scratch, path.name.removesuffix(".git") or "app")
        refs = _ask(path, *BRANCHES_AND_TAGS)
        share_history(top, commit, objects=path / "objects", shallow=path / "shallow", refs=refs)
        yield top


def is_bare(path: Path) -> bool:
    """Whether a directory is a git repository without a work tree."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def _ask(path: Path, *arguments: str, none_is: int | None = None) -> bytes:
    # git reads a bare repository only where it is named as one: `safe.bareRepository`.
    return ask(path, f"--git-dir={path}", *arguments, none_is=none_is)
