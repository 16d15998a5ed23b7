"""From signs to needs: which kinds, by which variables, and whether the app can start without."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tolv.codebase.inference.environment import address_variables, host_variables, storage_variables
from tolv.codebase.inference.named import ORIGINS, Named, named_in
from tolv.codebase.inference.optional import is_optional
from tolv.codebase.inference.signs import Driver, Place, Server, Signs
from tolv.codebase.inference.variables import DATABASES, Meaning
from tolv.codebase.model import ServiceNeed
from tolv.codebase.services import KINDS, Kind, kind_named, need

_NAMES = {
    **dict.fromkeys(DATABASES, "database"), "redis": "redis", "valkey": "redis", "memcached": "cache",
    "rabbitmq": "queue", "s3": "storage", "smtp": "mail", "elasticsearch": "search",
}  # fmt: skip
#: A name that begins with the app's own: `DJANGO_DB_HOST`, not `POSTGRES_DB_HOST`.
_PREFIXED = re.compile(
    r"(?!DB|DATABASE|SQL|POSTGRES|PG|MYSQL|MARIADB|MONGO|REDIS|VALKEY|CELERY|RQ|AMQP|RABBIT|CLOUD|S3|MINIO|SMTP|MAIL|EMAIL)"
    r"([A-Z0-9]+)_.*_"
)
#: By kind, what code that is about it has in it.
_SPOKEN = {"postgres": ("postgres", "psycopg"), "mysql": ("mysql", "mariadb"), "mongodb": ("mongo",)}
#: Apps start without these, and miss them when they are used.
_USED_LATER = ("smtp", "s3", "elasticsearch")
#: Frameworks that bring what speaks to a mail server themselves.
MAILERS = frozenset(("django", "flask-mail", "wagtail", "rails"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A service that an app seems to need."""

    need: ServiceNeed
    why: tuple[Place, ...]
    """What speaks for it: a driver, a variable, a server beside it."""


def decide(signs: Signs) -> Iterator[Wanted]:
    """What the signs come to, databases first."""
    named = named_in(signs.mentions)
    database = _database(signs, named)
    for kind in KINDS:
        drivers = [one for one in signs.drivers if one.kind.family == kind.name]
        if drivers or (kind.name == "smtp" and signs.packages & MAILERS):
            own = [mine for one in named if _is_of(kind, one.means, database, signs) if (mine := one.of(kind))]
            if all(one.indirect for one in drivers) and kind.name != "smtp":
                own = [one for one in own if not one.means.general and not one.means.loose]
            wanted = _wanted(kind, drivers, own, signs)
            if wanted is not None:
                yield wanted


def _database(signs: Signs, named: Sequence[Named]) -> str:
    """The kind that `DATABASE_URL` and its like are of: what runs beside the app says it first, then the values, what
    the code that reads them speaks of, the drivers that every installation has, and those that it may have."""
    drivers = [one for one in signs.drivers if one.kind.name in DATABASES and not one.indirect]
    kinds = list(dict.fromkeys(one.kind.family for one in drivers))
    kinds.sort(key=lambda kind: (_is_only_optional(kind, drivers), DATABASES.index(kind)))
    servers = [one for one in signs.servers if one.kind.family in kinds]
    plain = [one.kind.family for one in servers if one.plain]
    running = sorted((one.kind.family for one in servers), key=DATABASES.index)
    values = [kind_named(one.means.kind).family for one in named if one.means.explicit and one.means.kind in DATABASES]
    texts = [place.text.lower() for one in named if one.means.general for place in one.places]
    spoken = [kind for kind in kinds if any(word in text for word in _SPOKEN[kind] for text in texts)]
    for choice in (plain, running, [one for one in values if one in kinds], spoken, kinds):
        if choice:
            return choice[0]
    return ""


def _is_only_optional(kind: str, drivers: Sequence[Driver]) -> bool:
    return all(one.optional for one in drivers if one.kind.family == kind)


def _is_of(kind: Kind, means: Meaning, database: str, signs: Signs) -> bool:
    if means.loose:
        brokers = {one.kind.family for one in signs.drivers if not one.indirect} & {"redis", "rabbitmq"}
        return kind.name in ("redis", "rabbitmq") and brokers == {kind.name}
    if means.general and kind.name in DATABASES:
        return kind.name == database
    return bool(means.kind) and kind_named(means.kind).family == kind.name


def _wanted(kind: Kind, drivers: Sequence[Driver], own: Sequence[Named], signs: Signs) -> Wanted | None:
    servers = [one for one in signs.servers if one.kind.family == kind.name]
    server = next((one for one in servers if one.version), servers[0] if servers else None)
    chosen = _chosen(own, signs)
    given = _variables(kind, chosen, own, servers, signs)
    if given is None:
        return None
    env, place = given
    leading = sorted(drivers, key=lambda one: (one.indirect, one.optional))[:1]
    if kind.name in _USED_LATER:
        optional = not any(one.depended_on for one in servers)
    else:
        needed = any(one.depended_on for one in servers)
        optional = (any(one.optional for one in leading) and not needed) or _has_alternative(kind, signs)
        optional = optional or (chosen is not None and is_optional(chosen, signs))
    actual = server.kind if server is not None else leading[0].kind if leading else kind
    version = server.version if server is not None else None
    why = (*(one.place for one in leading), place, server.place if server is not None else None)
    return Wanted(need(_NAMES[kind.name], actual.name, version, env, not optional), tuple(filter(None, why)))


def _variables(
    kind: Kind, chosen: Named | None, own: Sequence[Named], servers: Sequence[Server], signs: Signs
) -> tuple[dict[str, str], Place | None] | None:
    """What the service sets, and where the first of it is named; None: nothing says where the app looks for it."""
    if kind.name == "s3":
        return storage_variables(signs)
    if chosen is None:
        asked = any(one.place.path == "app.json" for one in servers)
        return ({kind.variable: "{url}"}, None) if asked else None  # the platform sets its own
    if chosen.means.part == "url":
        return address_variables(kind, chosen, own, signs), chosen.first.place
    return host_variables(kind, chosen, signs), chosen.first.place


def _chosen(own: Sequence[Named], signs: Signs) -> Named | None:
    """The variable that says where the service is: what is said outside the code first, names as most of the app's are,
    a URL rather than a host."""
    prefixes = Counter(name.partition("_")[0] for name in {one.name for one in signs.mentions})

    def rank(one: Named) -> tuple[bool, int, int, bool, bool, int]:
        first, means = one.first, one.means
        prefix = _PREFIXED.match(one.name)
        usual = prefixes[prefix[1]] if prefix else 1000
        origin = ORIGINS.index(first.origin)
        return first.commented_out, origin, -usual, means.part != "url", not means.explicit, len(one.name)

    return min(own, key=rank, default=None)


def _has_alternative(kind: Kind, signs: Signs) -> bool:
    """Drivers for several databases, none of which runs beside the app: it takes any of them, or none."""
    if kind.name not in DATABASES or any(one.kind.family == kind.name for one in signs.servers):
        return False
    others = {one.kind.family for one in signs.drivers if not one.indirect and not one.optional}
    return len(others & set(DATABASES)) > 2
