"""What the answers of a health path add up to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tolv.run.local.health import Health
from tolv.run.local.probe import Answer

WELL = Answer(True, "GET /healthz answered 200", status=200)
POOR = Answer(False, "GET /healthz answered 503", status=503)
SILENT = Answer(False, "GET /healthz: no answer in 5 s")


def test_a_process_hangs_after_so_many_silences_in_a_row_and_the_reason_says_which() -> None:
    health = Health(3)
    for answer in (SILENT, SILENT, WELL, SILENT, SILENT):
        health.note(answer)
    assert health.hung is None
    health.note(SILENT)
    assert health.hung == "liveness: GET /healthz: no answer in 5 s, 3 times"


def test_a_poor_answer_takes_it_out_of_the_router_and_a_good_one_back() -> None:
    health = Health(3)
    health.note(POOR)
    assert health.complaint == "GET /healthz answered 503"
    health.note(WELL)
    assert health.complaint is None


@given(st.lists(st.sampled_from([WELL, POOR]), max_size=50), st.integers(1, 10))
def test_whoever_answers_is_never_replaced_whatever_it_says(answers: list[Answer], allowed: int) -> None:
    health = Health(allowed)
    for answer in answers:
        health.note(answer)
    assert health.hung is None


@given(st.lists(st.booleans(), max_size=60), st.integers(2, 10))
def test_whoever_finishes_a_request_in_time_is_never_replaced(idle: list[bool], allowed: int) -> None:
    health, silent = Health(allowed), 0
    for one in idle:
        silent = silent + 1 if one else 0
        health.note(SILENT, busy=not one)
        assert (health.hung is not None) == (silent >= allowed)
        if health.hung:
            return
