"""What excuses a request that failed: only that it was in what was killed, by the router's word, or met no router."""

from __future__ import annotations

from pathlib import Path

import pytest

from tolv.drill.evidence import ROUTER, Excuse, Kill, excuse, upstreams_of
from tolv.drill.load import Shot
from tolv.drill.model import Bill, Lines, Outcome, Requests, Verdict, account

WEB = Kill("v3 web.1", at=10.0, gone=10.1, back=11.0)
OURS = Kill(ROUTER, at=10.0, gone=10.1, back=10.5)


def shot(begun: float, ended: float, problem: str | None = "reset", *, id_: str = "a", refused: bool = False) -> Shot:
    return Shot(id_, "/", begun, ended, None if problem else 200, problem, refused)


@pytest.mark.parametrize(
    ("begun", "ended", "upstream", "expected"),
    [
        (9.9, 10.2, "v3 web.1", Excuse.IN_FLIGHT),
        (10.05, 10.2, "v3 web.1", Excuse.IN_FLIGHT),  # sent between the signal and the death
        (9.9, 10.2, "v3 web.2", None),  # another process
        (9.9, 10.2, "v4 web.1", None),  # the same place, another release
        (9.9, 10.2, None, None),  # the router says nothing of it, and it lives
        (9.0, 9.9, "v3 web.1", None),  # over before the kill
        (10.2, 10.4, "v3 web.1", None),  # begun after the death: it should have waited
    ],
)
def test_a_kill_excuses_only_what_was_in_flight_in_that_process(
    begun: float, ended: float, upstream: str | None, expected: Excuse | None
) -> None:
    upstreams = {} if upstream is None else {"a": upstream}
    assert excuse(shot(begun, ended), [WEB], upstreams) is expected


def test_the_routers_death_excuses_what_it_held_and_what_it_could_not_accept() -> None:
    assert excuse(shot(9.9, 10.05), [OURS], {}) is Excuse.IN_FLIGHT
    assert excuse(shot(10.3, 10.3, refused=True), [OURS], {}) is Excuse.REFUSED
    assert excuse(shot(10.6, 10.6, refused=True), [OURS], {}) is None, "it was back"
    assert excuse(shot(10.2, 10.4), [OURS], {}) is None, "it was accepted, by the next one"
    assert excuse(shot(9.9, 10.05, refused=True), [WEB], {}) is None


def test_a_line_that_died_with_the_router_does_not_take_the_excuse_away() -> None:
    later = Kill(ROUTER, at=10.3, gone=10.4, back=10.9)
    assert excuse(shot(9.9, 10.2), [WEB, later], {}) is Excuse.IN_FLIGHT
    assert excuse(shot(9.9, 10.2), [WEB, Kill(ROUTER, 30.0, 30.1, 31.0)], {}) is None


def test_the_routers_log_is_read_by_request_id(tmp_path: Path) -> None:
    log = tmp_path / "router.log"
    line = '7 {} router method=GET path="/" host=a status=200 bytes=5 service_ms=1 request_id={} upstream={}\n'
    log.write_text(line.format("v1", "drill-1-1", "web.1") + line.format("-", "drill-1-2", "-") + "torn")
    log.write_text(
        log.read_text() + "\n" + line.format("v1", "other", "web.2") + line.format("v2", "drill-1-3", "web.2")
    )
    assert upstreams_of(log, "drill-1") == {"drill-1-1": "v1 web.1", "drill-1-2": "- -", "drill-1-3": "v2 web.2"}
    assert upstreams_of(tmp_path / "none", "drill-1") == {}


def test_every_request_is_in_one_column_or_another() -> None:
    shots = [
        shot(9.0, 9.5, None, id_="fine"),
        shot(9.0, 9.6, None, id_="silent"),
        shot(9.9, 10.2, id_="held"),
        shot(10.3, 10.3, id_="late", refused=True),
        shot(12.0, 12.5, "502: no upstream", id_="bad"),
    ]
    upstreams = {"fine": "v3 web.1", "held": "v3 web.1", "bad": "v3 web.1"}
    found = account(shots, [WEB, OURS], upstreams)
    assert (found.sent, found.failed, found.in_flight, found.refused, found.unlogged) == (5, 1, 1, 1, 1)
    assert found.slowest == pytest.approx(0.6)
    assert found.problems == ("502: no upstream",)


def test_a_bill_is_clean_only_without_a_shortcoming() -> None:
    fine = Outcome("keeper", "kill the keeper", Verdict.CLEAN, requests=Requests(sent=10), lines=Lines(kept=5))
    left_out = Outcome("tmp", "fill", Verdict.NOT_RUN)
    short = Outcome("router", "kill the router", Verdict.SHORT, requests=Requests(sent=9, failed=2), problems=("…",))
    assert Bill("shop", "staging", "/", (fine, left_out)).clean
    bill = Bill("shop", "staging", "/", (fine, short, left_out))
    assert not bill.clean
    assert "2 of 19 requests failed" in bill.summary()[0]
