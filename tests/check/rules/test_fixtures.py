"""Every rule has fixtures for every language and material that it declares: a rule without negatives is not shipped."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path

import pytest
from check.harness import Case

from tolv.check.catalogue import catalogue


def _cases() -> list[Case]:
    found: list[Case] = []
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.name != Path(__file__).name:
            found += getattr(importlib.import_module(f"check.rules.{path.stem}"), "CASES", [])
    return found


_COUNTS = Counter((case.rule, case.material, bool(case.at)) for case in _cases())


@pytest.mark.parametrize("rule", catalogue())
def test_a_rule_has_two_findings_and_three_look_alikes_for_each_material(rule: str) -> None:
    for material in catalogue()[rule].materials:
        assert _COUNTS[rule, material, True] >= 2, f"{rule} has too few cases with findings in {material}"
        assert _COUNTS[rule, material, False] >= 3, f"{rule} has too few look-alikes in {material}"
