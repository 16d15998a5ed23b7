"""The page on adding a rule does what it says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tolv.check.look import LOOKS
from tolv.check.rule import RULES

PAGE = Path(__file__).parents[2] / "docs" / "contributing.md"


@pytest.fixture
def page() -> Iterator[ModuleType]:
    """The page's code as one module; its look and its rule are gone afterwards."""
    looks, rules = dict(LOOKS), dict(RULES)
    module = ModuleType("page_on_contributing")
    sys.modules[module.__name__] = module
    try:
        for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
            exec(compile(code, str(PAGE), "exec", dont_inherit=True), module.__dict__)
        yield module
    finally:
        del sys.modules[module.__name__]
        for registry, before in ((LOOKS, looks), (RULES, rules)):
            for name in registry.keys() - before.keys():
                del registry[name]  # type: ignore[attr-defined]


def test_the_rule_of_the_page_is_declared_and_its_cases_come_out(page: ModuleType, tmp_path: Path) -> None:
    assert "VIII-99" in RULES
    assert len(page.CASES) == 5
    for number, case in enumerate(page.CASES):
        case.run(tmp_path / str(number))
