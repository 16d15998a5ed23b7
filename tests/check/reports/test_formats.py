"""Every format says what was found, to whom it is for, and no hostile text changes what it says."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from check.reports.example import FINDINGS, RULES, SECRET, factor, finding, lines, report
from hypothesis import given
from hypothesis import strategies as st

from tolv.check.grade import grade
from tolv.check.model import Finding, Place, Report, Suppressed, Unread
from tolv.check.reports import FORMATS, SUMMARIES, View, render, render_summary
from tolv.check.reports.adr import records
from tolv.check.reports.excerpt import excerpt
from tolv.check.reports.hide import hide
from tolv.check.reports.questions import questions
from tolv.reports.terminal import columns

VIEW = View(rules=RULES, lines=lambda _, path: lines(path), today=date(2026, 11, 21))
HOSTILE = "\x1b[31m\u202e</script><b>|`%0A::error::x\r\n]]>\udce4\x00&amp;'\""


def hostile() -> Report:
    """A report whose every text of the app's is an attack."""
    bad = [
        replace(
            one,
            message=HOSTILE,
            fix=HOSTILE,
            snippet=HOSTILE,
            subject=HOSTILE,
            unit=HOSTILE,
            place=Place(HOSTILE, 1, 1),
        )
        for one in FINDINGS
    ]
    factors = (factor(3, "findings", HOSTILE, bad), factor(7, "cannot tell", HOSTILE, probe="VII-P1"))
    suppressed = (Suppressed(bad[0], HOSTILE, "inline"),)
    return report(app=HOSTILE, factors=factors, unread=(Unread(HOSTILE, HOSTILE),), suppressed=suppressed)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_names_each_finding_with_its_place_and_fix(format: str) -> None:
    text = render(format, [report()], VIEW).replace("\\", "")
    for one in FINDINGS:
        if format == "adr" and one.severity == "note":
            continue
        assert one.rule in text
    for said in ("config.py", "a975ef6", "no lock file beside requirements.txt"):
        assert said in text
    if format != "terminal":
        assert "in .env.example" in text


@pytest.mark.parametrize("format", FORMATS)
def test_no_format_shows_a_secret(format: str) -> None:
    text = render(format, [report()], VIEW)
    assert SECRET not in text


@pytest.mark.parametrize("format", FORMATS)
def test_no_text_of_the_apps_steers_what_reads_the_report(format: str) -> None:
    text = render(format, [hostile()], VIEW)
    assert "\x1b" not in text
    assert "\x00" not in text
    if format != "json":
        assert "\u202e" not in text
    if format not in ("json", "sarif"):
        assert not any(line.startswith("::error::x") for line in text.splitlines())
    text.encode("utf-8", "backslashreplace")


@pytest.mark.parametrize("format", FORMATS)
def test_a_report_with_nothing_in_it_is_a_report(format: str) -> None:
    empty = report(factors=(), suppressed=(), unread=(), commit=None, languages=(), processes=())
    assert render(format, [empty], VIEW).endswith("\n")
    assert render(format, [empty, report()], VIEW).endswith("\n")


@given(text=st.text(), line=st.integers(0, 5), column=st.integers(0, 300))
@pytest.mark.parametrize("format", FORMATS)
def test_any_text_can_be_reported(format: str, text: str, line: int, column: int) -> None:
    odd = Finding(text, Place(text, line or None, column or None), "warning", fix=text, rule="VI-05", snippet=text)
    made = report(app=text or "x", factors=(factor(6, "findings", text, [odd]),))
    render(format, [made], View(lines=lambda *_: [text] * 3, width=line * 20))


# --- terminal ---------------------------------------------------------------------------------------------------------


def test_the_terminal_shows_line_arrow_and_caret() -> None:
    text = render("terminal", [report()], VIEW)
    assert "tolv check · microblog at a975ef6 · python · web + worker · 114 rules, 0.24 s" in text
    assert "        2 | class Config:\n  →     3 |     SECRET_KEY = os.environ.get('SECRET_KEY') or '…'\n" in text
    assert "          |     ^\n" in text
    assert "VII-P1 would settle it: tolv prove --only VII-P1" in text
    assert "2 errors, 2 warnings, 1 note in 120 files, 14 000 lines · 1 answered for" in text


def test_the_terminal_explains_a_rule_once() -> None:
    twice = report(factors=(factor(3, "findings", "", [FINDINGS[0], finding(line=4)]),))
    text = render("terminal", [twice], VIEW)
    assert text.count(RULES["III-05"].why) == 1
    assert text.count("tolv explain III-05") == 2
    same = report(factors=(factor(3, "findings", "", [replace(one, fix="Do so") for one in (FINDINGS[0], finding())]),))
    assert render("terminal", [same], VIEW).count("Fix: Do so") == 1


