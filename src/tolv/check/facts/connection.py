"""What a connection text says: which engine it is for, whose host it names, whether it is a file or memory.

Read are URLs (`postgresql+asyncpg://u:p@db/app`), JDBC URLs, libpq's `host=db dbname=app`, PDO's `mysql:host=db`, the
Go driver's `u:p@tcp(db:3306)/app`, and a bare `db.example.com:5432` where the reader knows that it is an address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tolv.check.source import Value

#: Engines by the scheme of a URL; what follows a `+` in a scheme is the driver.
_ENGINES = {
    **dict.fromkeys(("postgres", "postgresql", "postgis", "pgsql", "psql", "cockroachdb", "pgx", "pg"), "postgres"),
    **dict.fromkeys(("mysql", "mysql2", "mysqlx", "mysqlgis"), "mysql"),
    "mariadb": "mariadb",
    **dict.fromkeys(("mssql", "sqlserver"), "mssql"),
    **dict.fromkeys(("oracle", "oracle:thin"), "oracle"),
    **dict.fromkeys(("mongodb", "mongodb+srv"), "mongodb"),
    **dict.fromkeys(("redis", "rediss", "rediscache", "redis-sentinel", "valkey", "valkeys"), "redis"),
    **dict.fromkeys(("amqp", "amqps", "pyamqp", "rabbitmq"), "rabbitmq"),
    **dict.fromkeys(("memcached", "memcache", "pymemcache"), "memcached"),
    **dict.fromkeys(("sqlite", "sqlite3", "spatialite", "better-sqlite3", "aiosqlite", "libsql"), "sqlite"),
    **dict.fromkeys(("h2", "hsqldb", "derby"), "h2"),
    **dict.fromkeys(("smtp", "smtps", "smtp+tls"), "smtp"),
    **dict.fromkeys(("nats", "kafka", "cassandra", "neo4j", "bolt", "clickhouse", "ldap", "ldaps"), ""),
    **dict.fromkeys(("elasticsearch", "opensearch"), "elasticsearch"),
}
_OWN_NAME = ("nats", "kafka", "cassandra", "neo4j", "clickhouse")

#: What kind of service an engine is.
KINDS = {
    **dict.fromkeys(
        "postgres mysql mariadb mssql oracle mongodb cassandra neo4j clickhouse rethinkdb couchdb influxdb".split(),
        "database",
    ),
    **dict.fromkeys(("redis", "memcached"), "cache"),
    **dict.fromkeys(("rabbitmq", "kafka", "nats"), "queue"),
    "smtp": "mail",
    "s3": "storage",
    "elasticsearch": "search",
    **dict.fromkeys(("sqlite", "h2"), "file"),
}

_URL = re.compile(r"^(?:jdbc:)?([A-Za-z][\w+.-]*?(?::thin)?):(?://|@//?|@)([^/?#\s;]*)(.*)$", re.DOTALL)
_FILE = re.compile(r"^(?:jdbc:)?(sqlite3?|h2|hsqldb|derby)(?:\+\w+)?:(?!//)(.*)$", re.DOTALL)
_PDO = re.compile(r"^(mysql|pgsql|sqlsrv|oci|dblib):(?=.*(?:host|unix_socket|server|dbname)\s*=)(.*)$", re.IGNORECASE)
_WORDS = re.compile(r"(?:^|[\s;])(host|server|hostaddr|addr(?:ess)?|data source)\s*=\s*([^\s;]*)", re.IGNORECASE)
_GO_MYSQL = re.compile(r"^(?:[^:@/\s]*(?::[^@/\s]*)?@)?tcp\(([^)]*)\)/")
_LOCAL = re.compile(r"localhost(?:\.localdomain)?|127(?:\.\d+){3}|\[?::1\]?|0\.0\.0\.0|host\.docker\.internal")
_PLACEHOLDER = re.compile(
    r"(?:.*\.)?example\.(?:com|org|net)|<.*>|\[.*\]|x{3,}|(?:your|my)[-_ ]?(?:db[-_]?|mongo[-_]?|server[-_]?)?"
    r"(?:host(?:name)?|server|domain|cluster)\b.*|host(?:name)?|server(?:name)?|address|\.{3}|ip|url|h|required(?:\|.*)?|nullable|optional|sometimes",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection text, taken apart."""

    engine: str
    """`postgres`, `redis`, `sqlite` …; empty: the text does not say."""
    host: str
    """Without its port; empty: the text names none. `{}` where it is put in."""
    password: bool = False
    """A literal password stands in it."""
    file: str | None = None
    """The path of an embedded database; None: it is none, or it is in memory."""
    memory: bool = False
    """An embedded database in memory."""

    @property
    def embedded(self) -> bool:
        return self.engine in ("sqlite", "h2")

    @property
    def local(self) -> bool:
        """The host is this machine."""
        return is_local(self.host)

    @property
    def fixed(self) -> bool:
        """A literal host is named, that no hole fills and that is no placeholder."""
        return bool(self.host) and not is_open(self.host)


