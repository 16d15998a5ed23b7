"""What follows from what is said and what is seen."""

from __future__ import annotations

import pytest
from audit.sides import (
    ADVISORY,
    CATALOGUE,
    LINES,
    LOGGED,
    NOT_APPLICABLE,
    NOTES,
    PORT,
    PROBES,
    PROVED,
    REFUTED,
    RULES,
    UNSTABLE,
    held,
    joined,
    result,
    said,
    seen,
    unprovable,
    unsure,
)
from check.reports.example import factor, finding

from tolv.audit.causes import with_causes
from tolv.audit.join import join
from tolv.audit.model import Standing
from tolv.audit.selection import select
from tolv.audit.untried import untried
from tolv.audit.verdict import fails
from tolv.check.model import FactorReport, Finding, Suppressed, Verdict
from tolv.errors import UsageError
from tolv.factors import FACTORS
from tolv.prove.model import Evidence, Outcome, Result
from tolv.prove.model import Verdict as Seen


def debt(*findings: Finding) -> FactorReport:
    return factor(6, "findings", "as found", findings)


# --- causes -----------------------------------------------------------------------------------------------------------


def causes(refuted: Result, *findings: Finding, **more: object) -> list[str]:
    report = with_causes(seen(refuted), said(debt(*findings), **more), PROBES, RULES)
    return [f"{one} {one.rule}" for one in report.results[0].causes]


def test_a_refuted_probe_gets_the_findings_of_its_rules() -> None:
    found = causes(result("VI-P2", REFUTED), LOGGED, NOTES, finding("III-05"))
    assert found == ["app.py:23 NOTES = {} VI-01", 'app.py:40 open("notes.json", "w") VI-05']


def test_a_rule_that_names_the_probe_is_one_of_its_rules() -> None:
    cache = finding("VI-06", "app.py", 5, "warning", snippet="@lru_cache")
    assert causes(result("VI-P3", REFUTED), cache) == ["app.py:5 @lru_cache VI-06"]


@pytest.mark.parametrize("verdict", [one for one in Seen if one is not REFUTED])
def test_what_is_not_refuted_has_no_cause(verdict: Seen) -> None:
    assert causes(result("VI-P2", verdict), NOTES) == []


def test_what_the_evidence_names_is_the_likeliest_cause() -> None:
    wrote = (Evidence("file", "wrote /srv/app/notes.json", 0.1, "web.1"),)
    assert causes(result("VI-P2", REFUTED, evidence=wrote), NOTES, LOGGED)[0].endswith("VI-05")
    assert causes(result("VI-P2", REFUTED, "CARTS is empty"), NOTES, finding("VI-05", "b.py", 1, subject="CARTS"))[
        0
    ].startswith("b.py:1")


def test_there_are_three_causes_at_most_each_once() -> None:
    many = [finding("VI-01", "app.py", line, snippet=f"X{line} = []") for line in (1, 1, 2, 3, 4)]
    assert causes(result("VI-P2", REFUTED), *many) == [f"app.py:{n} X{n} = [] VI-01" for n in (1, 2, 3)]


def test_what_was_accepted_is_a_cause_and_what_was_taken_back_is_none() -> None:
    accepted = Suppressed(NOTES, "one instance", "baseline", "accepted")
    wrong = Suppressed(LOGGED, "a cache", "inline", "false positive")
    assert causes(result("VI-P2", REFUTED), suppressed=(wrong, accepted)) == ["app.py:23 NOTES = {} VI-01"]


def test_a_cause_does_not_show_a_secret() -> None:
    secret = finding("VI-01", "app.py", 9, snippet='API_KEY = "hunter2-of-the-shop"')
    assert "hunter2" not in causes(result("VI-P2", REFUTED), secret)[0]


def test_an_absence_is_a_cause_too() -> None:
    nothing = finding("VI-01", "", None, message="No store is declared")
    assert causes(result("VI-P2", REFUTED), nothing) == ["No store is declared VI-01"]


