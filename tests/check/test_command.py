"""`tolv check` as it is used, with a stand-in for the engine: an app whose every `SECRET = "…"` is a finding."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from check.reports.example import RULES, factor
from click.testing import CliRunner, Result

from tolv.check import catalogue
from tolv.check.fingerprints import with_fingerprints
from tolv.check.model import Finding, Place, Report, Witness
from tolv.cli.main import cli
from tolv.errors import TolvError, UsageError

Tolv = Callable[..., Result]


@dataclass(frozen=True)
class Options:
    only: tuple[str, ...] = ()
    cache: bool = True
    progress: Callable[[int, int], None] | None = None


def engine(path: Path, options: Options) -> Report:
    """Finds each line with `SECRET = "…"` in the Python files of a directory, and asks for each variable it names."""
    if path.name == "odd":
        raise ZeroDivisionError("a fault of the engine's own")
    if not path.is_dir():
        raise UsageError("there is no such directory", where=str(path), remedy="name another")
    findings = []
    for file in sorted(path.glob("*.py")):
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            if found := re.match(r"(\w*SECRET) = ", line):
                place = Place(file.name, number, 1)
                message = f"{found[1]} has a default that anyone can read"
                findings.append(Finding(message, place, "error", rule="III-05", snippet=line, subject=found[1]))
    made = with_fingerprints(findings) if not options.only or "III-05" in options.only else ()
    witness = (Witness("nothing is secret here"),)
    config = factor(3, "findings" if made else "holds", "as found", made, witnesses=witness)
    return Report(path.name, str(path), None, ("python",), ("web",), (config,), rules=len(RULES))


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A git repository with one finding."""
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "config.py").write_text('SECRET = "hunter2-of-the-shop"\n')
    git(directory, "init", "-q", "-b", "main")
    git(directory, "add", ".")
    git(directory, "commit", "-qm", "First")
    return directory


@pytest.fixture
def tolv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tolv:
    """Run `tolv check` and its sisters in this process: `tolv("check", "shop")`."""
    stand_in = ModuleType("tolv.check.engine")
    stand_in.Options, stand_in.check = Options, engine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tolv.check.engine", stand_in)
    monkeypatch.setattr(catalogue, "catalogue", lambda: RULES)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments)

    return run


def git(directory: Path, *arguments: str) -> None:
    settings = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(directory), *settings, *arguments], check=True, capture_output=True)


def refused(result: Result) -> TolvError:
    assert isinstance(result.exception, TolvError), result.output
    return result.exception


def found(result: Result) -> list[dict[str, Any]]:
    return [one for each in json.loads(result.stdout)["factors"] for one in each["findings"]]


def test_an_error_fails_a_check_unless_it_is_told_otherwise(tolv: Tolv, app: Path) -> None:
    for arguments, status in (
        ((), 1),
        (("--fail-on", "warning"), 1),
        (("--fail-on", "none"), 0),
        (("--only", "VI"), 0),
    ):
        assert tolv("check", "shop", *arguments).exit_code == status
    assert "config.py:1  III-05  error" in tolv("check", "shop").stdout


def test_json_is_one_object_and_nothing_else(tolv: Tolv, app: Path) -> None:
    for arguments in (("check", "shop", "--json"), ("--json", "check", "shop"), ("check", "shop", "-f", "json")):
        (one,) = found(tolv(*arguments))
        assert (one["rule"], one["path"], one["line"]) == ("III-05", "config.py", 1)


def test_a_report_goes_to_a_file_whole(tolv: Tolv, app: Path, tmp_path: Path) -> None:
    done = tolv("check", "shop", "--format", "sarif", "--output", "out.sarif")
    assert (done.exit_code, done.stdout) == (1, "")
    assert json.loads((tmp_path / "out.sarif").read_text())["version"] == "2.1.0"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.sarif", "shop"]


def test_records_go_to_a_directory_one_file_each(tolv: Tolv, app: Path, tmp_path: Path) -> None:
    tolv("check", "shop", "--format", "adr", "--output", "decisions/")
    assert sorted(one.name for one in (tmp_path / "decisions").iterdir()) == ["0000-questions.md", "0003-config.md"]


def test_a_baseline_that_is_written_answers_for_all_that_was_found(tolv: Tolv, app: Path, tmp_path: Path) -> None:
    baseline = ("--baseline", "known.json")
    assert refused(tolv("check", "shop", *baseline)).exit_code == 2
    assert tolv("check", "shop", *baseline, "--write-baseline").exit_code == 0
    assert tolv("check", "shop", *baseline).exit_code == 0
    entries = json.loads((tmp_path / "known.json").read_text())["findings"]
    assert [(one["rule"], one["path"], one["state"]) for one in entries] == [("III-05", "config.py", "to fix")]
    (app / "config.py").write_text('import os\n\nSECRET = "hunter2-of-the-shop"\nNEW_SECRET = "x"\n')
    (one,) = found(tolv("check", "shop", *baseline, "--json"))
    assert one["line"] == 4
    (app / "config.py").write_text("")
    assert "III-05 config.py" in tolv("check", "shop", *baseline).stderr


