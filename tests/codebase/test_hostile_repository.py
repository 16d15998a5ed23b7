"""A repository that tries to run its code when it is read. Each attack is shown to work on a careless reader first."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tolv.codebase import git
from tolv.errors import AppError, TolvError

Repositories = Callable[[str], Any]


@pytest.fixture
def trap(tmp_path: Path) -> Any:
    """A program that leaves a mark when somebody runs it."""

    class Trap:
        mark = tmp_path / "pwned"
        program = tmp_path / "trap"

        def sprung(self) -> bool:
            found = self.mark.exists()
            self.mark.unlink(missing_ok=True)
            return found

    Trap.program.write_text(f"#!/bin/sh\ntouch {Trap.mark}\nexit 1\n")
    Trap.program.chmod(0o755)
    return Trap()


def read_in_every_way(path: Path, into: Path) -> None:
    source = git.locate(path)
    commit = git.resolve(source, "HEAD")
    git.dirty_files(source)
    git.export_worktree(source, into / "now")
    git.export(source, commit, into / "commit")


def test_a_file_system_monitor_is_not_run(repo: Any, trap: Any, tmp_path: Path) -> None:
    repo.write("app.py").commit()
    repo.git("config", "core.fsmonitor", str(trap.program))
    repo.git("status")
    assert trap.sprung()
    read_in_every_way(repo.path, tmp_path / "out")
    assert not trap.sprung()


def test_hooks_are_not_run(repo: Any, trap: Any, tmp_path: Path) -> None:
    repo.write("app.py", "1").commit()
    hooks = repo.path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "post-checkout", "pre-auto-gc", "fsmonitor-watchman", "reference-transaction"):
        (hooks / name).symlink_to(trap.program)
    repo.git("config", "core.hooksPath", str(hooks))
    (repo.path / "app.py").touch()
    repo.git("status")
    assert trap.sprung()
    (repo.path / "app.py").touch()
    source = git.locate(repo.path)
    git.export(source, git.resolve(source, "HEAD"), tmp_path / "out")
    assert git.dirty_files(source)
    assert not trap.sprung()


@pytest.mark.parametrize("kind", ["clean", "process"])
def test_filters_are_not_run(repo: Any, trap: Any, tmp_path: Path, kind: str) -> None:
    repo.write(".gitattributes", "* filter=Evil.One\n").write("app.py", "1").commit()
    for name in (kind, "smudge"):
        repo.git("config", f"filter.Evil.One.{name}", str(trap.program))
    repo.git("config", "filter.Evil.One.required", "true")
    repo.write("app.py", "2")
    subprocess.run(["git", "diff", "--stat"], cwd=repo.path, capture_output=True, timeout=30)
    assert trap.sprung()
    read_in_every_way(repo.path, tmp_path / "out")
    assert git.dirty_files(git.locate(repo.path)) == ("app.py",)
    assert not trap.sprung()


def test_a_filter_that_cannot_be_switched_off_is_refused(repo: Any, trap: Any) -> None:
    repo.write(".gitattributes", "* filter=a=b\n").write("app.py", "1").commit()
    with (repo.path / ".git" / "config").open("a") as config:
        config.write(f'[filter "a=b"]\n\tclean = {trap.program}\n')
    repo.write("app.py", "2")
    with pytest.raises(TolvError, match="a=b"):
        git.locate(repo.path)
    assert not trap.sprung()


def test_a_file_that_is_included_into_the_configuration_counts_as_hostile_too(
    repo: Any, trap: Any, tmp_path: Path
) -> None:
    repo.write(".gitattributes", "* filter=evil\n").write("app.py", "1").write("evil.ini", "")
    repo.write(
        "evil.ini", f'[core]\n\tfsmonitor = {trap.program}\n[filter "evil"]\n\tclean = {trap.program}\n'
    ).commit()
    repo.git("config", "include.path", "../evil.ini")
    repo.write("app.py", "2")
    repo.git("status")
    assert trap.sprung()
    read_in_every_way(repo.path, tmp_path / "out")
    assert not trap.sprung()


def test_a_submodule_is_read_as_carefully(repo: Any, make_repository: Repositories, trap: Any, tmp_path: Path) -> None:
    library = make_repository("library")
    library.write("lib.py").commit()
    repo.git("submodule", "-q", "add", str(library.path), "library")
    repo.write("app.py").commit()
    repo.git("-C", "library", "config", "core.fsmonitor", str(trap.program))
    repo.git("config", "submodule.library.ignore", "none")
    repo.git("config", "status.submoduleSummary", "true")
    repo.git("config", "diff.submodule", "log")
    repo.git("status")
    assert trap.sprung()
    read_in_every_way(repo.path, tmp_path / "out")
    assert not trap.sprung()


def test_a_partial_clone_does_not_fetch_what_it_lacks(repo: Any, trap: Any, tmp_path: Path) -> None:
    repo.write("app.py", "precious").commit()
    blob = repo.git("rev-parse", "HEAD:app.py")
    (repo.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{trap.program}",
        "protocol.ext.allow": "always",
    }.items():
        repo.git("config", key, value)
    subprocess.run(["git", "cat-file", "blob", blob], cwd=repo.path, capture_output=True, timeout=30)
    assert trap.sprung()
    source = git.locate(repo.path)
    with pytest.raises(TolvError) as caught:
        git.export(source, git.resolve(source, "HEAD"), tmp_path / "out")
    assert caught.value.remedy
    assert not trap.sprung()


def test_a_work_tree_that_points_elsewhere_shows_nothing_of_it(repo: Any, tmp_path: Path) -> None:
    elsewhere = tmp_path / "private"
    elsewhere.mkdir()
    (elsewhere / "secret.txt").write_text("secret")
    repo.write("app.py").commit()
    repo.git("config", "core.worktree", str(elsewhere))
    source = git.locate(repo.path)
    assert source.repository == repo.path
    assert git.dirty_files(source) == ()
    git.export_worktree(source, tmp_path / "out")
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["app.py"]


def test_a_forged_tree_with_a_link_and_a_directory_of_one_name_leads_nowhere(repo: Any, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    code, target = (repo.git("hash-object", "-w", "--stdin", given=given) for given in (b"owned", b"victim"))
    inner = repo.git("mktree", given=f"100644 blob {code}\tfile\n".encode())
    forged = forge(repo, [(b"120000", b"a", target), (b"40000", b"a", inner)])
    with pytest.raises(AppError, match="two files of one name"):
        export_tree(repo, forged, tmp_path / "out")
    assert list((tmp_path / "victim").iterdir()) == []


@pytest.mark.parametrize("name", [b"..", b".git", b".", b"a/../../b"])
def test_a_forged_tree_with_a_name_that_leads_out_is_refused(repo: Any, tmp_path: Path, name: bytes) -> None:
    code = repo.git("hash-object", "-w", "--stdin", given=b"owned")
    inner = repo.git("mktree", given=f"100644 blob {code}\tb\n".encode())
    entry = (b"100644", name, code) if b"/" in name else (b"40000", name, inner)
    with pytest.raises(AppError, match="no honest tree has"):
        export_tree(repo, forge(repo, [entry]), tmp_path / "deep" / "out")
    assert not (tmp_path / "deep" / "b").exists()


def test_a_tree_of_a_thousand_levels_is_refused(repo: Any, tmp_path: Path) -> None:
    blob = repo.git("hash-object", "-w", "--stdin", given=b"deep")
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{'a/' * 1500}b")
    source = git.locate(repo.path)
    with pytest.raises(AppError, match="no honest tree has"):
        git.export_worktree(source, tmp_path / "now")
    with pytest.raises(AppError, match="no honest tree has"):
        export_tree(repo, repo.git("write-tree"), tmp_path / "commit")


def test_a_directory_that_became_a_link_shows_nothing_of_what_it_leads_to(repo: Any, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private/key").write_text("secret")
    repo.write(".gitignore", "/config\n").write("app.py").commit()
    blob = repo.git("hash-object", "-w", "--stdin", given=b"harmless")
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},config/key")
    repo.link("config", str(tmp_path / "private"))
    git.export_worktree(git.locate(repo.path), tmp_path / "out")
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [".gitignore", "app.py"]


def test_a_submodule_behind_a_link_is_refused(repo: Any, make_repository: Repositories, tmp_path: Path) -> None:
    private = make_repository("private/library")
    commit = private.write("secret.py").commit()
    repo.write(".gitignore", "/vendor\n").link("vendor", "../private")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},vendor/library")
    repo.git("commit", "-q", "-m", "Forge")
    source = git.locate(repo.path)
    with pytest.raises(AppError, match="submodule vendor/library is not there"):
        git.export(source, git.resolve(source, "HEAD"), tmp_path / "commit")
    git.export_worktree(source, tmp_path / "now")
    assert not (tmp_path / "now/vendor").exists()


def forge(repo: Any, entries: list[tuple[bytes, bytes, str]]) -> str:
    """A tree object that git itself would not write."""
    content = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(blob) for mode, name, blob in entries)
    return str(repo.git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", given=content))


def export_tree(repo: Any, tree: str, into: Path) -> None:
    repo.git("update-ref", "HEAD", repo.git("commit-tree", "-m", "forged", tree))
    source = git.locate(repo.path)
    git.export(source, git.resolve(source, "HEAD"), into)
