"""`tolv parity`: what runs in two environments, measured on a real server with real repositories."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.machine import APP, Machine, git

SECRET = "correct-horse-battery-staple"
PASSWORD = "hunter2-of-the-database"
WORKER = f"web: {sys.executable} app.py\nworker: sleep 3600\n"


@pytest.fixture
def machine(shared_machine: Machine) -> Iterator[Machine]:
    """The worker's machine, used by Ada, who is the author of all commits."""
    before = dict(shared_machine.environment)
    shared_machine.environment["SUDO_USER"] = "ada"
    yield shared_machine
    shared_machine.environment = before


def parity(machine: Machine, app: str, left: str = "staging", right: str = "prod") -> Any:
    return machine.tolv("parity", left, right, "-a", app, "--json").json


def figure(measured: Any, id: str) -> tuple[Any, Any]:
    one = next(one for one in measured["figures"] if one["id"] == id)
    return one["left"], one["right"]


def judged(measured: Any) -> dict[tuple[str, str], str]:
    return {(one["kind"], one["subject"]): one["judgement"] for one in measured["differences"]}


def test_two_environments_with_the_same_build_and_config_have_no_difference(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path, "staging")
    machine.tolv("promote", "staging", "prod", "-a", name)
    measured = parity(machine, name)
    assert measured["differences"] == []
    assert measured["worst"] is None
    assert figure(measured, "time.commits") == (0, 0)
    build = machine.releases(name)[0]["build"]
    assert figure(measured, "tools.build") == (build, build)
    said = machine.tolv("parity", "staging", "prod", "-a", name, "--fail-over", "harmless").out
    assert said.splitlines()[-1] == "no difference"


