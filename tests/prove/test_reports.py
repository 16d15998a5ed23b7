"""The reports of a proof, from values made by hand: what people read, and what each format promises to its readers."""

from __future__ import annotations

import json
import re
import tomllib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.factors import FACTORS
from tolv.prove.model import Cause, Evidence, Outcome, Report, Result, Verdict
from tolv.prove.reports import FORMATS, View, render
from tolv.prove.reports.text import seconds
from tolv.reports.terminal import broken, columns

HOSTILE = "x\x1b[31m]]></failure>|<script>\n::error::\u202e\ufffe\udcff\r\x9b2J"
SENT = Evidence("sent", 'POST /notes {"text":"k-17"} -> 201', 0.41, "web.1")
KILLED = Evidence("signal", "SIGKILL", 0.5, "web.1")
LOGGED = Evidence("log", "Traceback\n", 0.61, "web.1")


def result(
    id: str,
    title: str,
    verdict: Verdict,
    reason: str,
    *add: str,
    evidence: tuple[Evidence, ...] = (),
    duration: float = 0.0,
    causes: tuple[Cause, ...] = (),
    expected: str | None = None,
    backend: str | None = "namespaces",
) -> Result:
    outcome = Outcome(verdict, reason, add)
    return Result(id, id.partition("-")[0], title, outcome, evidence, backend, duration, causes, expected)


def report(*results: Result, root: str = "", notes: tuple[str, ...] = (), duration: float = 71.3) -> Report:
    services = ("postgres 16.14", "redis 7.2")
    return Report(
        "guestbook",
        "9f3c1a7" + "0" * 33,
        False,
        ("web", "worker"),
        services,
        results,
        duration,
        root=root,
        notes=notes,
    )


GONE = result(
    "VI-P2",
    "survives kill -9",
    Verdict.REFUTED,
    "item 17 is gone after a restart",
    evidence=(SENT, KILLED, LOGGED),
    duration=3.14,
    causes=(Cause("VI-01", "app.py", 23, "NOTES = {}"),),
)
PORT = result(
    "VII-P1",
    "listens where PORT says",
    Verdict.PROVED,
    "41873, then 52011",
    evidence=(Evidence("socket", "tcp 0.0.0.0:41873"),),
    duration=1.9,
)
LOGIN = result("VI-P1", "shares a session", Verdict.NOT_PROVABLE, "no login", 'login = "POST /in"', 'whoami = "GET /"')
UPLOAD = result("VI-P5", "keeps uploads", Verdict.NOT_PROVABLE, "no upload", 'upload = "PUT /f"', 'login = "POST /in"')
SHAKY = result("IX-P1", "starts fast", Verdict.UNSTABLE, "try 1: proved; try 2: refuted", evidence=(KILLED,))
KNOWN = result("XI-P2", "writes no logs", Verdict.REFUTED, "app.log grows", expected="goes in spring")
ADMIN = result("XII-P1", "one-off", Verdict.NOT_APPLICABLE, "no admin command")
LATE = result("XI-P4", "lines are parsed", Verdict.ADVISORY, "12 of 40")

PAGE = """\
tolv prove · guestbook at 9f3c1a7 · 2 process types · postgres 16.14, redis 7.2 · 8 probes

  VI   Processes
    · VI-P1   shares a session         not provable: no login
    ✗ VI-P2   survives kill -9         item 17 is gone after a restart                         3.1 s
        sent    POST /notes {"text":"k-17"} -> 201 on web.1
        signal  SIGKILL on web.1
        log     web.1 | Traceback
        cause   app.py:23 NOTES = {}  (VI-01, tolv check)
    · VI-P5   keeps uploads            not provable: no upload

  VII  Port binding
    ✓ VII-P1  listens where PORT says  41873, then 52011                                       1.9 s

  IX   Disposability
    ~ IX-P1   starts fast              try 1: proved; try 2: refuted
        signal  SIGKILL on web.1

  XI   Logs
    ✗ XI-P2   writes no logs           app.log grows
        expected goes in spring
    ! XI-P4   lines are parsed         12 of 40

  XII  Admin processes
    · XII-P1  one-off                  not applicable: no admin command

  note    no namespaces here

To try more, add what holds of the app below [prove] in tolv.toml:

login = "POST /in"  # VI-P1, VI-P5
whoami = "GET /"  # VI-P1
upload = "PUT /f"  # VI-P5

1 proved · 2 refuted (1 expected) · 1 advisory · 1 unstable · 2 not provable · 1 not applicable
71 s
replay a refuted one:  tolv prove 'a b' --only VI-P2 --keep --verbose
"""


