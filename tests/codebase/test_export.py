"""A tree written to disk: from a commit, or as it is now."""

from __future__ import annotations

import os
import shutil
import socket
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tolv.codebase import git
from tolv.codebase.tree import LARGEST_FILE, disk_errors
from tolv.errors import AppError, PlatformError, UsageError

Repositories = Callable[[str], Any]
Files = Callable[[Path], dict[str, str]]


def exported(path: Path, into: Path, ref: str = "HEAD") -> tuple[str, ...]:
    source = git.locate(path)
    return git.export(source, git.resolve(source, ref), into)


def exported_as_it_is(path: Path, into: Path) -> None:
    git.export_worktree(git.locate(path), into)


def test_a_commit_is_written_with_modes_links_and_odd_names(repo: Any, tmp_path: Path, files: Files) -> None:
    repo.write("bin/run", "#!/bin/sh\n", executable=True).write("a b/ü\n\t'\"$.txt", "x").write("empty")
    repo.write("binary", bytes(range(256)) * 9000).link("bin/alias", "run").link("dir", "a b").link(
        "dangling", "not/here"
    )
    repo.write(os.fsdecode(b"latin-\xfc"), "y").commit()
    previous = os.umask(0o077)
    try:
        exported(repo.path, tmp_path / "out")
    finally:
        os.umask(previous)
    shutil.rmtree(repo.path / ".git")
    assert files(tmp_path / "out") == files(repo.path)
    assert (tmp_path / "out/bin/run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/empty").stat().st_mode & 0o777 == 0o644


def test_a_commit_is_written_as_it_was_whatever_the_work_tree_holds(repo: Any, tmp_path: Path, files: Files) -> None:
    first = repo.write("app.py", "1").write("old.py").commit()
    repo.write("app.py", "2")
    (repo.path / "old.py").unlink()
    repo.commit()
    repo.write("app.py", "3").write("stray.py")
    exported(repo.path, tmp_path / "out")
    assert files(tmp_path / "out") == {"app.py": "2"}
    exported(repo.path, tmp_path / "first", first[:10])
    assert files(tmp_path / "first") == {"app.py": "1", "old.py": ""}


def test_only_the_app_of_a_monorepo_is_written(repo: Any, tmp_path: Path, files: Files) -> None:
    repo.write("services/api/src/app.py", "api").write("services/web/app.js").write("README").commit()
    repo.write("services/api/src/app.py", "changed").write("services/api/new.py")
    exported(repo.path / "services/api", tmp_path / "out")
    assert files(tmp_path / "out") == {"src/app.py": "api"}
    exported_as_it_is(repo.path / "services/api", tmp_path / "now")
    assert files(tmp_path / "now") == {"src/app.py": "changed", "new.py": ""}


def test_a_directory_that_the_commit_lacks_is_refused(repo: Any, tmp_path: Path) -> None:
    repo.write("README").commit()
    repo.write("new/app.py")
    with pytest.raises(UsageError, match="has no directory new") as caught:
        exported(repo.path / "new", tmp_path / "out")
    assert "commit the directory" in str(caught.value.remedy)


def test_an_empty_commit_is_an_empty_tree(repo: Any, tmp_path: Path, files: Files) -> None:
    repo.commit()
    exported(repo.path, tmp_path / "out")
    assert files(tmp_path / "out") == {}


def test_line_ends_and_attributes_change_no_byte(repo: Any, tmp_path: Path, files: Files) -> None:
    repo.write("unix.txt", "a\n$Format:%H$ $Id$\n").write("secret.txt")
    repo.write(".gitattributes", "*.txt text eol=crlf ident export-subst\nsecret.txt export-ignore\n").commit()
    repo.git("config", "core.autocrlf", "true")
    exported(repo.path, tmp_path / "out")
    assert files(tmp_path / "out")["unix.txt"] == "a\n$Format:%H$ $Id$\n"
    assert "secret.txt" in files(tmp_path / "out")


