"""`--fail-over`."""

from __future__ import annotations

import pytest
from parity.sides import NOW, build, log, side

from tolv.codebase.commits import CommitLog
from tolv.errors import UsageError
from tolv.parity.compare import compare
from tolv.parity.limits import exceeded, parse_limit, strictest

A, B, C = "a" * 40, "b" * 40, "c" * 40
HISTORY = log((A, "", 90), (B, A, 10), (C, B, 3))
AHEAD = compare("shop", side(made=build(C)), side("prod", build(A)), HISTORY, NOW)


@pytest.mark.parametrize(
    ("limit", "over"),
    [
        ("harmless", True),
        ("notable", False),
        ("commits=1", True),
        ("commits=2", False),
        ("age=9d", True),
        ("age=11d", False),
        ("age=2w", False),
        ("age=239h", True),
    ],
)
def test_a_limit_is_exceeded_by_what_is_more_and_not_by_itself(limit: str, over: bool) -> None:
    assert bool(exceeded(parse_limit(limit), AHEAD)) == over


def test_what_could_not_be_counted_is_over_the_limit() -> None:
    unknown = compare("shop", side(made=build(A)), side("prod", build(B)), CommitLog(problem="gone"), NOW)
    assert "could not be counted" in (exceeded(parse_limit("commits=5"), unknown) or "")
    assert "could not be counted" in (exceeded(parse_limit("age=5d"), unknown) or "")


@pytest.mark.parametrize("text", ["", "worse", "commits=", "commits=-1", "commits=1.5", "age=5", "age=d", "age=5y"])
def test_what_is_no_limit_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_limit(text)
    assert "notable" in (error.value.remedy or "")


def test_a_limit_that_nothing_could_exceed_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing would ever fail"):
        parse_limit("breaking")


def test_the_strictest_judgement_counts_where_there_are_several() -> None:
    assert strictest([parse_limit("notable"), parse_limit("harmless"), parse_limit("commits=1")]) == "harmless"
    assert strictest([]) == "notable"
