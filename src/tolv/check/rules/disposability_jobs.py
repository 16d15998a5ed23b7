"""IX Disposability: jobs that are lost when their process dies (IX-05)."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.check.look import Seen
from tolv.check.looks.background import background
from tolv.check.looks.queues import Queued, queues
from tolv.check.looks.reach import requests_of
from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit


@rule(
    "IX-05",
    severity="warning",
    materials=("python", "javascript"),
    looks=(queues, background),
    title="A job is lost when its process dies",
    why="The queue forgets the job before the work is done: a deploy or a crash in between loses it without a trace.",
    fix="Acknowledge after the work, and make the work safe to repeat.",
    bad="channel.basic_consume('jobs', on_job, auto_ack=True)",
    good="channel.basic_consume('jobs', on_job)  # on_job ends in channel.basic_ack(…)",
    source="https://12factor.net/disposability",
    probe="IX-P5",
)
def jobs_lost(unit: Unit) -> Iterator[Outcome]:
    seen = list(unit.seen(queues, "prod"))
    late = next((one for one in seen if one.what.kind == "setting"), None)
    said = False
    for one in seen:
        for outcome in _judged(unit, one, late):
            said = True
            yield outcome
    yield from _eager_jobs(unit, [one for one in seen if _is_eager(one.what)], late)
    if not said and not any(_is_eager(one.what) for one in seen):
        yield NotApplicable("no job and no queue was found")


def _is_eager(one: Queued) -> bool:
    return one.kind == "job" and one.library == "celery" and not one.late


def _judged(unit: Unit, seen: Seen[Queued], late: Seen[Queued] | None) -> Iterator[Outcome]:
    one, place = seen.what, unit.place(seen.path, seen.what.line, seen.what.column)
    if one.kind == "consumer" and one.automatic:
        yield Finding("a message counts as done before it is worked on", place, subject="ack")
    elif one.kind == "consumer":
        yield Witness("messages are acknowledged by the consumer", place)
    elif one.kind == "job" and one.late:
        yield Witness(f"{one.name or 'the job'} is acknowledged after the work", place)
    elif one.kind == "memory" and _is_fed_by_requests(unit, seen):
        name = one.name or "a queue"
        yield Finding(f"{name} keeps work of requests in the memory of the process", place, subject=name)


def _eager_jobs(unit: Unit, eager: list[Seen[Queued]], late: Seen[Queued] | None) -> Iterator[Outcome]:
    """Celery's jobs that are acknowledged before they run: one finding for all, at the first that takes long."""
    if not eager:
        return
    if late is not None:
        yield Witness("jobs are acknowledged after the work", unit.place(late.path, late.what.line))
        return
    long = [one for one in eager if one.what.lasts]
    first, *others = long or eager
    level: Severity | None = None if long else "note"
    count = f" and {len(eager) - 1} more" if len(eager) > 1 else ""
    yield Finding(
        f"{first.what.name}{count} is acknowledged before it runs: a worker that is killed loses it",
        unit.place(first.path, first.what.line, first.what.column),
        level,
        also=tuple(unit.place(one.path, one.what.line) for one in others[:5]),
        subject="acks_late",
        fix="Set `task_acks_late = True` (and `task_reject_on_worker_lost = True`) for jobs that may run twice.",
    )


def _is_fed_by_requests(unit: Unit, seen: Seen[Queued]) -> bool:
    """Whether a handler of the same file puts work into the queue."""
    name = seen.what.name
    routes = requests_of(unit).spans.get(seen.path, ())
    return bool(name) and any(
        called in (f"{name}.put", f"{name}.put_nowait") for route in routes for called in route.calls
    )
