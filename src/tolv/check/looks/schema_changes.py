"""Calls that make or change the schema of a database, with what is known of when they run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Call, Scope, Source, Value


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One call, or a setting that makes a library do so when it connects."""

    name: str
    """As written: `db.create_all`, `synchronize: true`."""
    destroys: bool
    """Data go: `sync({force: true})`, `drop_all`."""
    line: int
    column: int
    scope: Scope
    decorators: tuple[str, ...]
    """Names of the decorators of the functions around."""
    setting: bool = False


schema_changes: Look[SchemaChange] = Look("schema_changes")

_PYTHON = (
    ".create_all", ".drop_all", "django.core.management.call_command", "alembic.command.upgrade",
    "flask_migrate.upgrade", ".generate_schemas", ".create_tables", "tortoise.contrib.fastapi.register_tortoise",
)  # fmt: skip
_JAVASCRIPT = (".sync", ".migrate.latest", ".runMigrations", ".synchronize", "umzug.up", ".pushSchema")
_GO = (".AutoMigrate", "goose.Up", ".RunMigrations", ".Migrate", ".MigrateUp", ".MigrateDB")


@schema_changes.reads(
    "python", words=("create_all", "drop_all", "call_command", "upgrade", "generate_schemas", "create_tables")
)
def _python(source: Source) -> Iterator[SchemaChange]:
    for call in source.calls(*_PYTHON):
        last = call.last
        if last == "call_command" and not (call.arguments and (call.arguments[0].text or "") in ("migrate", "syncdb")):
            continue
        if last in ("generate_schemas", "register_tortoise"):
            on = call.keywords.get("generate_schemas")
            if last == "register_tortoise" and not _is_on(on):
                continue
        if last in ("create_all", "drop_all") and not _is_of_database(call, source):
            continue
        if last == "create_tables" and b"peewee" not in source.words:
            continue
        yield _seen(source, call, last == "drop_all")
    # `await connection.run_sync(Base.metadata.create_all)` hands it over.
    for call in source.calls(".run_sync") if b"run_sync" in source.words else ():
        given = call.arguments[0].name if call.arguments and call.arguments[0].kind == "name" else None
        if given and given.endswith((".create_all", ".drop_all")):
            yield _seen(source, call, given.endswith("drop_all"), given)


def _is_of_database(call: Call, source: Source) -> bool:
    return bool(
        re.search(r"metadata|^db\.|\.db\.|SQLModel|SQLAlchemy|database|Base\.|Model", f"{call.written} {call.name}")
    )


@schema_changes.reads(
    "javascript",
    words=("sync", "migrate", "runMigrations", "synchronize", "umzug", "migrationsRun"),
)
def _javascript(source: Source) -> Iterator[SchemaChange]:
    for call in source.calls(*_JAVASCRIPT):
        if call.last == "sync" and not _is_sequelize(call, source):
            continue
        options = call.keywords
        yield _seen(source, call, _is_on(options.get("force")))
    if {b"typeorm", b"TypeOrmModule"} & source.words:
        for binding in source.bindings("synchronize", "migrationsRun"):
            if binding.name in ("synchronize", "migrationsRun") and _is_on(binding.value):
                name = f"{binding.name}: true"
                yield SchemaChange(name, False, binding.line, binding.column, binding.scope, (), True)


def _is_sequelize(call: Call, source: Source) -> bool:
    if re.search(r"sequelize", f"{call.name} {call.written}", re.IGNORECASE):
        return True
    return b"sequelize" in {word.lower() for word in source.words} and re.fullmatch(
        r"(?:db|database|models|connection|orm)(?:\.\w+)?\.sync", call.written
    ) is not None  # fmt: skip


@schema_changes.reads("go", words=("AutoMigrate", "goose", "RunMigrations", "Migrate", "MigrateUp", "MigrateDB"))
def _go(source: Source) -> Iterator[SchemaChange]:
    for call in source.calls(*_GO):
        if call.last in ("Migrate", "RunMigrations", "MigrateUp", "MigrateDB") and not re.search(
            r"database|migrat|storage|store|\bdb\b|sql", call.name.rpartition(".")[0], re.IGNORECASE
        ):
            continue
        yield _seen(source, call, False)


@schema_changes.reads("php", words=("runMigrations", "migrateDatabase"))
def _php(source: Source) -> Iterator[SchemaChange]:
    for call in source.calls(".runMigrations", "runMigrations", ".migrateDatabase"):
        yield _seen(source, call, False)


def _seen(source: Source, call: Call, destroys: bool, name: str | None = None) -> SchemaChange:
    return SchemaChange(
        name or call.written, destroys, call.line, call.column, call.scope, decorators_around(source, call.line)
    )


def decorators_around(source: Source, line: int) -> tuple[str, ...]:
    """Names of the decorators of every function that holds a line."""
    return tuple(
        f"{one.name}({','.join(value.text or '' for value in one.arguments)})"
        for function in source.functions()
        if function.line <= line <= function.end_line
        for one in function.decorators
    )


def _is_on(value: Value | None) -> bool:
    return value is not None and value.kind == "literal" and value.text == "true"
