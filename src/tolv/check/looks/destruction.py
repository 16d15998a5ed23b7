"""Calls that destroy data wholesale: dropped tables, emptied stores, deletions without a condition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.looks.schema_changes import decorators_around
from tolv.check.source import Call, Scope, Source


@dataclass(frozen=True, slots=True)
class Destruction:
    """One call."""

    name: str
    """As written: `db.dropDatabase`."""
    what: str
    """`all tables`, `the whole cache` …"""
    asks: bool
    """The file asks before, can be run without effect, or makes a copy first."""
    line: int
    column: int
    scope: Scope
    decorators: tuple[str, ...]


destructions: Look[Destruction] = Look("destructions")

_CALLS = {
    "drop_all": "all tables", "flushall": "the whole store", "flushdb": "the whole store",
    "flushAll": "the whole store", "flushDb": "the whole store", "flushDB": "the whole store",
    "drop_database": "the database", "dropDatabase": "the database", "drop_collection": "a collection",
    "dropCollection": "a collection",
    "dropAllTables": "all tables", "dropSchema": "the schema", "dropAllSchemas": "all tables", "drop_tables": "tables",
}  # fmt: skip
_MAYBE = ("delete_many", "deleteMany", "execute", "executescript", "query", "delete", "destroy", "raw", "truncate")
_SQL = re.compile(
    r"^\s*(?:DROP\s+(?:TABLE|DATABASE|SCHEMA)|TRUNCATE\b|DELETE\s+FROM\s+[\w.\"`{}]+\s*;?\s*$)", re.IGNORECASE
)
_ASKS = re.compile(
    rb"confirm|prompt|\binput\(|readline|dry[-_ ]?run|are you sure|--yes\b|--force\b|no-?_?input|back-?up|inquirer|"
    rb"enquirer|typer\.Abort|click\.Abort|pg_dump|mysqldump|mongodump",
    re.IGNORECASE,
)


#: Calls that destroy by the SQL that they are given; and the words of such SQL.
_GIVEN_SQL = frozenset(("execute", "executescript", "query", "raw"))
_DESTROYS = re.compile(rb"DROP|drop |Drop |TRUNCATE|truncate|Truncate|DELETE|delete from|Delete from|delete  ")


@destructions.reads("python", "javascript", words=(*_CALLS, *_MAYBE))
def _read(source: Source) -> Iterator[Destruction]:
    names = [name for name in (*_CALLS, *_MAYBE) if name.encode() in source.words]
    if not _DESTROYS.search(source.data):
        names = [name for name in names if name not in _GIVEN_SQL]
    if b"all().delete" not in source.data:
        names = [name for name in names if name != "delete"]
    for call in source.calls(*(f".{name}" for name in names)) if names else ():
        what = _CALLS.get(call.last) or _of_argument(call)
        if what is not None:
            asks = _ASKS.search(source.data) is not None
            decorators = decorators_around(source, call.line)
            yield Destruction(call.written, what, asks, call.line, call.column, call.scope, decorators)


def _of_argument(call: Call) -> str | None:
    """What a call destroys by what it is given: SQL without a condition, an empty filter."""
    first = call.arguments[0] if call.arguments else None
    if call.last in ("execute", "executescript", "query", "raw"):
        text = first.text or "" if first is not None and first.kind in ("literal", "template", "call") else ""
        if first is not None and first.kind == "call" and first.parts and first.parts[0].is_text:
            text = first.parts[0].text or ""
        return "tables" if _SQL.match(text) else None
    if call.last in ("delete_many", "deleteMany"):
        empty = first is None or (first.kind == "container" and not first.parts)
        return "every document" if empty and not call.keywords else None
    if call.last == "delete":
        return "every row" if re.search(r"objects\.all\(\)\.delete$", call.written) else None
    if call.last == "destroy":
        on = call.keywords.get("truncate")
        return "every row" if on is not None and on.text == "true" else None
    return None
