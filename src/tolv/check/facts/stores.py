"""Where an app keeps its data: embedded databases by default, and the servers that it could use instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from tolv.check.facts.attached import attached
from tolv.check.facts.boot import boots
from tolv.check.facts.connection import connection_of, default_of, engine_named
from tolv.check.facts.prisma import datasources
from tolv.check.facts.settings_files import settings
from tolv.check.looks.clients import Client, clients
from tolv.check.model import Place
from tolv.check.source import Value
from tolv.check.unit import Unit

SERVERS = ("postgres", "mysql", "mariadb", "mssql", "oracle", "mongodb")

_FRAMEWORKS = (
    "flask django fastapi starlette tornado aiohttp bottle sanic falcon pyramid quart litestar express koa fastify "
    "@hapi/hapi next nuxt @nestjs/core restify hono rails sinatra hanami laravel/framework symfony/framework-bundle "
    "slim/slim net/http github.com/gin-gonic/gin github.com/labstack/echo/v4 github.com/gofiber/fiber/v2 "
    "github.com/gorilla/mux github.com/go-chi/chi/v5 org.springframework.boot:spring-boot-starter-web "
    "org.springframework.boot:spring-boot-starter-webmvc "
    "org.springframework.boot:spring-boot-starter-webflux io.quarkus:quarkus-resteasy http"
).split()

_DRIVERS = {
    **dict.fromkeys("psycopg2 psycopg2-binary psycopg psycopg-binary asyncpg pg8000 aiopg".split(), "postgres"),
    **dict.fromkeys("pg pg-promise postgres".split(), "postgres"),
    **dict.fromkeys("pymysql mysqlclient aiomysql asyncmy mysql-connector-python mysql mysql2".split(), "mysql"),
    "mariadb": "mariadb",
    **dict.fromkeys("tedious mssql pymssql".split(), "mssql"),
    "github.com/lib/pq": "postgres",
    "github.com/jackc/pgx/v5": "postgres",
    "github.com/go-sql-driver/mysql": "mysql",
    "org.postgresql:postgresql": "postgres",
    "mysql:mysql-connector-java": "mysql",
    "com.mysql:mysql-connector-j": "mysql",
    "org.mariadb.jdbc:mariadb-java-client": "mariadb",
    "com.microsoft.sqlserver:mssql-jdbc": "mssql",
}  # fmt: skip
_EMBEDDED_DRIVERS = {"com.h2database:h2": "h2", "org.hsqldb:hsqldb": "hsqldb", "org.apache.derby:derby": "derby"}


@dataclass(frozen=True, slots=True)
class Embedded:
    """An embedded store that an app takes, always or unless told otherwise."""

    engine: str
    place: Place
    name: str
    """The setting or call."""
    selectable: bool
    """The environment, or a condition, can choose another engine."""
    only_path: bool = False
    """The environment says where the file lies."""
    low_level: bool = False
    """A call that opens a file, of no framework: it may be no store of the app's own data."""
    memory: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """A database server that the app can, or does, use."""

    engine: str
    """Empty: whatever a URL of the environment names."""
    place: Place
    what: str
    """`compose`, `cluster`, `platform`, `driver`, `code`."""


@dataclass(frozen=True, slots=True)
class Stores:
    embedded: tuple[Embedded, ...]
    servers: tuple[Server, ...]


_found: WeakKeyDictionary[Unit, Stores] = WeakKeyDictionary()


def stores(unit: Unit) -> Stores:
    """The embedded stores and the servers of a unit; tests left out."""
    if unit not in _found:
        _found[unit] = Stores(tuple(_embedded(unit)), tuple(_servers(unit)))
    return _found[unit]


def is_service(unit: Unit) -> bool:
    """Whether the unit is a server: it has a web framework, or a process that it declares to keep running."""
    if unit.uses(*_FRAMEWORKS):
        return True
    if any(one.origin == "Procfile" and one.type == "web" for one in boots(unit)):
        return True
    if any(file.directory in (unit.root, f"{unit.root}/public".lstrip("/")) for file in unit.named("index.php")):
        return True
    return any(one.exposed for one in unit.dockerfiles if one.context == "prod")


