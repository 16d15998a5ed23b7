"""Factor XII: how the schema of the database changes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.boot import ONCE, Boot, boots
from tolv.check.facts.connection import read_connection
from tolv.check.facts.prisma import datasources
from tolv.check.facts.settings_files import Setting, settings
from tolv.check.looks.clients import clients
from tolv.check.looks.mentions import mentions
from tolv.check.looks.schema_changes import SchemaChange, decorators_around, schema_changes
from tolv.check.model import Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.source import Scope
from tolv.check.unit import Unit

_SOURCE = "https://12factor.net/admin-processes"

_ORMS = {
    "sqlalchemy": "SQLAlchemy", "flask_sqlalchemy": "Flask-SQLAlchemy", "sqlmodel": "SQLModel", "peewee": "peewee",
    "tortoise": "Tortoise", "pony": "Pony", "django": "Django", "sequelize": "Sequelize", "typeorm": "TypeORM",
    "@nestjs/typeorm": "TypeORM", "sequelize-typescript": "Sequelize", "knex": "Knex", "objection": "Objection",
    "bookshelf": "Bookshelf", "drizzle-orm": "Drizzle", "@mikro-orm/core": "MikroORM", "@prisma/client": "Prisma",
    "pg": "PostgreSQL", "mysql": "MySQL", "mysql2": "MySQL", "psycopg2": "PostgreSQL", "asyncpg": "PostgreSQL",
}  # fmt: skip
_DRIVERS = frozenset({"pg", "mysql", "mysql2", "psycopg2", "asyncpg"})
_JAVA_ORMS = {
    "org.springframework.boot:spring-boot-starter-data-jpa": "JPA",
    "org.hibernate:hibernate-core": "Hibernate",
    "org.hibernate.orm:hibernate-core": "Hibernate",
    "io.quarkus:quarkus-hibernate-orm": "Hibernate",
}
#: What says that a class is a table of the app's own.
_TABLES = re.compile(
    r"\b(?:db\.Model|DeclarativeBase|declarative_base|table\s*=\s*True|models\.Model|peewee\.Model|tortoise\.models|"
    r"Model\.init|sequelize\.define|extends (?:Model|BaseEntity)|pgTable|mysqlTable|sqliteTable|"
    r"EntitySchema|db\.Entity)\b|\(Model\):|@(?:Entity|Table)\b"
)
_WRITES = re.compile(r"\b(?:INSERT\s+INTO\s+[\"`\w]|UPDATE\s+[\"`\w.]+\s+SET\s)", re.IGNORECASE)
_TOOLS = (
    "alembic flask-migrate aerich yoyo-migrations peewee-migrate django-migrate umzug sequelize-cli node-pg-migrate "
    "db-migrate postgres-migrations migrate drizzle-kit @mikro-orm/migrations graphile-migrate "
    "org.flywaydb:flyway-core org.liquibase:liquibase-core org.flywaydb:flyway-mysql "
    "org.flywaydb:flyway-database-postgresql peewee-moves piccolo knex-migrate-sql-file atlas-provider-sqlalchemy"
).split()
_PATHS = re.compile(r"(?:^|/)(?:[\w.-]*migrat[\w.-]*|alembic|changelog[\w.-]*|flyway|liquibase)(?:/|\.\w+$)|"
                    r"(?:^|/)V\d[\d_.]*__\w+\.sql$|(?:^|/)db/schema\.rb$|(?:^|/)alembic\.ini$",
                    re.IGNORECASE)  # fmt: skip
_SCHEMA = re.compile(r"(?:^|/)(?:schema|init|structure|tables|setup|create)[\w.-]*\.sql$", re.IGNORECASE)


@rule(
    "XII-01",
    severity="warning",
    materials=("python", "javascript", "manifests"),
    looks=(mentions, clients),
    title="The schema of the database has no migrations",
    why="Nobody can say which schema a release needs, and an upgrade is done by hand on the production database.",
    fix="Add a migration tool, commit its first migration, and run it as a one-off process of each release.",
    bad="requirements.txt: Flask-SQLAlchemy   (no Alembic, no migrations/)",
    good="requirements.txt: Flask-SQLAlchemy, Flask-Migrate; migrations/versions/…; release: flask db upgrade",
    source=_SOURCE,
    probe="XII-P1",
)
def no_migrations(unit: Unit) -> Iterator[Outcome]:
    """A mapper or a driver whose tables the app owns, and neither tool nor directory of migrations."""
    used = _used(unit)
    if used is None:
        yield NotApplicable("it maps no tables of a relational database")
        return
    name, place = used
    kept = _migrations(unit)
    if kept is not None:
        yield Witness("migrations are kept with the code", kept)
    elif not any(_SCHEMA.search(file.path) for file in unit.files if file.context != "test"):
        yield Finding(
            f"{name} is used, and the tree holds no migrations: neither a tool nor a directory of them",
            place,
            None,
            None,
            subject=name,
        )


def _used(unit: Unit) -> tuple[str, Place] | None:
    """What maps or writes tables, where it is first seen."""
    for source in datasources(unit):
        if source.engine and source.engine != "mongodb":
            return "Prisma", Place(source.path, source.line)
    for seen in unit.seen(mentions, "prod"):
        what = seen.what
        name = _ORMS.get(what.top) or _ORMS.get(what.module)
        if name is None or "sqlite" in seen.path:
            continue
        text = unit.text(seen.path) or ""
        if what.top in _DRIVERS:
            if _WRITES.search(text):
                return name, Place(seen.path, _made(unit, seen.path) or what.line)
        elif _TABLES.search(text):
            return name, Place(seen.path, what.line)
    for one in unit.packages.declared:
        if one.name in _JAVA_ORMS and one.group == "main":
            return _JAVA_ORMS[one.name], Place(one.path, one.line)
    return None


def _made(unit: Unit, path: str) -> int | None:
    """The line of the driver's import or client, whichever the reader would look at: the import."""
    return next(
        (seen.what.line for seen in unit.seen(mentions) if seen.path == path and seen.what.top in _DRIVERS), None
    )


