"""The backing services that manifests name: images in compose, CI and Kubernetes files, add-ons of a platform, what
`tolv.toml` declares."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

from tolv.check.unit import Unit
from tolv.codebase.services import kind_named
from tolv.codebase.yamlfile import Node, parse_yaml

Where = Literal["compose", "ci", "cluster", "platform"]


@dataclass(frozen=True, slots=True)
class Attached:
    """A service that a manifest starts or asks for."""

    engine: str
    """`postgres`, `redis` …"""
    version: tuple[int, ...]
    """What its tag begins with; empty: none, `latest`, or a variable."""
    text: str
    """As written."""
    path: str
    line: int
    context: str
    where: Where
    floating: bool = False
    """`latest`, or no tag at all."""
    many: bool = False
    """One of a matrix."""


#: Engines by the last part of an image's name, or what an add-on's begins with.
_ENGINES = {
    **dict.fromkeys("postgres postgresql postgis timescaledb pgvector alloydb supabase-postgres".split(), "postgres"),
    **dict.fromkeys("mysql mysql-server percona cleardb jawsdb".split(), "mysql"),
    **dict.fromkeys("mariadb jawsdb-maria".split(), "mariadb"),
    **dict.fromkeys("redis redis-stack redis-stack-server valkey rediscloud heroku-redis keydb".split(), "redis"),
    **dict.fromkeys("memcached memcachier memcachedcloud".split(), "memcached"),
    **dict.fromkeys("mongo mongodb mongolab mongodb-community-server ormongo".split(), "mongodb"),
    **dict.fromkeys("rabbitmq cloudamqp".split(), "rabbitmq"),
    **dict.fromkeys("elasticsearch bonsai searchbox opensearch".split(), "elasticsearch"),
    **dict.fromkeys("kafka cp-kafka redpanda".split(), "kafka"),
    **dict.fromkeys("minio localstack".split(), "s3"),
    **dict.fromkeys("mailhog mailpit mailcatcher maildev smtp4dev postfix inbucket".split(), "smtp"),
    **dict.fromkeys("sendgrid mailgun postmark".split(), "smtp"),
    **dict.fromkeys("cassandra scylla".split(), "cassandra"),
    **dict.fromkeys("nats mssql neo4j clickhouse influxdb rethinkdb couchdb meilisearch".split(), None),
    "heroku-postgresql": "postgres",
    "server": None,
}  # fmt: skip

_YAML = ("*.yml", "*.yaml")
_WORTH = re.compile(r"(?m)^\s*-?\s*[\"']?(?:image|services|addons|kind)[\"']?\s*:")
_PATH = re.compile(
    r"compose|(?:^|/)\.(?:github/workflows|circleci|gitlab|devcontainer|buildkite)|travis|pipelines|"
    r"(?:^|/)(?:k8s|kubernetes|kube|deploy\w*|manifests?|overlays|base|charts|helm|infra\w*|ops|openshift|contrib|"
    r"packaging|docker|ci)/|(?:^|/)(?:manifest|render|fly|app|deployment|k8s|kubernetes|kube|postgres|redis|db|stack|"
    r"statefulset|appveyor|bitbucket-pipelines|docker-stack|production|local|develop\w*)[\w.-]*\.ya?ml$",
    re.IGNORECASE,
)
_DEFAULT = re.compile(r"\$\{\w+:?-([^}]*)\}")
_VERSION = re.compile(r"v?(\d{1,6}(?:\.\d{1,6}){0,3})(?![0-9a-z])")
_MOST_NODES = 20_000

_found: WeakKeyDictionary[Unit, tuple[Attached, ...]] = WeakKeyDictionary()


def attached(unit: Unit) -> tuple[Attached, ...]:
    """All services of the unit's manifests, in order of path and line; test contexts left out."""
    if unit not in _found:
        found = sorted(_all(unit), key=lambda one: (one.path, one.line))
        _found[unit] = tuple(found)
    return _found[unit]


def engine_of_image(text: str) -> str | None:
    """The engine of an image's name or an add-on's; None: it is no backing service that is known."""
    name = _DEFAULT.sub(r"\1", text.strip().strip("\"'")).partition("@")[0]
    parts = name.split("/")
    last = parts[-1].partition(":")[0].lower()
    if last == "server" and "mssql" in name:
        return "mssql"
    if last not in _ENGINES or last == "server":
        return None
    return _ENGINES[last] or last


def _all(unit: Unit) -> Iterator[Attached]:
    for file in unit.named(*_YAML):
        if file.context == "test" or not _PATH.search(file.path):
            continue
        text = unit.text(file.path)
        if text is not None and _WORTH.search(text):
            for document in parse_yaml(text, file.path, templates=True).documents:
                yield from _in_document(document, file.path, file.context)
    for file in unit.named("app.json"):
        yield from _app_json(unit, file.path, file.context)
    for file in unit.named("tolv.toml"):
        yield from _tolv_toml(unit.text(file.path) or "", file.path, file.context)


