"""Every format says what is said, seen and to be done, and no text of the app's changes what it says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree

import jsonschema
import pytest
from audit.sides import (
    NOT_APPLICABLE,
    NOTES,
    PROBES,
    REFUTED,
    RULES,
    UNSTABLE,
    example,
    held,
    joined,
    probe,
    result,
    unprovable,
)
from check.reports.example import SECRET, factor, finding
from check.reports.sarif_schema import LOG
from check.reports.test_formats import HOSTILE

from tolv.audit.model import Audit
from tolv.audit.reports import FORMATS, View, render
from tolv.audit.reports.adr import records
from tolv.check.model import CannotTell, Place, Witness
from tolv.prove.model import Evidence, Outcome

VIEW = View(RULES, PROBES, today=date(2026, 11, 21))
TEXTS = [one for one in FORMATS if one != "badge"]


def hostile() -> Audit:
    """An audit whose every text of the app's is an attack."""
    bad = replace(NOTES, message=HOSTILE, fix=HOSTILE, snippet=HOSTILE, place=Place(HOSTILE, 1, 1), unit=HOSTILE)
    factors = (
        factor(6, "findings", HOSTILE, [bad], unsettled=(CannotTell(HOSTILE, rule="VI-06"),)),
        factor(7, "holds", HOSTILE, witnesses=(Witness(HOSTILE, Place(HOSTILE, 1)),)),
    )
    saw = (Evidence("log", HOSTILE, 0.1, HOSTILE),)
    results = (
        result("VI-P2", REFUTED, HOSTILE, evidence=saw),
        result("VI-P3", REFUTED, HOSTILE, evidence=saw, expected=HOSTILE),
        result("VII-P1", REFUTED, HOSTILE, evidence=saw),
        result("VII-P2", outcome=Outcome(UNSTABLE, HOSTILE, (HOSTILE,)), evidence=saw),
        unprovable("VI-P4", f"{HOSTILE} = {HOSTILE}"),
    )
    audit = joined(factors, results)
    return replace(audit, app=HOSTILE, proved=replace(audit.proved, notes=(HOSTILE,), services=(HOSTILE,)))


@pytest.mark.parametrize("format", [one for one in TEXTS if one != "adr"])
def test_every_format_has_both_sides_and_what_to_do(format: str) -> None:
    text = unescape(render(format, example(), VIEW).replace("\\", ""))
    for told in (
        "VI-P2",
        "item 17 is gone",
        "NOTES",
        "app.py",
        "VII-01",
        "The port is 8080",
        "41873, then 52011",
        "GET /notes/17 -> 404",
        "Keep it in a backing service",
        "read_back" if format != "sarif" else "names no write",
    ):
        assert told in text, told


@pytest.mark.parametrize("format", FORMATS)
def test_no_format_shows_a_secret(format: str) -> None:
    found = finding("VI-01", snippet=f"SECRET_KEY = '{SECRET}'")
    audit = joined([factor(6, "findings", "1 error", [found])], [result("VI-P2", REFUTED)])
    assert SECRET not in render(format, audit, VIEW)


@pytest.mark.parametrize("format", FORMATS)
def test_no_text_of_the_apps_steers_what_reads_the_report(format: str) -> None:
    text = render(format, hostile(), replace(VIEW, verbose=True))
    assert text.endswith("\n")
    assert "\x1b" not in text
    assert "\x00" not in text
    if format != "json":
        assert "\u202e" not in text
    text.encode("utf-8", "backslashreplace")


# --- for people -------------------------------------------------------------------------------------------------------


def test_contradictions_come_first() -> None:
    text = render("terminal", example(), VIEW)
    order = [text.index(one) for one in ("CONTRADICT", "FACTOR", "✗ VI-P2", "COULD NOT TELL", "TO DO", "factors: ")]
    assert order == sorted(order)
    assert re.search(r"^  VII  said  VII-01: The port is 8080 \(serve\.py:3\)$", text, re.MULTILINE)
    assert "       seen  ✓ VII-P1 proved: 41873, then 52011" in text
    assert re.search(r"^  ✗ VI   Processes +1 error|^  ✗ VI   Processes +2 findings +1 proved, 1 refuted$", text, re.M)
    assert "cause   app.py:23 NOTES = {} (VI-01)" in text


def test_without_contradictions_there_is_no_word_of_them() -> None:
    text = render("terminal", joined([held(6)], [result("VI-P2")]), VIEW)
    assert "CONTRADICT" not in text
    assert "TO DO" not in text
    assert "sent" not in text
    assert "sent" in render("terminal", joined([held(6)], [result("VI-P2")]), replace(VIEW, verbose=True))


@pytest.mark.parametrize("width", [20, 60, 80, 140])
def test_the_terminal_is_not_overrun(width: int) -> None:
    lines = render("terminal", example(), replace(VIEW, width=width)).splitlines()
    assert max(map(len, lines[1:])) <= max(width, 60)


def test_evidence_is_broken_and_not_cut() -> None:
    saw = (Evidence("start", f"gunicorn {'x' * 60} app:app", 0.1, "web.1"),)
    audit = joined([held(6)], [result("VI-P2", REFUTED, evidence=saw)])
    lines = [line.strip() for line in render("terminal", audit, VIEW).splitlines()]
    assert "…" not in "".join(lines)
    assert "x app:app on web.1" in " ".join(lines)
    assert "x app:app on web.1" not in lines


def test_colours_are_for_terminals_that_have_them() -> None:
    assert "\x1b" not in render("terminal", example(), VIEW)
    assert "\x1b[31m✗\x1b[0m" in render("terminal", example(), replace(VIEW, colour=True))