def _embedded(unit: Unit) -> Iterator[Embedded]:
    read = {
        seen.what.name
        for seen in unit.seen(clients, "prod")
        if seen.what.how == "setting" and any(one.value.kind == "env" for one in seen.what.given)
    }
    for seen in unit.seen(clients, "prod", "admin", "dev"):
        found = _of_client(unit, seen.path, seen.what)
        if found is not None and (found.selectable or found.only_path or seen.what.name not in read - {"ENGINE"}):
            aside = for_development(seen.path) or _is_replaced(unit, seen.path, seen.what)
            yield replace(found, selectable=True) if aside else found
    for setting in settings(unit):
        connection = connection_of(Value("literal", setting.text, "str"))
        place = Place(setting.path, setting.line)
        if match := _RAILS.match(setting.key) if setting.path.endswith("database.yml") else None:
            if engine_named(setting.text) == "sqlite" and match[1] in ("production", "development"):
                yield Embedded("sqlite", place, setting.key, match[1] == "development")
            continue
        if setting.for_tests or setting.for_development or "${" in setting.text:
            continue
        if connection is not None and connection.embedded and setting.last.lower() in ("url", "jdbc-url", "database"):
            yield Embedded(connection.engine, place, setting.key, False, memory=connection.memory)
        elif re.search(r"(?:^|\.)(?:storage|(?:data|document)?_?store|database|db)\.(?:type|engine|driver|adapter)$",
                       setting.key, re.I) and setting.text.lower() in _FILES:  # fmt: skip
            yield Embedded("files" if "sqlite" not in setting.text else "sqlite", place, setting.key, False)
    for source in datasources(unit):
        if source.engine == "sqlite":
            yield Embedded(
                "sqlite", Place(source.path, source.line), "the datasource", False, source.variable is not None
            )
    declared = {one.name: one for one in unit.packages.declared if one.group == "main"}
    for name, engine in _EMBEDDED_DRIVERS.items():
        if name in declared:
            one = declared[name]
            yield Embedded(engine, Place(one.path, one.line), name, True, memory=True)


#: The adapter of the one database of an environment; Rails keeps caches and queues in others beside it.
_RAILS = re.compile(r"^(\w+)\.(?:primary\.)?adapter$")
_FILES = frozenset("file files filesystem disk sqlite sqlite3 nedb leveldb lowdb json".split())


def for_development(path: str) -> bool:
    """The file is the configuration of a developer's machine: `settings/local_dev.py`."""
    return re.search(r"(?:^|[/_.-])(?:dev|development|local)(?:[_.-]|$)", path.rpartition(".")[0]) is not None


def _is_replaced(unit: Unit, path: str, client: Client) -> bool:
    """Django: a later `DATABASES` of the same file, under a condition, takes the place of the first."""
    return client.name == "ENGINE" and any(
        seen.path == path and seen.what.name == "ENGINE" and seen.what.line > client.line
        and seen.what.scope.guards and seen.what.engine in SERVERS
        for seen in unit.seen(clients)
    )  # fmt: skip