def _migrations(unit: Unit) -> Place | None:
    for file in unit.files:
        if file.context != "test" and _PATHS.search(file.path) and not file.path.endswith((".md", ".rst")):
            return Place(file.path)
    for one in unit.packages.declared:
        if one.name.lower() in _TOOLS:
            return Place(one.path, one.line)
    return None


_MIGRATES = re.compile(
    r"(?:^|[\s/])(?:flask\s+(?:\S+\s+)*?(?:db\s+(?:upgrade|migrate)|init-?db|create-?db)|alembic\s+(?:\S+\s+)*?upgrade|"
    r"(?:django-admin|manage\.py|manage)\s+(?:migrate|syncdb|loaddata|flush)|(?:rake|rails)\s+db:(?:migrate|setup|"
    r"prepare|schema:load|create|seed|reset)\b|artisan\s+(?:migrate|db:seed)|prisma\s+(?:migrate\s+deploy|db\s+(?:push|"
    r"seed)|migrate\s+dev)|sequelize(?:-cli)?\s+db:(?:migrate|seed)|knex\s+(?:migrate:latest|migrate:up|seed:run)|"
    r"typeorm(?:-ts-node-\w+)?\s+(?:\S+\s+)*?(?:migration:run|schema:sync)|aerich\s+upgrade|node-pg-migrate\s+up|"
    r"drizzle-kit\s+(?:push|migrate)|goose\s+(?:\S+\s+)*?up\b|migrate\s+-\S+\s+(?:\S+\s+)*?up\b|dbmate\s+(?:\S+\s+)*?"
    r"up\b|db-migrate\s+up|yoyo\s+apply|flyway\s+(?:\S+\s+)*?migrate|liquibase\s+(?:\S+\s+)*?update|doctrine:"
    r"migrations:migrate|phinx\s+migrate|mix\s+ecto\.migrate|diesel\s+migration\s+run)(?:\s|$|[;&])"
)
_SCRIPTS = re.compile(
    r"^(?:python3?|node|ruby|php|ts-node|tsx|sh|bash)?\s*(?:\S*/)?(?:db[-_](?:reset|seed|init|setup|migrate)|reset[-_]db|"
    r"seed(?:[-_]?(?:db|data|database))?|init[-_]?db|create[-_](?:db|tables)|migrat(?:e|ions?)|run[-_]migrations|"
    r"populate(?:[-_]\w+)?)(?:\.(?:py|js|ts|rb|php|sh))?(?:\s|$)"
)


