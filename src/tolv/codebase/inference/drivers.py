"""The drivers that an app installs: packages, extras of packages, what a lock pulls in, a datasource of Prisma's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.codebase.context import classify
from tolv.codebase.declared import Declared
from tolv.codebase.inference.files import Files, line_at, name_of
from tolv.codebase.inference.signs import Driver, Place
from tolv.codebase.lockfiles import LOCK_NAMES
from tolv.codebase.packages import is_package_file, read_packages
from tolv.codebase.services import KINDS, Kind

#: Bytes of a lock that are read.
_LARGEST_LOCK = 2 << 20
_KINDS_OF_PACKAGES = {
    (language, package): kind
    for kind in KINDS
    for language, packages in (kind.drivers or {}).items()
    for package in packages
}
#: Extras of other packages that stand for a driver: `celery[redis]`.
_EXTRAS = {
    extra: kind
    for kind in KINDS
    for extra in {
        "postgres": "postgres postgresql asyncpg psycopg psycopg2 psycopg2-binary psycopg-binary postgresql-asyncpg "
        "postgresql_asyncpg postgresql_psycopg postgresql_psycopg2binary",
        "mysql": "mysql pymysql mysqlclient asyncmy",
        "redis": "redis hiredis",
        "rabbitmq": "rabbitmq librabbitmq amqp",
        "s3": "s3 boto3",
        "mongodb": "mongo mongodb mongoengine motor",
        "memcached": "memcached pymemcache",
    }.get(kind.name, "").split()
}  # fmt: skip
_EXTRA = re.compile(r"\[([^\]\n]*)\]")
_LOCKED = re.compile(r'(?m)^name = "([\w.-]+)"')


def declared_in(files: Files) -> tuple[Declared, ...]:
    """What the manifests at the root ask for; where they ask for no driver, or hold a workspace, those below too."""
    paths = [
        path
        for path in files.near(2)
        if is_package_file(path) and name_of(path) not in LOCK_NAMES and classify(path) not in ("test", "docs")
    ]
    near = [path for path in paths if "/" not in path or path.startswith("requirements/")]
    packages = read_packages(near, files.text)
    if packages.workspaces or not any(one.group in ("main", "optional") and _kind_of(one) for one in packages.declared):
        packages = read_packages(paths, files.text)
    return packages.declared


def _kind_of(one: Declared) -> Kind | None:
    return _KINDS_OF_PACKAGES.get((one.language, one.name.lower()))


def drivers_of(files: Files, declared: tuple[Declared, ...]) -> Iterator[Driver]:
    """The drivers among what is declared, and those that a lock says are pulled in."""
    for one in declared:
        if one.group not in ("main", "optional"):
            continue
        kind = _kind_of(one)
        what = one.name
        if kind is None and one.language == "python":
            extra = _extra(files.text(one.path) or "", one.line)
            kind, what = _EXTRAS.get(extra), f"{one.name}[{extra}]"
        if kind is not None:
            yield Driver(kind, Place(what, one.path, one.line), one.group == "optional", one.indirect)
    if any("prisma" in one.name for one in declared):
        yield from _datasources(files)
    known = {one.name for one in declared}
    for path in ("uv.lock", "poetry.lock", "pdm.lock"):
        text = files.text(path, _LARGEST_LOCK) if path in files.paths else None
        for match in _LOCKED.finditer(text or ""):
            kind = _KINDS_OF_PACKAGES.get(("python", match[1]))
            if kind is not None and match[1] not in known:
                yield Driver(kind, Place(match[1], path, line_at(text or "", match.start())), False, True)


_DATASOURCE = re.compile(r'(?m)^\s*datasource\s+\w+\s*\{[^}]*?provider\s*=\s*"(\w+)"')
_KINDS_OF_PROVIDERS = {spelling: kind for kind in KINDS for spelling in (kind.name, *kind.aliases)}


def _datasources(files: Files) -> Iterator[Driver]:
    """Prisma brings its own drivers: its schema says which it uses."""
    for path in files.near(3):
        if path.endswith(".prisma"):
            text = files.text(path) or ""
            match = _DATASOURCE.search(text)
            kind = _KINDS_OF_PROVIDERS.get(match[1]) if match is not None else None
            if match is not None and kind is not None:
                yield Driver(kind, Place("datasource", path, line_at(text, match.start(1))))


def _extra(text: str, line: int) -> str:
    """The first extra of a line that stands for a driver."""
    lines = text.split("\n", line)
    found = _EXTRA.findall(lines[line - 1]) if 0 < line <= len(lines) else []
    words = (word for one in found for word in re.findall(r"[\w-]+", one))
    return next((word for word in words if word in _EXTRAS), "")
