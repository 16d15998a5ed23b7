"""Factor X: the services of development, tests and production are the same, and can be started."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tolv.check.facts.attached import Attached, attached
from tolv.check.facts.stores import Embedded, Server, stores
from tolv.check.facts.stores import for_development as is_for_development
from tolv.check.looks.clients import clients
from tolv.check.looks.standins import standins
from tolv.check.model import Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit

_SOURCE = "https://12factor.net/dev-prod-parity"
_SHOWN = {
    "postgres": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "redis": "Redis", "mongodb": "MongoDB",
    "rabbitmq": "RabbitMQ", "elasticsearch": "Elasticsearch", "memcached": "memcached", "mssql": "SQL Server",
    "sqlite": "SQLite", "h2": "H2", "hsqldb": "HSQLDB", "derby": "Derby", "files": "local files",
}  # fmt: skip


def shown(engine: str) -> str:
    """An engine as people write it."""
    return _SHOWN.get(engine, engine or "the database that a URL names")


@rule(
    "X-01",
    severity="warning",
    materials=("python", "javascript", "manifests"),
    looks=(clients,),
    everywhere=True,
    title="Another database engine is used away from production",
    why="Types, locks, collations and migrations differ between engines: what passes on one fails on the other.",
    fix="Use the engine of production everywhere: a compose file starts it in a second.",
    bad='DATABASE_URL = os.environ.get("DATABASE_URL", "sqlite:///dev.db")',
    good='DATABASE_URL = os.environ["DATABASE_URL"]  # postgresql://localhost/dev while developing',
    source=_SOURCE,
    probe="X-P1",
)
def another_engine(unit: Unit) -> Iterator[Outcome]:
    """An embedded engine by default, where production has a server."""
    found = stores(unit)
    # A document store beside is no other engine for the same tables.
    servers = [
        one for one in found.servers
        if (one.engine or any(e.selectable for e in found.embedded)) and one.engine != "mongodb"
    ]  # fmt: skip
    embedded = [
        one for one in found.embedded
        if not one.low_level and not one.only_path and one.engine != "files" and _decides(one, servers)
    ]  # fmt: skip
    if embedded and servers:
        first = min(embedded, key=lambda one: (not one.selectable, one.place.path, one.place.line or 0))
        server = min(servers, key=_evidence)
        engine = shown(server.engine or next((one.engine for one in servers if one.engine), ""))
        yield Finding(
            f"{first.name} is {shown(first.engine)} unless it is told otherwise, while {server.place.path} "
            f"speaks for {engine}",
            first.place,
            None,
            f"drop the fallback to {shown(first.engine)}, and start {engine} for development (compose.yaml)",
            also=tuple(one.place for one in embedded if one is not first) + (server.place,),
            subject=first.name,
        )
        return
    declared = [one for one in servers if one.what in ("compose", "cluster", "platform")]
    engines = sorted({one.engine for one in declared or servers if one.engine})
    if servers:
        names = " and ".join(shown(one) for one in engines) if len(engines) < 4 else "a database server"
        yield Witness(f"{names or 'one database'}, and no embedded engine beside", (declared or servers)[0].place)
    elif not found.embedded:
        yield NotApplicable("it uses no relational database")


def _evidence(one: Server) -> tuple[bool, bool]:
    """The best first: what a manifest starts, then code, then a driver; a developer's settings last."""
    return is_for_development(one.place.path), one.what == "driver"


def _decides(one: Embedded, servers: Sequence[Server]) -> bool:
    """It is a choice of the whole app: a setting that another engine can take the place of, or a driver."""
    return one.selectable or any(server.what in ("compose", "cluster", "platform", "code") for server in servers)


#: What `latest` of an image means by now, to say whether a version is far behind it.
_NEWEST = {"postgres": 18, "mysql": 9, "mariadb": 12, "redis": 8, "mongodb": 8, "rabbitmq": 4, "elasticsearch": 9}
#: Engines whose second number is a series of its own: 5.7 and 5.6 are far apart.
_BY_SERIES = {"postgres": 10, "mysql": 8, "mongodb": 5, "mariadb": 0, "redis": 0, "rabbitmq": 0, "elasticsearch": 0}
#: Engines of one family: a client of the one speaks to the other, but not quite.
_FAMILY = {"mariadb": "mysql", "mysql": "mariadb"}