def test_of_many_findings_of_a_rule_the_first_are_shown_and_the_others_counted() -> None:
    many = [finding("VI-05", "a.py", n, "warning") for n in range(1, 26)]
    text = render("terminal", [report(factors=(factor(6, "findings", "", [FINDINGS[0], *many]),))], VIEW)
    assert text.count("a.py:") == 10
    assert "and 15 more of VI-05: tolv check --only VI-05 shows them all" in text
    assert render("terminal", [report(factors=(factor(6, "findings", "", many),))], VIEW).count("\na.py:") == 25


def test_colour_only_where_it_is_asked_for() -> None:
    plain, coloured = (render("terminal", [report()], replace(VIEW, colour=on)) for on in (False, True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_row_of_the_table_and_no_snippet_is_wider_than_the_terminal(width: int) -> None:
    FILES_WIDE = ["x" * 5000, "日本語" * 500]
    wide = [finding("VI-05", "w.py", n, "warning", "m" * 500, snippet=FILES_WIDE[n - 1]) for n in (1, 2)]
    wide[1] = replace(wide[1], place=Place("w.py", 2, 400))
    made = report(factors=(factor(6, "findings", "y" * 300, wide), factor(7, "holds", "z" * 300)), unread=())
    text = render("terminal", [made], replace(VIEW, width=width, lines=lambda *_: FILES_WIDE))
    rows = [line for line in text.splitlines() if line.startswith("  ") and " m" not in line]
    assert rows
    assert max(map(columns, rows)) <= width


def test_the_caret_stands_under_its_column_whatever_stands_before_it() -> None:
    at = finding("VI-05", "app/käse.py", 2, snippet="\topen('x', 'w')")
    assert excerpt(report(), replace(at, place=Place("app/käse.py", 2, 2)), VIEW, 80).caret == 4
    cjk = Finding("m", Place("x.py", 1, 3), rule="VI-05", snippet="日本 = 1")
    assert excerpt(report(), cjk, VIEW, 80).caret == 4


def test_a_file_that_changed_since_is_not_quoted() -> None:
    stale = finding(snippet="other = 1")
    assert [row.text for row in excerpt(report(), stale, VIEW, 80).rows] == ["other = 1"]


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "shown", "path"),
    [
        ("KEY = os.getenv('SECRET_KEY', 'hunter2x')", "KEY = os.getenv('SECRET_KEY', '…')", "a.py"),
        ("url = 'postgres://u:hunter2x@db/x'", "url = 'postgres://u:…@db/x'", "a.py"),
        ("DB_PASSWORD=hunter2x", "DB_PASSWORD=…", ".env"),
        ("password: hunter2x # prod", "password: … # prod", "a.yml"),
        ("password: ${DB_PASSWORD}", "password: ${DB_PASSWORD}", "a.yml"),
        ("x = 'ghp_0123456789abcdefABCDEF0123456789abcd'", "x = '…'", "a.py"),
        ("token = request.headers['authorization']", "token = request.headers['authorization']", "a.py"),
    ],
)
def test_what_is_secret_is_hidden_and_what_is_a_name_stays(line: str, shown: str, path: str) -> None:
    assert hide(line, "III-05", path) == shown


def test_a_secret_beside_another_finding_is_hidden_too() -> None:
    assert "hunter2" not in hide('SECRET_KEY = "hunter2-and-more"', "III-08", "settings.py")
    assert hide('HOST = "localhost"', "IV-02", "settings.py") == 'HOST = "localhost"'


@given(st.text(), st.sampled_from(["III-05", "VI-05"]))
def test_hiding_never_raises(line: str, rule: str) -> None:
    hide(line, rule, "a.yml")


# --- json and summary -------------------------------------------------------------------------------------------------


def test_json_has_exactly_the_stable_keys() -> None:
    data = json.loads(render("json", [report()], VIEW))
    assert list(data) == ["app", "commit", "languages", "factors", "unread", "duration_s"]
    assert [one["number"] for one in data["factors"]][-5:] == ["XII", "API", "TEL", "SEC", "HLT"]
    config = data["factors"][2]
    assert list(config) == ["number", "slug", "verdict", "why", "probe", "findings"]
    assert config["findings"][0] == {
        "rule": "III-05",
        "severity": "error",
        "path": "config.py",
        "line": 3,
        "column": 5,
        "message": "SECRET_KEY has a default that anyone can read",
        "fix": "SECRET_KEY = os.environ['SECRET_KEY'], and name it in .env.example",
        "fingerprint": FINDINGS[0].fingerprint,
    }
    assert data["unread"] == [{"path": "big.min.js", "why": "200 MB", "factors": []}]