def _of_client(unit: Unit, path: str, client: Client) -> Embedded | None:
    around = " ".join((*client.scope.names, *client.scope.guards)).lower()
    if "test" in around:
        return None
    place = Place(path, client.line)
    guarded = any(not one.startswith(("try", "except")) for one in client.scope.guards)
    if client.how == "call" and client.engine == "sqlite" and client.part("engine") is not None:
        given = client.part("path", "url")
        value = unit.resolve(given.value, path) if given is not None else Value("unknown")
        fixed = _is_fixed_path(value) and connection_of(value) is None
        return Embedded("sqlite", place, client.name, guarded) if fixed else None
    if client.how == "setting" and (given := client.part("engine")) is not None:
        default = default_of(given.value) or given.value
        engine = engine_named(default.text or "")
        env = given.value.kind == "env"
        return Embedded(engine, place, client.name, env) if engine in ("sqlite", "h2") else None
    given = client.part("url")
    if given is not None:
        value = unit.resolve(given.value, path)
        if client.name == "ENGINE":
            engine = client.engine
            selectable = given.value.kind != "literal" or guarded
            return Embedded(engine, place, "DATABASES", selectable) if engine == "sqlite" else None
        connection = connection_of(value)
        behind = default_of(value)
        fallback = connection_of(behind) if behind is not None else None
        found = connection or fallback
        if found is None or not found.embedded or (found.memory and connection is not None):
            return None
        if not found.memory and not _names_file(found.file or "", value if connection is not None else behind):
            return None  # whoever makes it says which file
        place = Place(path, given.line)
        return Embedded(found.engine, place, client.name, connection is None or guarded, memory=found.memory)
    if client.kind != "file":
        return None
    given = client.part("path")
    if given is None:
        return None
    value = unit.resolve(given.value, path)
    if value.kind == "env" and client.how == "setting":
        return Embedded("sqlite", place, client.name, False, only_path=True)
    if value.kind == "env":
        return Embedded(client.engine, place, client.name, False, only_path=True, low_level=True)
    if not _is_fixed_path(value) or client.how == "setting":
        return None
    return Embedded(client.engine, place, client.name, guarded, low_level=True)


def _is_open_url(client: Client) -> bool:
    """A URL of a database that comes from the environment, whatever it names."""
    given = client.part("url")
    return (
        client.how == "setting" and not client.kind and given is not None and given.value.kind == "env"
        and given.value.default is None and "database" in client.name.lower()
    )  # fmt: skip


def _names_file(path: str, value: Value | None) -> bool:
    """A part of the path is written here, be it within a hole: `'sqlite:///' + os.path.join(here, 'app.db')`."""
    if re.search(r"\w", path.replace("{}", "")):
        return True
    rest = list(value.parts) if value is not None else []
    while rest:
        one = rest.pop()
        if one.is_text:
            return True
        rest += one.parts
    return False


def _is_fixed_path(value: Value) -> bool:
    """A literal path, or one that is joined from the app's own directory and literals."""
    if value.is_text:
        text = value.text or ""
        return bool(text) and ":memory:" not in text and "mode=" not in text and not text.startswith("/tmp")
    if value.kind == "template":
        return not any(True for _ in value.envs()) and bool(re.search(r"\.(?:db|sqlite3?|json)\b", value.text or ""))
    if value.kind in ("call", "unknown"):
        texts = [one.text or "" for one in value.parts if one.is_text]
        return not any(True for _ in value.envs()) and any(re.search(r"\.(?:db|sqlite3?|json)$", one) for one in texts)
    return False


def _servers(unit: Unit) -> Iterator[Server]:
    for one in attached(unit):
        if one.engine in SERVERS and one.where != "ci" and one.context != "docs":
            yield Server(one.engine, Place(one.path, one.line), one.where)
    for seen in unit.seen(clients, "prod", "admin"):
        if seen.what.engine in SERVERS and "test" not in " ".join(seen.what.scope.names).lower():
            yield Server(seen.what.engine, Place(seen.path, seen.what.line), "code")
        elif _is_open_url(seen.what):
            yield Server("", Place(seen.path, seen.what.line), "code")
    for source in datasources(unit):
        if source.engine in SERVERS:
            yield Server(source.engine, Place(source.path, source.line), "code")
    for declared in unit.packages.declared:
        if declared.group in ("main", "optional") and declared.name.lower() in _DRIVERS and not declared.indirect:
            yield Server(_DRIVERS[declared.name.lower()], Place(declared.path, declared.line), "driver")
    for setting in settings(unit):
        connection = connection_of(Value("literal", setting.text, "str"))
        match = _RAILS.match(setting.key) if setting.path.endswith("database.yml") else None
        if match and match[1] == "production" and engine_named(setting.text) in SERVERS:
            yield Server(engine_named(setting.text), Place(setting.path, setting.line), "code")
        if connection is not None and connection.engine in SERVERS and not setting.for_tests:
            yield Server(connection.engine, Place(setting.path, setting.line), "code")