@rule(
    "X-02",
    severity="warning",
    materials=("manifests",),
    everywhere=True,
    title="A service has another version elsewhere",
    why="Tests pass on a version that production does not run: what is missing there, or changed, shows in production.",
    fix="Write the same major version in compose, CI and what deploys.",
    bad="compose.yaml: image: postgres:16   .github/workflows/test.yml: image: postgres:11",
    good="image: postgres:16 in both",
    source=_SOURCE,
    probe="X-P1",
)
def version_drift(unit: Unit) -> Iterator[Outcome]:
    """The versions of one engine in all manifests."""
    all_of = [one for one in attached(unit) if one.engine in _NEWEST and one.context != "docs"]
    if not all_of:
        yield NotApplicable("no manifest names the version of a service")
        return
    drifted = False
    for engine in dict.fromkeys(one.engine for one in all_of):
        own = [one for one in all_of if one.engine == engine]
        for other, reference in _drifted(engine, own):
            drifted = True
            yield _drift(other, reference)
    for other, reference in _other_product(all_of):
        drifted = True
        yield _drift(other, reference)
    if not drifted and len({one.path for one in all_of if one.version}) > 1:
        first = next(one for one in all_of if one.version)
        yield Witness(f"{shown(first.engine)} has the same version in every manifest", Place(first.path, first.line))


def _drifted(engine: str, own: Sequence[Attached]) -> Iterator[tuple[Attached, Attached]]:
    """Each that differs, with what it differs from: what runs in production, else in compose."""
    deployed = [one for one in own if one.where != "ci" and one.context not in ("test", "dev")]
    reference = _reference(deployed)
    if reference is None:
        return
    for one in own:
        if one is reference or not one.version or one.path == reference.path:
            continue
        if _major(engine, one) == _major(engine, reference):
            continue
        beside = [other for other in own if other.path == one.path and other.line == one.line]
        if reference.version and any(_major(engine, other) == _major(engine, reference) for other in beside):
            continue  # a matrix that has the version of production too
        if not reference.version and _NEWEST[engine] - one.version[0] < (3 if engine == "postgres" else 2):
            continue
        yield one, reference


def _reference(deployed: Sequence[Attached]) -> Attached | None:
    order = {"cluster": 0, "platform": 1, "compose": 2}
    stated = [one for one in deployed if one.version or one.floating]
    return min(stated, key=lambda one: (order.get(one.where, 3), not one.version), default=None)


def _major(engine: str, one: Attached) -> tuple[int, ...]:
    """What two versions must have in common: one number, or two in the days when that was a series."""
    if not one.version:
        return (-1,)
    return one.version[: 2 if one.version[0] < _BY_SERIES.get(engine, 0) else 1]


def _other_product(all_of: Sequence[Attached]) -> Iterator[tuple[Attached, Attached]]:
    """Tests on MySQL of what runs on MariaDB, or the reverse."""
    deployed = [one for one in all_of if one.where != "ci" and one.context not in ("test", "dev")]
    for one in all_of:
        if one.where != "ci" or one.engine not in _FAMILY or any(d.engine == one.engine for d in deployed):
            continue
        reference = next((d for d in deployed if d.engine == _FAMILY[one.engine]), None)
        tested = {other.engine for other in all_of if other.where == "ci"}
        if reference is not None and reference.engine not in tested:
            yield one, reference


#: What others may start from: what it names is a proposal, not what runs.
_EXAMPLE = re.compile(r"(?:^|/)(?:contrib|examples?|samples?|demo)/", re.IGNORECASE)


#: Pipelines that publish something.
_NO_TESTS = re.compile(
    r"(?i)workflows/[\w-]*(?:pages|docs?|release|publish|deploy|schema|benchmark|perf)[\w-]*\.ya?ml$"
)


def _drift(one: Attached, reference: Attached) -> Finding:
    there = f"{reference.text} in {reference.path}"
    which = "runs on" if one.where == "ci" else "has"
    what = "the test run" if one.where == "ci" else one.path
    image = reference.where != "platform"
    return Finding(
        f"{what} {which} {one.text}, while it is {there}",
        Place(one.path, one.line),
        # What a tag that moves stands for is known to nobody.
        "note" if _EXAMPLE.search(reference.path) or not reference.version or _NO_TESTS.search(one.path) else None,
        f"image: {reference.text}" if image and "$" not in reference.text and reference.version else
        f"use one {shown(one.engine)} version in both places, and write it down",
        also=(Place(reference.path, reference.line),),
        subject=one.text,
    )  # fmt: skip


_NEEDS_START = (
    "postgres",
    "mysql",
    "mariadb",
    "mssql",
    "mongodb",
    "redis",
    "rabbitmq",
    "memcached",
    "elasticsearch",
    "kafka",
)
_COMMANDS = re.compile(
    r"docker(?:-compose| compose| run)|podman|brew (?:install|services)|apt(?:-get)? install|createdb|"
    r"redis-server|pg_ctl|systemctl start|mongod\b|testcontainers|service \w+ start|minikube|tilt up|skaffold|devbox|"
    r"nix(?:-shell| develop)|vagrant up",
    re.IGNORECASE,
)


