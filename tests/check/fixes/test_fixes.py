"""`--fix` writes what is safe, says it first, and never loses a line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from check.reports.example import factor, finding, report
from hypothesis import given
from hypothesis import strategies as st

from tolv.check.fixes import Change, appended, changes, unified
from tolv.check.fixes.exec_form import direct
from tolv.check.fixes.tree import Tree
from tolv.check.fixes.write import write
from tolv.check.model import Finding, Report
from tolv.errors import ConflictError, PlatformError, UsageError


def about(*findings: Finding) -> Report:
    return report(factors=(factor(3, "findings", "", findings),))


def fixed(root: Path, *findings: Finding) -> dict[str, str]:
    return {one.path: one.after for one in changes(about(*findings), Tree(root))}


def test_a_variable_that_is_read_is_asked_for_in_the_template(tmp_path: Path) -> None:
    found = finding("III-09", "config.py", 1, "warning", subject="DATABASE_URL, REDIS_URL")
    assert fixed(tmp_path, found) == {
        ".env.example": "# Read in config.py.\nDATABASE_URL=\n# Read in config.py.\nREDIS_URL=\n"
    }
    (tmp_path / ".env.sample").write_bytes(b"DATABASE_URL=x\r\n#REDIS_URL=\r\nLAST=1")
    assert fixed(tmp_path, found) == {}
    other = finding("III-09", "config.py", 1, "warning", subject="SENTRY_DSN")
    assert fixed(tmp_path, other) == {
        ".env.sample": "DATABASE_URL=x\r\n#REDIS_URL=\r\nLAST=1\r\n# Read in config.py.\r\nSENTRY_DSN=\r\n"
    }


def test_what_is_tracked_and_should_not_be_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.log\n")
    found = [
        finding("I-07", path, None, "warning")
        for path in ("node_modules/a/b.js", "web/node_modules/c.js", "logs/x.log", "dump (1).sql", "api/.env", "a.pyc")
    ]
    (made,) = changes(about(*found), Tree(tmp_path))
    assert made.after == "*.log\nnode_modules/\n/dump\\ (1).sql\n.env\n*.pyc\n"
    assert "git rm -r --cached node_modules" in made.why


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"Dockerfile": "FROM docker.io/python:3.12-slim AS base\n"}, "3.12\n"),
        ({"runtime.txt": "python-3.11.4\n", "Dockerfile": "FROM python:3.12\n"}, "3.11.4\n"),
        ({"Dockerfile": "FROM python:3.12\nFROM python:3.11\n"}, None),
        (
            {"pyproject.toml": "'Programming Language :: Python :: 3.9', 'Programming Language :: Python :: 3.11'"},
            "3.11\n",
        ),
        ({".python-version": "3.10\n", "runtime.txt": "python-3.11.4\n"}, None),
        ({}, None),
    ],
)
def test_the_version_of_python_is_declared_where_the_tree_agrees_on_one(
    tmp_path: Path, files: dict[str, str], version: str | None
) -> None:
    for name, text in {"requirements.txt": "", **files}.items():
        (tmp_path / name).write_text(text)
    made = fixed(tmp_path, finding("II-08", "", None, "warning"))
    assert made == ({".python-version": version} if version else {})


@pytest.mark.parametrize(
    ("line", "better"),
    [
        ("CMD gunicorn app:app", 'CMD ["gunicorn", "app:app"]'),
        ("  cmd python -c 'a b'  ", '  cmd ["python", "-c", "a b"]  '),
        ("ENTRYPOINT python app.py", "ENTRYPOINT exec python app.py"),
        ("CMD cd app && python app.py", "CMD cd app && exec python app.py"),
        ("CMD source env", None),
        ("CMD ulimit -n 100 && cd app", None),
        ("CMD gunicorn -b :$PORT app", "CMD exec gunicorn -b :$PORT app"),
        ("CMD flask db upgrade && gunicorn app", "CMD flask db upgrade && exec gunicorn app"),
        ('CMD ["gunicorn", "app"]', None),
        ("CMD exec gunicorn app", None),
        ("CMD exec gunicorn -b :$PORT app", None),
        ("CMD a | b", None),
        ("CMD a & b", None),
        ("CMD a; b", None),
        ("CMD A=1 b", None),
        ("CMD a \\", None),
        ("CMD 'a", None),
        ("RUN a b", None),
        ("CMD", None),
    ],
)
def test_a_command_gets_its_signals_where_that_changes_nothing_else(line: str, better: str | None) -> None:
    assert direct(line) == better


@given(st.text())
def test_no_line_of_a_dockerfile_breaks_it(line: str) -> None:
    direct(line)
    direct(f"CMD {line}")


def test_only_the_line_of_the_finding_is_put_in_another_form(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"FROM a\r\nCMD x y\r\n# CMD x y\r\n")
    (made,) = changes(about(finding("IX-03", "Dockerfile", 2, "warning")), Tree(tmp_path))
    assert made.after == 'FROM a\r\nCMD ["x", "y"]\r\n# CMD x y\r\n'
    assert made.loses == ()
    (tmp_path / "Dockerfile").write_text('FROM a\nCMD x y\nSHELL ["powershell"]\n')
    assert fixed(tmp_path, finding("IX-03", "Dockerfile", 2, "warning")) == {}


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"package.json": '{"scripts": {"start": "node ."}}'}, "web: npm start\n"),
        ({"package.json": '{"scripts": {"dev": "node ."}}'}, None),
        ({"package.json": "{"}, None),
        ({"manage.py": "", "shop/wsgi.py": "", "requirements.txt": "gunicorn==22\n"}, "web: gunicorn shop.wsgi\n"),
        ({"manage.py": "", "shop/wsgi.py": "", "requirements.txt": "django\n"}, None),
        ({"app.py": "app = Flask(__name__)", "requirements.txt": "flask\ngunicorn\n"}, "web: gunicorn app:app\n"),
        (
            {"main.py": "api = fastapi.FastAPI()", "pyproject.toml": 'dependencies = ["uvicorn[standard]>=0.2"]'},
            "web: uvicorn main:api --host 0.0.0.0 --port $PORT\n",
        ),
        ({"app.py": "a = Flask()\nb = Flask()", "requirements.txt": "gunicorn"}, None),
        ({"package.json": '{"scripts": {"start": "x"}}', "Dockerfile": ""}, None),
        ({"package.json": '{"scripts": {"start": "x"}}', "Procfile": "worker: x\n"}, None),
    ],
)
def test_the_web_process_is_declared_where_there_is_no_doubt(
    tmp_path: Path, files: dict[str, str], line: str | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    made = fixed(tmp_path, finding("V-02", "", None, "warning"))
    assert made == ({"Procfile": line} if line else {})


@pytest.mark.parametrize(
    ("before", "after", "replaced", "lost"),
    [
        ("a\nb\n", "a\nx\nb\n", (), ()),
        ("a\nb\n", "a\n", (), ("b",)),
        ("a\na\n", "a\n", (), ("a",)),
        ("a\nb\n", "b\na\n", (), ("b",)),
        ("a\nb\n", "a\nx\n", ("b",), ()),
        ("a\nb\nb\n", "a\nx\n", ("b",), ("b",)),
    ],
)
def test_a_line_that_is_lost_is_known(
    before: str, after: str, replaced: tuple[str, ...], lost: tuple[str, ...]
) -> None:
    assert Change("a", before, after, "", replaced).loses == lost


def test_the_difference_is_a_unified_diff() -> None:
    assert unified(Change("a", "x\n", "x\ny\n", "")) == "--- a/a\n+++ b/a\n@@ -1 +1,2 @@\n x\n+y\n"
    assert unified(Change("a", None, "y\n", "")).startswith("--- /dev/null\n+++ b/a\n")


@given(
    before=st.none() | st.text(), lines=st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
)
def test_what_is_appended_never_costs_a_line(before: str | None, lines: list[str]) -> None:
    after = appended(before, lines)
    assert after.startswith(before or "")
    assert Change("a", before, after, "").loses == ()


def test_a_change_is_written_whole_with_the_files_own_mode(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x\n")
    os.chmod(tmp_path / "a", 0o640)
    write(tmp_path, [Change("a", "x\n", "x\ny\n", ""), Change("b", None, "z\n", "")])
    assert (tmp_path / "a").read_text() == "x\ny\n"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b"]


def test_nothing_is_written_if_one_change_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x\n")
    (tmp_path / "b").write_text("other\n")
    outside = tmp_path / "link"
    outside.symlink_to(tmp_path.parent)
    good = Change("a", "x\n", "x\ny\n", "")
    for bad, error in (
        (Change("b", "z\n", "z\ny\n", ""), ConflictError),
        (Change("b", None, "z\n", ""), ConflictError),
        (Change("b", "other\n", "z\n", ""), UsageError),
        (Change("link/c", None, "z\n", ""), UsageError),
        (Change("link", None, "z\n", ""), UsageError),
        (Change("../c", None, "z\n", ""), UsageError),
    ):
        with pytest.raises(error):
            write(tmp_path, [good, bad])
        assert (tmp_path / "a").read_text() == "x\n"
        assert (tmp_path / "b").read_text() == "other\n"


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="cannot be written"):
        write(tmp_path, [Change("no/such/directory", None, "z\n", "")])
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_text_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_bytes(b"\xff\n")
    os.mkfifo(tmp_path / ".gitignore")
    env = finding("III-09", "config.py", 1, "warning", subject="A_B")
    assert fixed(tmp_path, env, finding("I-07", "a.pyc", None)) == {}