def _in_document(root: Node, path: str, context: str) -> Iterator[Attached]:
    where = _where(path, root)
    left = _MOST_NODES
    for node in root.walk():
        left -= 1
        if left < 0:
            return
        for key, value in node.items():
            if key == "image":
                named = value if value.kind == "scalar" else value.get("name")
                if named is not None and named.kind == "scalar":
                    yield from _image(named, path, context, where, _matrix(root, named))
            elif key == "services" and value.kind == "list":
                for one in value.elements():
                    if one.kind == "scalar":
                        yield from _image(one, path, context, where, ())


def _where(path: str, root: Node) -> Where:
    lower = path.lower()
    if root.get("kind") is not None and root.get("apiVersion") is not None:
        return "cluster"
    if any(
        mark in lower for mark in (".github/", ".circleci", ".gitlab", ".travis", ".ci/", "pipelines", ".buildkite")
    ):
        return "ci"
    if root.get("services") is not None and root.at("services") is not None:
        return "compose" if root.at("services").kind == "map" else "ci"  # type: ignore[union-attr]
    if lower.rpartition("/")[2].startswith(("manifest", "render", "fly")):
        return "platform"
    return "cluster"


def _matrix(root: Node, image: Node) -> tuple[str, ...]:
    """The values that `${{ matrix.x }}` in an image stands for."""
    match = re.search(r"matrix\.([\w-]+)", image.value)
    if match is None:
        return ()
    for node in root.walk():
        values = node.at("matrix", match[1]) if node.kind == "map" else None
        if values is not None and values.texts():
            return values.texts()
    return ()


def _image(node: Node, path: str, context: str, where: Where, matrix: tuple[str, ...]) -> Iterator[Attached]:
    engine = engine_of_image(node.value)
    if engine is None and not matrix:
        return
    if matrix:
        for value in matrix:
            text = re.sub(r"\$\{\{[^}]*\}\}", value, node.value)
            engine = engine_of_image(text)
            if engine is not None:
                yield _one(engine, text, path, node.line, context, where, many=True)
        return
    yield _one(engine or "", node.value, path, node.line, context, where)


def _one(engine: str, text: str, path: str, line: int, context: str, where: Where, *, many: bool = False) -> Attached:
    plain = _DEFAULT.sub(r"\1", text).partition("@")[0]
    tag = plain.rpartition("/")[2].partition(":")[2]
    match = _VERSION.match(tag)
    # The version of an extension is not that of the engine: `timescaledb:2.1-pg15`, `pgvector:pg16`.
    if own := re.search(r"(?:^|[-.])pg(\d+)", tag):
        version: tuple[int, ...] = (int(own[1]),)
    elif match and not re.search(r"timescaledb|pgvector", plain):
        version = tuple(int(part) for part in match[1].split("."))
    else:
        version = ()
    floating = tag in ("", "latest", "lts", "alpine") and "@" not in text and "$" not in text
    return Attached(engine, version, text, path, line, context, where, floating, many)


def _app_json(unit: Unit, path: str, context: str) -> Iterator[Attached]:
    text = unit.text(path)
    for document in parse_yaml(text, path).documents if text else ():
        for addons in (document.get("addons"), document.at("environments", "production", "addons")):
            for one in addons.elements() if addons is not None else ():
                plan = one if one.kind == "scalar" else one.get("plan")
                if plan is None:
                    continue
                engine = engine_of_image(plan.value.partition(":")[0])
                if engine is not None:
                    version = one.at("options", "version")
                    number = _VERSION.match(version.value) if version is not None else None
                    numbers = tuple(int(part) for part in number[1].split(".")) if number else ()
                    text = f"{plan.value} {version.value}" if version is not None and numbers else plan.value
                    yield Attached(engine, numbers, text, path, plan.line, context, "platform")


def _tolv_toml(text: str, path: str, context: str) -> Iterator[Attached]:
    """The tables of `[services]`. A file that Tolv would refuse declares nothing."""
    try:
        services = tomllib.loads(text).get("services")
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    for name, one in services.items() if isinstance(services, dict) else ():
        kind = one.get("kind") if isinstance(one, dict) else None
        if isinstance(kind, str):
            version = str(one.get("version", ""))
            number = _VERSION.match(version)
            numbers = tuple(int(part) for part in number[1].split(".")) if number else ()
            header = re.search(rf"(?m)^\s*\[?\s*services\s*\.\s*[\"']?{re.escape(name)}\b", text)
            line = text.count("\n", 0, header.end()) + 1 if header else 1
            said = f"{kind} {version}".rstrip()
            yield Attached(kind_named(kind).family, numbers, said, path, line, context, "platform")
