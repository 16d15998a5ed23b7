"""Whether a value is as a schema of an OpenAPI description says: JSON Schema as far as answers need it. No I/O.

What is not understood (`format`, `not`, references out of the description) is taken as met: a value is only found
wrong for what the schema says in so many words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Resolve = Callable[[Any], Any]
"""Gives what a `$ref` points to, and any other value as it is."""

#: Schemas within schemas that are followed: a description can refer to itself.
_DEEPEST = 40


def problem_of(value: Any, schema: Any, resolve: Resolve, at: str = "the body") -> str | None:
    """The first thing that is not as it should be, for people: `text of notes[0] is missing`; None: nothing."""
    return next(_problems(value, schema, resolve, at, 0), None)


def _problems(value: Any, schema: Any, resolve: Resolve, at: str, depth: int) -> Iterator[str]:
    schema = resolve(schema)
    if schema is False:
        yield f"{at} must not be there"
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    if value is None and (schema.get("nullable") or schema.get("x-nullable")):
        return
    yield from _of_type(value, schema, at)
    if "enum" in schema and isinstance(schema["enum"], list) and value not in schema["enum"]:
        yield f"{at} is {_shown(value)}, none of {', '.join(map(_shown, schema['enum'][:5]))}"
    if "const" in schema and value != schema["const"]:
        yield f"{at} is {_shown(value)}, not {_shown(schema['const'])}"
    for part in _list(schema.get("allOf")):
        yield from _problems(value, part, resolve, at, depth + 1)
    for word in ("anyOf", "oneOf"):
        choices = _list(schema.get(word))
        firsts = [next(_problems(value, one, resolve, at, depth + 1), None) for one in choices]
        if firsts and None not in firsts:
            yield str(firsts[0]) if len(firsts) == 1 else f"{at} is none of {len(firsts)} kinds: {firsts[0]}"
    if isinstance(value, Mapping):
        yield from _in_object(value, schema, resolve, at, depth)
    elif isinstance(value, list):
        yield from _in_array(value, schema, resolve, at, depth)
    elif isinstance(value, str):
        yield from _of_text(value, schema, at)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _of_number(value, schema, at)


def _of_type(value: Any, schema: Mapping[str, Any], at: str) -> Iterator[str]:
    said = schema.get("type")
    types = [said] if isinstance(said, str) else _list(said)
    if types and not any(_is(value, one) for one in types):
        yield f"{at} is {_kind(value)}, not {' or '.join(map(str, types))}"


def _is(value: Any, type: Any) -> bool:
    match type:
        case "integer":
            return isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string" | "boolean" | "object" | "array" | "null":
            return bool(_kind(value) == type)
    return True  # `file`, and what a later version brings


def _kind(value: Any) -> str:
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (dict, "object"),
        (list, "array"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def _in_object(
    value: Mapping[str, Any], schema: Mapping[str, Any], resolve: Resolve, at: str, depth: int
) -> Iterator[str]:
    properties = _table(schema.get("properties"))
    patterns = _table(schema.get("patternProperties"))
    for name in _list(schema.get("required")):
        if name not in value and not _table(resolve(properties.get(name))).get("writeOnly"):
            yield f"{name} of {at} is missing"
    other = schema.get("additionalProperties", True)
    for name, one in value.items():
        where = f"{name} of {at}"
        if name in properties:
            yield from _problems(one, properties[name], resolve, where, depth + 1)
            continue
        fitting = [inner for pattern, inner in patterns.items() if _matches(pattern, name)]
        if not fitting and other is False:
            yield f"{where} is more than the contract says"
        for inner in fitting or [other]:
            yield from _problems(one, inner, resolve, where, depth + 1)


def _in_array(value: list[Any], schema: Mapping[str, Any], resolve: Resolve, at: str, depth: int) -> Iterator[str]:
    yield from _within(len(value), schema, "minItems", "maxItems", f"{at} has {len(value)} items")
    first = _list(schema.get("prefixItems"))
    for place, one in enumerate(value):
        inner = first[place] if place < len(first) else schema.get("items", True)
        yield from _problems(one, inner, resolve, f"{at}[{place}]", depth + 1)


def _of_text(value: str, schema: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from _within(len(value), schema, "minLength", "maxLength", f"{at} has {len(value)} characters")
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not _matches(pattern, value):
        yield f"{at} is {_shown(value)}, which does not match {pattern}"


def _of_number(value: float, schema: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from _within(value, schema, "minimum", "maximum", f"{at} is {_shown(value)}")
    for word, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        bound = schema.get(word)
        bound = schema.get(limit) if bound is True else bound  # 3.0 has a truth value beside the limit
        if isinstance(bound, int | float) and not isinstance(bound, bool):
            beyond = value <= bound if limit == "minimum" else value >= bound
            if beyond and word in schema and schema[word] is not False:
                yield f"{at} is {_shown(value)}, and its {word} is {bound}"


def _within(value: float, schema: Mapping[str, Any], least: str, most: str, what: str) -> Iterator[str]:
    for word in (least, most):
        bound = schema.get(word)
        if not isinstance(bound, int | float) or isinstance(bound, bool):
            continue
        if value < bound if word == least else value > bound:
            yield f"{what}, and {word} is {bound}"


def _matches(pattern: str, text: str) -> bool:
    """Whether it does, or the pattern is none that is understood here: it is JavaScript's."""
    try:
        return re.search(pattern, text) is not None
    except (re.error, RecursionError):
        return True


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
