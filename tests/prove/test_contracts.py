"""Contracts: read, held against answers, and compared with an earlier version."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolv.prove.contracts.breaking import breaking, bump
from tolv.prove.contracts.document import Document, NoContract, read_document
from tolv.prove.contracts.schema import problem_of
from tolv.prove.probes.api_first.conformity import judge
from tolv.prove.traffic import Answer

_NOTE = {
    "type": "object",
    "required": ["id", "text"],
    "properties": {"id": {"type": "integer"}, "text": {"type": "string"}},
}


def _same(value: Any) -> Any:
    return value


def _document(**operations: Any) -> Document:
    paths: dict[str, Any] = {}
    for name, operation in operations.items():
        method, _, path = name.partition("_")
        paths.setdefault("/" + path.replace("_", "/"), {})[method] = operation
    return Document({"openapi": "3.1.0", "info": {"title": "Notes", "version": "1.2.0"}, "paths": paths})


def _answers(schema: Any, status: str = "200") -> dict[str, Any]:
    return {"responses": {status: {"description": "", "content": {"application/json": {"schema": schema}}}}}


@pytest.mark.parametrize(
    ("value", "schema", "told"),
    [
        ({"id": "1", "text": ""}, _NOTE, "id of the body is string, not integer"),
        ({"id": 1}, _NOTE, "text of the body is missing"),
        ([{"id": 1}], {"items": _NOTE}, "text of the body[0] is missing"),
        ({"a": 1}, {"additionalProperties": False}, "a of the body is more than the contract says"),
        (3, {"enum": [1, 2]}, "the body is 3, none of 1, 2"),
        (None, {"type": "string"}, "the body is null, not string"),
        ("ab", {"pattern": "^c"}, "the body is 'ab', which does not match ^c"),
        (0, {"minimum": 0, "exclusiveMinimum": True}, "the body is 0, and its exclusiveMinimum is 0"),
        (True, {"type": "integer"}, "the body is boolean, not integer"),
    ],
)
def test_what_is_not_as_the_schema_says_is_told(value: Any, schema: Any, told: str) -> None:
    assert problem_of(value, schema, _same) == told


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (None, {"type": "string", "nullable": True}),
        (1.0, {"type": "integer"}),
        ({"id": 1, "text": "", "more": 2}, _NOTE),
        ("x", {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ({}, {"required": ["secret"], "properties": {"secret": {"writeOnly": True}}}),
        ("é", {"pattern": r"\p{L}"}),  # JavaScript's, not Python's
    ],
)
def test_what_is_as_the_schema_says_is_left_alone(value: Any, schema: Any) -> None:
    assert problem_of(value, schema, _same) is None


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "bb"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)
_TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
_SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": _TYPES | st.lists(_TYPES, min_size=1, max_size=2, unique=True),
            "minimum": st.integers(-2, 2),
            "exclusiveMaximum": st.integers(-2, 2),
            "minLength": st.integers(0, 2),
            "maxItems": st.integers(0, 1),
            "required": st.lists(st.sampled_from("ab"), max_size=1),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "items": inner,
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "additionalProperties": inner | st.booleans(),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
        },
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300)
@given(_VALUES, _SCHEMAS)
def test_it_says_the_same_as_a_whole_validator(value: Any, schema: Any) -> None:
    said = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (problem_of(value, schema, _same) is None) is said


@pytest.mark.parametrize(
    ("status", "type_", "body", "told"),
    [
        (200, "application/json", b'{"id": 1, "text": ""}', None),
        (200, "application/json; charset=utf-8", b'{"id": 1}', "text of the body of 200 is missing"),
        (200, "text/html", b"<p>", "its 200 is text/html, and the contract says application/json"),
        (200, "application/json", b"{", "its 200 is no JSON"),
        (500, "text/plain", b"oh", "it is answered 500, and the contract knows 200"),
        (404, "text/plain", b"no", ""),
        (302, "", b"", ""),
        (201, "application/json", b"{}", "it is answered 201, and the contract knows 200"),
    ],
)
def test_an_answer_is_held_against_its_operation(status: int, type_: str, body: bytes, told: str | None) -> None:
    document = _document(get_notes=_answers(_NOTE))
    answer = Answer(status, "", (("content-type", type_),), body, 0.0)
    assert judge(document.operations[0], answer, document) == told


def test_a_description_is_read_whatever_it_is_written_in() -> None:
    text = """
