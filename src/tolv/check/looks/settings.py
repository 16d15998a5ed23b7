"""Settings that code fixes: switches for debugging, addresses and names that differ from deploy to deploy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Binding, Scope, Source, Value


@dataclass(frozen=True, slots=True)
class Fixed:
    """A setting that gets a value."""

    name: str
    target: str
    value: Value
    line: int
    column: int
    scope: Scope
    how: str
    callee: str | None = None


debugs: Look[Fixed] = Look("debug switches")
places: Look[Fixed] = Look("deploy values")


@debugs.reads("python", "javascript", "go", "java", "ruby", "php", within=("debug",))
def _debugs(source: Source) -> Iterator[Fixed]:
    for bound in source.bindings("debug"):
        if re.fullmatch(r"(?i)(?:app_|flask_|django_|template_)?debug", bound.name):
            yield _fixed(bound)


_PLACE_PARTS = (
    "url",
    "host",
    "bucket",
    "region",
    "domain",
    "sender",
    "email",
    "admins",
    "server_name",
    "mail_from",
    "origin",
)


@places.reads("python", "javascript", "go", "java", "ruby", "php", within=_PLACE_PARTS)
def _places(source: Source) -> Iterator[Fixed]:
    for bound in source.bindings(*_PLACE_PARTS):
        if bound.value.kind in ("literal", "container", "env") and bound.how not in ("parameter", "augment"):
            yield _fixed(bound)


def _fixed(bound: Binding) -> Fixed:
    fields = ("name", "target", "value", "line", "column", "scope", "how", "callee")
    return Fixed(**{field: getattr(bound, field) for field in fields})


@dataclass(frozen=True, slots=True)
class Grouped:
    """Settings that are chosen by the name of the environment."""

    how: str
    """`map`: of names to classes or blocks. `file`: the name is a part of the path of what is loaded."""
    line: int
    names: tuple[str, ...]
    variable: str | None = None
    """What holds the name, where it falls back to development."""
    default_line: int | None = None


groups: Look[Grouped] = Look("environment groups")

_ENTRY = re.compile(
    r"""^\s*(?:['"\[]?(?:\w+\.)*['"]?)(?P<name>prod|production|dev|develop|development|test|testing|staging|local)['"]?\]?
    \s*(?::|=>|=)\s*(?:\w+\.)*(?:[A-Z]\w*(?:Config|Settings|Configuration)\b|\{\s*$|require\()""",
    re.VERBOSE | re.IGNORECASE,
)
_FALLBACK = re.compile(r"""\s*['"]?default['"]?\s*(?::|=>)\s*(?:\w+\.)*Dev\w*(?:Config|Settings)\b""")
_STAGE_NAMES = (
    "NODE_ENV",
    "APP_ENV",
    "ENV",
    "ENVIRONMENT",
    "FLASK_ENV",
    "GO_ENV",
    "DEPLOY_ENV",
    "FLASK_CONFIG",
    "STAGE",
)


@groups.reads("python", "javascript", "go", "ruby", "php", within=("prod", "node_env", "app_env", "environment"))
def _groups(source: Source) -> Iterator[Grouped]:
    rows = [
        (row, match["name"].lower()) for row, line in enumerate(source.lines, 1) if (match := _ENTRY.match(line[:300]))
    ]
    if rows:
        first = rows[0][0]
        names = tuple(dict.fromkeys(name for row, name in rows if row - first <= 80))
        if len(names) >= 2 and any(name.startswith("prod") for name in names):
            fallback = next((row for row, line in enumerate(source.lines, 1) if _FALLBACK.match(line[:300])), None)
            yield Grouped("map", first, names, "default" if fallback else None, fallback)
    if not source.words.isdisjoint(name.encode() for name in _STAGE_NAMES):
        yield from _loaded_by_name(source)


def _loaded_by_name(source: Source) -> Iterator[Grouped]:
    """`require("./env/" + env)`: a file of settings whose name is the environment's."""
    defaults = {
        read.line: read
        for read in source.env_reads()
        if read.name in _STAGE_NAMES and read.default is not None and read.default.is_text
    }
    held = {"process.env.NODE_ENV", *(_held_in(source, line) for line in defaults)} - {""}
    for row, line in enumerate(source.lines, 1):
        if not re.search(r"require\(|import\(|import_module\(|readFile|load|open\(|\bjoin\(|resolve\(", line):
            continue
        for name in held:
            if re.search(rf"(?:\+\s*|\$?\{{\s*){re.escape(name)}\b", line[:1000]):
                bad = next((at for at, read in defaults.items() if (read.default.text or "").startswith("dev")), None)  # type: ignore[union-attr]
                yield Grouped("file", row, (), defaults[bad].name if bad is not None else None, bad)
                return


def _held_in(source: Source, line: int) -> str:
    """The name that a line assigns to."""
    match = (
        re.match(r"\s*(?:const|let|var)?\s*([\w.]+)\s*:?=", source.lines[line - 1])
        if line <= len(source.lines)
        else None
    )
    return match[1] if match else ""
