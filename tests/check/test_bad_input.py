"""Input that is broken, hostile or gone: never a traceback, and what was not read is named and holds nothing up."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tolv.check import repository, sightings
from tolv.check.catalogue import catalogue
from tolv.check.engine import Options, check
from tolv.check.model import Report
from tolv.check.sightings import FAULT
from tolv.cli.main import cli
from tolv.codebase.survey import read_bytes
from tolv.errors import TolvError

_APP = b'from flask import Flask\napp = Flask(__name__)\n\n\n@app.get("/healthz")\ndef healthz():\n    return "ok"\n'
_FORMATS = ("terminal", "json", "sarif", "markdown", "html", "junit", "github")


def _app(directory: Path, **others: bytes) -> Path:
    """An app whose health is in order, and some more files."""
    directory.mkdir(exist_ok=True)
    (directory / "app.py").write_bytes(_APP)
    for name, data in others.items():
        (directory / name.replace("__", ".")).write_bytes(data)
    return directory


def _check(directory: Path) -> Report:
    report = check(directory, Options(cache=False, strict=True))
    assert not [one for one in report.unread if one.why.startswith(FAULT)]
    return report


def _verdict(report: Report, label: str) -> str:
    return next(one.verdict for one in report.factors if one.factor.label == label)


def _is_named(report: Report, path: str) -> None:
    """The path is in the report, with a reason, and no factor whose rules read Python is said to hold."""
    assert [one.why for one in report.unread if one.path == path and one.why], report.unread
    reading = {rule.label for rule in catalogue().values() if "python" in rule.materials}
    held = {one.factor.label for one in report.factors if one.verdict == "holds"}
    assert not reading & held


def _git(directory: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    allowed = ("-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(directory), *identity, *allowed, *arguments], check=True, capture_output=True)


def _repository(directory: Path) -> Path:
    _app(directory)
    _git(directory, "init", "-q")
    _git(directory, "add", "-A")
    _git(directory, "commit", "-qm", "First")
    _git(directory, "commit", "-qm", "Second", "--allow-empty")
    return directory


def test_the_app_that_the_others_are_measured_by_is_in_order(tmp_path: Path) -> None:
    report = _check(_app(tmp_path / "app"))
    assert _verdict(report, "HLT") == "holds"
    assert not report.unread


@pytest.mark.parametrize(
    "data",
    [
        b"def broken(:\n    return\n",
        b"x = 'unclosed\ny = (1,\n",
        b"import os\n" + b"(" * 5000,
        b"x = " + b"-" * 20_000 + b"1\n",
        b"x = " + b"a." * 20_000 + b"b\n",
        b"print(1)\0\0\0import os\n",
        b"\xff\xfe" + "import os\n".encode("utf-16-le"),
    ],
    ids=["syntax", "unclosed", "deep", "operators", "attributes", "NUL", "UTF-16"],
)
def test_python_that_cannot_be_parsed_is_named(tmp_path: Path, data: bytes) -> None:
    words = b"# flask sqlalchemy route secret password open run logging health print\n"
    report = _check(_app(tmp_path / "app", broken__py=data + words))
    unread = {one.path for one in report.unread}
    if "broken.py" in unread:  # what could be parsed after all has nothing to be named for
        _is_named(report, "broken.py")
    else:
        assert _verdict(report, "HLT") == "holds"


def test_broken_syntax_is_named_with_its_reason(tmp_path: Path) -> None:
    report = _check(_app(tmp_path / "app", broken__py=b"import flask\nsecret = open(\ndef password(:\n"))
    _is_named(report, "broken.py")


@pytest.mark.parametrize("suffix", ["js", "ts", "go", "java", "rb", "php"])
@pytest.mark.parametrize(
    "data", [b"function ( { [ \n" * 50, b"\0\x01\x02\xff" * 400, b"{" * 30_000, b"'" * 9_999 + b"\n", b"\xff\xfe\xfd"]
)
def test_no_language_is_thrown_by_nonsense(tmp_path: Path, suffix: str, data: bytes) -> None:
    directory = _app(tmp_path / "app")
    (directory / f"broken.{suffix}").write_bytes(data + b"\nsecret password route listen open require import health\n")
    _check(directory)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("Dockerfile", b"FROM\nRUN \\\n\xff\xfe\nCOPY --from=\nHEALTHCHECK\nCMD [\n"),
        ("docker-compose.yml", b"services:\n  web: [\n\tports: {\n"),
        ("docker-compose.yml", b"services: {web: {build: 7, ports: [[]], healthcheck: [], environment: {a: [b]}}}\n"),
        ("k8s.yaml", b"apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: {containers: [1, {}, []]}}}\n"),
        ("k8s.yaml", b"apiVersion: v1\nkind: {{ .Kind }}\n{{- if }}\n"),
        ("Procfile", b"web\n: x\nweb: a 'b\n\xff\n"),
        ("package.json", b'{"dependencies": ["a"], "scripts": 7,,}'),
        ("package.json", b'{"dependencies": ["a"], "scripts": 7, "engines": []}'),
        ("pyproject.toml", b"[project\nname = \n"),
        ("pyproject.toml", b"project = 7\n[tool]\npoetry = []\n"),
        ("requirements.txt", b"-r requirements.txt\n\xff===\n-e\n"),
        ("openapi.yaml", b"openapi: 3.0\npaths: [1, {get: 7}]\n"),
        ("openapi.yaml", b"openapi: 3.0\npaths: {/a: [get], /b: {get: 1}, 7: {}}\n"),
        ("go.mod", b"module\nrequire (\n"),
        ("pom.xml", b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><project>&b;'),
        ("app.json", b"[[[["),
        ("fly.toml", b"= 1\n"),
        ("composer.json", b"null"),
        ("Gemfile", b"gem\nsource 'x\n"),
        (".env", b"\xff=\0\nA\n=B\n"),
        ("application.yml", b"spring: {a: &x [*x]}\n"),
        ("manifest.yml", b"applications: 7\n"),
    ],
)
def test_no_manifest_is_too_broken(tmp_path: Path, name: str, data: bytes) -> None:
    directory = _app(tmp_path / "app")
    (directory / name).write_bytes(data)
    _check(directory)


def test_workflows_may_be_nonsense(tmp_path: Path) -> None:
    directory = _app(tmp_path / "app")
    workflows = directory / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "a.yml").write_bytes(b"on: [push]\njobs: {a: {steps: [1, {run: [x]}, {uses: {}}]}, b: 7}\n")
    (workflows / "b.yml").write_bytes(b"jobs:\n\t- \xff\n")
    _check(directory)


def test_latin_1_is_read(tmp_path: Path) -> None:
    report = _check(_app(tmp_path / "app", names__py="# -*- coding: latin-1 -*-\nNAME = 'Zoë'\n".encode("latin-1")))
    assert not report.unread


def test_a_line_of_three_megabytes_is_named(tmp_path: Path) -> None:
    report = _check(_app(tmp_path / "app", long__py=b"SECRET = '" + b"x" * (3 << 20) + b"'\n"))
    _is_named(report, "long.py")


def test_links_that_go_round_are_no_way_to_go(tmp_path: Path) -> None:
    directory = _app(tmp_path / "app")
    (directory / "self").symlink_to(directory)
    (directory / "one.py").symlink_to("two.py")
    (directory / "two.py").symlink_to("one.py")
    (directory / "below").mkdir()
    (directory / "below" / "up").symlink_to("..")
    assert _verdict(_check(directory), "HLT") == "holds"


def test_a_link_out_of_the_tree_is_not_followed_but_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text('SECRET_KEY = "9f4c1e7ab2d85f60"\n')
    directory = _app(tmp_path / "app")
    (directory / "settings.py").symlink_to(tmp_path / "elsewhere.py")
    report = _check(directory)
    assert not [one for one in report.findings if one.place.path == "settings.py"]
    _is_named(report, "settings.py")


def test_a_pipe_and_a_socket_are_not_waited_for(tmp_path: Path) -> None:
    directory = _app(tmp_path / "app")
    os.mkfifo(directory / "pipe.py")
    os.mkfifo(directory / "Dockerfile")
    assert _verdict(_check(directory), "HLT") == "holds"


@contextlib.contextmanager
def _without_rights() -> Iterator[Path]:
    """A directory of somebody without root's rights, and that somebody's eyes."""
    with tempfile.TemporaryDirectory() as directory:
        _check(_app(Path(directory) / "first"))  # all that is imported on the way is there before the rights go
        os.chmod(directory, 0o777)
        was = os.geteuid()
        os.seteuid(was or 65534)
        try:
            yield Path(directory)
        finally:
            os.seteuid(was)


def test_a_directory_that_may_not_be_read_is_named() -> None:
    with _without_rights() as place:
        directory = _app(place / "app")
        (directory / "closed").mkdir(mode=0)
        report = _check(directory)
        (directory / "closed").chmod(0o700)
    _is_named(report, "closed")


def test_a_directory_that_fails_to_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = _app(tmp_path / "app")
    (directory / "closed").mkdir()
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    _is_named(_check(directory), "closed")


def test_a_file_that_vanishes_while_it_is_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = _app(tmp_path / "app", going__py=b"import os\n")

    def gone(root: Path, path: str) -> bytes:
        if path == "going.py":
            (root / path).unlink(missing_ok=True)
        return read_bytes(root, path)

    monkeypatch.setattr(sightings, "read_bytes", gone)
    monkeypatch.setattr(repository, "read_bytes", gone)
    _is_named(_check(directory), "going.py")


def test_a_shallow_clone_is_checked(tmp_path: Path) -> None:
    origin = _repository(tmp_path / "origin")
    _git(tmp_path, "clone", "-q", "--depth", "1", f"file://{origin}", "shallow")
    report = _check(tmp_path / "shallow")
    assert report.commit is not None
    assert _verdict(report, "HLT") == "holds"


def test_a_bare_repository_is_refused_or_empty_never_a_fault(tmp_path: Path) -> None:
    origin = _repository(tmp_path / "origin")
    _git(tmp_path, "clone", "-q", "--bare", str(origin), "bare.git")
    try:
        report = _check(tmp_path / "bare.git")
    except TolvError:
        return
    assert _verdict(report, "HLT") != "holds"


def test_a_submodule_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    library = _repository(tmp_path / "library")
    origin = _repository(tmp_path / "origin")
    _git(origin, "submodule", "add", "-q", str(library), "lib")
    _git(origin, "commit", "-qm", "Add a library")
    _check(origin)
    _git(tmp_path, "clone", "-q", str(origin), "without")
    _check(tmp_path / "without")


def test_a_repository_without_a_commit_is_checked(tmp_path: Path) -> None:
    directory = _app(tmp_path / "app")
    _git(directory, "init", "-q")
    assert _verdict(_check(directory), "HLT") == "holds"


_BOMBED = (
    "docker-compose.yml",
    "openapi.yaml",
    ".travis.yml",
    "application.yml",
    "config.yml",
    ".github/workflows/a.yml",
)


@pytest.mark.parametrize("name", _BOMBED)
@pytest.mark.parametrize("form", ["lists", "maps"])
def test_a_bomb_of_aliases_costs_nothing(tmp_path: Path, name: str, form: str) -> None:
    many = ["*a{}" for _ in range(10)] if form == "lists" else [f"log{n}: *a{{}}" for n in range(10)]
    inner = f"[{', '.join(many)}]" if form == "lists" else f"{{{{{', '.join(many)}}}}}"
    lines = ["a0: &a0 [x, x, x]" if form == "lists" else "a0: &a0 {log: 1, port: 2}"]
    lines += [f"a{n}: &a{n} {inner.format(*[n - 1] * 10)}" for n in range(1, 12)]
    lines += ["openapi: 3.0.0", "apiVersion: v1", "kind: Deployment", "spec: *a11", "paths: *a11", "jobs: *a11"]
    lines += ["services: {web: {build: ., ports: *a11, environment: *a11, command: *a11}}", "logging: *a11"]
    path = _app(tmp_path / "app") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    assert _check(tmp_path / "app").duration < 10


_SECRETS = b'import boto3\nPASSWORD = "correct-horse-9431-battery"\nAWS_SECRET_ACCESS_KEY = "' + b"k9Xw2" * 8 + b'"\n'


def _named_by_bytes(directory: Path, name: bytes) -> Path:
    Path(os.fsdecode(os.fsencode(_app(directory)) + b"/" + name)).write_bytes(_SECRETS)
    return directory


@pytest.mark.parametrize("name", [b"new\nline.py", b"tab\t'\"<b>&.py", b"-rf.py", b"a:1: b.py", "ǘ😀.py".encode()])
def test_any_file_name_can_be_reported(tmp_path: Path, name: bytes) -> None:
    directory = _named_by_bytes(tmp_path / "app", name)
    _check(directory)
    for form in _FORMATS:
        result = CliRunner().invoke(cli, ("check", str(directory), "-f", form))
        assert result.exception is None or isinstance(result.exception, SystemExit), (form, result.exc_info)
        assert result.stdout


@pytest.mark.parametrize("form", ["terminal", "json", "sarif", "html"])
def test_a_file_name_that_is_no_text_can_be_reported(tmp_path: Path, form: str) -> None:
    directory = _named_by_bytes(tmp_path / "app", b"\xff\xfe.py")
    _check(directory)
    command = [sys.executable, "-m", "tolv", "check", str(directory), "-f", form, "--no-cache"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    assert b"Traceback" not in done.stderr
    if form in ("json", "sarif"):
        json.loads(done.stdout)


def test_an_empty_directory_holds_nothing(tmp_path: Path) -> None:
    report = _check(tmp_path)
    assert not report.findings or {one.place.path for one in report.findings} <= {"", "."}
    assert "holds" not in {one.verdict for one in report.factors}


def test_a_tree_that_is_very_deep_is_walked(tmp_path: Path) -> None:
    directory = _app(tmp_path / "app")
    below = directory
    for _ in range(300):
        below = below / "d"
    below.mkdir(parents=True)
    (below / "x.py").write_text("import os\n")
    _check(directory)
