"""VIII Concurrency: what shares a container, and what pins it (VIII-04, VIII-05)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.model import Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.rules.concurrency import declared_starts, started_commands
from tolv.check.unit import Unit
from tolv.codebase.kubernetes import workloads
from tolv.codebase.start import Start

#: Programs whose background run is no process type.
_SMALL = re.compile(
    r"^(sleep|tail|echo|wait|true|touch|sh|cat|printf|kill|trap|cp|mkdir|chown|ssh-agent|dbus-daemon|Xvfb|tee)$"
)


@rule(
    "VIII-04",
    severity="warning",
    materials=("manifests",),
    title="Several process types share one container",
    why="They cannot be scaled or replaced apart, and when one of them dies nobody restarts it, or all of them go.",
    fix="Give each its own process type, or its own service with the same image and another command.",
    bad="web: celery -A app worker & gunicorn app:app",
    good="web: gunicorn app:app\nworker: celery -A app worker",
    source="https://12factor.net/concurrency",
    probe="VIII-P3",
)
def several_in_one(unit: Unit) -> Iterator[Outcome]:
    found = False
    for finding in (*_supervised(unit), *_side_by_side(unit)):
        found = True
        yield finding
    declared = declared_starts(unit)
    if not found and declared:
        yield Witness("each start line runs one process", unit.place(declared[0].path, declared[0].line))
    elif not found:
        yield NotApplicable("no process is declared")


_SUPERVISORS = frozenset(
    {"supervisord", "circusd", "s6-svscan", "runsvdir", "foreman", "honcho", "hivemind", "overmind"}
)


def _supervised(unit: Unit) -> Iterator[Finding]:
    groups: dict[tuple[str, int], list[Start]] = {}
    for start in unit.starts:
        if start.prod and start.origin in ("Dockerfile", "compose", "kubernetes", "Procfile"):
            groups.setdefault((start.path, start.line), []).append(start)
    for (path, line), group in groups.items():
        supervisor = _SUPERVISORS & {parent for one in group for parent in one.parents}
        if supervisor:
            # The others are what the script runs instead of the supervisor.
            group = [one for one in group if supervisor & set(one.parents)]
        if len({one.place for one in group}) > 1 and supervisor:
            # A web server and the PHP that it hands requests to are one process type.
            level: Severity | None = "note" if {_family(one.server) for one in group} <= _PAIR else None
            names = " and ".join(dict.fromkeys(one.type for one in group))
            also = (unit.place(path, line), *(unit.place(*one.place) for one in group))
            yield Finding(f"{names} share one container", _where(unit, group), level, also=also, subject="supervisor")
        elif group[0].server in _SUPERVISORS and path != "Procfile":
            place = unit.place(*group[0].place)
            yield Finding(f"{group[0].server} runs all process types in one container", place, subject="supervisor")


_PAIR = frozenset({"nginx", "apache2", "httpd", "caddy", "php-fpm"})


def _family(server: str | None) -> str:
    return re.sub(r"[\d.]+$", "", server or "")


def _where(unit: Unit, group: list[Start]) -> Place:
    """The last of the programs where one file lists them, else where their supervisor is called."""
    last = group[-1]
    if len({one.place[0] for one in group}) == 1 or not last.through:
        return unit.place(*last.place)
    caller = last.through[-2][0] if len(last.through) > 1 else last.path
    return unit.place(caller, last.through[-1][1])


def _side_by_side(unit: Unit) -> Iterator[Finding]:
    """`a & b`: a second process beside the one that stays."""
    told: set[tuple[str, int]] = set()
    for path, command in started_commands(unit):
        if not command.background or _SMALL.match(command.program) or not command.argv or "function" in command.inside:
            continue
        if any(part in ("if", "while", "for", "case") for part in command.inside) or (path, command.line) in told:
            continue
        if command.tail and not re.search(r"wait|migrate|health|warm", command.text):
            told.add((path, command.line))
            message = f"{command.program} runs in the background beside the process that stays"
            yield Finding(message, unit.place(path, command.line), subject=command.program)


_ALONE = re.compile(
    r"do not scale|don'?t scale|(only|must be|exactly) (one|1|a single) (instance|replica|process|dyno)|"
    r"single[- ](instance|replica) only|cannot (be scaled|scale)|not safe to scale|never scale",
    re.IGNORECASE,
)


@rule(
    "VIII-05",
    severity="warning",
    materials=("manifests",),
    title="The app is pinned to one instance",
    why="It cannot be scaled out, and each deploy stops it: the old one must be gone before the new one may start.",
    fix="Move the cause (local files, an embedded database, a schedule) into a backing service.",
    bad="replicas: 1\nstrategy: {type: Recreate}  # with a ReadWriteOnce volume",
    good="replicas: 2\nstrategy: {type: RollingUpdate}",
    source="https://12factor.net/concurrency",
    probe="VIII-P1",
)
def pinned_to_one(unit: Unit) -> Iterator[Outcome]:
    found = False
    for finding in (*_pinned_workloads(unit), *_embedded_databases(unit), *_said_so(unit)):
        found = True
        yield finding
    scaled = next((w for m in unit.kubernetes for w in workloads(m) if w.replicas and w.replicas.value.isdigit()), None)
    if found:
        return
    if scaled is not None and scaled.replicas is not None and int(scaled.replicas.value) > 1:
        message = f"{scaled.name} runs {scaled.replicas.value} times"
        yield Witness(message, unit.place(scaled.manifest.path, scaled.replicas.line))
    else:
        yield NotApplicable("nothing pins the app to one instance")


_DATASTORE = re.compile(
    r"postgres|mysql|maria|redis|mongo|rabbit|kafka|zookeeper|elastic|opensearch|minio|memcached|clickhouse|etcd|"
    r"prometheus|grafana|vault|consul|cassandra|couch|influx|valkey|nats|registry|loki|mailhog|mailpit",
    re.IGNORECASE,
)


def _pinned_workloads(unit: Unit) -> Iterator[Finding]:
    for manifest in unit.kubernetes:
        for one in workloads(manifest):
            if one.kind not in ("Deployment", "DeploymentConfig") or manifest.context != "prod":
                continue
            images = " ".join(c.image.text for c in one.containers if c.image is not None and not c.init)
            claims = any(volume.get("persistentVolumeClaim") is not None for volume in one.volumes)
            single = one.replicas is None or one.replicas.value == "1"
            recreated = one.strategy is not None and one.strategy.value == "Recreate"
            if single and recreated and claims and not _DATASTORE.search(f"{one.name} {images}"):
                line = one.strategy.line if one.strategy is not None else one.line
                message = f"{one.name} is pinned to one instance by its volume"
                yield Finding(message, unit.place(manifest.path, line), subject=one.name)


def _embedded_databases(unit: Unit) -> Iterator[Finding]:
    """Compose services of the app that keep an SQLite file in a volume."""
    for compose in unit.composes:
        if compose.context != "prod":
            continue
        for service in compose.services:
            image = service.image.text if service.image is not None else ""
            if not service.volumes or _DATASTORE.search(f"{service.name} {image}"):
                continue
            values = [entry.value for entry in service.environment.values() if entry is not None]
            named = "sqlite" in compose.path.rpartition("/")[2].lower() and len(compose.services) == 1
            if named or any(re.search(r"sqlite|\.db\b", value, re.IGNORECASE) for value in values):
                place = unit.place(compose.path, service.volumes[0].line)
                message = f"the database file in a volume allows one instance of {service.name}"
                yield Finding(message, place, also=(unit.place(compose.path, service.line),), subject=service.name)


def _said_so(unit: Unit) -> Iterator[Finding]:
    for file in unit.named("*.yml", "*.yaml", "Procfile", "fly.toml", "*Dockerfile*", "*.tf"):
        if file.context != "prod" or file.size > 1 << 20:
            continue
        for number, line in enumerate((unit.text(file.path) or "").splitlines(), start=1):
            comment = line.partition("#")[2]
            said = _ALONE.search(comment)
            # One process a container is how images are made.
            if said and not ("dockerfile" in file.name.lower() and said[0].lower().endswith("process")):
                yield Finding("a comment says that the app must not be scaled", unit.place(file.path, number))
