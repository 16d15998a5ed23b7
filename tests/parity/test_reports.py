"""The formats: each is what it says it is, whatever names and messages hold."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import jsonschema
import pytest
from check.reports.sarif_schema import LOG
from hypothesis import given
from parity.sides import NOW, build, log, logs, setting, side, sides

from tolv.codebase.commits import CommitLog
from tolv.parity.compare import compare
from tolv.parity.kinds import KINDS
from tolv.parity.model import Difference, Figure, Parity, Service, Side, Unmeasured
from tolv.parity.reports import FORMATS, View, render

A, B = "a" * 40, "b" * 40
HOSTILE = "x\x1b[31m]]></failure>|<script>alert(1)</script>`*\n::error::%0A\u202e\ufffe"


def example() -> Parity:
    staging = side(
        made=build(B, runtime="python 3.12.1"),
        settings={"SECRET_KEY": setting("x", "secret"), "DEBUG": setting("1", "switch")},
        services=(Service("database", "postgres", "15.6", ("DATABASE_URL",)),),
    )
    prod = side(
        "prod",
        build(A),
        settings={"SECRET_KEY": setting("x", "secret"), "DEBUG": setting("0", "switch")},
        services=(Service("database", "postgres", "16.2", ("DATABASE_URL",)),),
        formation={"web": 2},
    )
    return compare("shop", staging, prod, log((A, "", 9), (B, A, 5)), NOW)


def hostile() -> Parity:
    differences = tuple(Difference("value", "tools", "notable", HOSTILE, HOSTILE, HOSTILE) for _ in range(2))
    figures = (Figure(f"tools.service.{HOSTILE}", "tools", HOSTILE, "text", HOSTILE, [HOSTILE]),)
    return Parity("shop", "staging", "prod", "2026-11-21T19:00:00Z", figures, differences, (Unmeasured("x", HOSTILE),))


@pytest.mark.parametrize("format", FORMATS)
@given(one=sides("staging"), other=sides("prod"), history=logs())
def test_any_parity_is_shown_in_any_format(format: str, one: Side, other: Side, history: CommitLog) -> None:
    text = render(format, compare("shop", one, other, history, NOW), View())
    assert text.endswith("\n")
    assert "hash of" not in text


def test_people_see_both_sides_and_what_to_do() -> None:
    text = render("terminal", example(), View())
    assert "commits only here" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["TIME", "staging", "prod"] in lines
    assert ["≠", "interpreter", "python", "3.12.1", "python", "3.11.7"] in lines
    assert "✗ breaks parity  database is postgres 15.6 in staging, postgres 16.2 in prod" in text
    assert "Remedy: tolv scale web=2 -a shop -e staging" in text
    assert text.splitlines()[-1] == "2 break parity, 4 worth knowing, 1 harmless"
    assert "\x1b" not in text
    assert "\x1b[31m✗ breaks parity\x1b[0m" in render("terminal", example(), View(colour=True))


@pytest.mark.parametrize("width", [20, 60, 80, 140])
def test_the_terminal_is_not_overrun(width: int) -> None:
    lines = render("terminal", example(), View(width=width)).splitlines()
    assert max(map(len, lines)) <= max(width, 60)


def test_json_has_the_keys_that_are_promised() -> None:
    data = json.loads(render("json", example(), View()))
    assert list(data) == [
        "app",
        "left",
        "right",
        "measured",
        "figures",
        "differences",
        "unmeasured",
        "worst",
    ]
    assert data["worst"] == "breaking"
    assert {key for one in data["figures"] for key in one} == {"id", "gap", "name", "unit", "left", "right"}
    keys = {"kind", "gap", "judgement", "message", "subject", "remedy"}
    assert {key for one in data["differences"] for key in one} == keys


@pytest.mark.parametrize("parity", [example(), hostile()], ids=["example", "hostile"])
def test_sarif_is_sarif(parity: Parity) -> None:
    log = json.loads(render("sarif", parity, View()))
    jsonschema.Draft202012Validator(LOG).validate(log)
    run = log["runs"][0]
    assert [one["ruleId"] for one in run["results"]] == [f"parity/{one.kind}" for one in parity.differences]
    assert all(run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])


def test_a_result_of_sarif_is_known_again_from_either_side() -> None:
    staging, prod = side(settings={"X": setting("1")}), side("prod", settings={"X": setting("2")})
    prints = []
    for left, right in ((staging, prod), (prod, staging)):
        log = json.loads(render("sarif", compare("shop", left, right, CommitLog(), NOW), View()))
        prints.append({one["partialFingerprints"]["tolvParity/v1"] for one in log["runs"][0]["results"]})
    assert prints[0] == prints[1]


@pytest.mark.parametrize("parity", [example(), hostile()], ids=["example", "hostile"])
def test_junit_is_xml_with_a_test_for_each_kind(parity: Parity) -> None:
    suite = ElementTree.fromstring(render("junit", parity, View())).find("testsuite")
    assert suite is not None
    assert len(suite.findall("testcase")) == len(KINDS) == int(suite.attrib["tests"])


def test_junit_fails_what_is_over_the_limit() -> None:
    for limit, number in (("notable", 2), ("harmless", 6)):
        suite = ElementTree.fromstring(render("junit", example(), View(fail_over=limit))).find("testsuite")  # type: ignore[arg-type]
        assert suite is not None
        assert len(suite.findall("testcase/failure")) == int(suite.attrib["failures"]) == number


def test_a_page_draws_nothing_that_a_name_brings_along() -> None:
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

    Tags().feed(render("html", hostile(), View()))
    assert "script" not in tags
    assert tags.count("table") == 4


def test_github_gets_a_command_a_line() -> None:
    lines = render("github", hostile(), View()).splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::warning", "::warning", "tolv"]


@pytest.mark.parametrize("format", ["terminal", "markdown", "github"])
def test_no_control_character_gets_out(format: str) -> None:
    text = render(format, hostile(), View())
    assert not {"\x1b", "\u202e"} & set(text)
    assert "<script>" not in text or format != "markdown"