@rule(
    "XII-02",
    severity="error",
    materials=("python", "javascript", "go", "php", "manifests"),
    looks=(schema_changes, clients, mentions),
    title="The start of the web process changes the schema",
    why="Two instances that start together change it at the same time, a rollback meets a newer schema, and a long "
    "migration keeps the app from starting.",
    fix="Run migrations once a release, as a process of their own: a release phase, an init job.",
    bad="web: flask db upgrade && gunicorn app:app",
    good="release: flask db upgrade\nweb: gunicorn app:app",
    source=_SOURCE,
    probe="XII-P1",
)
def schema_at_boot(unit: Unit) -> Iterator[Outcome]:
    """Migrations and seeds in start commands, and calls that make tables while the app starts."""
    found = False
    said: set[tuple[str, int]] = set()
    commands = _own_commands(unit)
    for boot in sorted(boots(unit), key=lambda one: one.context == "dev"):
        what = _migrates(boot, commands)
        if what is None or (boot.path, boot.line) in said:
            continue
        said.add((boot.path, boot.line))
        found = True
        yield _at_start(boot, what)
    once: set[tuple[str, str]] = set()
    for seen in unit.seen(schema_changes, "prod"):
        severity = _at_boot(unit, seen.path, seen.what)
        if severity is not None and (seen.path, seen.what.name) not in once:
            once.add((seen.path, seen.what.name))  # the other ways of the same start say nothing more
            found = True
            yield Finding(
                f"{seen.what.name} {'drops and makes' if seen.what.destroys else 'changes'} the schema whenever the "
                "process starts",
                Place(seen.path, seen.what.line),
                severity,
                "take it out of the start, and run migrations once a release (release: in the Procfile, a job)",
                subject=seen.what.name,
            )
    for setting in settings(unit):
        severity = _by_setting(setting, unit)
        if severity is not None:
            found = True
            yield Finding(
                f"{setting.key}: {setting.text} changes the schema whenever the process starts",
                Place(setting.path, setting.line),
                severity,
                f"set it to {'false' if setting.text == 'true' else 'validate'}, and let Flyway or Liquibase migrate "
                "once a release",
                subject=setting.key,
            )
    if found:
        return
    release = next((one for one in boots(unit) if one.type in ONCE and _MIGRATES.search(one.text)), None)
    if release is not None:
        yield Witness("migrations run once a release", Place(release.path, release.line))
    elif not any(True for _ in unit.seen(clients, "prod")) and _used(unit) is None and _migrations(unit) is None:
        yield NotApplicable("it has no relational schema")
    elif boots(unit):
        yield Witness("no start command changes the schema", Place(boots(unit)[0].path, boots(unit)[0].line))


def _own_commands(unit: Unit) -> frozenset[str]:
    """Names of the app's own commands that change the schema: `flask deploy`, where `deploy` upgrades it."""
    return frozenset(
        (seen.what.scope.function or "").replace("_", "-")
        for seen in unit.seen(schema_changes, "prod", "admin")
        if any(_COMMAND.search(one) for one in seen.what.decorators) and seen.what.scope.function
    )


def _migrates(boot: Boot, commands: frozenset[str]) -> str | None:
    """What of the schema a start's command changes; None: nothing, or it is no start of the web process."""
    if boot.type in ONCE or boot.type != "web" or not boot.with_others:
        return None
    text = boot.text[:2000]
    own = boot.command.program in ("flask", "python", "python3", "manage.py", "typer") and any(
        word.replace("_", "-") in commands for word in boot.command.argv[1:4]
    )
    if own or _MIGRATES.search(text) or _SCRIPTS.search(text):
        return " ".join("…" if "://" in word or "=" in word else word for word in boot.command.argv[:5])
    return None


def _at_start(boot: Boot, what: str) -> Finding:
    severity: Severity = "note" if boot.conditional or boot.context == "dev" else "warning"
    return Finding(
        f"{what} runs at each start of the web process, in every instance",
        Place(boot.path, boot.line),
        severity,
        f"take it out of the start, and run it once a release: `release: {what}` in the Procfile, or a job",
        subject=what,
    )


_STARTUP = re.compile(
    r"^(?:create_app|make_app|build_app|get_app|lifespan|startup|on_startup|app_startup|init_app|serve|bootstrap|start|"
    r"main|run|runserver|start_?server|on_?module_?init|initialize|Run|Start|Serve|Parse|New|NewServer|NewApp|Setup|"
    r"setup|Init|Bootstrap|Connect\w*|connect\w*|InitDB|initDB|OpenDB|NewDB|SetupDB|InitDatabase|Initialize|register|boot)$"
)
_COMMAND = re.compile(r"command|click|typer|argument|option|task|fixture|route\(|\.cli\b|manager\.|test", re.IGNORECASE)
_FLAG = re.compile(r"\bflag|\bargs\b|argv|\bcmd\b|command|test|--\w", re.IGNORECASE)


