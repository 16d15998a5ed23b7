"""Placeholders: a value never changes the shape of what it is put into, whatever it is."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.prove.template import (
    fill_form,
    fill_header,
    fill_json,
    fill_path,
    fill_text,
    form_of,
    json_problem,
    placeholders,
)

VALUES = st.text(st.characters(exclude_categories=("Cs",)))


@given(VALUES)
def test_a_value_stays_within_its_text_in_json(value: str) -> None:
    body = fill_json('{"text": "a {x} b", "{x}": ["{x}", 1]}', {"x": value})
    assert json.loads(body) == {"text": f"a {value} b", value: [value, 1]}


@given(VALUES)
def test_a_bare_value_in_json_is_a_scalar(value: str) -> None:
    (found,) = json.loads(fill_json("[{x}]", {"x": value}))
    assert found == value or json.dumps(found) == value or isinstance(found, (int, float))
    assert not isinstance(found, (dict, list))


@given(VALUES)
def test_a_value_stays_within_its_field_in_a_form(value: str) -> None:
    body = fill_form("user=a b&text={x}!&last=ü", {"x": value})
    assert body.isascii()
    assert parse_qsl(body, keep_blank_values=True) == [("user", "a b"), ("text", f"{value}!"), ("last", "ü")]


@given(VALUES)
def test_a_value_is_one_segment_of_a_path_or_one_parameter(value: str) -> None:
    path = fill_path("/nötes/{x}/a?q={x}&r=1", {"x": value})
    parts = urlsplit("http://localhost" + path)
    assert path.isascii()
    assert [unquote(one) for one in parts.path.split("/")] == ["", "nötes", value, "a"]
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", value), ("r", "1")]


@given(VALUES)
def test_a_header_stays_on_its_line(value: str) -> None:
    assert not set(fill_header("Bearer {x}", {"x": value})) & {"\r", "\n", "\0"}


@given(st.text(st.characters(exclude_characters="{")))
def test_a_text_without_placeholders_stays_as_it_is(text: str) -> None:
    assert fill_text(text, {}) == text
    assert placeholders(text) == ()


@pytest.mark.parametrize(
    ("value", "found"),
    [("17", 17), ("-1.5e3", -1500.0), ("true", True), ("null", None), ("007", "007"), ("[1]", "[1]"), ("NaN", "NaN")],
)
def test_a_bare_value_is_a_number_or_a_word_of_json_if_it_looks_so(value: str, found: object) -> None:
    assert json.loads(fill_json('{"n": {x}}', {"x": value})) == {"n": found}


def test_a_value_with_braces_is_not_filled_again() -> None:
    assert fill_text("{a}{b}", {"a": "{b}", "b": "1"}) == "{b}1"


def test_braces_that_name_nothing_are_left() -> None:
    assert fill_json('{"a": {}, "b": "{ x }", "c": "{1}"}', {}) == '{"a": {}, "b": "{ x }", "c": "{1}"}'


def test_a_name_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="id"):
        fill_path("/notes/{id}", {"token": "k1"})


@pytest.mark.parametrize(
    ("body", "form"),
    [
        ('{"a": 1}', "json"),
        (" [1]", "json"),
        ("{token}", "text"),
        ("{token} and more", "text"),
        ("a=1", "form"),
        ("a=1&b={token} x&c=", "form"),
        ("{field}={token}", "form"),
        ("hello a=b", "text"),
        ("hello", "text"),
    ],
)
def test_a_body_is_what_it_looks_like(body: str, form: str) -> None:
    assert form_of(body) == form


def test_json_is_checked_before_it_is_filled() -> None:
    assert json_problem('{"a": {x}, "{x}": "{x}"}') is None
    assert json_problem('{"a": 1,}') is not None
