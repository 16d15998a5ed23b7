"""When a new release must go, and when it may stay."""

from __future__ import annotations

from dataclasses import replace
from math import comb
from random import Random

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tolv.codebase.model import RolloutPolicy
from tolv.release.judge import LASTING, LEAST_FAILURES, Crashed, Observed, Traffic, Verdict, as_coins, by_chance, judge

POLICY = RolloutPolicy()
GOOD = Traffic(requests=9_120, errors=3)


def verdict(seen: Observed, policy: RolloutPolicy = POLICY, before: str | None = "v11") -> Verdict | None:
    return judge(policy, seen, "v12", before)


def failing(requests: int, errors: int, before: Traffic = GOOD) -> Observed:
    """Failures that have lasted and go on."""
    traffic = Traffic(requests, errors)
    return Observed(41.0, traffic, traffic, failing_for=30.0, before=before)


def crashes(*processes: str, hung: bool = False) -> tuple[Crashed, ...]:
    return tuple(Crashed(one, 100.0 + 4 * at, "exited with 1", hung) for at, one in enumerate(processes))


def test_a_rate_of_errors_well_above_the_old_releases_is_told_with_both() -> None:
    found = verdict(failing(640, 212))
    assert found is not None
    assert found.reason == ("v12 answered 212 of 640 requests with 5xx (33 %) in 41 s; v11 had 3 of 9,120 (0.033 %)")


def test_what_kind_of_failure_it_is_is_told() -> None:
    traffic = Traffic(1_000, errors=300, unanswered=100, cut_off=50)
    found = verdict(Observed(20.0, traffic, traffic, failing_for=20.0, before=GOOD))
    assert found is not None
    assert "failed 350 of 1,000 requests (35 %; 200 answered with 5xx, 100 not answered, 50 cut off)" in found.reason


