"""SARIF: by the standard, and so that viewers know a finding again."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest
from check.reports.example import ACCEPTED, FINDINGS, RULES, SECRET, factor, finding, report
from check.reports.sarif_schema import LOG
from check.reports.test_formats import good, hostile

from tolv.check.model import Place, Report
from tolv.check.reports import View, render


def log(*reports: Report, **view: Any) -> Any:
    return json.loads(render("sarif", reports, View(**{"rules": RULES, **view})))


@pytest.mark.parametrize("made", [report(), hostile(), good(), report(factors=(), commit=None)])
@pytest.mark.parametrize("rules", [RULES, {}])
def test_every_report_is_valid(made: Report, rules: Any) -> None:
    jsonschema.Draft202012Validator(LOG).validate(log(made, made, rules=rules))


def test_a_result_names_its_rule_by_id_and_by_index() -> None:
    for rules in (RULES, {}):
        (run,) = log(report(), rules=rules)["runs"]
        described = run["tool"]["driver"]["rules"]
        assert run["results"]
        for one in run["results"]:
            assert described[one["ruleIndex"]]["id"] == one["ruleId"]


def test_a_rule_comes_with_help_and_its_level() -> None:
    (run,) = log(report())["runs"]
    described = {one["id"]: one for one in run["tool"]["driver"]["rules"]}["III-05"]
    assert described["defaultConfiguration"]["level"] == "error"
    assert RULES["III-05"].good in described["help"]["markdown"]
    assert described["helpUri"] == "https://12factor.net/config"
    assert described["properties"]["tags"] == ["twelve-factor", "config"]


def test_the_fingerprint_is_the_findings_own() -> None:
    (run,) = log(report())["runs"]
    given = {one["partialFingerprints"]["tolvFingerprint/v1"] for one in run["results"]}
    assert given == {one.fingerprint for one in (*FINDINGS, ACCEPTED)}


def test_what_somebody_answered_for_is_suppressed_with_the_reason() -> None:
    (run,) = log(report())["runs"]
    (suppressed,) = [one for one in run["results"] if "suppressions" in one]
    assert suppressed["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "accepted: one instance until June"}
    ]


@pytest.mark.parametrize("path", ["a b.py", "käse.py", "b\udce4.py", "a%20b.py", "#x?.py", "x:y.py"])
def test_a_path_is_a_uri_that_leads_back_to_it(path: str) -> None:
    made = report(factors=(factor(3, "findings", "", [finding(path=path, line=3)]),), suppressed=())
    (run,) = log(made)["runs"]
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert os.fsdecode(unquote_to_bytes(uri)) == path


def test_what_is_about_a_file_as_a_whole_stands_where_viewers_show_it() -> None:
    whole = replace(FINDINGS[2], place=Place("Dockerfile"), also=(Place("a.py", 3, end_line=9),))
    (run,) = log(report(factors=(factor(2, "findings", "", [whole]),)))["runs"]
    (result, _) = run["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert result["relatedLocations"][0]["physicalLocation"]["region"] == {"startLine": 3, "endLine": 9}


def test_no_secret_is_in_it() -> None:
    assert SECRET not in json.dumps(log(report()))
