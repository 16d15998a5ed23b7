"""Where the code is, and which commit is meant."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tolv.codebase import git
from tolv.codebase.model import Source
from tolv.errors import TolvError, UsageError

Repositories = Callable[[str], Any]


def test_a_source_knows_its_commit_branch_time_and_remote(repo: Any) -> None:
    commit = repo.write("app.py").commit()
    repo.git("remote", "add", "origin", "git@example.org:team/guestbook.git")
    source = git.locate(repo.path)
    assert (source.path, source.repository, source.prefix) == (repo.path, repo.path, "")
    assert source.head is not None
    assert (source.head.id, source.head.branch, source.head.time) == (commit, "main", 1700000000)
    assert (source.head.dirty, source.head.remote) == (False, "git@example.org:team/guestbook.git")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://ada:secret@example.org/x.git", "https://example.org/x.git"),
        ("https://token@example.org:8443/x.git?access_token=secret", "https://example.org:8443/x.git"),
        ("ssh://git:secret@example.org:22/x.git", "ssh://git@example.org:22/x.git"),
        ("/srv/git/x.git", "/srv/git/x.git"),
        ("https://[broken/x.git", None),
    ],
)
def test_the_remote_is_kept_without_its_credentials(repo: Any, url: str, kept: str | None) -> None:
    repo.write("app.py").commit()
    repo.git("config", "remote.origin.url", url)
    head = git.locate(repo.path).head
    assert head is not None
    assert head.remote == kept


def test_an_app_may_lie_in_a_directory_of_its_repository(repo: Any) -> None:
    repo.write("services/api/app.py").write("README").commit()
    repo.write("README", "changed")
    source = git.locate(repo.path / "services" / "api")
    assert (source.repository, source.prefix) == (repo.path, "services/api")
    assert source.head is not None
    assert not source.head.dirty, "a change outside the app is no change of the app"
    assert git.dirty_files(source) == ()
    repo.write("services/api/new.py")
    assert git.dirty_files(source) == ("services/api/new.py",)


def test_changed_added_staged_removed_and_untracked_files_are_dirty(repo: Any) -> None:
    repo.write(".gitignore", "*.log\n")
    for name in ("changed", "removed", "mode", "kept", "wörter und\ttabs"):
        repo.write(name, "1")
    repo.commit()
    repo.write("changed", "2").write("staged").write("new/deep").write("noise.log").write("wörter und\ttabs", "2")
    (repo.path / "removed").unlink()
    (repo.path / "mode").chmod(0o755)
    repo.git("add", "staged")
    source = git.locate(repo.path)
    assert source.head is not None
    assert source.head.dirty
    assert set(git.dirty_files(source)) == {"changed", "staged", "removed", "mode", "new/deep", "wörter und\ttabs"}


def test_local_values_and_environments_do_not_make_a_tree_dirty(repo: Any) -> None:
    repo.write("x/app.py").commit()
    repo.write("left/__pycache__/a.pyc").write(".env", "A=1").write("venv/bin/python").write(
        "node_modules/x/index.js"
    ).write("x/__pycache__/a.pyc")
    assert git.dirty_files(git.locate(repo.path)) == ()


def test_a_merge_conflict_is_dirty(repo: Any) -> None:
    repo.write("app.py", "1").commit()
    repo.git("checkout", "-q", "-b", "other")
    repo.write("app.py", "2").commit()
    repo.git("checkout", "-q", "main")
    repo.write("app.py", "3").commit()
    with pytest.raises(subprocess.CalledProcessError):
        repo.git("merge", "other")
    assert git.dirty_files(git.locate(repo.path)) == ("app.py",)


def test_a_detached_head_has_a_commit_and_no_branch(repo: Any) -> None:
    first = repo.write("app.py").commit()
    repo.commit()
    repo.git("checkout", "-q", first)
    source = git.locate(repo.path)
    assert source.head is not None
    assert (source.head.id, source.head.branch) == (first, None)
    assert git.resolve(source, "HEAD").branch is None
    assert git.resolve(source, "main").branch == "main"


def test_a_repository_without_a_commit_says_what_to_do(repo: Any) -> None:
    repo.write("app.py")
    source = git.locate(repo.path)
    assert (source.repository, source.head) == (repo.path, None)
    with pytest.raises(UsageError, match="no commit yet") as caught:
        git.resolve(source, "HEAD")
    assert "git commit" in str(caught.value.remedy)


def test_a_directory_outside_git_has_no_commits(tmp_path: Path) -> None:
    source = git.locate(tmp_path)
    assert source == Source(path=tmp_path)
    assert git.dirty_files(source) == ()
    with pytest.raises(UsageError, match="not in a git repository") as caught:
        git.resolve(source, "HEAD")
    assert "tolv up" in str(caught.value.remedy)


def test_a_linked_work_tree_has_its_own_branch(repo: Any, tmp_path: Path) -> None:
    repo.write("app.py").commit()
    repo.git("worktree", "add", "-q", "-b", "feature", str(tmp_path / "linked"))
    source = git.locate(tmp_path / "linked")
    assert source.repository == tmp_path / "linked"
    assert source.head is not None
    assert source.head.branch == "feature"


def test_a_shallow_clone_works_and_says_why_it_lacks_a_commit(repo: Any, tmp_path: Path) -> None:
    first = repo.write("app.py").commit()
    second = repo.commit()
    repo.git("clone", "-q", "--depth=1", f"file://{repo.path}", str(tmp_path / "shallow"))
    source = git.locate(tmp_path / "shallow")
    assert git.resolve(source, "HEAD").id == second
    with pytest.raises(UsageError, match="there is no commit") as caught:
        git.resolve(source, first)
    assert "--unshallow" in str(caught.value.remedy)


def test_a_symbolic_link_to_an_app_leads_to_it(repo: Any, tmp_path: Path) -> None:
    repo.write("app.py").commit()
    (tmp_path / "link").symlink_to(repo.path)
    assert git.locate(tmp_path / "link").repository == repo.path


def test_a_commit_is_named_by_branch_tag_id_or_expression(repo: Any) -> None:
    first = repo.write("app.py").commit()
    repo.git("tag", "-a", "v1.0", "-m", "first")
    second = repo.commit()
    source = git.locate(repo.path)
    for ref, wanted in {
        "main": second,
        "HEAD": second,
        "@": second,
        "v1.0": first,
        first: first,
        first[:8]: first,
        "HEAD~1": first,
        "refs/heads/main": second,
    }.items():
        assert git.resolve(source, ref).id == wanted, ref
    assert git.resolve(source, "HEAD").branch == "main"
    assert git.resolve(source, "v1.0").branch is None
    assert git.resolve(source, first).time == 1700000000


def test_a_commit_that_does_not_exist_suggests_what_is_near(repo: Any) -> None:
    repo.write("app.py").commit()
    repo.git("branch", "feature/login")
    with pytest.raises(UsageError, match="feature/logn") as caught:
        git.resolve(git.locate(repo.path), "feature/logn")
    assert "did you mean feature/login?" in str(caught.value.remedy)


@pytest.mark.parametrize(
    "ref",
    [
        "",
        " ",
        "--help",
        "-h",
        "--upload-pack=x",
        "a\nHEAD",
        "a\0b",
        "HEAD:app.py",
        "HEAD^{tree}",
        "a commit 5",
        "\udcff",
    ],
)
def test_a_ref_that_is_none_is_refused_and_never_an_option(repo: Any, ref: str) -> None:
    repo.write("app.py").commit()
    with pytest.raises(UsageError, match="there is no commit"):
        git.resolve(git.locate(repo.path), ref)


@pytest.mark.parametrize("name", ["missing", "file", "file/below", "a\0b"])
def test_a_path_that_is_no_directory_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        git.locate(tmp_path / name)
    assert caught.value.remedy


def test_a_broken_repository_is_one_clear_error(repo: Any) -> None:
    repo.write("app.py").commit()
    (repo.path / ".git" / "HEAD").write_text("nonsense")
    with pytest.raises(TolvError) as caught:
        git.locate(repo.path)
    assert caught.value.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_repository_of_another_user_says_how_to_trust_it(repo: Any) -> None:
    repo.write("app.py").commit()
    for path in (repo.path, repo.path / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(UsageError, match="belongs to another user") as caught:
        git.locate(repo.path)
    assert "safe.directory" in str(caught.value.remedy)
    repo.git("config", "--global", "--add", "safe.directory", str(repo.path))
    assert git.locate(repo.path).head is not None


def test_git_settings_of_the_environment_do_not_count(
    repo: Any, make_repository: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = repo.write("app.py").commit()
    other = make_repository("other")
    other.write("other.py").commit("Another")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git" / "index"))
    head = git.locate(repo.path).head
    assert head is not None
    assert (head.id, head.dirty) == (wanted, False)


def test_without_git_the_error_says_what_to_install(repo: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    repo.write("app.py").commit()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TolvError, match="git is not installed") as caught:
        git.locate(repo.path)
    assert caught.value.exit_code == 3
