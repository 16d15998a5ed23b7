"""Jobs and the queues that they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.source import Call, Function, Source


@dataclass(frozen=True, slots=True)
class Queued:
    """One job, consumer, or queue."""

    kind: Literal["job", "consumer", "memory", "setting"]
    """`memory`: a queue that lives in the process; `setting`: late acknowledgement, for all jobs."""
    library: str
    name: str
    line: int
    column: int
    first: int
    last: int
    automatic: bool = False
    """It is acknowledged before the work is done."""
    retried: bool = False
    """It may run again."""
    late: bool = False
    """It is acknowledged after the work."""
    charges: int | None = None
    """The line on which it takes money, without a key that makes that happen once."""
    lasts: bool = False
    """It does what takes long: network, files, mail."""


queues: Look[Queued] = Look("queues")

_CHARGE = re.compile(
    r"stripe\.(Charge|PaymentIntent|Transfer|Payout|Refund|charges|paymentIntents|transfers|payouts|refunds)\.create\(|"
    r"\bcharge_(card|customer)\(|braintree\.Transaction\.sale\("
)
_ONCE = re.compile(
    r"idempoten|unique|get_or_create|already|exists\(|select_for_update|processed|lock|dedup|on_conflict|"
    r"if .*\b(paid|sent)",
    re.IGNORECASE,
)
_LONG = re.compile(
    r"requests\.|httpx\.|urlopen|subprocess|ffmpeg|\.send\(|send_mail|smtplib|sleep\(|\.upload|\.download|open\(|"
    r"for \w+ in|pandas|PIL|Image\.open|\bs3\b"
)
_JOBS = ("task", "shared_task", "periodic_task", "actor", "job", "db_task", "db_periodic_task")


@queues.reads(
    "python",
    words=(
        *("celery", "shared_task", "Celery", "dramatiq", "huey", "rq", "pika", "basic_consume", "acks_late"),
        *("task_acks_late", "CELERY_ACKS_LATE", "CELERY_TASK_ACKS_LATE", "Queue", "deque", "aio_pika"),
    ),
)
def _python(source: Source) -> Iterator[Queued]:
    tops = {one.module.partition(".")[0] for one in source.imports()}
    for function in source.functions():
        for one in function.decorators:
            known = tops & {"celery", "dramatiq", "huey", "rq"} or "celery" in one.name or ".celery" in one.written
            if one.last in _JOBS and (known or one.last == "shared_task") and "luigi" not in tops:
                yield _job(source, function, one, next(iter(known), "celery") if isinstance(known, set) else "celery")
                break
    for binding in source.bindings("acks_late"):
        if binding.value.kind == "literal" and binding.value.text == "true" and binding.how != "keyword":
            yield Queued("setting", "celery", binding.name, binding.line, binding.column, 0, 0, late=True)
    for call in source.calls(".basic_consume"):
        given = call.keywords.get("auto_ack") or call.keywords.get("no_ack")
        automatic = given is not None and given.kind == "literal" and given.text == "true"
        yield _consumer(call, "RabbitMQ", automatic=automatic)
    for call in source.calls("queue.Queue", "asyncio.Queue", "queue.SimpleQueue", "Queue.Queue"):
        if call.scope.at_import and call.name.startswith(("queue.", "asyncio.", "Queue.")):
            yield _memory(source, call)


def _job(source: Source, function: Function, decorator: Call, library: str) -> Queued:
    rows = source.lines[function.line - 1 : function.end_line]
    body = "\n".join(rows)
    late = decorator.keywords.get("acks_late")
    retried = bool(
        {"autoretry_for", "max_retries", "retry_backoff", "retries"} & set(decorator.keywords) or ".retry(" in body
    )
    charges = next((n for n, line in enumerate(rows, start=function.line) if _CHARGE.search(line)), None)
    return Queued(
        "job",
        library,
        function.name,
        decorator.line,
        decorator.column,
        function.line,
        function.end_line,
        retried=retried,
        late=late is not None and late.text == "true",
        charges=None if _ONCE.search(body) else charges,
        lasts=bool(_LONG.search(body)),
    )


def _consumer(call: Call, library: str, *, automatic: bool) -> Queued:
    return Queued(
        "consumer", library, call.written, call.line, call.column, call.line, call.end_line, automatic=automatic
    )


def _memory(source: Source, call: Call) -> Queued:
    """A queue at module level, with the name that it is bound to."""
    line = source.lines[call.line - 1]
    match = re.match(r"\s*(\w+)\s*(?::[^=]+)?=", line)
    return Queued("memory", call.name, match[1] if match else "", call.line, call.column, call.line, call.end_line)


@queues.reads("javascript", words=("noAck", "amqplib", "bullmq", "bull", "Worker", "consume", "fastq"))
def _javascript(source: Source) -> Iterator[Queued]:
    for call in source.calls(".consume"):
        given = call.keywords.get("noAck")
        if given is not None or b"amqplib" in source.words:
            automatic = given is not None and given.kind == "literal" and given.text == "true"
            yield _consumer(call, "RabbitMQ", automatic=automatic)
    for call in source.calls("bullmq.Worker", "bull.process", ".process"):
        if not re.match(r"(bullmq|bull|bee-queue)\b", call.name):
            continue
        rows = source.lines[call.line - 1 : call.end_line]
        charges = next((n for n, line in enumerate(rows, start=call.line) if _CHARGE.search(line)), None)
        body = "\n".join(rows)
        where = (call.line, call.column, call.line, call.end_line)
        yield Queued("job", call.name.partition(".")[0], "", *where, retried=True, late=True,
                     charges=None if _ONCE.search(body) else charges)  # fmt: skip
