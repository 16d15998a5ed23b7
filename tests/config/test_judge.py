"""What is wrong with a config, by the schema of the code."""

from __future__ import annotations

import pytest

from tolv.codebase.model import Variable
from tolv.config.judge import Problem, judge

URL = Variable("DATABASE_URL", type="url")


def rules(values: dict[str, str | None], *schema: Variable, environment: str = "prod") -> list[tuple[str, str, str]]:
    found = judge(values, schema, environment, is_secret=lambda name: name.endswith("_KEY"))
    return [(one.name, one.rule, one.severity) for one in found]


def test_errors_come_first_and_nothing_is_said_of_what_is_right() -> None:
    assert rules({"DATABASE_URL": "postgresql://db/x"}, URL) == []
    assert rules({"OLD": "1", "N": "x"}, URL, Variable("N", type="int")) == [
        ("DATABASE_URL", "missing", "error"),
        ("N", "value", "error"),
        ("OLD", "unknown", "warning"),
    ]


def test_what_is_set_and_not_known_yet_is_neither_missing_nor_wrong() -> None:
    assert rules({"DATABASE_URL": None}, URL) == []


def test_what_tolv_sets_itself_and_a_missing_schema_are_no_matter() -> None:
    assert rules({"PORT": "x"}, URL, Variable("PORT", type="int")) == [("DATABASE_URL", "missing", "error")]
    assert rules({"ANY": "x"}) == []


def test_what_something_else_declares_is_not_unknown() -> None:
    assert judge({"REDIS_URL": "x"}, (Variable("A", "1"),), "prod", provided={"REDIS_URL"}) == ()


@pytest.mark.parametrize(
    ("variable", "value", "severity"),
    [
        (Variable("A", "changeme", secret=True), None, "error"),
        (Variable("A", "changeme", secret=True), "changeme", "error"),
        (Variable("A", None, secret=True, example="changeme"), "changeme", "error"),
        (Variable("SIGNING_KEY", "changeme"), None, "warning"),
        (Variable("A", "changeme", secret=True), "other", None),
        (Variable("A", "", secret=True), None, None),
    ],
)
def test_a_secret_that_everybody_can_read_is_none(variable: Variable, value: str | None, severity: str | None) -> None:
    values = {} if value is None else {variable.name: value}
    expected = [] if severity is None else [(variable.name, "secret", severity)]
    assert rules(values, variable) == expected
    assert rules(values, variable, environment="dev") == []


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("DATABASE_URL", "postgresql://ada@localhost:5432/x", True),
        ("DATABASE_URL", "sqlite:///db.sqlite3", True),
        ("DATABASE_URL", "postgresql://db.internal/x", False),
        ("HOST", "127.0.0.1:6379", True),
        ("HOST", "localhost", True),
        ("HOST", "localhost.example.org", False),
        ("APP_ENV", "development", True),
        ("DEBUG", "1", True),
        ("APP_DEBUG", "False", False),
        ("WORKERS", "1", False),
        ("BROKEN", "http://[", False),
    ],
)
def test_a_default_for_development_is_told_elsewhere(name: str, value: str, found: bool) -> None:
    variable = Variable(name, value)
    expected = [(name, "development", "warning")] if found else []
    assert rules({}, variable) == expected
    assert rules({name: value}, variable) == expected
    assert rules({name: "other"}, variable) == []
    assert rules({}, variable, environment="dev") == []


def test_a_problem_is_a_sentence_without_the_value() -> None:
    (problem,) = judge({"DATABASE_URL": "hunter22"}, (URL,), "prod")
    assert str(problem) == "DATABASE_URL is not a URL with its scheme, such as https://example.org"
    assert problem.to_dict() == {
        "name": "DATABASE_URL",
        "rule": "value",
        "severity": "error",
        "message": "is not a URL with its scheme, such as https://example.org",
    }
    assert isinstance(problem, Problem)
