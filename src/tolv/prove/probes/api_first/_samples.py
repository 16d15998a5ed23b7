"""Values for the parameters of an operation: what its contract shows, else what it allows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from tolv.prove.contracts.document import Document, Operation, table

_MADE_UP = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "date": "2030-01-02",
    "date-time": "2030-01-02T03:04:05Z",
    "email": "a@example.com",
}


def path_of(operation: Operation, document: Document) -> str:
    """The path, with values that the contract gives for its parameters, or allows."""
    values = {str(one.get("name")): one for one in operation.parameters if one.get("in") == "path"}

    def put(match: re.Match[str]) -> str:
        return quote(_text(_sample(values.get(match[1], {}), document)), safe="")

    return re.sub(r"\{([^{}]+)\}", put, operation.path)


def query_of(operation: Operation, document: Document) -> str:
    """The query with what must be given; empty: nothing must."""
    pairs = [
        f"{quote(str(one['name']), safe='')}={quote(_text(_sample(one, document)), safe='')}"
        for one in operation.parameters
        if one.get("in") == "query" and one.get("required") and "name" in one
    ]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _sample(parameter: Mapping[str, Any], document: Document) -> Any:
    """A value for a parameter: what the contract shows, else what it allows."""
    schema = table(document.resolve(parameter.get("schema", parameter)))
    for one in (*_shown(parameter), *_shown(schema)):
        return one
    enum = schema.get("enum")
    if isinstance(enum, list) and enum:
        return enum[0]
    type_ = schema.get("type")
    if "integer" in (type_, *(type_ if isinstance(type_, list) else ())) or type_ == "number":
        return schema.get("minimum", 1)
    if type_ == "boolean":
        return True
    if type_ == "array":
        return _sample(table(schema.get("items")), document)
    return _MADE_UP.get(str(schema.get("format")), "a" * max(1, int(schema.get("minLength", 1) or 1)))


def _shown(holder: Mapping[str, Any]) -> Iterator[Any]:
    if "example" in holder:
        yield holder["example"]
    examples = holder.get("examples")
    if isinstance(examples, list):
        yield from examples[:1]
    elif isinstance(examples, Mapping):
        yield from (table(one)["value"] for one in [*examples.values()][:1] if "value" in table(one))
    if "default" in holder:
        yield holder["default"]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
