"""The survey: which files a codebase has."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tolv.codebase.git import locate
from tolv.codebase.survey import Survey, read_bytes, survey


def surveyed(root: Path) -> Survey:
    return survey(locate(root))


def paths(root: Path) -> list[str]:
    return [file.path for file in surveyed(root).files]


def test_outside_git_every_regular_file_is_there_but_those_of_tools(tmp_path: Path) -> None:
    for name in ("app.py", "lib/a.py", "node_modules/x/index.js", ".venv/lib/site.py", "__pycache__/app.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    assert paths(tmp_path) == ["app.py", "lib/a.py"]


def test_in_git_what_is_ignored_is_no_part_of_it_and_what_is_new_is(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for name, text in {".gitignore": "secret.py\n", "app.py": "", "secret.py": "", "new.py": ""}.items():
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "-C", str(tmp_path), "add", ".gitignore", "app.py"], check=True)

    found = {file.path: file.tracked for file in surveyed(tmp_path).files}

    assert found == {".gitignore": True, "app.py": True, "new.py": False}


def test_a_link_is_not_followed_wherever_it_leads(tmp_path: Path) -> None:
    root, outside = tmp_path / "app", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret.py").write_text("")
    (root / "app.py").write_text("")
    (root / "out").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "file.py").symlink_to(outside / "secret.py")

    assert paths(root) == ["app.py"]


def test_a_directory_that_is_a_link_by_now_gives_nothing_of_what_it_leads_to(tmp_path: Path) -> None:
    root = tmp_path / "app"
    (root / "lib").mkdir(parents=True)
    (root / "lib" / "a.py").write_text("")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.py").write_text("")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "."], check=True)
    (root / "lib" / "a.py").unlink()
    (root / "lib").rmdir()
    (root / "lib").symlink_to(tmp_path / "outside")

    assert paths(root) == []


def test_pipes_and_names_that_are_no_text_hold_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / os.fsdecode(b"caf\xe9.py")).write_text("x = 1\n")
    (tmp_path / "two\nlines.py").write_text("")

    found = paths(tmp_path)

    assert found == ["caf\udce9.py", "two\nlines.py"]
    assert read_bytes(tmp_path, found[0]) == b"x = 1\n"


def test_a_tree_deeper_than_the_stack_is_walked(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)

    assert paths(tmp_path) == []

    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # what tidies up after tests may not be able to