# --- contradictions ---------------------------------------------------------------------------------------------------


def test_check_has_a_witness_for_what_is_refuted() -> None:
    audit = joined([held(6, "VI-01")], [result("VI-P2", REFUTED, "item 17 is gone")])
    (one,) = audit.contradictions
    assert (one.factor, one.rule, one.said) == ("VI", "VI-01", "all is in the database")
    assert one.seen.id == "VI-P2"
    assert one.seen.evidence


def test_check_says_that_the_factor_holds_and_a_probe_refutes_it() -> None:
    (one,) = joined([held(7)], [result("VII-P2", REFUTED)]).contradictions
    assert (one.rule, one.said) == (None, "all is in the database")


def test_a_finding_that_was_taken_back_and_is_seen() -> None:
    wrong = Suppressed(NOTES, "never changed", "inline", "false positive")
    audit = joined([unsure(6, "VI-06")], [result("VI-P2", REFUTED)], suppressed=(wrong,))
    (one,) = audit.contradictions
    assert one.rule == "VI-01"
    assert one.said == "taken back as a false positive: never changed; NOTES is changed by a request (app.py:23)"


def test_there_is_none_where_check_knows_the_cause_or_says_nothing() -> None:
    assert not joined([debt(NOTES)], [result("VI-P2", REFUTED)]).contradictions
    assert not joined([unsure(6, "VI-06")], [result("VI-P2", REFUTED)]).contradictions
    assert not joined([held(6)], [unprovable("VI-P2"), result("VI-P3", ADVISORY)]).contradictions


def test_check_finds_an_error_that_the_probe_proves_otherwise() -> None:
    (one,) = joined([factor(7, "findings", "1 error", [PORT])], [result("VII-P1")]).contradictions
    assert (one.rule, one.said, one.seen.id) == ("VII-01", "The port is 8080 (serve.py:3)", "VII-P1")


def test_a_warning_is_no_contradiction() -> None:
    both = [result("VI-P2"), result("VI-P3")]
    assert not joined([debt(LOGGED)], both).contradictions
    assert joined([debt(NOTES)], both).contradictions


@pytest.mark.parametrize("other", [result("VI-P2", REFUTED), result("VI-P2", UNSTABLE), unprovable("VI-P2")])
def test_a_finding_stands_while_another_of_its_probes_may_still_show_it(other: Result) -> None:
    assert not joined([debt(NOTES)], [other, result("VI-P3")]).contradictions


def test_a_finding_of_many_places_is_contradicted_once() -> None:
    other = finding("VII-01", "other.py", 9, message="The port is 9090")
    assert len(joined([factor(7, "findings", "2 errors", [PORT, other])], [result("VII-P1")]).contradictions) == 1


# --- what reading could not tell --------------------------------------------------------------------------------------


def test_a_rule_that_cannot_tell_is_settled_by_its_probe() -> None:
    (factor_audit,) = joined([unsure(6, "VI-06")], [result("VI-P3", REFUTED, "3 and 5")]).factors
    assert [(one.rule, one.seen.id, one.seen.verdict) for one in factor_audit.settled] == [("VI-06", "VI-P3", REFUTED)]


def test_a_rule_may_name_another_probe_than_its_own() -> None:
    (factor_audit,) = joined([unsure(6, "VI-06", "VI-P2")], [result("VI-P2"), result("VI-P3")]).factors
    assert [one.seen.id for one in factor_audit.settled] == ["VI-P2"]


def test_a_factor_that_cannot_be_told_is_settled_by_the_probe_that_it_names() -> None:
    (factor_audit,) = joined([factor(7, "cannot tell", "no port", probe="VII-P1")], [result("VII-P1")]).factors
    assert [(one.rule, one.seen.id) for one in factor_audit.settled] == [(None, "VII-P1")]


