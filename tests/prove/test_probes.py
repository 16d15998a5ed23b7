"""Every probe on its twins: the bad one must be refuted, the good one proved."""

from __future__ import annotations

import pytest
from prove.twin_controls import Twins, told

from tolv.prove.catalogue import catalogue
from tolv.prove.model import Verdict

PROBES = catalogue()
#: Some wait for what must not come: a job that is lost.
pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("id", PROBES)
def test_the_bad_twin_is_refuted(id: str, twins: Twins) -> None:
    result = twins.bad(PROBES[id])
    assert result.verdict is PROBES[id].worst, told(result)


@pytest.mark.parametrize("id", PROBES)
def test_the_good_twin_is_proved(id: str, twins: Twins) -> None:
    result = twins.good(PROBES[id])
    assert result.verdict is Verdict.PROVED, told(result)
