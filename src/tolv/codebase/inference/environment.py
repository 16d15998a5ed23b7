"""Which variables a proposed service sets, and to what."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tolv.codebase.inference.named import ORIGINS, Named
from tolv.codebase.inference.signs import Mention, Place, Signs
from tolv.codebase.inference.variables import is_choice, is_switch, part_of, scheme_of, spelling
from tolv.codebase.services import Kind

_SQLALCHEMY = frozenset(("sqlalchemy", "sqlmodel", "flask-sqlalchemy"))
_PSYCOPG2 = frozenset(("psycopg2", "psycopg2-binary", "psycopg2cffi"))
_WITH_DRIVER = re.compile(r"postgresql\+[a-z0-9]+")
#: The code puts a scheme of its own into a URL that it is given.
_MENDS = re.compile(r"replace\(|removeprefix\(|startswith\(|drivername|\.set\(|re\.sub\(|partition\(")
_DJANGO_ENGINES = {"postgres": "django.db.backends.postgresql", "mysql": "django.db.backends.mysql"}
#: Object storage: its parts have names of their own.
_ENDPOINT = re.compile(r"(?:.*_)?(?:S3_ENDPOINT(?:_URL)?|AWS_S3_ENDPOINT(?:_URL)?|AWS_ENDPOINT(?:_URL)?(?:_S3)?|"
                       r"MINIO_ENDPOINT(?:_URL)?|S3_URL|S3_HOST)")  # fmt: skip
_STORED = (
    (re.compile(r"(?:.*_)?(?:S3|AWS|MINIO)(?:_S3)?_ACCESS_KEY(?:_ID)?|(?:.*_)?MINIO_ROOT_USER"), "{user}"),
    (re.compile(r"(?:.*_)?(?:S3|AWS|MINIO)(?:_S3)?_SECRET(?:_ACCESS)?_KEY|(?:.*_)?MINIO_ROOT_PASSWORD"), "{password}"),
    (re.compile(r"(?:.*_)?(?:S3|AWS|MINIO)(?:_STORAGE|_S3|_UPLOAD)*_BUCKET(?:_NAME)?"), "{database}"),
)


def address_variables(kind: Kind, chosen: Named, own: Sequence[Named], signs: Signs) -> dict[str, str]:
    """The chosen variable, and the others that hold a URL of the same service where they are named."""
    others = [
        one
        for one in own
        if one.means.part == "url" and one.name != chosen.name and one.first.origin == chosen.first.origin
        and one.means.explicit and not one.first.optional
    ]  # fmt: skip
    return {one.name: _address(kind, one, signs) for one in (chosen, *others)}


def _address(kind: Kind, one: Named, signs: Signs) -> str:
    """`{url}`; where the app wants a driver in the scheme, the URL spelt out with it."""
    scheme = one.scheme
    if "+" not in scheme:
        scheme = _dialect(kind, one, signs)
    if "+" not in scheme or scheme in kind.schemes:
        return "{url}"
    return f"{scheme}://{{user}}:{{password}}@{{host}}:{{port}}/{{database}}"


def _dialect(kind: Kind, one: Named, signs: Signs) -> str:
    """SQLAlchemy takes a URL without a driver to mean psycopg2: an app with another driver that does not mend the URL
    itself must be told."""
    if kind.name != "postgres" or signs.packages.isdisjoint(_SQLALCHEMY) or not signs.packages.isdisjoint(_PSYCOPG2):
        return ""
    texts = [place.text for place in one.places]
    if any(_MENDS.search(text) for text in texts):
        return ""
    written = next((match[0] for text in texts if (match := _WITH_DRIVER.search(text))), "")
    other = next((name for name in ("psycopg", "asyncpg", "pg8000") if name in signs.packages), "")
    return written or (f"postgresql+{other}" if other else "")


def host_variables(kind: Kind, host: Named, signs: Signs) -> dict[str, str]:
    """The variables that are named beside a host, each with the part of the URL that it stands for."""
    stem = host.means.stem
    env = {host.name: "{host}:{port}" if host.name.endswith(("ADDR", "ADDRESS")) else "{host}"}
    places: dict[str, list[Mention]] = {}
    for one in signs.mentions:
        places.setdefault(one.name, []).append(one)
    for name, mentions in places.items():
        part = part_of(name, stem)
        values = [one.value for one in mentions if one.value]
        if part == "{database}" and kind.name in ("smtp", "rabbitmq", "elasticsearch", "memcached"):
            continue
        if part is not None and part not in env.values():
            env[name] = part
        elif is_choice(name, stem):
            spelt = spelling(kind, values, (one.text for one in mentions))
            if spelt is None and name.endswith("ENGINE") and "django" in signs.packages:
                spelt = _DJANGO_ENGINES.get(kind.name)
            if spelt is not None:
                env[name] = spelt
        elif is_switch(name, stem) and any(value.lower() in ("true", "false") for value in values):
            env[name] = "true"
    if len(env) == 1 and host.name.endswith("SERVER"):
        return {host.name: "{url}"}  # `EMAIL_SERVER=smtp://…`: nothing else says which port
    order = ["{host}", "{host}:{port}", "{port}", "{user}", "{password}", "{database}"]
    return dict(sorted(env.items(), key=lambda item: order.index(item[1]) if item[1] in order else -1))


def storage_variables(signs: Signs) -> tuple[dict[str, str], Place] | None:
    """Those of an object store, with the place of the first; None for an app that cannot be told where the store is."""
    named: dict[str, Mention] = {}
    for one in sorted(signs.mentions, key=lambda one: ORIGINS.index(one.origin)):
        named.setdefault(one.name, one)
    endpoint = next((name for name in named if _ENDPOINT.fullmatch(name)), None)
    if endpoint is None:
        return None
    value = named[endpoint].value
    if endpoint.endswith("S3_URL") and scheme_of(value) in ("", "s3"):
        return {endpoint: "{url}"}, named[endpoint].place
    bare = any(one.place.what == "minio" for one in signs.drivers)  # its client takes scheme and address apart
    with_scheme = not bare or endpoint.endswith("URL") or scheme_of(value).startswith("http")
    env = {endpoint: "{endpoint}" if with_scheme else "{host}:{port}"}
    for name in named:
        part = next((part for pattern, part in _STORED if pattern.fullmatch(name)), None)
        if part is not None and part not in env.values():
            env[name] = part
    return env, named[endpoint].place
