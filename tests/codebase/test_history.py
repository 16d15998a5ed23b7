"""What git tells of a history, and what is said where there is none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tolv.codebase.history import History


def git(top: Path, *words: str, day: str = "2024-01-01") -> None:
    at = {"GIT_AUTHOR_DATE": f"{day}T12:00:00Z", "GIT_COMMITTER_DATE": f"{day}T12:00:00Z"}
    who = {f"GIT_{one}_{what}": "someone@example.org" for one in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    nothing = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    subprocess.run(["git", *words], cwd=top, env=os.environ | at | who | nothing, check=True, capture_output=True)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A repository with one commit of `app/a.py` and `.env`, and a second one that removes `.env`."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/a.py").write_text("print(1)\n")
    (tmp_path / ".env").write_text("SECRET=hunter2\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "one")
    git(tmp_path, "rm", "-q", ".env")
    git(tmp_path, "commit", "-q", "-m", "two", day="2024-01-02")
    return tmp_path


def test_a_directory_outside_git_has_no_history_and_asks_nothing(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert not history.exists
    assert (history.tags, history.branches, history.tracked, history.commits) == ((), (), frozenset(), 0)
    assert history.past_files(lambda path: True).files == ()


def test_another_system_of_version_control_is_known(tmp_path: Path) -> None:
    (tmp_path / ".hg").mkdir()
    assert History(tmp_path).system == "hg"


def test_a_repository_without_a_commit_has_no_history(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    history = History(tmp_path)
    assert (history.system, history.exists, history.commits) == ("git", False, 0)


def test_tags_are_newest_first_and_commits_are_counted(top: Path) -> None:
    git(top, "tag", "v1", "HEAD~1")
    git(top, "tag", "v2")
    history = History(top)
    assert [tag.name for tag in history.tags] == ["v2", "v1"]
    assert history.commits == 2
    assert not history.shallow


def test_branches_that_grew_apart_say_how_far_and_since_when(top: Path) -> None:
    git(top, "checkout", "-q", "-b", "staging")
    git(top, "commit", "-q", "--allow-empty", "-m", "staged", day="2024-02-01")
    git(top, "checkout", "-q", "main")
    git(top, "commit", "-q", "--allow-empty", "-m", "three", day="2024-03-01")
    history = History(top)
    default = history.default_branch
    assert default is not None
    assert default.name == "main"
    staging = next(one for one in history.branches if one.name == "staging")
    apart = history.divergence(staging, default)
    assert apart is not None
    assert (apart.ahead, apart.behind) == (1, 1)
    assert apart.since == 1704196800  # 2024-01-02
    assert apart.first_ahead == 1706788800  # 2024-02-01


def test_what_the_remote_calls_its_default_is_the_default(top: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    git(top, "branch", "-m", "main", "live")
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "-q", str(top), ".")
    git(clone, "checkout", "-q", "-b", "main")
    default = History(clone).default_branch
    assert default is not None
    assert default.ref == "refs/remotes/origin/live" or default.name == "live"


def test_a_shallow_clone_says_so(top: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "-q", "--depth", "1", f"file://{top}", ".")
    history = History(clone)
    assert history.shallow
    assert not history.past_files(lambda path: path == ".env").complete


def test_a_file_that_was_deleted_is_found_with_its_content_and_commit(top: Path) -> None:
    history = History(top)
    past = history.past_files(lambda path: path.endswith(".env"))
    assert past.complete
    assert [(one.path, one.size) for one in past.files] == [(".env", 15)]
    assert [data for _, data in history.contents(past.files)] == [b"SECRET=hunter2\n"]
    assert history.commit_of(past.files[0]) == history.head


def test_what_is_still_there_under_another_name_is_not_past(top: Path) -> None:
    git(top, "mv", "app/a.py", "app/b.py")
    git(top, "commit", "-q", "-m", "renamed")
    assert History(top).past_files(lambda path: path.endswith(".py")).files == ()


def test_the_past_is_bounded_in_number_and_bytes(top: Path) -> None:
    for number in range(5):
        (top / f"{number}.key").write_text(f"key {number}")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "keys")
    git(top, "rm", "-q", "*.key")
    git(top, "commit", "-q", "-m", "no keys")
    history = History(top)
    some = history.past_files(lambda path: path.endswith(".key"), most=3)
    assert (len(some.files), some.complete) == (3, False)
    every = history.past_files(lambda path: path.endswith(".key")).files
    assert len(list(history.contents(every, total=9))) == 1
    assert list(history.contents(every, largest=3)) == []


def test_a_directory_below_the_top_has_its_own_files(top: Path) -> None:
    (top / ".gitignore").write_text("a.py\n")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "ignored")
    history = History(top / "app")
    assert history.tracked == {"a.py"}
    assert history.ignored_but_tracked == {"a.py"}


def test_a_broken_repository_gives_a_problem_and_no_exception(top: Path) -> None:
    (top / ".git/HEAD").write_text("nonsense\n")
    history = History(top)
    assert not history.exists
    assert history.tags == ()
    assert history.problem
