"""Factor IV: which kind of service the app takes, and whether it is a file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.stores import Embedded, is_service, stores
from tolv.check.looks.clients import clients
from tolv.check.looks.environments import by_environment, chosen
from tolv.check.model import Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit

_KIND = {"mail": "mail", "cache": "cache", "storage": "storage", "queue": "queue", "search": "search"}


@rule(
    "IV-03",
    severity="warning",
    materials=("python", "javascript"),
    looks=(chosen, clients),
    title="The name of the environment decides which kind of service is used",
    why="What production uses is never tried before production, and a new deploy (staging, a customer's) has to "
    "pretend to be one of the names.",
    fix="Take one path, and let a URL or setting of its own say which service it is.",
    bad='storage = S3Storage() if ENV == "production" else LocalStorage("./uploads")',
    good='storage = storage_from_url(os.environ["STORAGE_URL"])',
    source="https://12factor.net/backing-services",
)
def kind_by_environment(unit: Unit) -> Iterator[Outcome]:
    """A service under a condition on the environment's name."""
    said: set[tuple[str, str]] = set()
    for seen in unit.seen(chosen, "prod"):
        one = seen.what
        if (seen.path, one.name) in said or not _is_kind(one.kinds):
            continue
        said.add((seen.path, one.name))
        yield _by_name(one.name, Place(seen.path, one.line), one.name)
    any_client = False
    for client in unit.seen(clients, "prod"):
        any_client = True
        what = client.what
        kind = _KIND.get(what.kind)
        if kind is None or what.how == "setting" or (client.path, kind) in said:
            continue
        if any(by_environment(guard) and "__main__" not in guard for guard in what.scope.guards):
            said.add((client.path, kind))
            yield _by_name(f"the {kind}", Place(client.path, what.line), what.name)
    if not any_client:
        yield NotApplicable("it connects to no backing service")


def _is_kind(kinds: tuple[str, ...]) -> bool:
    """One of the values names a kind of service, rather than a size or a name."""
    return any(
        re.search(r"[Ss]torage|[Bb]ackend|[Cc]ache|[Mm]ail|[Ss]tore|[Qq]ueue|^s3$|^local$|^disk$|memory|redis|smtp|"
                  r"console|[Tt]ransport|file", one)
        for one in kinds
    )  # fmt: skip


def _by_name(what: str, place: Place, subject: str) -> Finding:
    variable = re.sub(r"\W+", "_", what.removeprefix("the ")).upper().strip("_") + "_URL"
    return Finding(
        f"which kind of service {what} is depends on the name of the environment",
        place,
        None,
        f"build it in one way from a setting of its own ({variable}), which each deploy sets",
        subject=subject,
    )


@rule(
    "IV-04",
    severity="error",
    materials=("python", "javascript", "go", "java", "ruby", "php", "manifests"),
    looks=(clients,),
    title="The app keeps its data in a local file",
    why="A second instance has other data, and a new container or host has none.",
    fix="Use a database server, and take its URL from the environment.",
    bad='SQLALCHEMY_DATABASE_URI = "sqlite:///app.db"',
    good='SQLALCHEMY_DATABASE_URI = os.environ["DATABASE_URL"]',
    source="https://12factor.net/backing-services",
    probe="IV-P1",
)
def embedded_store(unit: Unit) -> Iterator[Outcome]:
    """An embedded database that is the primary store of a service."""
    found = stores(unit)
    if not found.embedded:
        if found.servers:
            server = found.servers[0]
            yield Witness("the data are kept by a database server", server.place)
        else:
            yield NotApplicable("it keeps no data in a database")
        return
    if not is_service(unit):
        yield NotApplicable("it is no service: a file beside a command-line tool is its own")
        return
    if found.servers and any(one.selectable for one in found.embedded):
        yield Witness("the configuration can name a database server", found.servers[0].place)
    said: set[str] = set()
    in_code = any(one.what == "code" and one.engine for one in found.servers)
    for one in sorted(found.embedded, key=lambda one: (one.low_level, one.place.path, one.place.line or 0)):
        severity = _severity(one, bool(found.servers), in_code)
        if severity is None or one.place.path in said:
            continue
        said.add(one.place.path)
        yield _file_finding(one, severity)


def _severity(one: Embedded, servers: bool, in_code: bool) -> Severity | None:
    if one.memory:
        return None
    if one.selectable:
        # Where there is a server too, X-01 says it better.
        return None if servers else "note"
    if one.only_path:
        return "note"
    if one.low_level:
        return None if servers else "error"
    if in_code and one.engine != "files":
        return None  # other settings name a server
    if servers or one.engine == "files":
        return "warning"
    return "error"


def _file_finding(one: Embedded, severity: Severity) -> Finding:
    kind = {"sqlite": "an SQLite file", "h2": "an H2 file"}.get(one.engine, "files in a local directory")
    if one.selectable:
        message = f"{one.name} falls back to {kind} where no other database is configured"
    elif one.only_path:
        message = f"{one.name} says where {kind} lies, which only one instance can use"
    else:
        message = f"{one.name} keeps the app's data in {kind}, which every instance has for itself"
    fix = f"point {one.name} to a database server by a URL from the environment (DATABASE_URL), without a default"
    return Finding(message, one.place, severity, fix, subject=one.name)