def test_what_could_not_be_tried_settles_nothing() -> None:
    (factor_audit,) = joined([unsure(6, "VI-06")], [unprovable("VI-P3")]).factors
    assert factor_audit.settled == ()


# --- how a factor stands ----------------------------------------------------------------------------------------------

BOTH = [result("VI-P2"), result("VI-P3")]


@pytest.mark.parametrize(
    ("said_of_it", "results", "standing"),
    [
        (held(6), BOTH, "proved"),
        (unsure(6, "VI-06"), BOTH, "proved"),
        (held(6), [result("VI-P2"), result("VI-P3", NOT_APPLICABLE)], "proved"),
        (debt(LOGGED), BOTH, "proved"),
        (held(6), BOTH[:1], "holds"),
        (held(6), [result("VI-P2"), unprovable("VI-P3")], "holds"),
        (held(6), [result("VI-P2"), result("VI-P3", UNSTABLE)], "holds"),
        (unsure(6, "VI-06"), [result("VI-P2"), unprovable("VI-P3")], "open"),
        (unsure(6, "VI-06"), [], "open"),
        (debt(NOTES), BOTH, "findings"),
        (debt(LOGGED), [], "findings"),
        (held(6), [result("VI-P2", REFUTED), result("VI-P3")], "refuted"),
        (held(6), [result("VI-P2", REFUTED, expected="until June")], "refuted"),
        (factor(6, "not applicable", "no web"), [], "not applicable"),
        (factor(6, "not applicable", "no web"), [result("VI-P2", NOT_APPLICABLE)], "not applicable"),
        (factor(6, "not applicable", "no web"), [unprovable("VI-P2")], "open"),
    ],
)
def test_a_factor_stands(said_of_it: FactorReport, results: list[Result], standing: Standing) -> None:
    assert joined([said_of_it], results).factors[0].standing == standing


def test_an_error_that_was_accepted_is_still_one() -> None:
    accepted = Suppressed(NOTES, "one instance", "baseline", "accepted")
    assert joined([held(6)], BOTH, suppressed=(accepted,)).factors[0].standing == "findings"
    wrong = Suppressed(NOTES, "never changed", "baseline", "false positive")
    assert joined([held(6)], BOTH, suppressed=(wrong,)).factors[0].standing == "proved"


def test_both_numbers_count_what_applies() -> None:
    audit = joined([held(6), unsure(7, "VII-01"), factor(13, "not applicable", "")], BOTH)
    assert (audit.standings["proved"], audit.applicable) == (1, 2)


# --- what to do -------------------------------------------------------------------------------------------------------


def test_first_what_is_refuted_with_its_cause_then_findings_then_what_to_add() -> None:
    factors = [factor(3, "findings", "", [finding()]), debt(LOGGED, NOTES), unsure(7, "VII-01")]
    results = [result("VII-P1", REFUTED), result("VI-P2", REFUTED, "gone"), unprovable("VI-P3"), unprovable("VII-P2")]
    steps = joined(factors, results).todo
    assert [(one.kind, one.id) for one in steps] == [
        ("refuted", "VI-P2"),
        ("refuted", "VII-P1"),
        ("finding", "III-05"),
        ("add", "write"),
        ("add", "read_back"),
    ]
    first, *_, write, _ = steps
    assert first.places == ("app.py:23", "app.py:40")
    assert first.rules == ("VI-01", "VI-05")
    assert first.fix == PROBES["VI-P2"].fix
    assert (write.fix, write.what, write.factor) == (LINES[0], "lets VI-P3, VII-P2 be tried", "")


def test_what_is_expected_and_what_is_a_note_is_nothing_to_do() -> None:
    note = finding("VI-05", "app.py", 7, "note")
    assert joined([debt(note)], [result("VI-P2", REFUTED, expected="until June")]).todo == ()


