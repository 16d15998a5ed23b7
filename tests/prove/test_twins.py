"""Twins are made of the model app, and only what their mutation says is other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tolv.codebase.git import locate
from tolv.prove.probe import Mutation
from tolv.prove.twins import EARLIER, MODEL, make_twin

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def git(directory: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True, text=True).stdout


def files(directory: Path) -> dict[str, bytes]:
    tracked = git(directory, "ls-files").split()
    assert git(directory, "status", "--porcelain", "--ignored") == ""
    return {path: (directory / path).read_bytes() for path in tracked}


def test_the_good_twin_is_the_model_at_a_commit(tmp_path: Path) -> None:
    make_twin(tmp_path / "twin", None)
    model = {str(path.relative_to(MODEL)): path for path in MODEL.rglob("*") if path.is_file()}
    there = {path: one.read_bytes() for path, one in model.items() if "__pycache__" not in path}
    assert files(tmp_path / "twin") == there
    assert {"Procfile", ".env.example", ".gitignore", "tolv.toml", "requirements.txt"} <= set(there)
    head = locate(tmp_path / "twin").head
    assert head is not None
    assert (head.branch, head.dirty) == ("main", False)
    assert git(tmp_path / "twin", "rev-list", "--count", "HEAD") == "1\n"


def test_check_has_nothing_to_say_of_the_good_twin(tmp_path: Path, tolv: Run) -> None:
    make_twin(tmp_path / "twin", None)
    checked = tolv("check", str(tmp_path / "twin"), "--json", "--fail-on", "warning")
    assert checked.returncode == 0, checked.stdout
    said = json.loads(checked.stdout)["factors"]
    assert {one["severity"] for factor in said for one in factor["findings"]} <= {"note"}
    assert len(said) == 16


def test_the_same_twin_has_the_same_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation = Mutation("another title", {"config.py": (('"TITLE", "Notes"', '"TITLE", "Other"'),)})
    make_twin(tmp_path / "one", mutation)
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ada")
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    (tmp_path / "two").mkdir()
    make_twin(tmp_path / "two", mutation)
    make_twin(tmp_path / "good", None)
    monkeypatch.undo()
    one, two, good = (git(tmp_path / name, "rev-parse", "HEAD") for name in ("one", "two", "good"))
    assert one == two != good


def test_a_mutation_changes_what_it_says_and_no_more(tmp_path: Path) -> None:
    mutation = Mutation(
        "another port",
        {"app.py": (('"0.0.0.0", PORT', '"127.0.0.1", 8000'), ("SESSION = 86_400", "SESSION = 1"))},
        add={"lib/more.py": "MORE = 1\n"},
        remove=(".env.example",),
    )
    make_twin(tmp_path / "good", None)
    make_twin(tmp_path / "bad", mutation)
    good, bad = files(tmp_path / "good"), files(tmp_path / "bad")
    assert set(bad) == (set(good) | {"lib/more.py"}) - {".env.example"}
    assert {path for path in set(good) & set(bad) if good[path] != bad[path]} == {"app.py"}
    assert b'Server(("127.0.0.1", 8000), respond)' in bad["app.py"]
    assert len(bad["app.py"].splitlines()) == len(good["app.py"].splitlines())


@pytest.mark.parametrize(
    ("mutation", "problem"),
    [
        (Mutation("x", {"app.py": (("no such text", ""),)}), "x: 'no such text' is there 0 times in app.py, not once"),
        (Mutation("x", {"app.py": (("return", ""),)}), r"'return' is there \d+ times in app.py"),
        (Mutation("x", {"app.py": (("LAST_CALL = 0.4", "Z"), ("LAST_CALL = 0.4", ""))}), "is there 0 times"),
        (Mutation("x", {"none.py": ()}), "x: the model has no none.py"),
        (Mutation("x", remove=("none.py",)), "x: the model has no none.py"),
        (Mutation("x", add={"app.py": ""}), "x: the model has a app.py already"),
    ],
)
def test_a_mutation_that_does_not_fit_is_refused(tmp_path: Path, mutation: Mutation, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        make_twin(tmp_path / "twin", mutation)
    assert not (tmp_path / "twin").exists()


def test_the_release_before_is_a_commit_of_its_own(tmp_path: Path) -> None:
    make_twin(tmp_path / "twin", None, before=EARLIER)
    make_twin(tmp_path / "good", None)
    assert files(tmp_path / "twin") == files(tmp_path / "good")
    before, now = (json.loads(git(tmp_path / "twin", "show", f"{ref}:openapi.json")) for ref in ("HEAD^", "HEAD"))
    assert (before["info"]["version"], now["info"]["version"]) == ("1.0.0", "1.1.0")
    assert git(tmp_path / "twin", "rev-list", "--count", "HEAD") == "2\n"
