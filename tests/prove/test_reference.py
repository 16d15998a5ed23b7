"""The pages of probes are made from the probes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tolv.cli.main import cli
from tolv.errors import UsageError
from tolv.prove.catalogue import catalogue
from tolv.prove.probe import Mutation, Probe
from tolv.prove.recipes import EXAMPLES
from tolv.prove.reference import as_data, as_text, pages, write

DOCS = Path(__file__).parents[2] / "docs" / "probes"
MUTATION = Mutation(
    "keeps its notes in memory", {"app.py": (("a = db", "a = {}"),)}, {"new.py": "```\nx\n```\n"}, ("old.py",)
)


@pytest.fixture
def probe() -> Probe:
    one = next(iter(catalogue().values()))
    return replace(
        one, id="VI-P2", needs=("web", "write", "read_back"), rules=("VI-01", "VI-05"), mutation=MUTATION, tier=2
    )


def test_the_pages_are_what_the_probes_say() -> None:
    found = {one.name: one.read_text() for one in DOCS.glob("*")}
    assert found == pages(catalogue()), "python -m tolv.prove.reference docs/probes"


def test_a_page_has_all_that_a_probe_declares(probe: Probe) -> None:
    made = pages({probe.id: probe})
    assert [*made] == ["index.md", "VI-P2.md"]
    assert "[VI-P2](VI-P2.md)" in made["index.md"]
    said = (probe.title, probe.does, probe.proved, probe.refuted, probe.fix, "keeps its notes in memory", "tier | 2:")
    more = ("../rules.md#vi-05", "tolv prove --only VI-P2 --keep --verbose", "-a = db\n+a = {}", "old.py is not there")
    for one in (*said, *more, EXAMPLES["write"], EXAMPLES["read_back"], "process type `web`"):
        assert one in made["VI-P2.md"]


def test_code_with_a_fence_of_its_own_does_not_end_the_block(probe: Probe) -> None:
    page = pages({probe.id: probe})["VI-P2.md"]
    assert page.count("\n````") == 2


def test_a_terminal_is_told_the_same(probe: Probe) -> None:
    text = " ".join(as_text(probe).split())
    for one in (probe.title, probe.fix, EXAMPLES["write"], "VI-01, VI-05", "keeps its notes in memory"):
        assert one in text
    data = as_data(probe)
    assert data["lines"] == [EXAMPLES["write"], EXAMPLES["read_back"]]
    assert data["factor"] == "VI"


def test_pages_of_probes_that_are_gone_are_removed(probe: Probe, tmp_path: Path) -> None:
    write(tmp_path, {probe.id: probe, "VI-P3": replace(probe, id="VI-P3")})
    write(tmp_path, {probe.id: probe})
    assert sorted(one.name for one in tmp_path.iterdir()) == ["VI-P2.md", "index.md"]


def test_explain_knows_rules_and_probes() -> None:
    for asked, said in (("vii-p1", "listens where PORT says"), ("III-05", "A secret has a default")):
        assert said in CliRunner().invoke(cli, ["explain", asked]).stdout
    done = CliRunner().invoke(cli, ["explain", "VII-P1", "--json"])
    assert json.loads(done.stdout)["tier"] == 0
    caught = CliRunner().invoke(cli, ["explain", "VII-P99"]).exception
    assert isinstance(caught, UsageError)
    assert "VII-P" in str(caught.remedy)
