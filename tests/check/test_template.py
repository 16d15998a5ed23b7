"""`tolv config template`: `.env.example` from what the code reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tolv.check.fixes.write import write
from tolv.check.template import make_template
from tolv.codebase.model import Variable
from tolv.codebase.schema import parse_schema, read_schema
from tolv.errors import UsageError

PYTHON = """
import os
DATABASE_URL = os.environ["DATABASE_URL"]
WORKERS = int(os.environ.get("WORKERS", "4"))
VERBOSE = os.environ.get("VERBOSE") in ("1", "true")
SECRET_KEY = os.environ.get("SECRET_KEY", "dev-insecure-key-1234")
SMTP_PASSWORD = os.environ.get("SMTP_PASSWORD", "")
TITLE = os.environ.get("TITLE", "It's # fun")
RATIO = float(os.environ["RATIO"])
STATIC_URL = os.environ.get("STATIC_URL", "/static/")
OTHER_URL = os.environ.get("OTHER_URL", "postgresql://ada:hunter22@db/x")
HOME = os.environ["HOME"]
PORT = int(os.environ["PORT"])
"""
JAVASCRIPT = """
const pool = parseInt(process.env.POOL_MAX, 10);
if (process.env.SENTRY_DSN) init(process.env.SENTRY_DSN);
const level = process.env.LOG_LEVEL ?? 'info';
"""


def app(path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def schema(path: Path) -> dict[str, Variable]:
    made = make_template(path)
    assert made.change is not None
    return {one.name: one for one in parse_schema(made.change.after, ".env.example")}


def test_each_variable_is_what_the_code_shows_of_it(tmp_path: Path) -> None:
    found = schema(app(tmp_path, {"app/settings.py": PYTHON, "server.js": JAVASCRIPT}))
    where = "Read in app/settings.py."
    assert found == {
        "DATABASE_URL": Variable("DATABASE_URL", None, where, "url"),
        "WORKERS": Variable("WORKERS", "4", where, "int"),
        "VERBOSE": Variable("VERBOSE", None, where, "bool", optional=True),
        "SECRET_KEY": Variable("SECRET_KEY", None, where, secret=True),
        "SMTP_PASSWORD": Variable("SMTP_PASSWORD", None, where, secret=True, optional=True),
        "TITLE": Variable("TITLE", "It's # fun", where),
        "RATIO": Variable("RATIO", None, where, "number"),
        "STATIC_URL": Variable("STATIC_URL", "/static/", where),
        "OTHER_URL": Variable("OTHER_URL", None, where, "url", secret=True),
        "POOL_MAX": Variable("POOL_MAX", None, "Read in server.js.", "int"),
        "SENTRY_DSN": Variable("SENTRY_DSN", None, "Read in server.js.", optional=True),
        "LOG_LEVEL": Variable("LOG_LEVEL", "info", "Read in server.js."),
    }


def test_no_secret_of_the_code_and_no_value_of_the_env_file_is_written(tmp_path: Path) -> None:
    local = "DATABASE_URL=postgresql://ada:local-password@localhost/x\nRATIO=0.12345\n"
    made = make_template(app(tmp_path, {"app/settings.py": PYTHON, ".env": local}))
    assert made.change is not None
    for secret in ("dev-insecure", "hunter22", "local-password", "0.12345"):
        assert secret not in made.change.after


def test_what_is_there_stays_to_the_byte_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    before = "# Mine\r\nRATIO=\r\n#  VERBOSE=1\r\nEXTRA='two\r\nlines' # kept\r\n# end"
    app(tmp_path, {"app/settings.py": PYTHON})
    (tmp_path / ".env.example").write_bytes(before.encode())
    made = make_template(tmp_path)
    assert made.change is not None
    assert {"RATIO", "VERBOSE"}.isdisjoint(one.name for one in made.missing)
    write(tmp_path, [made.change])
    assert (tmp_path / ".env.example").read_bytes().startswith(before.encode())
    assert make_template(tmp_path).change is None
    assert {one.name for one in read_schema(tmp_path / ".env.example")} >= {one.name for one in made.missing}


def test_tests_and_what_the_platform_sets_are_left_out(tmp_path: Path) -> None:
    files = {"app.py": "import os\nos.environ['PORT']\n", "tests/test_app.py": "import os\nos.environ['FAKE_KEY']\n"}
    made = make_template(app(tmp_path, files))
    assert (made.missing, made.read, made.change) == ((), 0, None)


def test_a_broken_example_file_is_an_error_with_its_line(tmp_path: Path) -> None:
    app(tmp_path, {"app.py": PYTHON, ".env.example": "A=1\nwhat\n"})
    with pytest.raises(UsageError) as caught:
        make_template(tmp_path)
    assert caught.value.where == ".env.example:2"
    (tmp_path / ".env.example").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="no text file"):
        make_template(tmp_path)


names = st.from_regex(r"[A-Z][A-Z0-9_]{3,20}X", fullmatch=True)
defaults = st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
wrappers = st.sampled_from(["{}", "int({})", "float({})", "bool({})", "{} == 'true'", "{} or ''"])


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(names, st.tuples(defaults, wrappers), min_size=1, max_size=8))
def test_what_is_written_is_read_back_with_the_same_names(
    tmp_path_factory: pytest.TempPathFactory, reads: dict[str, tuple[str | None, str]]
) -> None:
    path = tmp_path_factory.mktemp("app")
    lines = ["import os"]
    for name, (default, wrapper) in reads.items():
        read = f"os.environ[{name!r}]" if default is None else f"os.environ.get({name!r}, {default!r})"
        lines.append(f"value_{len(lines)} = {wrapper.format(read)}")
    made = make_template(app(path, {"settings.py": "\n".join(lines) + "\n"}))
    written = [] if made.change is None else parse_schema(made.change.after, ".env.example")
    assert [one.name for one in written] == [one.name for one in made.missing]
    assert list(written) == [
        Variable(
            one.name,
            one.variable.default,
            "Read in settings.py.",
            one.variable.type,
            secret=one.variable.secret,
            optional=one.variable.optional,
        )
        for one in made.missing
    ]


def tolv(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "tolv", "config", "template", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})


def test_the_command_prints_writes_and_checks(tmp_path: Path) -> None:
    app(tmp_path, {"app.py": "import os\nos.environ['GREETING']\n"})
    assert tolv(str(tmp_path), "--check").returncode == 1
    printed = tolv(str(tmp_path))
    assert printed.returncode == 0
    assert not (tmp_path / ".env.example").exists()
    assert tolv(str(tmp_path), "--write").returncode == 0
    assert (tmp_path / ".env.example").read_text() == printed.stdout
    assert tolv(str(tmp_path), "--check").returncode == 0
    (tmp_path / "app.py").write_text("import os\nos.environ['GREETING'], os.environ['LIMIT']\n")
    assert "+LIMIT=\n" in tolv(str(tmp_path)).stdout
    assert tolv(str(tmp_path), "--write", "--check").returncode == 2
    assert tolv(str(tmp_path / "nowhere")).returncode == 2
