"""Which kind of backing service a URL in config leads to. Pure."""

from __future__ import annotations

from tolv.errors import UsageError
from tolv.services import urls

#: Schemes of what stands in for a server, and of drivers that have one of their own.
_OTHERS = {
    "sqlite": "sqlite",
    "sqlite3": "sqlite",
    "spatialite": "sqlite",
    "memory": "memory",
    "locmem": "memory",
    "locmemcache": "memory",
    "dummy": "nothing",
    "dummycache": "nothing",
    "pyamqp": "rabbitmq",
    "rediscache": "redis",
    "pymemcache": "memcached",
}
#: What a URL of this scheme leads to is somebody's interface, and no resource of the app's.
_NO_RESOURCES = frozenset({"http"})


def kind_of(value: str) -> str | None:
    """`postgres` of `postgresql+psycopg://…`; None: it is no URL, or leads to no backing service that is known."""
    scheme, separator, _ = value.partition("://")
    if not separator:
        return None
    other = _OTHERS.get(scheme.lower().partition("+")[0])
    if other is not None:
        return other
    try:
        kind = urls.kind_of(value)
    except UsageError:
        return None
    return None if kind in _NO_RESOURCES else kind
