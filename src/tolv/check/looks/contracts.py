"""Contracts in the tree: OpenAPI, AsyncAPI, GraphQL and protobuf files, and what an OpenAPI file says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from tolv.check.unit import Unit
from tolv.codebase.yamlfile import parse_yaml

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
_NAMED = (
    *("openapi*.y*ml", "openapi*.json", "swagger*.y*ml", "swagger*.json", "asyncapi*.y*ml", "asyncapi*.json"),
    *("*openapi.y*ml", "*openapi.json", "*swagger.y*ml", "*swagger.json", "*.raml", "*.apib", "*.smithy", "*.tsp"),
)
_SCHEMAS = ("*.proto", "*.graphql", "*.graphqls", "*.gql", "*.thrift", "*.avdl")
#: Where other names are looked into.
_PLACES = re.compile(r"api|spec|schema|contract|swagger|rest|docs?/", re.IGNORECASE)
_HEAD = re.compile(r"^\s*\{?\s*[\"']?(?:openapi|swagger|asyncapi)[\"']?\s*:\s*[\"']?\d", re.MULTILINE)
_LARGEST = 4 << 20
#: Where a test keeps the contract that it holds the app to.
_COMPARED = re.compile(r"(?:^|/)(?:src/test/resources|__snapshots__|snapshots?|contracts?|golden)/")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of an OpenAPI file."""

    method: str
    path: str
    """With the base path of the server, if it has one."""
    line: int


@dataclass(frozen=True, slots=True)
class Contract:
    """One file that says what an API is."""

    path: str
    kind: str
    """`openapi`, `asyncapi`, or the suffix of what is not looked into."""
    operations: tuple[Operation, ...] = ()


_KNOWN: WeakKeyDictionary[Unit, tuple[Contract, ...]] = WeakKeyDictionary()


def contracts_of(unit: Unit) -> tuple[Contract, ...]:
    """The contracts of the unit's tree, documentation included; those of tests and clients are none."""
    known = _KNOWN.get(unit)
    if known is None:
        known = _KNOWN[unit] = tuple(_contracts(unit))
    return known


def _contracts(unit: Unit) -> Iterator[Contract]:
    named = {file.path for file in unit.named(*_NAMED)}
    for file in unit.named("*.y*ml", "*.json", "*.raml", "*.apib", "*.smithy", "*.tsp"):
        compared = file.context == "test" and _COMPARED.search(file.path) is not None
        if (
            (file.context == "test" and not compared)
            or file.size > _LARGEST
            or not (file.path in named or _PLACES.search(file.path))
        ):
            continue
        if file.name.endswith((".raml", ".apib", ".smithy", ".tsp")):
            yield Contract(file.path, file.name.rpartition(".")[2])
            continue
        text = unit.text(file.path) or ""
        match = _HEAD.search(text[:3000])
        if match is not None and ("paths" in text or "channels" in text):
            kind = "asyncapi" if "asyncapi" in match[0] else "openapi"
            if compared and text.count('"operationId"') + text.count("operationId:") < 8:
                continue  # a piece that a test feeds to something
            yield Contract(file.path, kind, tuple(_operations(text, file.path)) if kind == "openapi" else ())
    for file in unit.named(*_SCHEMAS):
        if file.context != "test":
            yield Contract(file.path, file.name.rpartition(".")[2])


def _operations(text: str, path: str) -> Iterator[Operation]:
    root = parse_yaml(text, path).first
    paths = root.get("paths") if root is not None else None
    if root is None or paths is None:
        return
    server = root.text("basePath") or root.text("servers", 0, "url") or ""
    base = re.sub(r"^[a-z]+://[^/]*", "", server).rstrip("/")
    for name, node in paths.items():
        if not name.startswith("/"):
            continue
        for key, value in node.pairs():
            if key.value.lower() in _VERBS and value.kind == "map":
                yield Operation(key.value.upper(), base + name, key.line)
