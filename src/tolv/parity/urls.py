"""Which kind of backing service a URL leads to, told by its scheme. Pure."""

from __future__ import annotations

import re

_SCHEMES = {
    "postgres": "postgres postgresql postgis pgsql cockroachdb",
    "mysql": "mysql mysql2 mariadb mysqlgis",
    "redis": "redis rediss valkey valkeys rediscache",
    "rabbitmq": "amqp amqps pyamqp",
    "mongodb": "mongodb",
    "s3": "s3",
    "smtp": "smtp smtps smtp+tls smtp+ssl submission",
    "sqlite": "sqlite sqlite3 spatialite",
    "memcached": "memcached memcache pymemcache pymemcached",
    "kafka": "kafka",
    "nats": "nats",
    "memory": "memory locmem locmemcache",
    "nothing": "dummy dummycache",
}
_KINDS = {scheme: kind for kind, schemes in _SCHEMES.items() for scheme in schemes.split()}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def kind_of(value: str) -> str | None:
    """`postgres` of `postgresql+psycopg://…`; None: it is no URL, or leads to no backing service that is known."""
    found = _SCHEME.match(value)
    if found is None:
        return None
    scheme = found[1].lower()
    return _KINDS.get(scheme) or _KINDS.get(scheme.partition("+")[0])