def test_several_reports_are_a_list() -> None:
    assert [one["app"] for one in json.loads(render("json", [report(), report(app="b")], VIEW))] == ["microblog", "b"]


def good() -> Report:
    return report(app="good", factors=tuple(factor(n, "holds", "seen") for n in range(1, 17)))


@pytest.mark.parametrize("format", SUMMARIES)
def test_the_table_of_many_has_the_best_first(format: str) -> None:
    text = render_summary(format, [report(), good()], VIEW)
    assert text.index("good") < text.index("microblog")
    assert "XII" in text


def test_the_grade_is_what_its_arithmetic_says() -> None:
    assert str(grade(good())) == "100 % of 16 decided factors"
    assert grade(report()).percent == round(100 * (11 + 0.5 + 0.5) / 14)
    unknown = report(factors=tuple(factor(n, "cannot tell", "") for n in range(1, 17)))
    assert grade(unknown).percent is None
    accepted = report(
        factors=(factor(3, "findings", "1 accepted"),), suppressed=(Suppressed(FINDINGS[0], "x", "baseline"),)
    )
    assert grade(accepted).points == 0


# --- html, markdown, junit, github ------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """What a page loads, and whether each element that is opened is closed."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []
        self.classes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loads += [name for name in given if name in ("src", "srcset", "data")]
        self.loads += [tag] if tag in ("link", "script", "iframe", "object", "img") else []
        if tag == "a" and not (given.get("href") or "").startswith("#"):
            self.loads.append("a")
        if tag == "g":
            self.classes.append(given.get("class") or "")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("made", [report(), hostile(), good()])
def test_the_page_is_whole_and_loads_nothing(made: Report) -> None:
    text = render("html", [made], VIEW)
    page = _Page()
    page.feed(text)
    assert (page.loads, page.open) == ([], [])
    assert not re.search(r"url\(|@import|javascript:|<b>\|", text)


def test_the_ring_has_a_part_for_each_of_the_twelve_factors_in_the_colour_of_its_verdict() -> None:
    page = _Page()
    page.feed(render("html", [report()], VIEW))
    assert len(page.classes) == 12
    assert page.classes[:7] == ["holds", "warning", "error", "holds", "holds", "warning", "cannot-tell"]


def test_junit_counts_what_fails_by_the_chosen_severity() -> None:
    def failures(fail_on: str | None) -> tuple[int, int]:
        suite = ElementTree.fromstring(render("junit", [report()], replace(VIEW, fail_on=fail_on)))[0]  # type: ignore[arg-type]
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped")) == 2
        return len(suite.findall("testcase")), len(suite.findall("testcase/failure"))

    assert (failures("error"), failures("warning"), failures(None)) == ((16, 1), (16, 3), (16, 0))
    ElementTree.fromstring(render("junit", [hostile()], VIEW))


def test_github_gets_a_command_for_each_finding_and_no_other() -> None:
    for made in (report(), hostile()):
        commands = render("github", [made], VIEW).splitlines()
        assert len(commands) == 6
        assert [line.split(" ")[0] for line in commands[:-1]] == ["::error"] * 2 + ["::warning"] * 2 + ["::notice"]
        assert not commands[-1].startswith("::")
    assert "file=app/log%2Cger%3Ax.py,line=7" in render("github", [report()], VIEW)


def test_markdown_keeps_its_table_whatever_a_message_holds() -> None:
    rows = [line for line in render("markdown", [hostile()], VIEW).splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows[:4]} == {5}


# --- architecture decision records ------------------------------------------------------------------------------------


def test_a_record_for_each_factor_in_debt_with_its_four_parts() -> None:
    made = list(records(report(), VIEW))
    assert [one.name for one in made] == ["0002-dependencies.md", "0003-config.md", "0006-processes.md"]
    for one in made:
        headings = re.findall(r"^## (.*)$", one.text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Effort"]
        assert "Status: proposed, 2026-11-21" in one.text


def test_the_five_questions_are_answered_from_the_factors() -> None:
    assert [one.answer for one in questions(report())] == ["no", "in part", "yes", "yes", "no"]
    assert {one.answer for one in questions(good())} == {"yes"}
    unknown = report(factors=tuple(factor(n, "cannot tell", "") for n in range(1, 17)))
    assert {one.answer for one in questions(unknown)} == {"cannot tell"}


def test_a_format_has_one_module_of_its_name() -> None:
    import tolv.check.reports as package

    for name in FORMATS:
        tree = ast.parse(Path(package.__path__[0], f"{name}.py").read_text())
        assert any(isinstance(one, ast.FunctionDef) and one.name == "render" for one in tree.body)