def whole() -> Report:
    results = (LOGIN, KNOWN, GONE, UPLOAD, PORT, SHAKY, LATE, ADMIN)
    return report(*results, root="a b", notes=("no namespaces here",))


def hostile() -> Report:
    evidence = (Evidence("log", HOSTILE, 0.1, HOSTILE), Evidence("saw", HOSTILE))
    results = tuple(
        result(
            f"VI-P{number}",
            HOSTILE,
            verdict,
            HOSTILE,
            HOSTILE,
            evidence=evidence,
            causes=(Cause("VI-01", HOSTILE, 1, HOSTILE),),
            expected=HOSTILE if number % 2 else None,
        )
        for number, verdict in enumerate((*Verdict, Verdict.REFUTED))
    )
    return Report(HOSTILE, HOSTILE, True, (HOSTILE,), (HOSTILE,), results, 1.0, root=HOSTILE, notes=(HOSTILE,))


def test_people_read_what_was_seen_factor_by_factor() -> None:
    assert render("terminal", whole(), View(100)) == PAGE


def test_the_lines_to_add_can_be_pasted_as_they_are() -> None:
    lines = render("terminal", whole(), View(60)).partition("tolv.toml:\n")[2].strip().split("\n\n")[0]
    added = tomllib.loads(f"[prove]\n{lines}")["prove"]
    assert added == {"login": "POST /in", "whoami": "GET /", "upload": "PUT /f"}


def test_a_line_that_many_probes_wait_for_names_the_first_of_them() -> None:
    waiting = [
        result(f"VI-P{number}", "waits", Verdict.NOT_PROVABLE, "no login", 'login = "POST /in"')
        for number in range(1, 8)
    ]
    assert '\nlogin = "POST /in"  # VI-P1, VI-P2, VI-P3, VI-P4 and 3 more\n' in render(
        "terminal", report(*waiting), View(100)
    )
    assert "# VI-P1, VI-P2, VI-P3, VI-P4, VI-P5\n" in render("terminal", report(*waiting[:5]), View(100))


def test_what_waits_for_the_app_to_become_ready_is_told_once() -> None:
    why = "web.1 does not become ready: exit status 1"
    waiting = [result(f"VI-P{number}", "waits", Verdict.NOT_PROVABLE, why, "env.X = 1") for number in (1, 2)]
    found = replace(report(*waiting, PORT), unready=why)
    lines = render("terminal", found, View(100)).splitlines()
    assert lines[2:6] == [f"  unready {why}", "          2 probes wait for that", "", "  VII  Port binding"]
    assert "env.X = 1  # VI-P1, VI-P2" in lines
    assert any(line.startswith("1 proved · 2 not provable") for line in lines)
    assert "2 not provable" in render("terminal", replace(found, unready="another"), View(100))
    assert "VI-P2" in render("terminal", replace(found, unready="another"), View(100))


def test_a_cause_names_its_place_once() -> None:
    assert str(Cause("II-02", "requirements.txt", None, "requirements.txt pins no more")) == (
        "requirements.txt pins no more"
    )
    assert str(Cause("TEL-01", ".", None, "Nothing measures")) == "Nothing measures"
    assert str(Cause("VI-01", "app.py", None, "NOTES")) == "app.py NOTES"
    assert str(Cause("VI-01", "app.py", 3, "app.py = {}")) == "app.py:3 app.py = {}"


@pytest.mark.parametrize(
    ("tiers", "said"),
    [
        ([1], "1 probe needs tier 1: VI-P11"),
        ([1, 2], "2 probes need tier 1 or 2: VI-P11, VI-P12"),
        ([2] * 5, "5 probes need tier 2"),
    ],
)
def test_what_was_not_to_be_tried_is_told_in_one_line(tiers: list[int], said: str) -> None:
    unasked = [
        replace(
            result(f"VI-P{11 + number}", "title", Verdict.NOT_PROVABLE, "of a tier that nobody asked for"), tier=tier
        )
        for number, tier in enumerate(tiers)
    ]
    found = replace(report(PORT, LOGIN, *unasked), tier=0)
    text = render("terminal", found, View(100))
    assert " · 2 probes\n" in text
    assert "title" not in text
    assert re.search(rf"\n1 proved · 1 not provable +71 s\n{re.escape(said)}\n", text)
    assert json.loads(render("json", found, View()))["summary"]["not provable"] == 1 + len(tiers)


