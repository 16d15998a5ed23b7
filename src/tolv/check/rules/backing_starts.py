"""Factor IV: who starts the backing services."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.attached import engine_of_image
from tolv.check.facts.boot import boots
from tolv.check.model import Finding, NotApplicable, Outcome, Place
from tolv.check.rule import rule
from tolv.check.unit import Unit

_SERVERS = {
    **dict.fromkeys(("redis-server", "valkey-server", "keydb-server"), "Redis"),
    **dict.fromkeys(("postgres", "postmaster", "pg_ctl", "pg_ctlcluster"), "PostgreSQL"),
    **dict.fromkeys(("mysqld", "mysqld_safe", "mariadbd", "mariadbd-safe"), "MySQL"),
    **dict.fromkeys(("mongod", "mongos"), "MongoDB"),
    "memcached": "memcached",
    "rabbitmq-server": "RabbitMQ",
    "elasticsearch": "Elasticsearch",
    "minio": "MinIO",
    "nats-server": "NATS",
    "kafka-server-start.sh": "Kafka",
}
_UNITS = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "redis": "Redis",
          "redis-server": "Redis", "mongodb": "MongoDB", "memcached": "memcached", "mongod": "MongoDB",
          "rabbitmq-server": "RabbitMQ"}  # fmt: skip


@rule(
    "IV-07",
    severity="warning",
    materials=("manifests",),
    title="The app starts its own backing service",
    why="The service lives and dies with the app's process, each instance has its own, and none can be attached "
    "instead.",
    fix="Run the service as a resource of its own, and attach it by URL.",
    bad="worker: redis-server & rq worker",
    good="worker: rq worker --url $REDIS_URL",
    source="https://12factor.net/backing-services",
)
def starts_its_service(unit: Unit) -> Iterator[Outcome]:
    """A server of a database, cache or queue among the commands of the app's own starts."""
    any_start = False
    for boot in boots(unit):
        if boot.origin == "compose" or re.search(r"[Pp]rocfile\.(?:dev|local|test)", boot.path):
            continue
        any_start = True
        service = _started(boot.command.argv)
        if service is None or _is_image_of(unit, boot.path):
            continue
        whole = re.search(r"all-?in-?one|aio|standalone|single|demo|quickstart", boot.path, re.I) is not None
        yield Finding(
            f"the {boot.type} process starts {service} beside the app",
            Place(boot.path, boot.line),
            "note" if whole else "warning",
            f"take {service} out of this command, run it as a service of its own, and give its URL to the app",
            subject=service,
        )
    if not any_start:
        yield NotApplicable("no start command is declared")


def _started(argv: tuple[str, ...]) -> str | None:
    words = [word.rpartition("/")[2] for word in argv]
    while words and words[0] in (
        "exec",
        "sudo",
        "su-exec",
        "gosu",
        "nohup",
        "env",
        "tini",
        "--",
        "docker-entrypoint.sh",
    ):
        skip = 2 if words[0] in ("su-exec", "gosu") else 1
        words = words[skip:]
    if not words:
        return None
    if words[0] in ("service", "rc-service") and len(words) > 2 and words[2] in ("start", "restart"):
        return _UNITS.get(words[1])
    if words[0] == "systemctl" and len(words) > 2 and words[1] == "start":
        return _UNITS.get(words[2].removesuffix(".service"))
    if any(word in ("--version", "-V", "--help") for word in words[1:]):
        return None
    if words[0] == "minio" and words[1:2] != ["server"]:
        return None
    return _SERVERS.get(words[0])


def _is_image_of(unit: Unit, path: str) -> bool:
    """The Dockerfile makes an image of the service itself: it is the attached resource."""
    for dockerfile in unit.dockerfiles:
        if dockerfile.path == path or path.rpartition("/")[0] == dockerfile.path.rpartition("/")[0]:
            base = dockerfile.base
            if base is not None and engine_of_image(base.name) is not None:
                return True
    return False