def test_a_page_draws_nothing_that_a_name_brings_along() -> None:
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

    Tags().feed(render("html", hostile(), VIEW))
    assert not {"script", "b"} & {*tags}
    assert tags.count("section") == 2


def test_markdown_escapes_what_is_not_its_own() -> None:
    text = re.sub(r"```toml.*?```", "", render("markdown", hostile(), VIEW), flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<b>", re.sub(r"``.*?``", "", text))
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| ")} == {6}


# --- for machines -----------------------------------------------------------------------------------------------------


def test_json_has_the_keys_that_are_promised() -> None:
    data = json.loads(render("json", example(), VIEW))
    assert list(data) == ["app", "commit", "factors", "contradictions", "todo", "summary", "notes", "duration_s"]
    keys = {key for one in data["factors"] for key in one}
    assert keys == {"number", "slug", "title", "standing", "said", "seen", "settled"}
    keys = {key for one in data["contradictions"] for key in one}
    assert keys == {"factor", "rule", "said", "probe", "verdict", "reason"}
    keys = {key for one in data["todo"] for key in one}
    assert keys == {"kind", "factor", "id", "what", "fix", "places", "rules"}
    assert data["factors"][1]["said"]["findings"][0]["rule"] == "VI-01"
    assert data["factors"][1]["seen"][0]["causes"][0]["path"] == "app.py"
    assert data["factors"][1]["settled"] == [
        {"rule": "VI-06", "why": "a cache", "probe": "VI-P3", "verdict": "proved"},
    ]
    assert data["summary"]["unexpected"] == ["VI-P2"]
    assert (data["summary"]["proved"], data["summary"]["applicable"]) == (0, 4)


@pytest.mark.parametrize("audit", [example(), hostile()], ids=["example", "hostile"])
def test_sarif_is_sarif_with_a_run_of_each(audit: Audit) -> None:
    log = json.loads(render("sarif", audit, VIEW))
    jsonschema.Draft202012Validator(LOG).validate(log)
    ids = [run["automationDetails"]["id"] for run in log["runs"]]
    assert len({*ids}) == 2
    proved = log["runs"][1]
    assert {one["level"] for one in proved["results"]} <= {"error", "warning"}
    for one in proved["results"]:
        assert proved["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"]


def test_a_result_of_sarif_stands_where_its_cause_is() -> None:
    (one,) = json.loads(render("sarif", example(), VIEW))["runs"][1]["results"]
    place = one["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("app.py", 23)
    assert "suppressions" not in one
    expected = joined([held(6)], [result("VI-P2", REFUTED, expected="until June")])
    (one,) = json.loads(render("sarif", expected, VIEW))["runs"][1]["results"]
    assert one["suppressions"][0]["justification"] == "until June"
    assert one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "."


# --- records and badge ------------------------------------------------------------------------------------------------


def test_a_record_for_each_factor_in_debt() -> None:
    made = list(records(example(), VIEW))
    assert [one.name for one in made] == ["0003-config.md", "0006-processes.md", "0007-port-binding.md"]
    sixth = made[1].text
    headings = re.findall(r"^## (.*)$", sixth, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "Effort"]
    assert "VI-P2, survives kill -9, was tried on the running app, and is refuted: item 17 is gone" in sixth
    assert "* VI-P2: Keep it in a backing service." in sixth
    assert "tolv prove --only VI-P2" in sixth


def test_a_record_of_what_only_running_has_shown() -> None:
    (one,) = records(joined([held(6)], [result("VI-P2", REFUTED, "gone")]), VIEW)
    assert "is refuted: gone" in one.text
    assert "## Effort" not in one.text
    assert list(records(joined([held(6)], [result("VI-P2")]), VIEW)) == []


@pytest.mark.parametrize(
    ("audit", "said", "colour"),
    [
        (joined([held(6)], [result("VI-P2"), result("VI-P3")]), "1/1 proved", "#2e7d4f"),
        (joined([held(6), held(9)], [result("VI-P2"), result("VI-P3")]), "1/2 proved", "#8a6d1a"),
        (joined([held(6), held(9)], [result("VI-P2", REFUTED)]), "0/2 proved", "#b3261e"),
        (joined([held(6)], []), "0/1 proved", "#5f6b7a"),
        (
            joined(
                [held(6), factor(13, "not applicable", "")],
                [result("VI-P2"), result("VI-P3", NOT_APPLICABLE)],
            ),
            "1/1 proved",
            "#2e7d4f",
        ),
    ],
)
def test_a_badge_says_what_is_proved_of_what_applies(audit: Audit, said: str, colour: str) -> None:
    picture = ElementTree.fromstring(render("badge", audit, VIEW))
    name = "{http://www.w3.org/2000/svg}"
    assert [one.text for one in picture.iter(f"{name}text")] == ["twelve-factor", said]
    assert colour in [one.attrib["fill"] for one in picture.iter(f"{name}rect") if "fill" in one.attrib]


def test_a_badge_of_an_odd_name_is_a_picture() -> None:
    ElementTree.fromstring(render("badge", hostile(), VIEW))


def test_a_probe_without_a_place_in_the_catalogue_is_shown() -> None:
    audit = joined([held(6)], [result("VI-P9", REFUTED)])
    for format in FORMATS:
        assert render(format, audit, VIEW)
    assert probe("VI-P9").id not in PROBES


def test_warnings_alone_are_no_cross() -> None:
    warned = finding("VI-05", "app.py", 40, "warning")
    for one, sign in ((warned, "!"), (NOTES, "✗")):
        audit = joined([factor(6, "findings", "as found", [one])], [])
        assert f"  {sign} VI   Processes" in render("terminal", audit, VIEW)
        assert f"| {sign} findings |" in render("markdown", audit, VIEW)
        assert f"{sign} findings</span>" in render("html", audit, VIEW)
