"""Findings that somebody answered for: in the code, in tolv.toml, in a baseline."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from check.reports.example import FINDINGS, factor, report
from hypothesis import given
from hypothesis import strategies as st

from tolv.check.answered import leave_out, only_new, set_aside
from tolv.check.baseline import Baseline, Entry, apply, format_baseline, parse_baseline, remarks, renewed
from tolv.check.fingerprints import with_fingerprints
from tolv.check.model import Finding, Place, Report, Suppressed, Witness
from tolv.check.suppress import covers, read_remark, remark_for, suppress
from tolv.codebase.manifest import CheckSettings, Ignore
from tolv.errors import UsageError

BEGIN = '{"version": 1, "findings": [{"fingerprint": "a", "rule": "b", "path": "", '
TODAY = date(2026, 11, 21)
HERE = FINDINGS[0]


def one_factor(*findings: Finding, **more: object) -> Report:
    return report(factors=(factor(3, "findings", "as found", findings, **more),), suppressed=(), unread=())


@pytest.mark.parametrize(
    "line",
    [
        "KEY = 'x'  # tolv: ignore[III-05] only a demo",
        'const key = "x"; // tolv: ignore[III-05] only a demo',
        "var key = `x` /* tolv: ignore[III-05] only a demo */",
        "  * tolv: ignore[III-05] only a demo",
        "<meta x> <!-- tolv: ignore[III-05] only a demo -->",
        "key: x # tolv:ignore[ iii-05 , III-01 ]: only a demo",
        "-- tolv: ignore[III-05] only a demo",
        "; tolv: ignore[III-05] - only a demo",
        "{# tolv: ignore[III-05] only a demo #}",
        "<%# tolv: ignore[III-05] only a demo %>",
    ],
)
def test_a_remark_is_read_in_every_style_of_comment(line: str) -> None:
    remark = read_remark(line)
    assert remark is not None
    assert "III-05" in remark.rules
    assert remark.reason == "only a demo"


@pytest.mark.parametrize(
    "line",
    ["x = '# tolv: ignore[III-05] no'", "tolv: ignore[III-05] no", "# tolv: ignore III-05 no", "# tolv ignore[III-05]"],
)
def test_what_is_no_comment_is_no_remark(line: str) -> None:
    assert read_remark(line) is None


@given(st.text())
def test_no_line_breaks_the_reader_of_remarks(line: str) -> None:
    read_remark(line)
    read_remark(f"# tolv: ignore[{line}]{line}")


def test_a_line_of_millions_of_characters_is_read_at_once() -> None:
    assert read_remark(";" * 3_000_000 + " tolv: ignore[" + ";" * 3_000_000) is None


@pytest.mark.parametrize(
    ("lines", "answered"),
    [
        (["# tolv: ignore[III-05] why", "x"], True),
        (["x", "y # tolv: ignore[III-05] why"], True),
        (["# tolv: ignore[III-05] why", "# and more"], True),
        (["x # tolv: ignore[III-05] why", "y"], False),
        (["# tolv: ignore[III-05] why", "", "y"], False),
        (["# tolv: ignore[III-01] why", "y"], False),
        (["y"], False),
        ([], False),
    ],
)
def test_a_remark_counts_on_the_line_and_straight_above_it(lines: list[str], answered: bool) -> None:
    remark = remark_for(replace(HERE, place=Place("a.py", len(lines) or 2)), lines)
    assert (remark is not None) == answered


def test_a_remark_counts_anywhere_in_a_statement_of_several_lines() -> None:
    lines = ["f(", "  x,", ")  # tolv: ignore[III-05] why"]
    assert remark_for(replace(HERE, place=Place("a.py", 1, end_line=3)), lines)


def test_a_finding_about_a_file_is_answered_for_at_its_top() -> None:
    whole = replace(HERE, place=Place("a.py"))
    assert remark_for(whole, ["#!/bin/sh", "", "# tolv: ignore[III-05] why", "x"])
    assert remark_for(whole, ["x", "# tolv: ignore[III-05] why"]) is None


def test_what_is_only_in_the_history_has_no_line_to_stand_on() -> None:
    assert remark_for(replace(HERE, place=Place("a.py", 1, commit="a" * 40)), ["x # tolv: ignore[III-05] why"]) is None


def test_a_remark_with_a_reason_accepts_the_finding_and_the_factor_still_says_so() -> None:
    given = one_factor(HERE, witnesses=(Witness("seen"),))
    said = suppress(given, CheckSettings(), lambda _: ["", "", "x # tolv: ignore[III-05] a demo"])
    assert said.findings == ()
    assert said.suppressed == (Suppressed(HERE, "a demo", "inline", "accepted"),)
    assert (said.factors[0].verdict, said.factors[0].why) == ("findings", "1 accepted")


def test_a_false_positive_is_taken_back_and_the_factor_may_hold() -> None:
    given = one_factor(HERE, witnesses=(Witness("all from the environment"),))
    said = suppress(given, CheckSettings(), lambda _: ["", "", "x # tolv: ignore[III-05] false positive: a label"])
    assert said.suppressed[0].state == "false positive"
    assert said.suppressed[0].reason == "a label"
    assert (said.factors[0].verdict, said.factors[0].why) == ("holds", "all from the environment")


def test_a_factor_with_an_unread_file_never_holds_on_the_strength_of_a_remark() -> None:
    given = replace(one_factor(HERE, witnesses=(Witness("seen"),)), unread=report().unread)
    said = suppress(given, CheckSettings(), lambda _: ["", "", "x # tolv: ignore[III-05] false positive: a label"])
    assert said.factors[0].verdict == "cannot tell"


def test_a_remark_without_a_reason_counts_for_nothing_and_a_note_says_so() -> None:
    said = suppress(
        one_factor(HERE), CheckSettings(), lambda _: ["# tolv: ignore[III-05]", "//", "x # tolv: ignore[III-05]"]
    )
    assert HERE in said.findings
    (note,) = [one for one in said.findings if one.severity == "note"]
    assert "no reason" in note.message
    assert (note.place.line, note.rule, len(note.fingerprint)) == (3, "III-05", 20)
    assert said.factors[0].verdict == "findings"


@pytest.mark.parametrize(
    ("ignore", "answered"),
    [
        (Ignore("III-05", "a demo"), True),
        (Ignore("III", "a demo"), True),
        (Ignore("III-05", "a demo", "config.py"), True),
        (Ignore("III-05", "a demo", "*.py"), True),
        (Ignore("III-05", "a demo", "src/**"), False),
        (Ignore("III-01", "a demo"), False),
    ],
)
def test_tolv_toml_answers_by_rule_and_path(ignore: Ignore, answered: bool) -> None:
    said = suppress(one_factor(HERE), CheckSettings(ignore=(ignore,)), lambda _: None)
    assert [one.by for one in said.suppressed] == (["tolv.toml"] if answered else [])


@pytest.mark.parametrize(
    ("glob", "path", "does"),
    [
        ("legacy", "legacy/a/b.py", True),
        ("legacy/", "legacy/a.py", True),
        ("./legacy/**", "legacy/a/b.py", True),
        ("*/old", "src/old/b.py", True),
        ("legacy", "legacy2/a.py", False),
        ("a.py", "src/a.py", False),
        ("[", "x", False),
    ],
)
def test_a_glob_means_a_path_and_what_is_below(glob: str, path: str, does: bool) -> None:
    assert covers(glob, path) == does


def test_a_fingerprint_survives_lines_that_move_spaces_and_remarks() -> None:
    moved = with_fingerprints(
        [replace(HERE, place=Place("config.py", 90), snippet=f"  {HERE.snippet}  # tolv: ignore[X] y")]
    )
    assert moved[0].fingerprint == HERE.fingerprint
    for other in (
        replace(HERE, rule="III-01"),
        replace(HERE, snippet="x"),
        replace(HERE, subject="OTHER"),
        replace(HERE, place=Place("other.py", 3)),
    ):
        assert with_fingerprints([other])[0].fingerprint != HERE.fingerprint


def test_findings_that_are_alike_are_told_apart_in_whatever_order_they_come() -> None:
    twins = [replace(HERE, place=Place("config.py", line)) for line in (3, 9)]
    first, second = with_fingerprints(twins)
    assert first.fingerprint != second.fingerprint
    assert with_fingerprints(reversed(twins)) == (second, first)


def test_a_baseline_comes_back_as_it_was_written() -> None:
    written = Baseline(
        (
            Entry("f1", "III-05", "a.py", "accepted", "a demo", date(2027, 3, 1), "message"),
            Entry("f2", "VI-05", "b\udce4.py"),
        )
    )
    assert parse_baseline(format_baseline(written), "b.json") == written


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", 'a list "findings"'),
        ('{"version": 2, "findings": []}', "version 2"),
        ('{"version": 1, "findings": [1]}', "is an object"),
        (BEGIN + '"state": "wrong"}]}', "state is"),
        (
            BEGIN + '"state": "accepted"}]}',
            "a reason",
        ),
        (BEGIN + '"why": ""}]}', "unknown key 'why'"),
        ('{"version": 1, "findings": [{"rule": "b", "path": "", "state": "to fix"}]}', "fingerprint must be"),
        (
            BEGIN + '"expires": 3, "state": "to fix"}]}',
            "date",
        ),
    ],
)
def test_what_is_no_baseline_is_refused_and_says_why(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        parse_baseline(text, "b.json")
    assert "b.json" in str(caught.value.where)
    assert caught.value.remedy


def entry(expires: date | None = None) -> Entry:
    return Entry(HERE.fingerprint, HERE.rule, "config.py", "accepted", "a demo", expires)


def test_a_baseline_takes_out_what_it_knows_until_it_expires() -> None:
    given = one_factor(HERE)
    assert apply(given, Baseline((entry(),)), TODAY).findings == ()
    assert apply(given, Baseline((entry(date(2026, 11, 22)),)), TODAY).findings == ()
    late = Baseline((entry(TODAY),))
    assert apply(given, late, TODAY).findings == (HERE,)
    assert "1 entry (III-05 config.py) expired" in " ".join(remarks(given, late, TODAY))


def test_an_entry_whose_finding_has_vanished_is_said_but_not_when_its_rule_was_not_tried() -> None:
    gone = Baseline((Entry("f", "VI-05", "a.py"),))
    assert "VI-05 a.py" in " ".join(remarks(one_factor(HERE), gone, TODAY))
    assert list(remarks(one_factor(HERE), gone, TODAY, ["III-05"])) == []


def test_a_baseline_written_anew_keeps_decisions_and_forgets_what_has_vanished() -> None:
    old = Baseline((entry(), Entry("f", "VI-05", "a.py", "accepted", "x")))
    written = renewed(report(), old)
    assert [one.fingerprint for one in written.entries] == [one.fingerprint for one in report().findings]
    assert entry() in written.entries
    assert {one.state for one in written.entries if one != entry()} == {"to fix"}
    assert apply(report(), written, TODAY).findings == ()


def test_nothing_to_set_aside_leaves_the_report_as_it_is() -> None:
    assert set_aside(report(), []) is not None
    assert set_aside(report(), []) == report()


def test_against_a_commit_only_new_findings_are_shown_and_verdicts_stay() -> None:
    said = only_new(report(), {FINDINGS[0].fingerprint, FINDINGS[2].fingerprint}, "main")
    assert FINDINGS[0] not in said.findings
    assert FINDINGS[1] in said.findings
    assert [(one.verdict, one.why) for one in said.factors[1:3]] == [
        ("findings", "nothing new; 1 as at main"),
        ("findings", "1 error; 1 as at main"),
    ]


@pytest.mark.parametrize(("unit", "left"), [("", 1), ("twins", 1), ("twins/model", 0), ("twins/model/inner", 0)])
def test_an_app_that_is_excluded_has_no_findings_wherever_they_lie(unit: str, left: int) -> None:
    (found,) = with_fingerprints([Finding("no lock", Place("pyproject.toml", 1, 1), "error", rule="II-02", unit=unit)])
    kept = leave_out(one_factor(found), lambda path: covers("twins/model/**", path))
    assert len(kept.findings) == left
