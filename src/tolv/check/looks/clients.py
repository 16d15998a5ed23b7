"""Constructions of clients of backing services, with what each is told of its service.

A sighting is one call (`redis.Redis(host=…)`), or one setting that a framework makes clients from (`DATABASES`,
`SQLALCHEMY_DATABASE_URI`, `EMAIL_HOST`). Where the values come from is the judge's business: `unit.resolve` follows
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tolv.check.facts.connection import KINDS, connection_of, default_of, engine_named
from tolv.check.languages.words import words_of
from tolv.check.look import Look
from tolv.check.looks.client_tables import CALLS, MODULES, SETTINGS, Part, Shape
from tolv.check.source import Binding, Call, Scope, Source, Value

__all__ = ["Client", "Given", "Part", "clients"]


@dataclass(frozen=True, slots=True)
class Given:
    """One thing that a client is told."""

    part: Part
    value: Value
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Client:
    """A client that is made, or a setting that one is made from."""

    kind: str
    """`database`, `cache`, `queue`, `mail`, `storage`, `search`; `file` for an embedded engine; empty: a URL of
    unknown engine says which."""
    engine: str
    """`postgres`, `redis`, `sqlite` …; empty: the text of its URL is not known here."""
    name: str
    """The callee's name, or the setting's."""
    how: Literal["call", "setting"]
    given: tuple[Given, ...]
    """In the order of `Part`; empty: the client is made with the library's defaults."""
    defaults_local: bool
    """Without an address the library takes this machine."""
    bare: bool
    """It is given nothing at all: no argument, no keyword, none unpacked."""
    line: int
    column: int
    scope: Scope

    @property
    def shown(self) -> str:
        """As people call it: Django's keys by the name of their setting."""
        return {"ENGINE": "DATABASES", "BACKEND": "CACHES"}.get(self.name, self.name)

    def part(self, *parts: Part) -> Given | None:
        """The first of these that it is told."""
        return next((one for part in parts for one in self.given if one.part == part), None)


clients: Look[Client] = Look("clients")

#: By language and callee, the identifiers that a file must have to call it.
_WORDS = {
    language: {name: words_of(name.rpartition(".")[2].encode()) for name in table} for language, table in CALLS.items()
}


@clients.reads("python", "javascript", "go", "java", "ruby", "php", words=MODULES)
def _read(source: Source) -> Iterator[Client]:
    table = CALLS.get(source.language, {})
    seen: set[tuple[int, int]] = set()
    defaults = _Parameters(source)
    present = [name for name, words in _WORDS.get(source.language, {}).items() if words <= source.words]
    if present:
        for call in source.calls(*present):
            shape = _shape_of(call, table)
            if shape is not None and (call.line, call.column) not in seen:
                seen.add((call.line, call.column))
                yield _called(call, shape, defaults, source.lines[call.line - 1 : call.end_line])
    yield from _settings(source)


def _shape_of(call: Call, table: Mapping[str, Shape]) -> Shape | None:
    """The shape of the longest name that the call's ends in."""
    for name in (call.name, call.written):
        rest = name
        while rest:
            if rest in table:
                return table[rest]
            rest = rest.partition(".")[2]
    last = f".{call.last}"
    return table.get(last)


def _called(call: Call, shape: Shape, defaults: _Parameters, lines: Sequence[str]) -> Client:
    given = []
    for part, position, names in shape.parts:
        value = call.argument(position, *names)
        if value is None or (value.kind == "literal" and value.name == "null") or defaults.gives(value, call):
            continue
        if value.kind == "container" and value.text in ("list", "tuple") and value.parts:
            value = value.parts[0]
        given.append(Given(part, value, value.line or call.line, value.column or call.column))
    engine, kind = _engine_of(shape, given)
    # What `**options` or `...options` hold is not seen as an argument.
    unpacked = any("*" in line or "..." in line for line in lines)
    bare = not call.arguments and not call.keywords and not unpacked
    return Client(kind, engine, call.name, "call", tuple(given), shape.local, bare, call.line, call.column, call.scope)


def _engine_of(shape: Shape, given: Iterable[Given]) -> tuple[str, str]:
    """The engine that the URL names, if the client is one for many."""
    for one in given:
        if one.part == "engine":
            text = (default_of(one.value) or one.value).text or ""
            engine = engine_named(text)
            if engine:
                return engine, KINDS.get(engine, shape.kind)
        if one.part == "url":
            connection = connection_of(one.value)
            default = default_of(one.value)
            if connection is None and default is not None:
                connection = connection_of(default)
            if connection is not None and connection.engine:
                return connection.engine, shape.kind or KINDS.get(connection.engine, "")
    return shape.engine, shape.kind


