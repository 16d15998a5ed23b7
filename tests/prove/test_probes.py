"""Every probe on its twins: the bad one must be refuted, the good one proved."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator

import pytest

from tolv.home import Home
from tolv.prove.catalogue import catalogue
from tolv.prove.model import Result, Verdict
from tolv.prove.probe import Probe
from tolv.prove.twins.control import Controls, controls

PROBES = catalogue()
#: Some wait for what must not come: a job that is lost.
pytestmark = pytest.mark.timeout(400)


class _Bench:
    """One ground for all trials of a test process; what differs is the twin."""

    def __init__(self, home: Home) -> None:
        self._runner = asyncio.Runner()
        self._open = contextlib.AsyncExitStack()
        self._controls: Controls = self._runner.run(self._open.enter_async_context(controls(home)))

    def bad(self, probe: Probe) -> Result:
        return self._runner.run(self._controls.bad(probe))

    def good(self, probe: Probe) -> Result:
        return self._runner.run(self._controls.good(probe))

    def close(self) -> None:
        self._runner.run(self._open.aclose())
        self._runner.close()


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Bench]:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    bench = _Bench(Home(shared / "twins-home"))  # one for all test processes: dependencies are installed once
    yield bench
    bench.close()


def _told(result: Result) -> str:
    seen = [f"  {one.at:7.3f} {one.where or ''} {one.kind}: {one.text}" for one in result.evidence]
    return "\n".join([f"{result.id} {result.verdict}: {result.outcome.reason}", *seen])


@pytest.mark.parametrize("id", PROBES)
def test_the_bad_twin_is_refuted(id: str, bench: _Bench) -> None:
    result = bench.bad(PROBES[id])
    assert result.verdict is PROBES[id].worst, _told(result)


@pytest.mark.parametrize("id", PROBES)
def test_the_good_twin_is_proved(id: str, bench: _Bench) -> None:
    result = bench.good(PROBES[id])
    assert result.verdict is Verdict.PROVED, _told(result)