@pytest.mark.parametrize(
    ("why", "seen"),
    [
        ("one of three requests is no sample", failing(3, 1)),
        ("nor are three of three", failing(3, 3)),
        ("as bad as before", failing(1_000, 300, before=Traffic(10_000, 3_000))),
        ("better than before", failing(1_000, 300, before=Traffic(1_000, 990))),
        ("a little above", failing(10_000, 300, before=Traffic(10_000, 100))),
        ("worse, but not twice as bad", failing(10_000, 3_500, before=Traffic(10_000, 2_000))),
        ("they have only begun", replace(failing(640, 212), failing_for=LASTING - 1)),
        ("they are over", replace(failing(640, 212), recent=Traffic(200, 0))),
        ("nobody asks any more", replace(failing(640, 212), recent=Traffic())),
        ("nothing is known of the old one, and most requests succeed", failing(100, 40, before=Traffic(2, 0))),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_release_stays(why: str, seen: Observed) -> None:
    assert verdict(seen) is None, why


def test_without_an_old_release_to_compare_with_most_requests_must_fail_beyond_chance() -> None:
    assert verdict(failing(20, 15, before=Traffic())) is None
    found = verdict(failing(20, 20, before=Traffic(4, 0)))
    assert found is not None
    assert found.reason.endswith("of v11 too little is known to compare (4 requests)")
    found = verdict(failing(20, 20, before=Traffic()), before=None)
    assert found is not None
    assert found.reason.endswith("there is no release before it to compare with")


def test_a_crash_loop_is_told_with_its_process_and_its_last_reason() -> None:
    assert verdict(Observed(20.0, crashes=crashes("web.1", "web.1"))) is None
    found = verdict(Observed(20.0, crashes=crashes("web.1", "web.1", "web.1")))
    assert found == Verdict("web.1 crashed 3 times in 8 s: exited with 1", "web.1")
    found = verdict(Observed(20.0, crashes=crashes("web.1", "web.2", "web.1")))
    assert found is not None
    assert found.reason.startswith("web (web.1, web.2) crashed 3 times")


def test_crashes_of_different_types_are_no_loop() -> None:
    assert verdict(Observed(20.0, crashes=crashes("web.1", "worker.1", "mail.1"))) is None


def test_a_type_that_was_in_a_crash_loop_before_speaks_not_against_the_new_release() -> None:
    seen = Observed(20.0, crashes=crashes(*["worker.1"] * 9), looping=frozenset({"worker"}))
    assert verdict(seen) is None
    assert verdict(replace(seen, crashes=(*seen.crashes, *crashes(*["web.1"] * 3)))) is not None


def test_half_of_the_processes_of_a_type_that_hang_are_enough() -> None:
    one = Observed(50.0, crashes=crashes("web.1", hung=True), formation={"web": 3})
    assert verdict(one) is None
    found = verdict(replace(one, crashes=crashes("web.1", "web.2", hung=True)))
    assert found is not None
    assert found.reason == "web.1 and web.2 hung: exited with 1"
    assert verdict(replace(one, formation={"web": 2})) is not None


@st.composite
def traffics(draw: st.DrawFn, most: int = 20_000) -> Traffic:
    requests = draw(st.integers(0, most))
    errors = draw(st.integers(0, requests))
    return Traffic(requests, errors, draw(st.integers(0, errors)), draw(st.integers(0, requests - errors)))


observations = st.builds(
    Observed,
    seconds=st.floats(0, 600),
    traffic=traffics(),
    recent=traffics(500),
    failing_for=st.floats(0, 600),
    before=traffics(),
)
policies = st.builds(
    RolloutPolicy,
    error_rate=st.floats(0.001, 1.0),
    min_requests=st.integers(1, 1_000),
    crashes=st.integers(1, 10),
)


@given(observations, policies)
def test_few_requests_or_few_failures_never_roll_back(seen: Observed, policy: RolloutPolicy) -> None:
    few = seen.traffic.requests < policy.min_requests or seen.traffic.failed < LEAST_FAILURES
    assume(few)
    assert verdict(seen, policy) is None


@given(observations, policies)
def test_a_release_that_fails_no_more_than_the_old_one_stays(seen: Observed, policy: RolloutPolicy) -> None:
    assume(seen.before.requests >= policy.min_requests and seen.traffic.share <= seen.before.share)
    assert verdict(seen, policy) is None


@given(st.integers(LEAST_FAILURES, 20_000), policies, st.integers(100, 20_000))
def test_a_release_that_fails_everything_goes_as_soon_as_there_are_enough_requests(
    requests: int, policy: RolloutPolicy, before: int
) -> None:
    assume(requests >= policy.min_requests and before >= policy.min_requests)
    assert verdict(failing(requests, requests, before=Traffic(before, 0)), policy) is not None


condemned = st.builds(
    lambda requests, share, before, share_before: failing(
        requests, max(LEAST_FAILURES, int(requests * share)), Traffic(before, int(before * share_before))
    ),
    st.integers(20, 5_000),
    st.floats(0.1, 1.0),
    st.integers(20, 20_000),
    st.floats(0, 0.05),
).filter(lambda seen: verdict(seen) is not None)


@given(condemned, st.integers(0, 500))
@example(failing(640, 212), 100)
def test_more_failures_never_save_a_release(seen: Observed, more: int) -> None:
    worse = Traffic(seen.traffic.requests + more, seen.traffic.errors + more, 0, seen.traffic.cut_off)
    recent = Traffic(seen.recent.requests + more, seen.recent.errors + more, 0, seen.recent.cut_off)
    assert verdict(replace(seen, traffic=worse, recent=recent)) is not None


@settings(max_examples=200)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_the_probabilities_are_those_of_exact_arithmetic(new: int, old: int, data: st.DataObject) -> None:
    failed, failed_before = data.draw(st.integers(0, new)), data.draw(st.integers(0, old))
    failures = failed + failed_before
    ways = sum(comb(failures, one) * comb(new + old - failures, new - one) for one in range(failed, new + 1))
    assert by_chance(failed, new, failed_before, old) == pytest.approx(ways / comb(new + old, new), rel=1e-6)
    tosses = sum(comb(new, one) for one in range(failed, new + 1)) / 2**new
    assert as_coins(failed, new) == pytest.approx(tosses, rel=1e-6)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.1, 0.3])
def test_two_releases_that_are_the_same_are_hardly_ever_told_apart_though_it_is_asked_each_second(share: float) -> None:
    random, rolled_back = Random(12), 0
    for _ in range(300):
        before = sum(random.random() < share for _ in range(400))
        traffic = Traffic()
        for second in range(60):
            one = Traffic(10, sum(random.random() < share for _ in range(10)))
            traffic += one
            seen = Observed(second, traffic, one, failing_for=60, before=Traffic(400, before))
            if verdict(seen, replace(POLICY, error_rate=0.001)):
                rolled_back += 1
                break
    assert rolled_back <= 1