def test_every_figure_is_measured(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": WORKER, ".env.example": "COLOUR=red\n"})
    machine.deploy(path, "prod")
    machine.deploy(path, "staging")
    for greeting in ("one", "two"):
        commit = machine.greet(path, greeting)
        machine.deploy(path, "staging")
    machine.tolv("scale", "worker=0", "web=2", "-a", name, "-e", "prod")
    machine.tolv("config", "set", f"API_TOKEN={SECRET}", "ONLY=1", "-a", name, "-e", "staging")
    machine.tolv("config", "set", f"API_TOKEN={SECRET}", "COLOUR=blue", "-a", name, "-e", "prod")
    measured = parity(machine, name)

    assert figure(measured, "time.release") == ("v4", "v2")
    assert figure(measured, "time.commit")[0] == f"{commit[:7]} (main)"
    assert figure(measured, "time.commits") == (2, 0)
    newest, none = figure(measured, "time.newest")
    oldest, _ = figure(measured, "time.oldest")
    assert 0 <= newest <= oldest < 3600
    assert none is None
    assert figure(measured, "time.releases") == (4, 2)
    assert figure(measured, "time.builds") == (3, 1)
    assert all(0 <= one < 3600 for one in figure(measured, "time.commit_to_live"))

    assert figure(measured, "people.authors") == (["Ada (2)"], [])
    assert [len(one) for one in figure(measured, "people.deployers")] == [1, 1]
    assert figure(measured, "people.deployers")[0][0].startswith("ada@")
    assert figure(measured, "people.by_author") == (1, 1)

    assert figure(measured, "tools.runtime")[0].startswith("python 3.")
    assert figure(measured, "tools.process.web") == (1, 2)
    assert figure(measured, "tools.process.worker") == (1, 0)
    assert figure(measured, "tools.variables") == (3, 2)
    assert figure(measured, "tools.variables_only") == (["ONLY"], [])
    assert figure(measured, "tools.values") == (["COLOUR"], ["COLOUR"])
    assert figure(measured, "tools.platform") == ("linux/amd64", "linux/amd64") or figure(measured, "tools.platform")[0]
    assert all(figure(measured, "tools.os"))
    assert figure(measured, "tools.engine") == ("local", "local")

    assert judged(measured) == {
        ("process-off", "worker"): "breaking",
        ("quantity", "web"): "notable",
        ("variable", "ONLY"): "notable",
        ("value", "COLOUR"): "notable",
        ("shared-secret", "API_TOKEN"): "notable",
        ("commits", ""): "harmless",
        ("build", ""): "harmless",
    }
    remedies = {one["kind"]: one["remedy"] for one in measured["differences"]}
    assert remedies["process-off"] == f"tolv scale worker=1 -a {name} -e prod"
    assert remedies["commits"] == f"tolv promote staging prod -a {name}"


def test_a_remedy_that_is_carried_out_removes_the_difference(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path, "prod")
    machine.greet(path, "new")
    machine.deploy(path, "staging")
    (remedy,) = {one["remedy"] for one in parity(machine, name)["differences"]}
    machine.tolv(*remedy.split()[1:])
    assert parity(machine, name)["differences"] == []


@pytest.mark.parametrize("format", ["terminal", "json", "markdown", "html", "sarif", "junit", "github"])
def test_no_value_is_told_in_any_format(machine: Machine, name: str, format: str) -> None:
    path = machine.app(name)
    url = f"postgresql://shop:{PASSWORD}@127.0.0.1:1/shop"
    for environment in ("staging", "prod"):
        machine.tolv("config", "set", f"API_TOKEN={SECRET}", "-e", environment, cwd=path)
        machine.tolv("config", "set", f"DATABASE_URL={url}?x={environment}", "-e", environment, cwd=path)
        machine.deploy(path, environment)
    result = machine.tolv("parity", "staging", "prod", "-a", name, "--format", format)
    for text in (result.out, result.err, machine.server_log()):
        assert SECRET not in text
        assert PASSWORD not in text
    assert "API_TOKEN" in result.out.replace("\\", "")


def test_a_database_of_another_kind_breaks_parity(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.tolv("config", "set", "DATABASE_URL=sqlite:///shop.db", "-e", "staging", cwd=path)
    machine.tolv("config", "set", "DATABASE_URL=mysql://u:p@127.0.0.1:1/shop", "-e", "prod", cwd=path)
    machine.deploy(path, "staging")
    machine.deploy(path, "prod")
    measured = parity(machine, name)
    assert judged(measured) == {("service-kind", "DATABASE_URL"): "breaking"}
    assert figure(measured, "tools.service.DATABASE_URL") == ("sqlite", "mysql")


def test_a_service_that_does_not_answer_is_said_to_be_unmeasured(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.tolv("config", "set", "STATS_URL=postgres://u:p@127.0.0.1:1/stats", "-e", "prod", cwd=path)
    machine.deploy(path, "staging")
    machine.deploy(path, "prod")
    measured = parity(machine, name)
    assert judged(measured) == {("service", "STATS_URL"): "breaking"}
    assert [one["what"] for one in measured["unmeasured"]] == ["service STATS_URL"]


def test_servers_of_two_versions_break_parity_and_one_for_both_is_worth_knowing(machine: Machine, name: str) -> None:
    path = machine.app(name)
    for environment, version in (("staging", "16"), ("prod", "18")):
        machine.deploy(path, environment)
        machine.tolv(*_words("attach database --kind postgres", name, environment), "--version", version)
    try:
        measured = parity(machine, name)
        assert judged(measured) == {("service-version", "database"): "breaking"}
        ours, theirs = figure(measured, "tools.service.database")
        assert (ours[:11], theirs[:11]) == ("postgres 16", "postgres 18")
        assert "." in ours, "the server said it, not whoever asked for it"
        (difference,) = measured["differences"]
        assert f"tolv swap database --version 18 -a {name} -e staging" in difference["remedy"]
        assert measured["unmeasured"] == []

        machine.write(path, {"tolv.toml": '[services.database]\nkind = "postgres"\nversion = "16"\n'})
        assert "database is postgres 16 in dev, postgres 18 in prod" in _up(machine, path)

        machine.tolv(*_words("detach database", name, "staging"))
        assert judged(parity(machine, name))["service", "database"] == "breaking"
        machine.tolv(*_words("share database", name, "prod"), "--with", f"{name}/staging")
        assert judged(parity(machine, name)) == {("shared-service", "database"): "notable"}
    finally:
        machine.tolv("destroy", name, "--yes", "--with-data")


def _words(command: str, app: str, environment: str) -> list[str]:
    return [*command.split(), "-a", app, "-e", environment]


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ((), 0),
        (("notable",), 0),
        (("harmless",), 1),
        (("commits=1",), 0),
        (("commits=0",), 1),
        (("notable", "commits=0"), 1),
        (("age=365d",), 0),
        (("breaking",), 2),
        (("commits=many",), 2),
    ],
)
def test_the_exit_status_says_whether_a_limit_is_exceeded(
    machine: Machine, limits: tuple[str, ...], code: int, name: str
) -> None:
    app = _app_one_commit_ahead(machine)
    words = [word for one in limits for word in ("--fail-over", one)]
    for more in ((), ("--json",)):
        result = machine.tolv("parity", "staging", "prod", "-a", app, *words, *more, ok=False)
        assert result.code == code, result.err
        assert bool(result.out) == (code != 2)


def _app_one_commit_ahead(machine: Machine) -> str:
    app = "limits"
    if not (machine.projects / app).exists():
        path = machine.app(app)
        machine.deploy(path, "prod")
        machine.greet(path, "new")
        machine.deploy(path, "staging")
        machine.tolv("config", "set", "MODE=a", "-a", app, "-e", "staging")
    return app


def test_what_breaks_parity_is_over_notable(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": WORKER})
    machine.deploy(path, "staging")
    machine.deploy(path, "prod")
    machine.tolv("scale", "worker=0", "-a", name, "-e", "prod")
    result = machine.tolv("parity", "staging", "prod", "-a", name, "--fail-over", "notable", ok=False)
    assert result.code == 1
    assert "1 difference is worse than worth knowing" in result.err


def test_an_environment_that_is_not_there_is_told_with_those_that_are(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name), "prod")
    result = machine.tolv("parity", "stagign", "prod", "-a", name, ok=False)
    assert result.code == 2
    assert "prod" in result.err.split("remedy:")[1]
    assert machine.tolv("parity", "prod", "prod", "-a", name, ok=False).code == 2
    assert machine.tolv("parity", "staging", "prod", "-a", f"{name}-not", ok=False).code == 2


def test_one_without_a_release_breaks_parity_and_lacks_what_a_promotion_needs(machine: Machine, name: str) -> None:
    path = machine.app(name, {".env.example": "COLOUR=\n"})
    machine.tolv("config", "set", "COLOUR=blue", "-e", "staging", cwd=path)
    machine.deploy(path, "staging")
    machine.tolv("config", "set", "OTHER=1", "-e", "prod", cwd=path)
    measured = parity(machine, name)
    assert judged(measured) == {("release", "prod"): "breaking", ("variable", "COLOUR"): "breaking"}
    assert figure(measured, "time.release") == ("v1", None)
    assert machine.tolv("parity", "staging", "prod", "-a", name).out


def test_a_repository_that_was_moved_away_leaves_the_rest_measured(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path, "prod")
    machine.greet(path, "new")
    machine.deploy(path, "staging")
    shutil.move(path, path.with_name(f"{name}-elsewhere"))
    measured = parity(machine, name)
    assert figure(measured, "time.commits") == (None, None)
    assert figure(measured, "time.builds") == (1, 1)
    assert [one["what"] for one in measured["unmeasured"]] == ["commits"]
    assert str(path) in measured["unmeasured"][0]["why"]
    result = machine.tolv("parity", "staging", "prod", "-a", name, "--fail-over", "commits=5", ok=False)
    assert result.code == 1
    assert "could not be counted" in result.err


def test_releases_that_share_no_history_break_parity(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path, "prod")
    git(path, "checkout", "-q", "--orphan", "new")
    machine.greet(path, "from scratch")
    machine.deploy(path, "staging")
    measured = parity(machine, name)
    assert judged(measured)["history", ""] == "breaking"
    assert figure(measured, "time.commits") == (1, 1)


def test_a_commit_that_was_rewritten_is_said_to_be_unknown(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path, "prod")
    git(path, "commit", "-q", "--amend", "--no-edit", "--date=2020-01-01T00:00:00Z", "-m", "Rewritten")
    machine.deploy(path, "staging")
    git(path, "reflog", "expire", "--expire=now", "--all")
    git(path, "gc", "-q", "--prune=now")
    measured = parity(machine, name)
    assert figure(measured, "time.commits") == (None, None)
    assert "live in prod, is not in" in measured["unmeasured"][0]["why"]


def test_dev_runs_files_that_no_commit_has_and_it_is_said(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path, "prod")
    (path / "app.py").write_text(APP.replace('"hello"', '"changed"'))
    _up(machine, path)
    measured = parity(machine, name, "dev")
    assert judged(measured)["dirty", "dev"] == "notable"
    assert figure(measured, "time.commit")[0].endswith("with changes")
    assert figure(measured, "time.commits") == (0, 0)
    machine.tolv("down", "-a", name, "-e", "dev")
    assert judged(parity(machine, name, "dev"))["stopped", "dev"] == "notable"


def test_a_shared_login_is_nobody_in_particular(shared_machine: Machine, name: str) -> None:
    shared_machine.environment["SUDO_USER"] = "root"
    try:
        path = shared_machine.app(name)
        shared_machine.deploy(path, "staging")
        shared_machine.deploy(path, "prod")
    finally:
        del shared_machine.environment["SUDO_USER"]
    measured = parity(shared_machine, name)
    assert figure(measured, "people.by_author") == (None, None)
    assert any("root@" in one["why"] for one in measured["unmeasured"])


def test_up_warns_of_what_production_does_otherwise(machine: Machine, name: str) -> None:
    path = machine.app(name, {"Procfile": WORKER, ".env": "DATABASE_URL=sqlite:///shop.db\n"})
    machine.tolv("config", "set", f"DATABASE_URL=postgres://shop:{PASSWORD}@127.0.0.1:1/shop", "-e", "prod", cwd=path)
    machine.deploy(path, "prod")
    warned = _up(machine, path)
    assert "DATABASE_URL is sqlite in dev, postgres in prod" in warned
    assert PASSWORD not in warned
    machine.tolv("config", "set", "DATABASE_URL=sqlite:///prod.db", "-a", name, "-e", "prod")
    assert "parity" not in _up(machine, path)


def test_up_warns_of_nothing_where_there_is_no_production(machine: Machine, name: str) -> None:
    assert "parity" not in _up(machine, machine.app(name))


def test_a_report_is_written_to_a_file(machine: Machine, name: str) -> None:
    app, file = _app_one_commit_ahead(machine), machine.projects / f"{name}.sarif"
    said = machine.tolv("parity", "staging", "prod", "-a", app, "-f", "sarif", "-o", str(file))
    assert said.out == ""
    assert json.loads(file.read_text())["runs"][0]["results"]
    missing = str(machine.projects / "not" / "there")
    assert machine.tolv("parity", "staging", "prod", "-a", app, "-o", missing, ok=False).code == 2
    assert machine.tolv("parity", "staging", "prod", "-a", app, "--json", "-f", "html", ok=False).code == 2


def _up(machine: Machine, path: Path) -> str:
    """Bring the app up and leave it running; what was said."""
    done = machine.tolv("up", str(path), "--detach")
    return done.out + done.err