def test_the_summary_stands_on_one_line_with_its_time_where_there_is_room() -> None:
    text = render("terminal", report(PORT, ADMIN), View(80))
    assert text.endswith(f"\n{'1 proved · 1 not applicable':<76}71 s\n")


def test_all_evidence_is_shown_when_asked_for_and_the_backend() -> None:
    text = render("terminal", whole(), View(100, verbose=True))
    assert re.search(r"^ {8} {3}0\.41 s {2}sent {4}POST /notes .* on web\.1$", text, re.MULTILINE)
    assert re.search(r"socket +tcp 0\.0\.0\.0:41873$", text, re.MULTILINE)
    assert text.count("backend namespaces") == 8
    assert "0.0.0.0:41873" not in render("terminal", whole(), View(100))


def test_without_marks_words_stand_in_their_place_and_all_is_ascii() -> None:
    text = render("terminal", report(*whole().results, result("X-P1", "ä", Verdict.PROVED, "…")), View(unicode=False))
    assert text.isascii()
    long = render("terminal", report(result("I-P1", "t", Verdict.PROVED, "word " * 60)), View(80, unicode=False))
    assert re.search(r"^ {4}proved .* wo[rd ]*\.\.\.$", long, re.MULTILINE)
    assert max(map(len, long.splitlines()[2:-1])) <= 80
    assert re.search(r"^ {4}refuted {8}VI-P2 ", text, re.MULTILINE)
    assert re.search(r"^ {4}not provable {3}VI-P1 .* no login$", text, re.MULTILINE)
    assert "not provable: " not in text


def test_colour_is_there_only_when_asked_for_and_changes_no_word() -> None:
    painted = render("terminal", whole(), View(100, colour=True))
    assert "\x1b[31m✗\x1b[0m VI-P2" in painted
    assert "\x1b[32m✓\x1b[0m VII-P1" in painted
    assert re.sub(r"\x1b\[\d+m", "", painted) == PAGE


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("unicode", [True, False])
def test_nothing_of_the_apps_steers_the_terminal(format: str, unicode: bool) -> None:
    text = render(format, hostile(), View(unicode=unicode, verbose=True))
    text.encode()
    assert not set(text) & set("\x1b\r" if format == "json" else "\x1b\x9b\r\u202e")
    assert "\n::error::" not in text


@pytest.mark.parametrize("width", [20, 60, 80, 140])
def test_no_line_of_a_probe_is_wider_than_the_terminal(width: int) -> None:
    wide = "日本語 " * 30 + "x" * 200
    evidence = (Evidence("answer", wide, 1.0, "web.1"),)
    results = [
        result(f"VI-P{number}", "some title", verdict, wide, evidence=evidence, duration=125.0, expected=wide)
        for number, verdict in enumerate(Verdict)
    ]
    for view in (View(width), View(width, verbose=True)):
        text = render("terminal", report(*results, notes=(wide,)), view)
        rows = text.partition("\n\n")[2].partition("\nreplay")[0].splitlines()
        assert max(map(columns, rows)) <= max(width, 60)
        assert "".join(text.split()).count("x" * 200) >= 4


def test_a_reason_is_cut_where_all_is_well_and_whole_where_it_is_not() -> None:
    long = "word " * 60 + "end"
    fine = render("terminal", report(result("I-P1", "t", Verdict.PROVED, long)), View(100))
    assert "…" in fine
    assert "end" not in fine
    assert "end" in render("terminal", report(result("I-P1", "t", Verdict.ADVISORY, long)), View(100))


def test_what_is_replayed_is_the_first_that_nobody_expected() -> None:
    def last(*results: Result) -> str:
        return render("terminal", report(*results, root="."), View()).splitlines()[-1]

    assert last(KNOWN, GONE) == "replay a refuted one:  tolv prove --only VI-P2 --keep --verbose"
    assert last(KNOWN) == "replay a refuted one:  tolv prove --only XI-P2 --keep --verbose"
    assert last(PORT, SHAKY) == "replay an unstable one:  tolv prove --only IX-P1 --keep --verbose"
    assert "replay" not in last(PORT)


def test_a_manifest_that_was_named_is_named_again() -> None:
    whole_again = replace(whole(), manifest="my apps/shop.toml")
    text = render("terminal", whole_again, View())
    assert "below [prove] in my apps/shop.toml:" in text
    assert text.splitlines()[-1].endswith(" --manifest 'my apps/shop.toml' --only VI-P2 --keep --verbose")


