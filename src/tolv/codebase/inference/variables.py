"""What the name and the value of a variable say of the backing service behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tolv.codebase.services import KINDS, Kind

#: Kinds that hold the app's own data, of which an app uses one.
DATABASES = ("postgres", "mysql", "mariadb", "mongodb")

#: What a name calls a kind. `""`: whichever database the app has.
_CALLED = {
    "POSTGRES": "postgres", "POSTGRESQL": "postgres", "PG": "postgres", "PSQL": "postgres", "PGSQL": "postgres",
    "MYSQL": "mysql", "MARIADB": "mariadb", "JAWSDB": "mysql", "CLEARDB_DATABASE": "mysql",
    "MONGO": "mongodb", "MONGODB": "mongodb", "MONGOLAB": "mongodb", "MONGOOSE": "mongodb",
    "REDIS": "redis", "REDISCLOUD": "redis", "REDISTOGO": "redis", "VALKEY": "redis",
    "BROKER": "redis", "CACHE": "redis",
    "MEMCACHED": "memcached", "MEMCACHE": "memcached", "MEMCACHIER": "memcached",
    "AMQP": "rabbitmq", "RABBITMQ": "rabbitmq", "RABBIT": "rabbitmq", "CLOUDAMQP": "rabbitmq",
    "S3": "s3", "MINIO": "s3",
    "SMTP": "smtp", "MAIL": "smtp", "EMAIL": "smtp", "MAILER": "smtp",
    "ELASTICSEARCH": "elasticsearch", "ELASTIC": "elasticsearch",
    "DB": "", "DATABASE": "", "SQL": "",
}  # fmt: skip
#: Names that say it loosely: a broker or a cache may be several kinds.
_LOOSE = ("BROKER", "CACHE")

_CALL = "|".join(sorted(_CALLED, key=len, reverse=True))
_FILLER = r"(?:_(?:CONNECTION|CONN|PRISMA|SERVICE|SERVER|PRIMARY|MAIN|DEFAULT))?"
_ADDRESS = re.compile(rf"(?:.*_)?({_CALL}){_FILLER}_?(?:URL|URI|DSN|CONNECTION_STRING|CONN_STR)")
_HOST = re.compile(rf"((?:.*_)?({_CALL})_?)(HOST|HOSTNAME|SERVER|SERVER_HOST|ADDR|ADDRESS)")
_NEVER = re.compile(
    r"(?:^|_)(?:TEST|TESTS|TESTING|DEV|DEVELOPMENT|SHADOW|CI|REPLICA|READONLY|SLAVE|NEXT_PUBLIC|VITE)(?:_|$)|TEST_?(?:DB|URL)"
)
_SCHEME = re.compile(r"([a-z][a-z0-9]*(?:\+[a-z0-9]+)?(?:\+srv)?)://?")

_KIND_OF_SCHEME = {
    scheme: kind.name for kind in reversed(KINDS) for scheme in kind.schemes if scheme not in ("http", "https")
}
_PARTS = {
    **dict.fromkeys(("PORT", "HOST_PORT", "SERVER_PORT"), "{port}"),
    **dict.fromkeys(("USER", "USERNAME", "LOGIN", "HOST_USER", "USR", "USER_NAME"), "{user}"),
    **dict.fromkeys(("PASSWORD", "PASS", "PASSWD", "PWD", "HOST_PASSWORD", "PW"), "{password}"),
    **dict.fromkeys(("NAME", "DB", "DATABASE", "DBNAME", "DB_NAME", "DATABASE_NAME"), "{database}"),
}
_CHOICES = ("ENGINE", "TYPE", "DRIVER", "CLIENT", "BACKEND", "DIALECT", "CONNECTION", "ADAPTER", "PROVIDER", "VENDOR")
_SWITCHES = ("ENABLED", "ENABLE", "ON", "USE")
_SPELLINGS = {
    "postgres": ("django.db.backends.postgresql", "postgresql", "postgres", "pg", "psql", "pgsql"),
    "mysql": ("django.db.backends.mysql", "mysql", "mysql2"),
    "mariadb": ("mariadb", "mysql"),
    "mongodb": ("mongodb", "mongo"),
    "redis": ("redis",),
    "smtp": ("smtp",),
    "s3": ("s3", "minio"),
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a variable is of a service."""

    kind: str
    """Empty: of whichever database the app has."""
    part: str
    """`url`, or `host`."""
    stem: str = ""
    """Of a host: what the names of the other parts begin with."""
    loose: bool = False
    """The name alone does not say which kind of several."""
    explicit: bool = False
    """Its value is a URL of the kind."""
    general: bool = False
    """The name alone says no more than that it is a database."""


def scheme_of(value: str | None) -> str:
    """The scheme of a value that is a URL; empty if it is none."""
    match = _SCHEME.match(value or "")
    return match[1] if match else ""


def kind_of_scheme(scheme: str) -> str:
    """The kind that a URL's scheme means, with or without a driver behind its `+`; empty: none that is known."""
    return _KIND_OF_SCHEME.get(scheme) or _KIND_OF_SCHEME.get(scheme.partition("+")[0], "")


def is_embedded(value: str | None) -> bool:
    """Whether a value names a database that is a file of the app."""
    return re.match(r"(?i)(?:better-)?sqlite3?\b|file:|django\.db\.backends\.sqlite3", value or "") is not None


def meaning(name: str, value: str | None) -> Meaning | None:
    """What a variable is; None: nothing of a backing service, or of one for tests."""
    if _NEVER.search(name):
        return None
    by_value = kind_of_scheme(scheme_of(value))
    match = _ADDRESS.fullmatch(name)
    if match is not None:
        kind = _CALLED[match[1]]
        if by_value and (not kind or match[1] in _LOOSE or by_value in ("valkey", "mariadb")):
            return Meaning(by_value, "url", explicit=True, general=not kind)
        return Meaning(kind, "url", loose=match[1] in _LOOSE, explicit=by_value == kind, general=not kind)
    if by_value and re.search(rf"(?:^|_)(?:{_CALL}|BACKEND|STORE|STORAGE|QUEUE)(?:_|$)|UR[LI]$|DSN$|SERVER$", name):
        return Meaning(by_value, "url", explicit=True)
    match = _HOST.fullmatch(name)
    if match is not None and match[2] not in _LOOSE:
        return Meaning(_CALLED[match[2]], "host", match[1], general=not _CALLED[match[2]])
    return None


def part_of(name: str, stem: str) -> str | None:
    """What a variable beside a host of this stem stands for: `{port}` for `DB_PORT` and `DB_`."""
    return _PARTS.get(name.removeprefix(stem)) if name.startswith(stem) else None


def is_choice(name: str, stem: str) -> bool:
    """Whether a variable beside a host says which kind of server it is: `DB_ENGINE`, or `DB` itself."""
    return name == stem.rstrip("_") or (name.startswith(stem) and name.removeprefix(stem) in _CHOICES)


def is_switch(name: str, stem: str) -> bool:
    """Whether a variable beside a host says that the service is used at all: `REDIS_ENABLED`."""
    return name.startswith(stem) and name.removeprefix(stem) in _SWITCHES


def spelling(kind: Kind, values: Iterable[str], code: Iterable[str]) -> str | None:
    """How an app wants a kind to be called: as it is written in a value, or as a text in its code. None: not known."""
    wanted = _SPELLINGS.get(kind.name, (kind.name,))
    said = next((value for value in values if value in wanted), None)
    if said is not None:
        return said
    texts = [one for one in dict.fromkeys(code) if one]
    return next((word for word in wanted for text in texts if f'"{word}"' in text or f"'{word}'" in text), None)
