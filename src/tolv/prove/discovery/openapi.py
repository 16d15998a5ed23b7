"""The routes that an OpenAPI or Swagger description names, with bodies made from its schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tolv.prove.discovery.route import Route, form_body, json_body, sample

_METHODS = ("get", "post", "put", "patch", "delete")
#: Schemas within schemas, and schemas in all, that one body is made of: a description can refer to itself.
_DEEPEST, _MOST = 6, 500
_FORMATS = {
    "date": "2030-01-02",
    "date-time": "2030-01-02T03:04:05Z",
    "email": "{token}@example.com",
    "uri": "https://example.com/{token}",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def routes_of(spec: Any, source: str) -> Iterator[Route]:
    """All of them; what cannot be understood is left out."""
    spec = _table(spec)
    base = base_of(spec)
    for path, item in _table(spec.get("paths")).items():
        for method in _METHODS:
            operation = _table(item).get(method)
            if isinstance(operation, dict) and isinstance(path, str) and path.startswith("/"):
                body, file = _body(spec, operation)
                yield Route(method.upper(), base + path, source, body, file)


def base_of(spec: Mapping[str, Any]) -> str:
    """The path below which all routes are."""
    servers = spec.get("servers")
    first = _table(servers[0]).get("url") if isinstance(servers, list) and servers else spec.get("basePath")
    return first.rstrip("/") if isinstance(first, str) and first.startswith("/") else ""


def _body(spec: dict[str, Any], operation: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """A body that the operation takes, and the form field in which it takes a file."""
    sampler = _Sampler(spec)
    content = _table(_table(sampler.resolved(operation.get("requestBody"))).get("content"))
    for type_, media in content.items():
        schema = _table(media).get("schema")
        if type_ == "application/json":
            value = sampler.value(schema)
            return (json_body(value) if isinstance(value, dict) else None), None
        if type_ in ("multipart/form-data", "application/x-www-form-urlencoded"):
            fields = sampler.needed(_table(sampler.resolved(schema)))
            files = [name for name, one in fields.items() if _is_file(one)]
            return form_body(name for name in fields if name not in files), files[0] if files else None
    return None, None


def _is_file(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "binary" or "contentMediaType" in schema


class _Sampler:
    """Makes a value that a schema allows, with `{token}` where a text may be anything."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._left = _MOST

    def value(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            return None
        schema = _table(self.resolved(schema))
        for word in ("allOf", "anyOf", "oneOf"):
            parts = schema.get(word)
            if isinstance(parts, list) and parts:
                return self._joined(parts if word == "allOf" else parts[:1], name, depth)
        choices = schema.get("enum")
        if isinstance(choices, list) and choices:
            return choices[0]
        if schema.get("type") == "object" or "properties" in schema:
            return {key: self.value(one, key, depth + 1) for key, one in self.needed(schema).items()}
        if schema.get("type") == "array":
            return [self.value(schema.get("items"), name, depth + 1)] if schema.get("minItems") else []
        return _FORMATS.get(str(schema.get("format"))) or sample(name, str(schema.get("type", "string")))

    def needed(self, schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The fields that must be given; all where none must."""
        fields = {name: _table(self.resolved(one)) for name, one in _table(schema.get("properties")).items()}
        required = schema.get("required")
        wanted = [name for name in required if name in fields] if isinstance(required, list) else []
        return {name: fields[name] for name in wanted} or fields

    def resolved(self, value: Any) -> Any:
        """What a `$ref` within the description points to."""
        for _ in range(_DEEPEST):
            reference = value.get("$ref") if isinstance(value, dict) else None
            if not isinstance(reference, str) or not reference.startswith("#/"):
                break
            value = self._spec
            for part in reference[2:].split("/"):
                value = _table(value).get(part.replace("~1", "/").replace("~0", "~"))
        return value

    def _joined(self, parts: list[Any], name: str, depth: int) -> Any:
        values = [self.value(part, name, depth + 1) for part in parts]
        tables = [one for one in values if isinstance(one, dict)]
        return {key: value for one in tables for key, value in one.items()} if tables else values[0]


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
