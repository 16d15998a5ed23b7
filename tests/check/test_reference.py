"""The page of rules is made from the rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from check.reports.example import RULES

from tolv.check.catalogue import catalogue, chosen, named
from tolv.check.reference import as_text, reference
from tolv.errors import UsageError
from tolv.factors import FACTORS

ROOT = Path(__file__).parents[2]


def test_the_page_of_rules_is_what_the_rules_say() -> None:
    page = (ROOT / "docs" / "rules.md").read_text()
    assert page == reference(catalogue()), "python -m tolv.check.reference > docs/rules.md"


def test_every_rule_has_a_section_with_all_that_it_declares() -> None:
    page = reference(RULES)
    for rule in RULES.values():
        section = page.partition(f"### {rule.id}\n")[2].partition("\n### ")[0]
        for said in (rule.title, rule.why, rule.fix, rule.bad, rule.good, rule.source, rule.severity, "Python"):
            assert said in section


def test_code_with_a_fence_of_its_own_does_not_end_the_block() -> None:
    rule = replace(RULES["III-05"], bad="```\nx\n```", probe="III-P1")
    page = reference({rule.id: rule})
    assert "````text\n```\nx\n```\n````" in page
    assert "tolv prove --only III-P1" in page
    assert "tolv prove --only III-P1" in as_text(rule)


def test_the_catalogue_is_in_the_order_of_the_factors() -> None:
    order = [factor.label for factor in FACTORS]
    labels = [order.index(rule.label) for rule in catalogue().values()]
    assert labels == sorted(labels)


def test_a_rule_that_is_misspelt_is_answered_with_one_that_is_close() -> None:
    with pytest.raises(UsageError) as caught:
        named("III-5", RULES)
    assert "did you mean III-05?" in str(caught.value)
    with pytest.raises(UsageError, match="'confg'") as caught:
        chosen(["confg"], RULES)
    assert "did you mean CONFIG?" in str(caught.value)
