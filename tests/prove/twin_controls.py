"""Probes on twins, for tests: one ground for all trials of a test process."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator

import pytest

from tolv.home import Home
from tolv.prove.model import Result
from tolv.prove.probe import Mutation, Probe
from tolv.prove.twins.control import Controls, controls


class Twins:
    """What differs between trials is the twin."""

    def __init__(self, home: Home) -> None:
        self._runner = asyncio.Runner()
        self._open = contextlib.AsyncExitStack()
        self._controls: Controls = self._runner.run(self._open.enter_async_context(controls(home)))

    def bad(self, probe: Probe) -> Result:
        return self._runner.run(self._controls.bad(probe))

    def good(self, probe: Probe) -> Result:
        return self._runner.run(self._controls.good(probe))

    def twin(self, probe: Probe, mutation: Mutation) -> Result:
        return self._runner.run(self._controls.twin(probe, mutation))

    def close(self) -> None:
        self._runner.run(self._open.aclose())
        self._runner.close()


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    twins = Twins(Home(shared / "twins-home"))  # one for all test processes: dependencies are installed once
    yield twins
    twins.close()


def told(result: Result) -> str:
    """A result with its evidence, for a test that fails."""
    seen = [f"  {one.at:7.3f} {one.where or ''} {one.kind}: {one.text}" for one in result.evidence]
    return "\n".join([f"{result.id} {result.verdict}: {result.outcome.reason}", *seen])