class _Parameters:
    """Which values are defaults of parameters: whoever calls the function gives others."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._names: set[tuple[str, str]] | None = None

    def gives(self, value: Value, call: Call) -> bool:
        """The value is what a parameter of the function around falls back to."""
        if value.via is None or call.scope.function is None or value.kind == "env":
            return False
        if self._names is None:
            self._names = {(one.name, name) for one in self._source.functions() for name in one.parameters}
        return any((function, value.via) in self._names for function in call.scope.names)


def _settings(source: Source) -> Iterator[Client]:
    """Settings by name: single ones, and the keys of one dict together (Django's `DATABASES`)."""
    words = [name for name in SETTINGS if name.encode() in source.words]
    if words:
        wanted = {name.lower(): SETTINGS[name] for name in words}
        seen: set[int] = set()
        for binding in source.bindings(*words):
            shape = wanted.get(binding.name.lower())
            if shape is None or binding.how in ("parameter", "augment") or _is_described(binding):
                continue
            seen.add(binding.line)
            yield _set(binding, shape)
        yield from _reads(source, wanted, seen)
    if source.language == "python" and {b"ENGINE", b"BACKEND"} & source.words:
        yield from _django(source)


def _reads(source: Source, wanted: Mapping[str, tuple[str, str, Part]], seen: set[int]) -> Iterator[Client]:
    """Reads of such variables that are bound to no setting: an argument, a field of a settings class."""
    for value in source.env_reads():
        shape = wanted.get((value.name or "").lower())
        if shape is not None and value.line not in seen:
            seen.add(value.line)
            kind, engine, part = shape
            given = (Given(part, value, value.line, value.column),)
            found, kind = _engine_of(Shape(kind, engine, ()), given)
            name = value.name or ""
            yield Client(kind, found, name, "setting", given, False, False, value.line, value.column, Scope())


def _is_described(binding: Binding) -> bool:
    """The name is that of a form's field or of a schema, not of a value."""
    value = binding.value
    return value.kind == "literal" and (value.text or "").lower() in ("", binding.name.lower())


def _set(binding: Binding, shape: tuple[str, str, Part]) -> Client:
    kind, engine, part = shape
    value = _validated(binding)
    if value.kind == "container" and value.text in ("list", "tuple") and value.parts:
        value = value.parts[0]
    given = (Given(part, value, binding.line, binding.column),)
    found, kind = _engine_of(Shape(kind, engine, ()), given)
    return Client(
        kind, found, binding.name, "setting", given, False, False, binding.line, binding.column, binding.scope
    )


def _validated(binding: Binding) -> Value:
    """A schema of the environment's variables (envalid, Joi, Zod) reads the variable, with the default that it has."""
    value = binding.value
    if value.kind != "call" or binding.how not in ("key", "keyword") or not binding.name.isupper():
        return value
    name = value.name or ""
    if name.startswith("envalid."):
        given = value.parts[0].parts if value.parts and value.parts[0].kind == "container" else ()
    elif name.startswith(("Joi.", "joi.", "z.", "zod.")):
        given = value.parts if name.endswith(".default") else ()
    else:
        return value
    default = tuple(one for one in given if one.kind == "literal")[:1]
    return Value("env", None, binding.name, default, value.line, value.column)


_DJANGO_KEYS: dict[str, Part] = {
    "HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password", "NAME": "name", "LOCATION": "url",
}  # fmt: skip
_DJANGO_ENGINES = {
    "postgresql": "postgres", "postgresql_psycopg2": "postgres", "postgis": "postgres", "mysql": "mysql",
    "sqlite3": "sqlite", "spatialite": "sqlite", "oracle": "oracle", "mssql": "mssql", "django_psycopg2": "postgres",
    "RedisCache": "redis", "PyMemcacheCache": "memcached", "PyLibMCCache": "memcached", "MemcachedCache": "memcached",
}  # fmt: skip


def _django(source: Source) -> Iterator[Client]:
    """The dicts of `DATABASES` and `CACHES`: their keys come one after the other."""
    group: dict[str, Binding] = {}
    for binding in source.bindings("ENGINE", "BACKEND", *_DJANGO_KEYS):
        if binding.how != "key" or binding.name not in ("ENGINE", "BACKEND", *_DJANGO_KEYS):
            continue
        near = any(abs(binding.line - one.line) <= 6 for one in group.values())
        if group and (binding.name in group or not near or {binding.name, *group} >= {"ENGINE", "BACKEND"}):
            yield from _django_group(group)
            group = {}
        group[binding.name] = binding
    yield from _django_group(group)


def _django_group(group: Mapping[str, Binding]) -> Iterator[Client]:
    backend = group.get("ENGINE") or group.get("BACKEND")
    if backend is None:
        return
    default = default_of(backend.value)
    text = backend.value.text if backend.value.is_text else default.text if default is not None else None
    engine = _DJANGO_ENGINES.get((text or "").rpartition(".")[2], "")
    if not engine:
        return
    given = []
    for name, part in _DJANGO_KEYS.items():
        one = group.get(name)
        if one is None or (one.value.kind == "literal" and one.value.text in ("", "null")):
            continue
        told: Part = "path" if engine == "sqlite" and part == "name" else part
        value = one.value.parts[0] if one.value.kind == "container" and one.value.parts else one.value
        given.append(Given(told, value, one.line, one.column))
    if engine == "sqlite":
        # What selects the engine decides whether the file can be another service.
        given.append(Given("url", backend.value, backend.line, backend.column))
    kind = "file" if engine == "sqlite" else KINDS.get(engine, "")
    yield Client(
        kind, engine, backend.name, "setting", tuple(given), False, False, backend.line, backend.column, backend.scope
    )
