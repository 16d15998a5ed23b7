"""Which saved files are the app's, and when git is asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tolv.cli import watch
from tolv.cli.watch import Tree


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """What git was asked about."""
    questions: list[set[str]] = []
    ask = watch._ignored
    monkeypatch.setattr(watch, "_ignored", lambda root, paths: (questions.append(paths), ask(root, paths))[1])
    return questions


@pytest.fixture
def root(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("*.log\n.env\n")
    return tmp_path


def test_what_git_ignores_is_not_the_apps_but_local_config_is(root: Path) -> None:
    paths = {str(root / name) for name in ("web.py", "ö d.py", "x.log", ".env", "sub/.env")}
    assert Tree(str(root)).of_the_app(paths) == sorted(str(root / name) for name in ("web.py", "ö d.py", ".env"))


def test_git_is_not_asked_again_about_a_file_of_the_apps(root: Path, asked: list[set[str]]) -> None:
    tree, web, log = Tree(str(root)), str(root / "web.py"), str(root / "x.log")
    assert tree.of_the_app({web}) == [web]
    assert tree.of_the_app({web}) == [web]
    assert len(asked) == 1
    assert tree.of_the_app({log}) == tree.of_the_app({log}) == []
    assert tree.of_the_app({web, log}) == [web]
    assert len(asked) == 4


def test_git_is_asked_again_once_what_it_ignores_has_changed(root: Path) -> None:
    tree, web, rules = Tree(str(root)), str(root / "web.py"), root / ".gitignore"
    assert tree.of_the_app({web}) == [web]
    rules.write_text("web.py\n")
    assert tree.of_the_app({str(rules)}) == [str(rules)]
    assert tree.of_the_app({web}) == []


def test_outside_git_everything_is_the_apps(tmp_path: Path) -> None:
    path = str(tmp_path / "web.py")
    assert Tree(str(tmp_path)).of_the_app({path}) == [path]