def test_against_a_commit_only_what_is_new_is_shown_and_fails(tolv: Tolv, app: Path) -> None:
    assert tolv("check", "shop", "--diff", "main").exit_code == 0
    (app / "config.py").write_text('# moved\nSECRET = "hunter2-of-the-shop"\nNEW_SECRET = "x"\n')
    done = tolv("check", "shop", "--diff", "HEAD", "--json")
    assert done.exit_code == 1
    assert [one["line"] for one in found(done)] == [3]
    assert refused(tolv("check", "shop", "--diff", "nope")).exit_code == 2


def test_a_range_of_commits_shows_what_the_second_has_and_the_first_has_not(tolv: Tolv, app: Path) -> None:
    (app / "config.py").write_text('# moved\nSECRET = "hunter2-of-the-shop"\nNEW_SECRET = "x"\n')
    git(app, "commit", "-qam", "Second")
    (app / "config.py").write_text("")
    assert [one["line"] for one in found(tolv("check", "shop", "--diff", "HEAD~1..HEAD", "--json"))] == [3]
    assert found(tolv("check", "shop", "--diff", "HEAD..HEAD~1", "--json")) == []
    assert found(tolv("check", "shop", "--json")) == []


def test_tolv_toml_selects_ignores_and_excludes(tolv: Tolv, app: Path) -> None:
    def status(text: str) -> int:
        (app / "tolv.toml").write_text(f"[check]\n{text}\n")
        return tolv("check", "shop").exit_code

    assert status('ignore = [{rule = "III-05", path = "config.py", reason = "a demo"}]') == 0
    assert status('ignore = [{rule = "III-05", path = "other.py", reason = "a demo"}]') == 1
    assert status('exclude = ["config.py"]') == 0
    assert status('select = ["VI"]') == 0
    assert status('select = ["III"]') == 1
    (app / "tolv.toml").write_text('[check]\nignore = [{rule = "III-99", reason = "x"}]')
    assert "III-99" in refused(tolv("check", "shop")).problem


def test_a_remark_in_the_code_answers_with_its_reason(tolv: Tolv, app: Path) -> None:
    (app / "config.py").write_text('SECRET = "x"  # tolv: ignore[III-05] only a demo\n')
    assert tolv("check", "shop").exit_code == 0
    (app / "config.py").write_text('SECRET = "x"  # tolv: ignore[III-05]\n')
    done = tolv("check", "shop")
    assert done.exit_code == 1
    assert "gives no reason" in done.stdout


def test_a_fix_is_shown_first_and_written_only_if_somebody_agrees(tolv: Tolv, app: Path) -> None:
    refused(tolv("check", "shop", "--fix"))
    assert not (app / ".env.example").exists()
    done = tolv("check", "shop", "--fix", "--yes")
    assert "+SECRET=" in done.stderr
    assert (app / ".env.example").read_text() == "# Read in config.py.\nSECRET=\n"
    assert done.exit_code == 1


def test_of_many_paths_one_that_cannot_be_checked_does_not_stop_the_others(tolv: Tolv, app: Path) -> None:
    done = tolv("check", "shop", "nowhere", "--summary")
    assert done.exit_code == 2
    assert "shop" in done.stdout
    assert "no such directory" in done.stderr
    assert len(json.loads(tolv("check", "shop", "shop", "--json").stdout)) == 2
    done = tolv("check", "odd", "shop", "--summary")
    assert (done.exit_code, "shop" in done.stdout) == (3, True)
    assert "fault of Tolv's own" in done.stderr
    assert "odd" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--summary", "--format", "sarif"),
        ("--json", "--format", "html"),
        ("--write-baseline",),
        ("shop", "--fix"),
        ("shop", "--baseline", "b"),
        ("--only", "III-99"),
        ("--only", "confg"),
        ("https://example.org/shop.git",),
    ],
)
def test_what_does_not_go_together_is_said(tolv: Tolv, app: Path, arguments: tuple[str, ...]) -> None:
    error = refused(tolv("check", "shop", *arguments))
    assert error.exit_code == 2
    assert error.remedy


def test_factors_are_named_by_label_slug_and_id_in_any_case(tolv: Tolv, app: Path) -> None:
    for name in ("III", "iii-05", "config", "VI,Config"):
        assert tolv("check", "shop", "--only", name).exit_code == 1


def test_a_rule_is_explained_and_all_are_listed(tolv: Tolv) -> None:
    explained = tolv("explain", "iii-05").stdout
    for said in ("III-05  error", RULES["III-05"].why, RULES["III-05"].good, "https://12factor.net/config"):
        assert said in explained
    assert json.loads(tolv("explain", "III-05", "--json").stdout)["factor"] == "III"
    assert "`tolv rules`" in str(refused(tolv("explain", "III-5")))
    assert [line.split()[0] for line in tolv("rules", "config").stdout.splitlines()] == ["RULE", "III-03", "III-05"]
    assert len(json.loads(tolv("rules", "--json").stdout)) == len(RULES)
