"""Every probe on its twins: the bad one must be refuted, the good one proved."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tolv.home import Home
from tolv.prove.catalogue import catalogue
from tolv.prove.model import Result, Verdict
from tolv.prove.probe import Mutation, Probe
from tolv.prove.prove import Order, prove
from tolv.prove.twins import make_twin

PROBES = catalogue()


class _Silent:
    def say(self, text: str) -> None: ...
    def begin(self, probe: Probe, done: int, total: int) -> None: ...
    def end(self, result: Result, done: int, total: int) -> None: ...


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One home for all of the run, so that the twins' dependencies are installed once."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return Home(shared / "twins-home")


def _try(probe: Probe, mutation: Mutation | None, home: Home, directory: Path) -> Result:
    make_twin(directory / "twin", mutation)
    home.make()
    report = asyncio.run(prove(directory / "twin", home, Order((probe,), jobs=1), _Silent()))
    return report.results[0]


def _told(result: Result) -> str:
    seen = [f"  {one.at:7.3f} {one.where or ''} {one.kind}: {one.text}" for one in result.evidence]
    return "\n".join([f"{result.id} {result.verdict}: {result.outcome.reason}", *seen])


@pytest.mark.parametrize("id", PROBES)
def test_the_bad_twin_is_refuted(id: str, home: Home, tmp_path: Path) -> None:
    probe = PROBES[id]
    result = _try(probe, probe.mutation, home, tmp_path)
    assert result.verdict is probe.worst, _told(result)


@pytest.mark.parametrize("id", PROBES)
def test_the_good_twin_is_proved(id: str, home: Home, tmp_path: Path) -> None:
    result = _try(PROBES[id], None, home, tmp_path)
    assert result.verdict is Verdict.PROVED, _told(result)


def test_nothing_is_left(home: Home, tmp_path: Path) -> None:
    _try(PROBES["VII-P1"], None, home, tmp_path)
    assert list((home.root / "prove").iterdir()) == []