def is_local(host: str) -> bool:
    """Whether a host is this machine."""
    return _LOCAL.fullmatch(host.lower()) is not None


def is_open(host: str) -> bool:
    """Whether a host is still to be put in: a variable, a placeholder of documentation."""
    return any(mark in host for mark in ("{", "$", "%", "<", "#")) or _PLACEHOLDER.fullmatch(host) is not None


def read_connection(text: str) -> Connection | None:
    """What a text says, if it is a connection text of a known engine. Never raises."""
    text = text.strip()[:2048]
    if not text or "\n" in text:
        return None
    if match := _FILE.match(text):
        return _embedded(_ENGINES[match[1].lower()], match[2])
    if match := _PDO.match(text):
        engine = {"mysql": "mysql", "pgsql": "postgres", "oci": "oracle"}.get(match[1].lower(), "mssql")
        return Connection(engine, _of_words(match[2]), "password=" in match[2])
    if match := _URL.match(text):
        return _of_url(match[1].lower(), match[2], match[3])
    if match := _GO_MYSQL.match(text):
        return Connection("mysql", _without_port(match[1]), re.match(r"[^:@/]*:[^@/{}$%]+@", text) is not None)
    if (match := _WORDS.search(text)) and re.search(
        r"(?:dbname|user|port|database|uid|initial catalog)\s*=", text, re.I
    ):
        engine = "postgres" if "dbname" in text or "sslmode" in text else ""
        return Connection(engine, _without_port(match[2]), re.search(r"(?:password|pwd)=[^\s;{$%]", text) is not None)
    return None


def _of_url(scheme: str, authority: str, rest: str) -> Connection | None:
    base = scheme.partition("+")[0] if scheme != "mongodb+srv" else scheme
    engine = _ENGINES.get(base)
    if engine is None:
        return None
    engine = engine or (base if base in _OWN_NAME else "neo4j" if base == "bolt" else base)
    if engine in ("sqlite", "h2"):
        return _embedded(engine, authority + rest)
    user, at, address = authority.rpartition("@")
    password = bool(at) and ":" in user and not is_open(user.partition(":")[2]) and bool(user.partition(":")[2])
    host = address.split(",")[0]
    if not host and (match := re.search(r"[?&]host=([^&]*)", rest)):
        host = match[1]
    return Connection(engine, _without_port(host), password)


def _embedded(engine: str, path: str) -> Connection:
    lower = path.lower()
    if (
        ":memory:" in lower
        or lower.lstrip("/").startswith("mem:")
        or "mode=memory" in lower
        or lower in ("", "//", "/")
    ):
        return Connection(engine, "", memory=True)
    if lower.startswith(("tcp:", "ssl:")):
        return Connection("", _without_port(path.partition("//")[2].partition("/")[0]))
    return Connection(engine, "", file=path.removeprefix("file:").partition("?")[0])


def _of_words(text: str) -> str:
    match = _WORDS.search(text)
    return _without_port(match[2]) if match else ""


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address.partition("]")[0] + "]"
    host, colon, port = address.rpartition(":")
    return host if colon and (port.isdigit() or is_open(port) or port == "") else address


def engine_named(name: str) -> str:
    """The engine that a word of a configuration means: `pgsql`, `sqlite3`, `django.db.backends.mysql`; or empty."""
    word = name.lower().rpartition(".")[2]
    return _ENGINES.get(word, "") or (word if word in _OWN_NAME else "")


def connection_of(value: Value) -> Connection | None:
    """What a literal or a template says; None for all others."""
    return read_connection(value.text or "") if value.is_text or value.kind == "template" else None


def default_of(value: Value) -> Value | None:
    """What stands when no variable is set: the default of an `env`, the last of a choice."""
    if value.kind == "env":
        inner = value.default
        return default_of(inner) or inner if inner is not None else None
    if value.kind == "choice" and value.parts:
        return value.parts[-1]
    return None