swagger: '2.0'
info: {title: a, version: 1}
basePath: /v1
paths:
  /a/{id}: {get: {responses: {200: {}}}}
"""
    document = read_document(text, "swagger.yaml")
    assert [str(one) for one in document.operations] == ["GET /v1/a/{id}"]
    assert document.operation("GET", "/v1/a/7") is document.operations[0]
    assert document.operation("GET", "/v1/a/7/b") is None
    assert list(document.problems()) == ["GET /v1/a/{id} does not say what {id} is"]


@pytest.mark.parametrize("text", ["<html>", '{"a": 1}', "[]", "asyncapi: 2.6.0", '{"openapi": "4.0"}'])
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(NoContract):
        read_document(text, "openapi.json")


def test_a_reference_that_leads_nowhere_is_a_problem_and_one_in_a_circle_is_put_up_with() -> None:
    raw = json.loads(json.dumps(_document(get_a=_answers({"$ref": "#/components/schemas/Gone"})).raw))
    assert list(Document(raw).problems()) == ["#/components/schemas/Gone leads nowhere"]
    raw["components"] = {"schemas": {"Gone": {"properties": {"next": {"$ref": "#/components/schemas/Gone"}}}}}
    document = Document(raw)
    assert list(document.problems()) == []
    assert breaking(document, document) == []


def _body(schema: Any) -> dict[str, Any]:
    return {**_answers(_NOTE), "requestBody": {"content": {"application/json": {"schema": schema}}}}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"get_a": _answers(_NOTE)}, {}, ["GET /a is gone"]),
        ({"get_a": _answers(_NOTE)}, {"get_a": _answers(_NOTE), "get_b": _answers(_NOTE)}, []),
        ({"get_a": _answers(_NOTE)}, {"get_a": _answers(_NOTE, "204")}, ["GET /a does not answer 200 any more"]),
        (
            {"get_a": _answers(_NOTE)},
            {"get_a": _answers({**_NOTE, "properties": {"id": {"type": "string"}}})},
            ["the answer of GET /a has no text any more", "id in the answer of GET /a is string now, and was integer"],
        ),
        (
            {"get_a": _answers(_NOTE)},
            {"get_a": _answers({**_NOTE, "required": ["id"]})},
            ["the answer of GET /a may lack text now"],
        ),
        ({"post_a": _body({})}, {"post_a": _body({"required": ["b"]})}, ["the body of POST /a needs b now"]),
        ({"post_a": _body({"required": ["b"]})}, {"post_a": _body({})}, []),
        (
            {"get_a": _answers(_NOTE)},
            {"get_a": {**_answers(_NOTE), "parameters": [{"in": "query", "name": "q", "required": True}]}},
            ["GET /a needs the query parameter q now"],
        ),
        (
            {"get_a": _answers(_NOTE)},
            {"get_a": {**_answers(_NOTE), "security": [{"key": []}]}},
            ["GET /a needs credentials now"],
        ),
    ],
)
def test_what_breaks_a_client_is_told(old: dict[str, Any], new: dict[str, Any], told: list[str]) -> None:
    assert breaking(_document(**old), _document(**new)) == told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("1.0.0", "1.0.0", "none"),
        ("1.0.0", "1.1.0", "minor"),
        ("1.9", "2.0", "major"),
        ("0.3.1", "0.4.0", "major"),
        ("0.3.1", "0.3.2", "minor"),
        ("2.0.0", "1.0.0", "minor"),
        ("2026-01", "2026-02", "major"),
    ],
)
def test_what_a_version_announces(old: str, new: str, told: str) -> None:
    assert bump(old, new) == told
