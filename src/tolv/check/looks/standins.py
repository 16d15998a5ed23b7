"""Stand-ins for backing services: queues that run at once, clients that are fakes, mail that goes nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Binding, Source


@dataclass(frozen=True, slots=True)
class StandIn:
    """One stand-in."""

    name: str
    instead: str
    """What is used."""
    of: str
    """What it takes the place of."""
    by_environment: bool
    """A variable can switch it off, or a condition guards it."""
    line: int
    column: int


standins: Look[StandIn] = Look("standins")

_FAKES = {
    "fakeredis": ("a fake in memory", "Redis"),
    "mongomock": ("a fake in memory", "MongoDB"),
    "moto": ("a fake", "the cloud's services"),
    "ioredis-mock": ("a fake in memory", "Redis"),
    "redis-mock": ("a fake in memory", "Redis"),
    "mongodb-memory-server": ("a server in memory", "MongoDB"),
    "pg-mem": ("a fake in memory", "PostgreSQL"),
    "nodemailer-mock": ("a fake", "the mail server"),
    "aws-sdk-mock": ("a fake", "the cloud's services"),
}
_EAGER = ("CELERY_TASK_ALWAYS_EAGER", "CELERY_ALWAYS_EAGER", "task_always_eager", "CELERY_EAGER")
_TEST = re.compile(r"test|mock|fixture", re.IGNORECASE)


@standins.reads("python", "javascript", words=(*(one.partition("-")[0] for one in _FAKES), "ioredis", "mongodb", "pg",
                                               "nodemailer", "aws", *_EAGER, "EMAIL_BACKEND"))  # fmt: skip
def _read(source: Source) -> Iterator[StandIn]:
    for one in source.imports():
        top = one.module.partition(".")[0] if source.language == "python" else one.module
        if top in _FAKES and not one.typing and not one.optional and not one.in_function:
            instead, of = _FAKES[top]
            yield StandIn(top, instead, of, one.guarded, one.line, 1)
    if b"EMAIL_BACKEND" in source.words:
        yield from _mail(source)
    present = [name for name in _EAGER if name.encode() in source.words]
    for binding in source.bindings(*present) if present else ():
        if binding.name in _EAGER and not _for_tests(binding):
            yield from _eager(binding)


def _mail(source: Source) -> Iterator[StandIn]:
    """Django: a mail backend that sends nothing, whatever the deploy."""
    for binding in source.bindings("EMAIL_BACKEND"):
        text = binding.value.text or "" if binding.value.is_text else ""
        match = re.search(r"backends\.(locmem|dummy|console|filebased)\.", text)
        if match and binding.name == "EMAIL_BACKEND" and not binding.scope.guards and not _for_tests(binding):
            instead = {"console": "the console", "filebased": "files"}.get(match[1], "a backend that sends nothing")
            yield StandIn("EMAIL_BACKEND", instead, "the mail server", False, binding.line, binding.column)


@standins.reads("ruby", words=("queue_adapter",))
def _ruby(source: Source) -> Iterator[StandIn]:
    """Rails: jobs in the memory of the process."""
    for binding in source.bindings("queue_adapter"):
        if binding.name == "queue_adapter" and (binding.value.text or "") in ("async", "inline", ":async", ":inline"):
            name = "queue_adapter"
            yield StandIn(name, "the memory of the process", "the queue", False, binding.line, binding.column)


def _eager(binding: Binding) -> Iterator[StandIn]:
    value = binding.value
    default = value.default if value.kind == "env" else None
    on = value.text if value.kind == "literal" else default.text if default is not None else None
    if (on or "").lower() in ("true", "1", "yes"):
        guarded = value.kind == "env" or bool(binding.scope.guards)
        yield StandIn(binding.name, "a call in the same process", "the queue", guarded, binding.line, binding.column)


def _for_tests(binding: Binding) -> bool:
    return any(_TEST.search(one) for one in (*binding.scope.names, *binding.scope.guards))