@pytest.mark.parametrize("write", [exported, exported_as_it_is])
@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside", "../../outside", "x/../../outside", "../guestbook/app.py"]
)
def test_a_link_out_of_the_tree_is_refused(
    repo: Any, tmp_path: Path, write: Callable[[Path, Path], object], target: str
) -> None:
    repo.write("app.py").link("escape", target).commit()
    with pytest.raises(AppError, match="symbolic link escape leaves the app's tree") as caught:
        write(repo.path, tmp_path / "out")
    assert caught.value.remedy


@pytest.mark.parametrize("write", [exported, exported_as_it_is])
def test_two_links_that_leave_the_tree_together_are_refused(
    repo: Any, tmp_path: Path, write: Callable[[Path, Path], object]
) -> None:
    repo.write("top/app.py").link("deep/down", "../top").link("deep/escape", "down/../../outside").commit()
    (tmp_path / "outside").write_text("")
    with pytest.raises(AppError, match="deep/escape leaves the app's tree"):
        write(repo.path, tmp_path / "out")


@pytest.mark.parametrize("write", [exported, exported_as_it_is])
def test_links_that_go_round_in_circles_are_kept(
    repo: Any, tmp_path: Path, files: Files, write: Callable[[Path, Path], object]
) -> None:
    repo.link("a", "b").link("b", "a").link("here", ".").commit()
    write(repo.path, tmp_path / "out")
    assert files(tmp_path / "out") == {"a": "-> b", "b": "-> a", "here": "-> ."}


@pytest.mark.parametrize("write", [exported, exported_as_it_is])
def test_a_submodule_that_is_missing_is_refused_and_one_that_is_there_is_written(
    repo: Any,
    make_repository: Repositories,
    tmp_path: Path,
    files: Files,
    write: Callable[[Path, Path], object],
) -> None:
    inner = make_repository("inner")
    inner.write("inner.py", "inner").commit()
    library = make_repository("library")
    library.write("lib.py", "lib").git("submodule", "-q", "add", str(inner.path), "deep/inner")
    library.commit()
    repo.write("app.py", "app").git("submodule", "-q", "add", str(library.path), "vendor/library")
    repo.commit()
    with pytest.raises(AppError, match=r"submodule vendor/library/deep/inner|submodule deep/inner") as caught:
        write(repo.path, tmp_path / "refused")
    assert "submodule update --init --recursive" in str(caught.value.remedy)
    repo.git("submodule", "-q", "update", "--init", "--recursive")
    write(repo.path, tmp_path / "out")
    code = {name: text for name, text in files(tmp_path / "out").items() if name.endswith(".py")}
    assert code == {"app.py": "app", "vendor/library/lib.py": "lib", "vendor/library/deep/inner/inner.py": "inner"}
    shutil.rmtree(repo.path / "vendor/library")
    (repo.path / "vendor/library").mkdir()
    with pytest.raises(AppError, match="submodule vendor/library is not there"):
        write(repo.path, tmp_path / "again")


def test_a_file_above_the_limit_is_refused_before_anything_is_copied(repo: Any, tmp_path: Path, files: Files) -> None:
    repo.write("a.txt", "a").write("dump.sql")
    os.truncate(repo.path / "dump.sql", LARGEST_FILE + 1)
    with pytest.raises(AppError, match=r"dump\.sql") as caught:
        exported_as_it_is(repo.path, tmp_path / "out")
    assert "backing service" in str(caught.value.remedy)
    assert files(tmp_path / "out") == {}


def test_a_file_above_the_limit_in_a_commit_is_refused(repo: Any, tmp_path: Path, files: Files) -> None:
    repo.write("a.txt", "a").write("dump.sql", "-- small").commit()
    blob = repo.git("rev-parse", "HEAD:dump.sql")
    stored = repo.path / ".git" / "objects" / blob[:2] / blob[2:]
    stored.chmod(0o600)
    stored.write_bytes(zlib.compress(b"blob %d\0" % (LARGEST_FILE + 1)))  # as large as it says, without the bytes
    with pytest.raises(AppError, match=r"dump\.sql has 1\.0 GiB"):
        exported(repo.path, tmp_path / "out")
    assert files(tmp_path / "out") == {}


