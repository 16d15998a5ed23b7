"""`.env.example` as a schema: what its comments say of the values that a variable may have."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.model import Variable, VariableType
from tolv.codebase.schema import parse_schema
from tolv.codebase.variables import fault
from tolv.errors import UsageError


def variable(text: str) -> Variable:
    (one,) = parse_schema(text, ".env.example")
    return one


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Where the data is\n# url\nA=", Variable("A", None, "Where the data is", "url")),
        ("A=2 # int, processes of gunicorn", Variable("A", "2", "processes of gunicorn", "int")),
        ("A=2 # int; min: 1, max: 64", Variable("A", "2", "", "int", minimum=1, maximum=64)),
        ("A=5 # min: 0.5", Variable("A", "5", "", "number", minimum=0.5)),
        ("# one of: debug, info\nA=info", Variable("A", "info", "", choices=("debug", "info"))),
        (
            "A=a # secret, one of: a, b; what b is, Ada knows",
            Variable("A", "a", "what b is, Ada knows", choices=("a", "b"), secret=True),
        ),
        ("# secret, optional\nA=", Variable("A", None, "", secret=True, optional=True)),
        ("# required\nA=changeme", Variable("A", None, "", example="changeme")),
        ("# float\nA=.5", Variable("A", ".5", "", "number")),
        ("# boolean\nA=no", Variable("A", "no", "", "bool")),
        ("# int\nA=''", Variable("A", "", "", "int")),
        ("# Said above\nA=1 # int, said behind", Variable("A", "1", "Said above", "int")),
    ],
)
def test_directives_say_what_a_variable_may_be(text: str, expected: Variable) -> None:
    assert variable(text) == expected


@pytest.mark.parametrize(
    ("comment", "description"),
    [
        ("# Email\n# Where it comes from", "Email Where it comes from"),
        ("# secret of the payment API", "secret of the payment API"),
        ("# required by law, optional in Norway", "required by law, optional in Norway"),
        ("# one of: the many things that Ada knows, and you", "one of: the many things that Ada knows, and you"),
        ("# one of: them", "one of: them"),
        ("# min: a few", "min: a few"),
        ("# int, and how many", "int, and how many"),
        ("# URL", "URL"),
        ("# Required", "Required"),
        ("# optional: override for local models", "optional: override for local models"),
        ("# s3, r2, or minio", "s3, r2, or minio"),
    ],
)
def test_prose_that_begins_like_a_directive_is_prose(comment: str, description: str) -> None:
    assert variable(f"{comment}\nA=x") == Variable("A", "x", description)


def test_a_required_variable_has_an_example_and_no_default() -> None:
    one = variable("# required\nA=postgresql://localhost/db")
    assert (one.required, one.default, one.example) == (True, None, "postgresql://localhost/db")
    assert not variable("# optional\nA=").required
    assert variable("A=").required
    assert not variable("A=''").required


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# required, optional\nA=", "to be required, and to be optional"),
        ("# int, url\nA=", "said to be int, and to be url"),
        ("# url, min: 3\nA=", "is no number but url"),
        ("# min: 3, max: 2\nA=", "above its greatest"),
        ("# one of: a, b\nA=c", "the default of A is not one of a, b"),
        ("# int\n# one of: 1, two\nA=1", "one of the choices of A is not of its type, int"),
        ("# email\nA=smtp.example.org", "the default of A is not an e-mail address"),
    ],
)
def test_a_schema_that_contradicts_itself_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        parse_schema(f"FIRST=1\n\n{text}", ".env.example")
    assert str(caught.value.where).startswith(".env.example:")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("directives", "good", "bad"),
    [
        ("int", ["0", "-12", "+3", "9" * 400], ["", "1.0", "x", "1_000", " 1"]),
        ("number", ["0", "1.5", "-.5", "1e9", "9" * 400], ["", "x", "1,5", "nan"]),
        ("int, min: 1, max: 9", ["1", "9"], ["0", "10", "9" * 400]),
        ("bool", ["true", "False", "0", "on", "Y"], ["", "maybe", "2"]),
        (
            "url",
            ["https://a.b", "postgresql://u:p@[::1]:5/d", "sqlite://", "mongodb://a:1,b:2/db"],
            ["", "a.b", "/x", "a://b c"],
        ),
        ("email", ["a@b", "Ada <ada@example.org>"], ["", "a", "a@b@c", "<a>"]),
        ("port", ["1", "8080", "65535"], ["", "0", "65536", "-1", "http"]),
        ("path", ["/var/lib", "a b"], ["", " ", "a\nb"]),
        ("json", ['{"a": [1]}', "1"], ["", "{", "[" * 100_000]),
        ("one of: a, b", ["a", "b"], ["", "A", "a,b"]),
    ],
)
def test_each_type_knows_its_values(directives: str, good: list[str], bad: list[str]) -> None:
    one = variable(f"# {directives}\nA=")
    assert [fault(one, value) for value in good] == [None] * len(good)
    assert all(fault(one, value) for value in bad)


def test_what_is_empty_is_not_set_unless_the_variable_is_required() -> None:
    assert fault(variable("# int, optional\nA="), "") is None
    assert fault(variable("# int\nA=5"), "") is None
    assert fault(variable("A="), "") is None


def test_a_fault_says_nothing_of_the_value() -> None:
    for directives in ("int", "number", "bool", "url", "email", "port", "json", "one of: a, b", "int, max: 3"):
        assert "918273645 " not in (fault(variable(f"# {directives}\nA="), "918273645 ") or "")


comments = st.lists(
    st.sampled_from(
        "required optional secret int url bool json min: max: one of: 1 -2 a b , ; # prose Email KEY= \t".split(" ")
    ),
    max_size=8,
).map(" ".join)


@given(st.lists(st.tuples(comments, st.sampled_from(["", "x", "1", "'2'", "http://a"]), comments), max_size=5))
def test_any_comments_make_a_schema_or_are_refused(lines: list[tuple[str, str, str]]) -> None:
    text = "\n".join(f"# {above}\nV{at}={value} # {behind}" for at, (above, value, behind) in enumerate(lines))
    found = schema_or_refusal(text)
    if isinstance(found, UsageError):
        assert str(found.where).startswith(".env.example:")
        return
    assert [one.name for one in found] == [f"V{at}" for at in range(len(lines))]
    for one in found:
        assert not one.required or one.default is None
        assert one.default is None or fault(one, one.default) is None
        assert Variable.from_dict(json.loads(json.dumps(one.to_dict()))) == one


@given(st.text())
def test_any_text_is_a_schema_or_refused(text: str) -> None:
    found = schema_or_refusal(text)
    assert not isinstance(found, UsageError) or found.remedy


def schema_or_refusal(text: str) -> tuple[Variable, ...] | UsageError:
    try:
        return parse_schema(text, ".env.example")
    except UsageError as error:
        return error


def test_a_build_of_before_is_still_read_and_a_plain_one_is_written_as_before() -> None:
    before = {"name": "A", "default": None, "description": "x"}
    assert Variable.from_dict(before) == Variable("A", None, "x")
    assert Variable("A", None, "x").to_dict() == before
    assert Variable.from_dict({**before, "later": 1}) == Variable("A", None, "x")


def test_the_page_shows_what_is_read_and_names_every_directive() -> None:
    page = (Path(__file__).parents[2] / "docs" / "config.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```ini\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert parse_schema(example, ".env.example") == (
        Variable("DATABASE_URL", None, "Where the data is", "url", example="postgresql://localhost/guestbook"),
        Variable("WORKERS", "2", "processes of gunicorn", "int", minimum=1, maximum=64),
        Variable("LOG_LEVEL", "info", "", choices=("debug", "info", "warning")),
        Variable("SIGNING_KEY", None, "", secret=True),
        Variable("SENTRY_DSN", None, "", "url", optional=True),
    )
    for word in ("required", "optional", "secret", *get_args(VariableType)):
        assert word == "text" or f"`{word}`" in page
