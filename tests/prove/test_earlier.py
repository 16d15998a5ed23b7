"""The release before: which one it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tolv.codebase.git import locate
from tolv.prove.harness.earlier import find_earlier


def _git(directory: Path, *arguments: str) -> str:
    name = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false"]
    command = ["git", *name, "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _commit(directory: Path, path: str, text: str) -> str:
    (directory / path).parent.mkdir(parents=True, exist_ok=True)
    (directory / path).write_text(text)
    _git(directory, "add", "--all")
    _git(directory, "commit", "--quiet", "--message", text)
    return _git(directory, "rev-parse", "HEAD")


def _earlier(directory: Path) -> tuple[str, str] | None:
    found = find_earlier(locate(directory))
    return None if found is None else (found[0], found[1].id)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "--quiet", "--initial-branch=main")
    return tmp_path


def test_it_is_the_commit_before(repository: Path) -> None:
    first = _commit(repository, "app.py", "1")
    assert _earlier(repository) is None
    _commit(repository, "app.py", "2")
    assert _earlier(repository) == (first[:7], first)


def test_it_is_the_nearest_tag_before(repository: Path) -> None:
    first = _commit(repository, "app.py", "1")
    _git(repository, "tag", "v1")
    _commit(repository, "app.py", "2")
    _commit(repository, "app.py", "3")
    _git(repository, "tag", "v3")
    assert _earlier(repository) == ("v1", first)


def test_commits_that_leave_the_app_alone_do_not_count(repository: Path) -> None:
    first = _commit(repository, "shop/app.py", "1")
    _commit(repository, "shop/app.py", "2")
    _commit(repository, "README.md", "3")
    assert _earlier(repository / "shop") == (first[:7], first)


def test_uncommitted_changes_are_a_release_of_their_own(repository: Path) -> None:
    first = _commit(repository, "app.py", "1")
    (repository / "app.py").write_text("2")
    assert _earlier(repository) == (first[:7], first)


def test_outside_git_there_is_none(tmp_path: Path) -> None:
    assert _earlier(tmp_path) is None
