"""A commit as a directory: with its files, its history, and nothing of the work tree's."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.test_command import git

from tolv.check.at_ref import checked_out
from tolv.codebase.git import locate
from tolv.codebase.git_command import ask
from tolv.errors import UsageError


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A repository with two commits, a tag, and a change that is not committed."""
    directory = tmp_path / "shop"
    (directory / "api").mkdir(parents=True)
    git(tmp_path, "init", "-q", "-b", "main", "shop")
    (directory / "api" / "a.py").write_text("old\n")
    (directory / "b.py").write_text("b\n")
    git(directory, "add", ".")
    git(directory, "commit", "-qm", "First")
    git(directory, "tag", "v1")
    (directory / "api" / "a.py").write_text("new\n")
    git(directory, "commit", "-qam", "Second")
    (directory / "api" / "a.py").write_text("dirty\n")
    return directory


def test_it_has_the_files_of_the_commit_and_is_clean(app: Path) -> None:
    with checked_out(app, "v1") as root:
        assert (root / "api" / "a.py").read_text() == "old\n"
        head = locate(root).head
        assert head is not None
        assert not head.dirty
        assert head.id == ask(app, "rev-parse", "v1").decode().strip()
    assert not root.exists()


def test_it_has_the_branches_and_tags_and_changes_nothing_in_the_first(app: Path) -> None:
    before = sorted(one.relative_to(app) for one in app.rglob("*"))
    with checked_out(app, "main") as root:
        assert (root / "api" / "a.py").read_text() == "new\n"
        for question in (("for-each-ref",), ("log", "--format=%H", "main"), ("fsck",)):
            assert ask(root, *question) == ask(app, *question)
    assert sorted(one.relative_to(app) for one in app.rglob("*")) == before


def test_a_directory_below_the_top_is_the_same_directory(app: Path) -> None:
    with checked_out(app / "api", "HEAD") as root:
        assert root.name == "api"
        assert [one.name for one in root.iterdir()] == ["a.py"]
        assert locate(root).prefix == "api"


def test_what_is_no_commit_is_refused(app: Path, tmp_path: Path) -> None:
    for path, ref in ((app, "nope"), (app, "--help"), (tmp_path, "HEAD")):
        with pytest.raises(UsageError), checked_out(path, ref):
            pass