def test_a_report_without_a_probe_says_so() -> None:
    empty = Report("a", None, False, ("web",), (), (), 0.0)
    text = render("terminal", empty, View(80))
    assert text.splitlines()[0] == "tolv prove · a · 1 process type · no services · 0 probes"
    assert text.splitlines()[-1] == "nothing was tried"


def test_a_tree_with_changes_is_named_so() -> None:
    dirty = Report("a", "f" * 40, True, (), (), (), 0.0)
    assert "a at fffffff-dirty ·" in render("terminal", dirty, View())


def test_every_factor_has_its_place() -> None:
    results = [result(f"{one.label}-P1", "t", Verdict.PROVED, "r") for one in FACTORS]
    text = render("terminal", report(*reversed(results)), View())
    found = re.findall(r"✓ (\S+)", text)
    assert found == [f"{one.label}-P1" for one in FACTORS]


@pytest.mark.parametrize(
    ("duration", "text"),
    [(0.0, ""), (0.04, ""), (0.3, "0.3 s"), (9.96, "10 s"), (99.4, "99 s"), (119.6, "2 min 0 s"), (125, "2 min 5 s")],
)
def test_durations_are_read_at_a_glance(duration: float, text: str) -> None:
    assert seconds(duration) == text


@given(st.text(max_size=300), st.integers(2, 40))
def test_wrapping_loses_nothing_but_spaces(text: str, room: int) -> None:
    lines = broken(text, room)
    assert lines
    assert all(columns(line) <= room for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_json_is_the_report() -> None:
    assert json.loads(render("json", whole(), View())) == whole().to_dict()
    assert json.loads(render("json", hostile(), View())) == hostile().to_dict()


def junit(shown: Report, view: View) -> tuple[ElementTree.Element, dict[str, ElementTree.Element]]:
    suite = ElementTree.fromstring(render("junit", shown, view))[0]
    return suite, {case.attrib["name"].split()[0]: case for case in suite}


def test_junit_fails_what_is_refuted_unless_it_is_expected() -> None:
    suite, cases = junit(whole(), View())
    assert {name: suite.attrib[name] for name in ("name", "tests", "failures", "skipped", "time")} == {
        "name": "guestbook",
        "tests": "8",
        "failures": "1",
        "skipped": "3",
        "time": "71.300",
    }
    assert {id: case[0].tag for id, case in cases.items()} == {
        "VI-P1": "skipped",
        "XI-P2": "system-out",
        "VI-P2": "failure",
        "VI-P5": "skipped",
        "VII-P1": "system-out",
        "IX-P1": "system-out",
        "XI-P4": "system-out",
        "XII-P1": "skipped",
    }
    failure = cases["VI-P2"][0]
    assert failure.attrib["message"] == "refuted: item 17 is gone after a restart"
    assert "POST /notes" in (failure.text or "")
    assert "app.py:23 NOTES = {} (VI-01, tolv check)" in (failure.text or "")
    assert "expected: goes in spring" in (cases["XI-P2"][0].text or "")
    assert cases["VI-P2"].attrib["classname"] == "tolv.prove.guestbook"


def test_junit_fails_what_it_is_told_to() -> None:
    _, cases = junit(whole(), View(fail_on=frozenset({Verdict.UNSTABLE, Verdict.NOT_PROVABLE})))
    assert {id for id, case in cases.items() if case[0].tag == "failure"} == {"VI-P1", "VI-P5", "IX-P1"}


def test_junit_can_be_read_whatever_the_app_says() -> None:
    suite, cases = junit(hostile(), View())
    assert len(cases) == len(suite) == 7


def test_lines_of_another_section_do_not_end_up_in_prove() -> None:
    wanted = (
        Outcome(Verdict.NOT_PROVABLE, "no login", ("login = …",)),
        Outcome(Verdict.NOT_PROVABLE, "no version is stated", ("[build]", 'python = "3.12"')),
        Outcome(Verdict.NOT_PROVABLE, "no spec", ("spec = …",)),
    )
    results = tuple(Result(f"X-P{number}", "X", "tries", one) for number, one in enumerate(wanted, 1))
    report = Report("shop", None, False, ("web",), (), results, 1.0)
    text = render("terminal", report, View())
    assert 'login = …  # X-P1\nspec = …  # X-P3\n\n# X-P2\n[build]\npython = "3.12"\n' in text
