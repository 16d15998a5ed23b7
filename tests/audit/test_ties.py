"""Rules and probes name each other, and know nothing else of each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tolv
from tolv.audit.ties import probes_of, rules_of
from tolv.check.catalogue import catalogue as rules
from tolv.prove.catalogue import catalogue as probes

SOURCE = Path(tolv.__file__).parent


def test_every_rule_that_a_probe_names_is_there() -> None:
    known = rules()
    assert {id: [one for one in probe.rules if one not in known] for id, probe in probes().items()} == {
        id: [] for id in probes()
    }


def test_each_finds_the_other() -> None:
    known, tried = rules(), probes()
    for id, probe in tried.items():
        for rule in rules_of(probe, known):
            assert id in probes_of(rule, tried, known), (id, rule)


def test_a_rules_own_probe_comes_first() -> None:
    known, tried = rules(), probes()
    for id, rule in known.items():
        if rule.probe in tried:
            assert probes_of(id, tried, known)[0] == rule.probe


@pytest.mark.parametrize(
    ("package", "never"),
    [
        ("check", ("prove", "audit", "server", "store")),
        ("prove", ("check", "audit", "server", "store")),
        ("reports", ("check", "prove", "audit", "parity", "cli")),
        ("audit", ("server", "store", "cli")),
    ],
)
def test_imports_go_one_way(package: str, never: tuple[str, ...]) -> None:
    files = list((SOURCE / package).rglob("*.py"))
    assert files
    for file in files:
        for name in _imported(file):
            assert not name.startswith(tuple(f"tolv.{one}" for one in never)), f"{file} imports {name}"


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
