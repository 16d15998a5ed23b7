"""The log of what was released, read from real repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tolv.codebase.commits import read_commits


def git(path: Path, *words: str, author: str = "Ada <ada@example.com>") -> str:
    name, _, email = author.rstrip(">").partition(" <")
    config = ("-c", f"user.name={name}", "-c", f"user.email={email}")
    done = subprocess.run(["git", "-C", str(path), *config, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(path: Path, file: str = "a", author: str = "Ada <ada@example.com>") -> str:
    (path / file).parent.mkdir(parents=True, exist_ok=True)
    with (path / file).open("a") as out:
        out.write("x\n")
    git(path, "add", "-A")
    git(path, "commit", "-q", "-m", "Change\n\nmore", author=author)
    return git(path, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "shop"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    return path


def test_it_has_who_wrote_what_led_to_a_commit_and_nothing_else(repository: Path) -> None:
    first, second = commit(repository), commit(repository, author="Bob Ross <bob@example.com>")
    commit(repository)
    log = read_commits(repository, [second])
    assert set(log.entries) == {first, second}
    assert log.entries[second].parents == (first,)
    assert (log.entries[second].name, log.entries[second].email) == ("Bob Ross", "bob@example.com")
    assert log.entries[second].time == int(git(repository, "show", "-s", "--format=%ct", second))
    assert (log.problem, log.whole) == (None, True)


def test_a_mailmap_counts(repository: Path) -> None:
    (repository / ".mailmap").write_text("Ada Lovelace <ada@lovelace.example> <ada@example.com>\n")
    one = commit(repository)
    entry = read_commits(repository, [one]).entries[one]
    assert (entry.name, entry.email) == ("Ada Lovelace", "ada@lovelace.example")


def test_what_only_one_line_has_is_told(repository: Path) -> None:
    base = commit(repository)
    left = commit(repository, "left")
    git(repository, "checkout", "-q", "-b", "other", base)
    right = commit(repository, "right")
    git(repository, "merge", "-q", "-m", "Merge", "main")
    merge = git(repository, "rev-parse", "HEAD")
    log = read_commits(repository, [left, merge])
    assert log.leading_to(merge) == {base, left, right, merge}
    assert log.leading_to(merge) - log.leading_to(left) == {right, merge}
    assert log.leading_to(merge, log.leading_to(left)) == {right, merge}
    assert len(log.chosen(log.leading_to(merge))) == int(git(repository, "rev-list", "--count", merge))


def test_a_commit_that_is_not_there_is_left_out(repository: Path) -> None:
    one = commit(repository)
    log = read_commits(repository, [one, "f" * 40, "nonsense"])
    assert set(log.entries) == {one}
    assert log.problem is None
    assert log.leading_to("f" * 40) == set()


def test_of_a_monorepo_only_what_changes_the_app_is_its_own(repository: Path) -> None:
    mine, other = commit(repository, "apps/shop/a"), commit(repository, "apps/blog/a")
    last = commit(repository, "apps/shop/b")
    log = read_commits(repository / "apps" / "shop", [last])
    assert [one.id for one in log.chosen(log.entries)] in ([last, mine], [mine, last])
    assert not log.entries[other].own


def test_a_shallow_clone_says_that_older_commits_are_missing(repository: Path, tmp_path: Path) -> None:
    commit(repository)
    last = commit(repository)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{repository}", str(clone)], check=True)
    log = read_commits(clone, [last])
    assert (set(log.entries), log.whole) == ({last}, False)


def test_a_repository_that_was_moved_away_is_a_problem_and_no_error(repository: Path) -> None:
    one = commit(repository)
    shutil.move(repository, repository.with_name("elsewhere"))
    log = read_commits(repository, [one])
    assert log.entries == {}
    assert "no such directory" in (log.problem or "")


def test_a_directory_outside_git_is_a_problem_and_no_error(tmp_path: Path) -> None:
    assert "not in a git repository" in (read_commits(tmp_path, []).problem or "")


def test_a_repository_cannot_make_it_run_a_program(repository: Path, tmp_path: Path) -> None:
    """`git log` would show signatures if told so, and ask whatever program the repository names."""
    one = commit(repository)
    told, program = tmp_path / "told", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {told}\n")
    os.chmod(program, 0o755)
    for key, value in (("log.showSignature", "true"), ("gpg.program", str(program)), ("core.pager", str(program))):
        git(repository, "config", key, value)
    raw = git(repository, "cat-file", "commit", one)
    signed = raw.replace("\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n x\n -----END PGP SIGNATURE-----\n\n", 1)
    made = subprocess.run(
        ["git", "-C", str(repository), "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        input=signed.encode(),
        capture_output=True,
        check=True,
    )
    id = made.stdout.decode().strip()
    git(repository, "log", "-1", id)
    assert told.exists(), "the trap works"
    told.unlink()
    assert id in read_commits(repository, [id]).entries
    assert not told.exists()