@rule(
    "X-04",
    severity="note",
    materials=("python", "manifests"),
    looks=(clients,),
    everywhere=True,
    title="Nothing starts the backing services for development",
    why="Everybody sets them up by hand, each in another version, or works without them.",
    fix="Add a compose.yaml with each service in the version that production has.",
    bad="requirements.txt: psycopg2, redis   (no compose.yaml, and no word on how to start either)",
    good="compose.yaml: services: {db: {image: postgres:16}, cache: {image: redis:7}}",
    source=_SOURCE,
)
def nothing_starts_services(unit: Unit) -> Iterator[Outcome]:
    """Services that clients need, of which no manifest and no instruction starts one."""
    needed = _needed(unit)
    if not needed:
        yield NotApplicable("it connects to no backing service")
        return
    started = [one for one in attached(unit) if one.where != "ci"] or _local_starts(unit)
    if started:
        yield Witness("backing services can be started locally", Place(started[0].path, started[0].line))
        return
    for file in unit.named("README*", "CONTRIBUTING*", "DEVELOP*", "HACKING*", "docs/*.md", "docs/*.rst"):
        text = unit.text(file.path) or ""
        words = [one for one in needed if one.lower() in text.lower()]
        match = _COMMANDS.search(text)
        if words and match:
            line = text.count("\n", 0, match.start()) + 1
            yield Witness("the documentation says how to start the services", Place(file.path, line))
            return
    names = sorted({shown(one) for one in needed})
    readme = next((file.path for file in unit.named("README*")), "")
    yield Finding(
        f"nothing starts {' or '.join(names)} for development: no compose file, no devcontainer, no instructions",
        Place(readme),
        None,
        f"add a compose.yaml with {', '.join(names)} in the versions of production, and name it in the README",
    )


def _needed(unit: Unit) -> list[str]:
    """Engines that are needed in every case: of clients that are made, not of those that a setting may ask for."""
    found = [seen.what.engine for seen in unit.seen(clients, "prod") if seen.what.how == "call" or _is_told(seen.what)]
    found += [one.engine for one in stores(unit).servers if one.what == "driver"]
    return [one for one in dict.fromkeys(found) if one in _NEEDS_START]


def _is_told(client: object) -> bool:
    return getattr(client, "name", "") in ("ENGINE", "BACKEND")


def _local_starts(unit: Unit) -> list[Attached]:
    """Other ways: a Procfile for development, Testcontainers, an emulator, a Vagrantfile that provisions."""
    found = []
    for file in unit.named("Procfile.dev", "Procfile.local", "Vagrantfile", "Tiltfile", "skaffold.yaml", "flake.nix",
                           "devbox.json", "shell.nix", "Makefile", "*.sh", "justfile"):  # fmt: skip
        text = unit.text(file.path) or ""
        if re.search(r"redis-server|postgres\b.*(?:-D|start)|pg_ctl|mongod\b|mysqld|docker run|postgresql", text):
            found.append(Attached("", (), file.name, file.path, 1, file.context, "compose"))
    if unit.uses("testcontainers") or any("testcontainers" in one.name for one in unit.packages.declared):
        path = unit.packages.manifests[0] if unit.packages.manifests else ""
        found.append(Attached("", (), "testcontainers", path, 1, "dev", "compose"))
    return found


@rule(
    "X-05",
    severity="warning",
    materials=("python", "javascript", "ruby"),
    looks=(standins,),
    title="A stand-in takes the place of a service outside of tests",
    why="What the real service does (delay, loss, a second process, a full queue) is met in production first.",
    fix="Use the real service; keep stand-ins to tests.",
    bad="CELERY_TASK_ALWAYS_EAGER = True",
    good="CELERY_BROKER_URL = os.environ['CELERY_BROKER_URL']",
    source=_SOURCE,
)
def stand_in(unit: Unit) -> Iterator[Outcome]:
    """Eager queues, fake clients and in-memory mail in code that is no test."""
    found = False
    for seen in unit.seen(standins, "prod", "dev"):
        one = seen.what
        if one.name in ("queue_adapter", "EMAIL_BACKEND") and (
            is_for_development(seen.path) or re.search(r"environments/(?:test|development)\.rb$|(?:^|/)test", seen.path)
        ):
            continue  # the settings of a developer's machine, which send nothing on purpose
        if one.name == "EMAIL_BACKEND" and _is_overridden(unit, seen.path, one.line):
            continue
        found = True
        severity: Severity | None = "note" if one.by_environment else None
        yield Finding(
            f"{one.name} puts {one.instead} in the place of {one.of}",
            Place(seen.path, one.line),
            severity,
            f"take it out of code that is no test, and connect to {one.of} by its URL",
            subject=one.name,
        )
    if not found and any(True for _ in unit.seen(clients, "prod")):
        yield Witness("no stand-in takes the place of a service outside of tests")


def _is_overridden(unit: Unit, path: str, line: int) -> bool:
    """A later line, or the settings of production, name another backend."""
    for file in unit.named("*.py"):
        if file.context != "prod" or "settings" not in file.path:
            continue
        source = unit.source(file.path)
        if source is None or b"EMAIL_BACKEND" not in source.words:
            continue
        for binding in source.bindings("EMAIL_BACKEND"):
            if (file.path, binding.line) != (path, line) and binding.name == "EMAIL_BACKEND":
                return True
    return False
