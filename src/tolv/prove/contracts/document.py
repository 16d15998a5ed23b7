"""An API's contract: an OpenAPI or Swagger description, read. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

from tolv.codebase.yamlfile import parse_yaml

METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
#: References that lead from one to the next.
_HOPS = 20
_PARAMETER = re.compile(r"\{([^{}]+)\}")


class NoContract(Exception):
    """It is no description of an API; the text says why."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    """`GET`."""
    path: str
    """With the parameters in braces, and what all paths begin with."""
    parameters: tuple[Mapping[str, Any], ...]
    """Those of its path among them."""
    raw: Mapping[str, Any]
    public: bool
    """It needs no credentials, as far as is said."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def responses(self) -> Mapping[str, Any]:
        """By status (`200`, `2XX`, `default`), not resolved."""
        return {str(status): one for status, one in table(self.raw.get("responses")).items()}

    @property
    def shape(self) -> tuple[str, str]:
        """Method and path without the names of its parameters."""
        return self.method, _PARAMETER.sub("{}", self.path)

    def fits(self, path: str) -> bool:
        """Whether it is what a request to this path (no query) is for."""
        pattern = "[^/]+".join(re.escape(part) for part in _PARAMETER.split(self.path)[::2])
        return re.fullmatch(pattern, path) is not None


class Document:
    """A description. Made by `read_document`."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    @property
    def version(self) -> str:
        """What it says of itself: `1.4.0`; empty: nothing."""
        return str(table(self.raw.get("info")).get("version", ""))

    @cached_property
    def base(self) -> str:
        """What all paths begin with: `/v1`."""
        servers = self.raw.get("servers")
        first = table(servers[0]).get("url") if isinstance(servers, list) and servers else self.raw.get("basePath")
        path = urlsplit(first).path if isinstance(first, str) and "{" not in first else ""
        return path.rstrip("/")

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(self._operations())

    def operation(self, method: str, path: str) -> Operation | None:
        """What a request is for; one without parameters before one with."""
        fitting = [one for one in self.operations if one.method == method and one.fits(path)]
        return min(fitting, key=lambda one: one.path.count("{"), default=None)

    def resolve(self, value: Any) -> Any:
        """What a `$ref` within the description points to; True, which allows anything, if it leads elsewhere."""
        for _ in range(_HOPS):
            reference = value.get("$ref") if isinstance(value, Mapping) else None
            if not isinstance(reference, str):
                return value
            value = self._target(reference)
        return True

    def problems(self) -> Iterator[str]:
        """What is wrong with the description itself."""
        info = table(self.raw.get("info"))
        for name in ("title", "version"):
            if not info.get(name):
                yield f"info has no {name}"
        if not self.operations:
            yield "it describes no operation"
        for one in self.operations:
            declared = {str(each.get("name")) for each in one.parameters if each.get("in") == "path"}
            for name in _PARAMETER.findall(one.path):
                if name not in declared:
                    yield f"{one} does not say what {{{name}}} is"
            if not one.responses and not str(self.raw.get("openapi", "")).startswith("3.1"):
                yield f"{one} says nothing of its responses"
        for reference in dict.fromkeys(_references(self.raw)):
            if reference.startswith("#/") and self._target(reference) is True:
                yield f"{reference} leads nowhere"

    def _target(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return True
        found: Any = self.raw
        for part in reference[2:].split("/"):
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                return True
        return found

    def _operations(self) -> Iterator[Operation]:
        for path, item in table(self.raw.get("paths")).items():
            item = table(self.resolve(item))
            for method in METHODS:
                raw = item.get(method)
                if not isinstance(raw, Mapping) or not str(path).startswith("/"):
                    continue
                named: dict[tuple[Any, Any], Mapping[str, Any]] = {}
                for one in (*_list(item.get("parameters")), *_list(raw.get("parameters"))):
                    parameter = table(self.resolve(one))
                    named[parameter.get("in"), parameter.get("name")] = parameter
                security = raw.get("security", self.raw.get("security"))
                public = not security or {} in _list(security)
                yield Operation(method.upper(), f"{self.base}{path}", tuple(named.values()), raw, public)


def read_document(text: str, where: str) -> Document:
    """Read a description of JSON or YAML. Raises `NoContract`."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        documents = parse_yaml(text, where).documents
        raw = documents[0].plain() if documents else None
    if not isinstance(raw, Mapping):
        raise NoContract("it is neither JSON nor YAML that describes anything")
    said = str(raw.get("openapi", raw.get("swagger", "")))
    if not said.startswith(("3.", "2.")):
        raise NoContract(f"it is OpenAPI {said}, which is not known here" if said else "it is no OpenAPI description")
    return Document(raw)


def table(value: Any) -> Mapping[str, Any]:
    """The value if it is a table, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _references(value: Any) -> Iterator[str]:
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, Mapping):
            if isinstance(one.get("$ref"), str):
                yield one["$ref"]
            left += [inner for name, inner in one.items() if name not in ("example", "examples", "default")]
        elif isinstance(one, list):
            left += one
