"""What of a contract's next version breaks those who rely on the one before. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from tolv.prove.contracts.document import Document, Operation, table

#: Schemas within schemas that are compared: a description can refer to itself.
_DEEPEST = 8
_SEMANTIC = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?(?:[-+].*)?")

Way = Literal["asked", "answered"]


def breaking(old: Document, new: Document) -> list[str]:
    """All that a client of the old version can no longer do or rely on, for people: `GET /me is gone`."""
    after = {one.shape: one for one in new.operations}
    found: list[str] = []
    for one in old.operations:
        other = after.get(one.shape)
        found += [f"{one} is gone"] if other is None else _in_operation(old, new, one, other)
    return list(dict.fromkeys(found))


def bump(old: str, new: str) -> Literal["none", "minor", "major"]:
    """How a version announces what changed. Below 1.0 the second number counts as the first; where the versions are no
    numbers, any other one is *major*."""
    if old == new:
        return "none"
    before, after = _SEMANTIC.fullmatch(old), _SEMANTIC.fullmatch(new)
    if before is None or after is None:
        return "major"
    first, second = (tuple(int(one) for one in found.groups()) for found in (before, after))
    major = second[0] > first[0] or (first[0] == second[0] == 0 and second[1] > first[1])
    return "major" if major else "minor"


def _in_operation(old: Document, new: Document, one: Operation, other: Operation) -> Iterator[str]:
    if one.public and not other.public:
        yield f"{one} needs credentials now"
    known = {(each.get("in"), each.get("name")): bool(each.get("required")) for each in one.parameters}
    for each in other.parameters:
        place, name = each.get("in"), each.get("name")
        if place in ("query", "header", "cookie", "formData") and each.get("required") and not known.get((place, name)):
            yield f"{one} needs the {place} parameter {name} now"
    yield from _in_body(old, new, one, other)
    answers = other.responses
    for status, response in one.responses.items():
        if not status.startswith("2"):
            continue
        if status not in answers and f"{status[0]}XX" not in answers:
            yield f"{one} does not answer {status} any more"
            continue
        later = answers.get(status, answers.get(f"{status[0]}XX"))
        for type_, schema in schemas_of(old, response).items():
            new_schemas = schemas_of(new, later)
            if type_ in new_schemas:
                yield from _in_schema(old, new, schema, new_schemas[type_], "answered", f"the answer of {one}", 0)
            elif new_schemas:
                yield f"{one} does not answer {type_} any more"


def _in_body(old: Document, new: Document, one: Operation, other: Operation) -> Iterator[str]:
    first = table(old.resolve(one.raw.get("requestBody")))
    second = table(new.resolve(other.raw.get("requestBody")))
    if second.get("required") and not first.get("required"):
        yield f"{one} needs a body now"
    before, after = schemas_of(old, first), schemas_of(new, second)
    for type_, schema in before.items():
        if type_ in after:
            yield from _in_schema(old, new, schema, after[type_], "asked", f"the body of {one}", 0)
        else:
            yield f"{one} does not take {type_} any more"


def schemas_of(document: Document, holder: Any) -> dict[str, Any]:
    """The schemas of a body or response by media type; of Swagger, which has one for all, by `*/*`."""
    holder = table(document.resolve(holder))
    if "schema" in holder:
        return {"*/*": holder["schema"]}
    return {type_: table(media).get("schema", True) for type_, media in table(holder.get("content")).items()}


def _in_schema(old: Document, new: Document, first: Any, second: Any, way: Way, at: str, depth: int) -> Iterator[str]:
    """What differs to the worse. Only what both say plainly is compared."""
    before, after = table(old.resolve(first)), table(new.resolve(second))
    if depth > _DEEPEST:
        return
    yield from _in_types(before, after, way, at)
    properties, others = table(before.get("properties")), table(after.get("properties"))
    required, needed = set(_texts(before.get("required"))), set(_texts(after.get("required")))
    combined = any(word in after for word in ("allOf", "anyOf", "oneOf"))
    if way == "asked":
        yield from (f"{at} needs {name} now" for name in sorted(needed - required))
    elif not combined:
        yield from (f"{at} has no {name} any more" for name in properties if name not in others)
        yield from (f"{at} may lack {name} now" for name in sorted(required - needed) if name in others)
    for name in properties.keys() & others.keys():
        yield from _in_schema(old, new, properties[name], others[name], way, f"{name} in {at}", depth + 1)
    if "items" in before and "items" in after:
        yield from _in_schema(old, new, before["items"], after["items"], way, f"an item of {at}", depth + 1)


def _in_types(before: Mapping[str, Any], after: Mapping[str, Any], way: Way, at: str) -> Iterator[str]:
    given, now = _types(before), _types(after)
    narrow, wide = (now, given) if way == "answered" else (given, now)
    # Whoever is answered must know all kinds that there are now; whoever asks may send all that there were.
    unknown = narrow - wide - ({"integer"} if "number" in wide else set())
    if given and now and unknown:
        yield f"{at} is {' or '.join(sorted(now))} now, and was {' or '.join(sorted(given))}"
    if way == "asked" and isinstance(after.get("enum"), list):
        had = before.get("enum")
        gone = [one for one in had if one not in after["enum"]] if isinstance(had, list) else []
        if gone or not isinstance(had, list):
            yield f"{at} takes fewer values now"


def _types(schema: Mapping[str, Any]) -> set[str]:
    said = schema.get("type")
    types = {said} if isinstance(said, str) else set(_texts(said))
    return types | {"null"} if types and schema.get("nullable") else types


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