def _at_boot(unit: Unit, path: str, change: SchemaChange) -> Severity | None:
    """How bad it is that this runs at the start; None: it does not, as far as can be told."""
    full: Severity = "error" if change.destroys else "warning"
    out = r"alembic|migrations|scripts?|seeds?|fixtures?" + ("" if path.endswith(".go") else "|cli|commands?|console")
    if re.search(rf"(?:^|/)(?:{out})(?:/|\.)", path, re.IGNORECASE):
        return None
    if change.setting:
        return full
    scope = change.scope
    if any(_COMMAND.search(one) for one in change.decorators) or any(_FLAG.search(one) for one in scope.guards):
        return None
    started = _starts(scope, change.decorators, path) or _called_at_boot(unit, path, scope, path.rpartition(".")[2])
    if not started:
        return None
    if any("__main__" in one for one in scope.guards):
        return "note"
    return None if _asks_a_person(unit, path) else full


_ASKS = frozenset("read readline readline-sync inquirer @inquirer/prompts prompts prompt prompt-sync enquirer".split())


def _asks_a_person(unit: Unit, path: str) -> bool:
    """Whether a file asks questions at a terminal: no server starts so."""
    asked = (one.module.removeprefix("node:").partition("/promises")[0] for one in unit.imports(path))
    return not _ASKS.isdisjoint(asked)


def _starts(scope: Scope, decorators: tuple[str, ...], path: str) -> bool:
    """The code runs while the process starts: it is at module level, or in a function that a server calls then."""
    if any(re.search(r"startup|before_first_request|before_serving|asynccontextmanager", one) for one in decorators):
        return True
    outer = next((name for name, kind in zip(scope.names, scope.kinds, strict=True) if kind == "function"), None)
    if outer is None or not outer:
        return scope.at_import or path.endswith((".js", ".ts", ".mjs", ".cjs"))
    return _STARTUP.match(outer) is not None


def _called_at_boot(unit: Unit, path: str, scope: Scope, suffix: str, depth: int = 0) -> bool:
    """The function around is itself called while the process starts, in this file or another one."""
    name = scope.function
    if not name or len(name) < 4 or depth > 2:
        return False
    word = name.encode()
    if suffix == "go" and _is_of_many(unit, name):
        return False  # the commands of one program: which of them is the server's, its caller does not say
    for file in unit.files:
        if file.context != "prod" or not file.path.endswith(f".{suffix}"):
            continue
        source = unit.source(file.path)
        if source is None or word not in source.data or word not in source.words:
            continue
        for call in source.calls(name, f".{name}"):
            decorators = decorators_around(source, call.line)
            if call.scope.function == name or any(_COMMAND.search(one) for one in decorators):
                continue
            if any(_FLAG.search(one) or "__main__" in one for one in call.scope.guards):
                continue
            if call.scope.at_import and suffix == "py" and b"argv" in source.words:
                continue  # a program for the command line
            if _starts(call.scope, decorators, file.path):
                return True
            if _called_at_boot(unit, file.path, call.scope, suffix, depth + 1):
                return True
    return False


def _is_of_many(unit: Unit, name: str) -> bool:
    """Whether several files have a method of that name."""
    files = [one for one in unit.files if one.language == "go" and one.context == "prod"]
    found = 0
    for file in files:
        source = unit.source(file.path)
        if source is not None and name.encode() in source.words:
            found += bool(re.search(rb"(?m)^func \([^)]*\) " + name.encode() + rb"\(", source.data))
    return found > 1


def _by_setting(setting: Setting, unit: Unit) -> Severity | None:
    if setting.for_tests or not re.search(r"spring\.|hibernate|quarkus", setting.key):
        return None
    value = setting.text.strip().lower()
    by_tool = re.search(r"ddl-auto$|hbm2ddl\.auto$|database\.generation$", setting.key) is not None
    changes = (by_tool and value in ("update", "create", "create-drop", "drop-and-create")) or (
        setting.key.endswith("generate-ddl") and value == "true"
    )
    if not changes or _in_memory(setting, unit):
        return None
    if setting.for_development:
        return "note"
    return "error" if value.startswith(("create", "drop")) else "warning"


def _in_memory(setting: Setting, unit: Unit) -> bool:
    """The database of that file, or profile, is in memory: there is no schema to keep."""
    urls = [
        read_connection(one.text)
        for one in settings(unit)
        if one.last in ("url", "jdbc-url") and one.path == setting.path and one.profile == setting.profile
    ]
    return any(one is not None and one.memory for one in urls)