def test_a_git_lfs_pointer_is_noted(repo: Any, tmp_path: Path) -> None:
    repo.write("logo.png", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n").commit()
    (note,) = exported(repo.path, tmp_path / "out")
    assert "logo.png" in note


def test_the_work_tree_is_written_as_it_is_now(repo: Any, tmp_path: Path, files: Files) -> None:
    repo.write(".gitignore", "*.log\nlocal/\n").write("app.py", "1").write("gone.py").write("moved/x").commit()
    repo.write("app.py", "2", executable=True).write("new.py").write("noise.log").write("local/data").write(
        ".env", "A=1"
    )
    repo.write("venv/bin/python").write("pkg/__pycache__/a.pyc").write("pkg/a.py").link("alias", "app.py")
    (repo.path / "gone.py").unlink()
    shutil.rmtree(repo.path / "moved")
    repo.write("moved", "a file now")
    exported_as_it_is(repo.path, tmp_path / "out")
    assert files(tmp_path / "out") == {
        ".gitignore": "*.log\nlocal/\n",
        "app.py*": "2",
        "new.py": "",
        "pkg/a.py": "",
        "alias": "-> app.py",
        "moved": "a file now",
    }


def test_the_work_tree_of_a_repository_without_commits_is_written(repo: Any, tmp_path: Path, files: Files) -> None:
    repo.write("app.py", "1")
    exported_as_it_is(repo.path, tmp_path / "out")
    assert files(tmp_path / "out") == {"app.py": "1"}


def test_a_merge_conflict_is_written_once(repo: Any, tmp_path: Path, files: Files) -> None:
    blob = repo.git("hash-object", "-w", "--stdin", given=b"base")
    repo.git("update-index", "--index-info", given="".join(f"100644 {blob} {n}\ta.py\n" for n in (1, 2, 3)).encode())
    repo.write("a.py", "both")
    exported_as_it_is(repo.path, tmp_path / "out")
    assert files(tmp_path / "out") == {"a.py": "both"}


def test_a_directory_outside_git_is_written_without_what_never_belongs_in_a_build(tmp_path: Path, files: Files) -> None:
    app = tmp_path / "app"
    for name in (
        ".env",
        ".venv/x",
        "venv/x",
        "node_modules/x/y",
        "a/__pycache__/b.pyc",
        "a/b.py",
        ".env.example",
        "run",
    ):
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text(name)
    (app / "run").chmod(0o700)
    (app / "link").symlink_to("a")
    os.mkfifo(app / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(app / "socket"))
        exported_as_it_is(app, tmp_path / "out")
    assert files(tmp_path / "out") == {
        "a/b.py": "a/b.py",
        ".env.example": ".env.example",
        "run*": "run",
        "link": "-> a",
    }


def test_a_tree_that_holds_the_target_is_not_copied_into_itself(tmp_path: Path, files: Files) -> None:
    (tmp_path / "app.py").write_text("x")
    (tmp_path / "state").mkdir()
    (tmp_path / "state/store.db").write_text("of Tolv")
    shutil.rmtree(tmp_path / "someone")
    exported_as_it_is(tmp_path, tmp_path / "state/work/tree")
    assert files(tmp_path / "state/work/tree") == {"app.py": "x"}


def test_a_target_that_cannot_be_written_is_one_clear_error(repo: Any, tmp_path: Path) -> None:
    repo.write("app.py").commit()
    (tmp_path / "file").write_text("")
    with pytest.raises(PlatformError, match="cannot be copied") as caught:
        exported(repo.path, tmp_path / "file" / "out")
    assert caught.value.remedy


def test_no_space_left_says_to_free_some(tmp_path: Path) -> None:
    with pytest.raises(PlatformError) as caught, disk_errors(tmp_path), Path("/dev/full").open("wb", 0) as full:
        full.write(b"x")
    assert "free some space" in str(caught.value.remedy)