def test_a_rule_is_one_step_however_often_it_finds() -> None:
    many = [finding("VI-01", "app.py", line, snippet=f"X{line} = []") for line in range(1, 9)]
    (step,) = joined([debt(*many)], []).todo
    assert step.what == RULES["VI-01"].title
    assert step.places == (*(f"app.py:{n}" for n in range(1, 6)), "and 3 more")


def test_the_line_that_lets_most_be_tried_is_first() -> None:
    results = [unprovable("VI-P2", "a = 1", "b = 2"), unprovable("VI-P3", "b = 2"), unprovable("VII-P2", "b = 2")]
    assert [one.fix for one in joined([unsure(6, "VI-06"), unsure(7, "VII-01")], results).todo] == ["b = 2", "a = 1"]


# --- the rest ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "rules", "probes", "factors"),
    [
        ((), (), {*PROBES}, None),
        (("processes",), ("VI-01", "VI-05", "VI-06"), {"VI-P2", "VI-P3"}, {"VI"}),
        (("vi-p3",), ("VI-01", "VI-06"), {"VI-P3"}, {"VI"}),
        (("VI-06",), ("VI-06",), {"VI-P3"}, {"VI"}),
        (("III-05", "VII-P2"), ("III-05",), {"VII-P2"}, {"III", "VII"}),
    ],
)
def test_names_mean(names: tuple[str, ...], rules: tuple[str, ...], probes: set[str], factors: set[str] | None) -> None:
    found = select(names, CATALOGUE)
    assert (found.rules, set(found.probes)) == (rules, probes)
    assert found.factors == (None if factors is None else frozenset(factors))


def test_a_name_that_means_nothing_is_answered_with_one_that_is_close() -> None:
    with pytest.raises(UsageError, match="no rule, probe or factor 'VI-P22'") as caught:
        select(["VI-P22"], CATALOGUE)
    assert "did you mean VI-P2?" in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("fail_on", "factors", "results", "failed"),
    [
        ("refuted", [held(6)], [result("VI-P2", REFUTED)], True),
        ("none", [held(6)], [result("VI-P2", REFUTED)], False),
        ("warning", [held(6)], [result("VI-P2", REFUTED, expected="until June")], False),
        ("refuted", [debt(NOTES)], [], False),
        ("error", [debt(NOTES)], [], True),
        ("error", [debt(LOGGED)], [], False),
        ("warning", [debt(LOGGED)], [], True),
    ],
)
def test_an_audit_fails(fail_on: str, factors: list[FactorReport], results: list[Result], failed: bool) -> None:
    assert fails(joined(factors, results), fail_on) is failed


def test_of_an_app_that_cannot_be_started_nothing_is_proved() -> None:
    checked = said(held(6), commit="a" * 40 + "-dirty")
    report = untried(checked, PROBES.values(), "the build failed")
    assert report.counts[Seen.NOT_PROVABLE] == len(PROBES)
    assert (report.commit, report.dirty) == ("a" * 40, True)
    assert PROVED not in {one.verdict for one in report.results}


def test_only_the_factors_that_were_asked_for_are_told() -> None:
    checked, proved = said(held(6), held(7), debt(NOTES)), seen(*BOTH)
    labels = [one.factor.label for one in join(checked, proved, CATALOGUE, {"VI"}).factors]
    assert labels == ["VI", "VI"]
    assert [one.factor.label for one in join(checked, proved, CATALOGUE).factors] == ["VI", "VII", "VI"]


def test_every_verdict_of_check_and_prove_gives_a_standing() -> None:
    verdicts: tuple[Verdict, ...] = ("holds", "findings", "cannot tell", "not applicable")
    for verdict in verdicts:
        for one in Seen:
            made = result("VI-P2", outcome=Outcome(one, ""))
            standing = joined([factor(6, verdict, "")], [made, result("VI-P3", NOT_APPLICABLE)]).factors[0].standing
            assert (standing == "proved") == (one is PROVED), (verdict, one)
            assert (standing == "refuted") == (one is REFUTED)
    assert len(FACTORS) == 16
