"""docs/failures.md names tests that exist, and every fault of a drill."""

from __future__ import annotations

import re
from pathlib import Path

from tolv.drill.faults import FAULTS

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "failures.md").read_text()


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE))
    assert len(named) > 50
    missing = [
        f"{file}::{name}"
        for file, name in sorted(named)
        if not (TESTS / file).exists() or not re.search(rf"\bdef {name}\(", (TESTS / file).read_text())
    ]
    assert missing == []


def test_every_row_of_the_page_names_a_test() -> None:
    rows = [
        line
        for line in PAGE.splitlines()
        if line.startswith("|") and not re.match(r"\|[-|]+$|\| (fault|where|bug) ", line)
    ]
    assert rows
    assert [row for row in rows if "::test_" not in row] == []


def test_the_faults_of_a_drill_are_on_the_page_and_told_apart() -> None:
    assert len({one.id for one in FAULTS}) == len(FAULTS)
    listed = PAGE.split("tolv drill -e staging  ")[1].splitlines()[0].lower()
    for word in ("process", "keeper", "server", "router", "all of tolv", "temporary directory"):
        assert word in listed
    assert len(FAULTS) == listed.count(",") + 1
