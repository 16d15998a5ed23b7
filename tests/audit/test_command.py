"""`tolv audit` and `tolv prove` as they are used: a real check, and a stand-in for the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from click.testing import Result as Finished

from tolv.audit.ties import probes_of
from tolv.check.catalogue import catalogue as rules
from tolv.cli.main import cli
from tolv.errors import AppError, TolvError, UsageError
from tolv.factors import FACTORS
from tolv.home import Home
from tolv.prove import prove as run
from tolv.prove.catalogue import catalogue
from tolv.prove.model import Outcome, Report, Result, Verdict

APP = """\
from flask import Flask

app = Flask(__name__)

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=8080)
"""

Tolv = Callable[..., Finished]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An app that listens on loopback alone, on a port of its own."""
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "app.py").write_text(APP)
    (directory / "requirements.txt").write_text("flask==3.0.0\n")
    (directory / "Procfile").write_text("web: python app.py\n")
    return directory


class Runs:
    """What the run is to come to: verdicts by probe (others are proved), or what it raises."""

    def __init__(self) -> None:
        self.verdicts: dict[str, Verdict] = {}
        self.error: TolvError | None = None
        self.orders: list[run.Order] = []

    async def prove(self, path: Path, home: Home, order: run.Order, watch: run.Watch) -> Report:
        self.orders.append(order)
        if self.error is not None:
            raise self.error
        results = []
        for done, one in enumerate(order.probes):
            outcome = Outcome(self.verdicts.get(one.id, Verdict.PROVED), "as it was seen")
            result = Result(one.id, one.label, one.title, outcome)
            watch.begin(one, done, len(order.probes))
            watch.end(result, done + 1, len(order.probes))
            results.append(result)
        return Report("shop", None, False, ("web",), (), tuple(results), 1.0, tier=order.tier, root=str(path))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs()
    monkeypatch.setattr(run, "prove", made.prove)
    return made


@pytest.fixture
def tolv(runs: Runs, shop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tolv:
    monkeypatch.setenv("TOLV_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def test_a_refuted_probe_names_the_line_that_it_comes_from(tolv: Tolv, runs: Runs) -> None:
    runs.verdicts["VII-P2"] = Verdict.REFUTED
    for command in (("prove", "shop"), ("audit", "shop"), ("audit", "shop", "--only", "VII-P2")):
        done = tolv(*command)
        assert done.exit_code == 1
        cause = next(line.split() for line in done.stdout.splitlines() if line.split()[:1] == ["cause"])
        assert cause[1] == "app.py:6"
        assert "127.0.0.1" in done.stdout


def test_where_nothing_is_refuted_prove_does_not_read_the_code(
    tolv: Tolv, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checked(*_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr("tolv.cli.prove.checked", checked)
    assert tolv("prove", "shop").exit_code == 0
    runs.verdicts["VII-P2"] = Verdict.REFUTED
    assert isinstance(tolv("prove", "shop").exception, AssertionError)


def test_what_was_proved_is_not_lost_for_what_cannot_be_read(
    tolv: Tolv, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checked(*_: object) -> None:
        raise UsageError("tolv.toml selects what there is not", remedy="mend it")

    monkeypatch.setattr("tolv.cli.prove.checked", checked)
    runs.verdicts["VII-P2"] = Verdict.REFUTED
    done = tolv("prove", "shop", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["notes"] == ["no causes are named: tolv.toml selects what there is not"]


def test_an_audit_contradicts_what_the_run_proves_otherwise(tolv: Tolv) -> None:
    data = json.loads(tolv("audit", "shop", "--json").stdout)
    assert {("VII", "VII-02", "VII-P2")} <= {(o["factor"], o["rule"], o["probe"]) for o in data["contradictions"]}
    assert len(data["factors"]) == len(FACTORS)


def test_only_what_is_named_is_read_and_run(tolv: Tolv, runs: Runs) -> None:
    data = json.loads(tolv("audit", "shop", "--json", "--only", "VII-02").stdout)
    assert [one["number"] for one in data["factors"]] == ["VII"]
    assert {one["rule"] for one in data["factors"][0]["said"]["findings"]} == {"VII-02"}
    assert "VII-P2" in [one.id for one in runs.orders[0].probes]
    assert "VII-P4" not in [one.id for one in runs.orders[0].probes]


def test_where_no_probe_tries_it_nothing_is_run(tolv: Tolv, runs: Runs) -> None:
    untied = next(id for id in rules() if not probes_of(id, catalogue(), rules()))
    done = tolv("audit", "shop", "--only", untied, "--fail-on", "none")
    assert done.exit_code == 0
    assert runs.orders == []
    assert "no probe tries it" in done.stdout


def test_of_an_app_that_cannot_be_built_the_half_that_could_be_read_is_told(tolv: Tolv, runs: Runs) -> None:
    runs.error = AppError("flask==3.0.0 cannot be had", remedy="wait")
    done = tolv("audit", "shop", "--json")
    assert done.exit_code == runs.error.exit_code
    data = json.loads(done.stdout)
    assert data["summary"]["proved"] == 0
    assert data["summary"]["probes"]["not provable"] == len(catalogue())
    assert data["notes"] == ["nothing was tried: flask==3.0.0 cannot be had"]


def test_wrong_usage_is_said_as_such(tolv: Tolv, runs: Runs) -> None:
    runs.error = UsageError("[prove] names nothing", remedy="mend it")
    assert tolv("audit", "shop").exception is runs.error
    for arguments in (("--only", "VI-99"), ("--json", "-f", "html"), ("--manifest", "none.toml")):
        assert isinstance(tolv("audit", "shop", *arguments).exception, UsageError)


@pytest.mark.parametrize(("fail_on", "status"), [("error", 1), ("warning", 1), ("refuted", 0), ("none", 0)])
def test_the_exit_status_is_what_was_asked_for(tolv: Tolv, fail_on: str, status: int) -> None:
    assert tolv("audit", "shop", "--fail-on", fail_on).exit_code == status


def test_a_report_goes_where_it_is_wanted(tolv: Tolv, tmp_path: Path) -> None:
    tolv("audit", "shop", "-f", "badge", "-o", "badge.svg")
    assert ElementTree.parse(tmp_path / "badge.svg").getroot().tag.endswith("svg")
    tolv("audit", "shop", "-f", "adr", "-o", "records/")
    names = {one.name for one in (tmp_path / "records").iterdir()}
    assert {"0000-factors.md", "0007-port-binding.md"} <= names


def test_of_a_monorepo_the_app_alone_is_read(tolv: Tolv, shop: Path, tmp_path: Path, runs: Runs) -> None:
    (tmp_path / "tolv.toml").write_text('[apps.shop]\nroot = "shop"\n[apps.other]\nroot = "other"\n')
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "serve.py").write_text(APP)
    runs.verdicts["VII-P2"] = Verdict.REFUTED
    data = json.loads(tolv("-a", "shop", "audit", ".", "--json").stdout)
    assert {one["path"] for factor in data["factors"] for one in factor["said"]["findings"]} >= {"app.py"}
    assert "serve.py" not in json.dumps(data)
