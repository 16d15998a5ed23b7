"""A bare repository is checked as the newest commit in it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from check.test_command import git

from tolv.check.audit import Request, audit
from tolv.check.bare import is_bare, with_a_work_tree
from tolv.check.catalogue import catalogue
from tolv.check.engine import Options, check
from tolv.codebase.git_command import ask
from tolv.errors import UsageError


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """`shop.git`, with one commit that has a Flask app and no manifest."""
    work = tmp_path / "work"
    git(tmp_path, "init", "-q", "-b", "main", "work")
    (work / "app.py").write_text("import flask\n\napp = flask.Flask(__name__)\n")
    git(work, "add", ".")
    git(work, "commit", "-qm", "First")
    git(tmp_path, "clone", "-q", "--bare", "work", "shop.git")
    return tmp_path / "shop.git"


def test_its_newest_commit_is_checked_with_its_history(bare: Path) -> None:
    rules = dict(catalogue())
    found = audit(
        bare, Request(only=("I", "II")), rules, lambda path, only: check(path, Options(only, False)), date.today()
    )

    report = found.report
    assert (report.app, report.root, report.languages) == ("shop", str(bare), ("python",))
    assert report.commit == ask(bare, f"--git-dir={bare}", "rev-parse", "HEAD").decode().strip()
    assert [one.rule for one in report.findings if one.severity == "error"] == ["II-01"]


def test_nothing_is_written_to_it(bare: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in bare.rglob("*"))

    with with_a_work_tree(bare) as place:
        assert not is_bare(place)

    assert sorted((path, path.stat().st_mtime_ns) for path in bare.rglob("*")) == before


def test_one_without_a_commit_is_refused_with_a_remedy(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "empty.git")

    with pytest.raises(UsageError, match="no commit") as raised, with_a_work_tree(tmp_path / "empty.git"):
        pass

    assert raised.value.remedy
