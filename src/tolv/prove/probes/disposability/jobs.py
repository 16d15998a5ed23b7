"""Probes of IX: what becomes of a job whose worker dies."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass, field

from tolv.prove.client import NoAnswer
from tolv.prove.harness.instance import Instance, describe
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, advisory, cannot_prove, probe, proved, refuted
from tolv.prove.recipes import EXAMPLES
from tolv.prove.traffic import Written

#: How many jobs there are when the worker is hit, at first, and when those were done too soon.
_FEW, _MANY = 12, 36
#: Seconds that a worker runs between two looks at how far it is: at first, and at most.
_SLICE, _LONGEST_SLICE = 0.015, 0.06
#: Seconds: until the first of the jobs must be done; and between two looks at those that are left.
_FIRST_WITHIN, _PAUSE = 40.0, 0.2
_TAKE = """\
    with deadline(database, 8):
        job = database.execute(
            "UPDATE jobs SET taken = true WHERE id = (SELECT id FROM jobs WHERE NOT taken ORDER BY id LIMIT 1"
            " FOR UPDATE SKIP LOCKED) RETURNING id"
        ).fetchone()
        database.commit()
"""
_CAREFUL = """\
    with deadline(database, 8), database.transaction():
        job = database.execute(
            "SELECT id FROM jobs WHERE NOT done ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
        ).fetchone()
"""


@dataclass(slots=True)
class _Batch:
    """Jobs that were handed over; a job that was once seen done stays so."""

    trial: Trial
    web: Instance
    jobs: list[Written]
    done: set[str] = field(default_factory=set)

    @property
    def left(self) -> list[Written]:
        return [one for one in self.jobs if one.token not in self.done]

    async def look(self, *only: int) -> int:
        """Ask after those that were not seen done, or those of them with these numbers. How many are done."""
        wanted = [self.jobs[number] for number in only] if only else self.jobs
        for job in wanted:
            if job.token not in self.done and (await self.trial.traffic.job_done(self.web, job)).found:
                self.done.add(job.token)
        return len(self.done)


@probe(
    "IX-P5",
    title="loses no job with its worker",
    tier=2,
    needs=("web", "worker", "job", "job_done"),
    does="Hands over a dozen jobs, stops the worker with SIGTERM when some are done and others are not, and starts it "
    "again; then the same with SIGKILL.",
    proved="Every job is done in the end: what was in hand was finished, or was given out again.",
    refuted="A job is never done: it was taken off the queue before it was done, and died with its worker.",
    fix="Take a job off the queue when it is done, not before (late acknowledgement, a row lock held until the "
    "commit), and make it safe to do twice.",
    rules=("IX-05", "IX-02"),
    mutation=Mutation(
        "takes a job off the queue before it is done",
        {
            "schema.py": (
                (
                    "done boolean NOT NULL DEFAULT false);",
                    "done boolean NOT NULL DEFAULT false,\n        taken boolean NOT NULL DEFAULT false);",
                ),
            ),
            "worker.py": (
                (_CAREFUL, _TAKE),
                (
                    '        log("info", "job is begun"',
                    '    with deadline(database, 8), database.transaction():\n        log("info", "job is begun"',
                ),
                ("        if job is None:\n            return False\n", "    if job is None:\n        return False\n"),
            ),
        },
    ),
)
async def loses_no_job(trial: Trial) -> Outcome:
    web = await trial.start()
    workers = [await trial.start(one.name) for one in trial.subject.others]
    first = await trial.traffic.job(web)
    await _await_first(trial, web, first)
    remarks: list[str] = []
    counts = []
    for number in (signal.SIGTERM, signal.SIGKILL):
        hit = await _hit(trial, web, workers, number)
        if hit is None:
            return cannot_prove(
                f"the worker cannot be met in mid-work: {_MANY} jobs are done too soon", EXAMPLES["job"]
            )
        batch, remark = hit
        remarks += [remark] if remark else []
        in_hand = len(batch.left)
        trial.saw("saw", f"{len(batch.done)} jobs are done, {in_hand} are not", web.name)
        workers = [await trial.again(one) for one in workers]
        lost = await _finish(batch)
        trial.saw("saw", f"after the new start: {len(batch.done)} of {len(batch.jobs)} jobs are done", web.name)
        if lost:
            return _lost(batch, number)
        counts.append(f"{number.name}: {in_hand} of {len(batch.jobs)} jobs were left, and done later")
    if remarks:
        return advisory(f"no job is lost, but {remarks[0]}")
    return proved("; ".join(counts))


async def _await_first(trial: Trial, web: Instance, job: Written) -> None:
    """Wait for one job to be done: else nothing can be said of others."""
    over = time.monotonic() + _FIRST_WITHIN
    while not (await trial.traffic.job_done(web, job)).found:
        if time.monotonic() > over:
            reason = f"a job is not done within {_FIRST_WITHIN:g} s with every process running: {job.shown}"
            raise CannotProve(reason, EXAMPLES["job"], EXAMPLES["job_done"])
        await asyncio.sleep(0.05)


async def _hit(
    trial: Trial, web: Instance, workers: list[Instance], number: signal.Signals
) -> tuple[_Batch, str | None] | None:
    """Send the workers a signal when they have done some jobs and not all; the jobs, and what is to be said of how the
    workers ended. None: they are too quick for that."""
    for count in (_FEW, _MANY):
        for worker in workers:
            await worker.signal(signal.SIGSTOP, "tree")
        batch = _Batch(trial, web, [await trial.traffic.job(web) for _ in range(count)])
        if not await _in_slices(batch, workers):
            for worker in workers:
                await worker.signal(signal.SIGCONT, "tree")
            await _finish(batch)
            continue
        return batch, await _end(trial, workers, number)
    return None


async def _in_slices(batch: _Batch, workers: list[Instance]) -> bool:
    """Let the workers go on for moments, until some jobs are done and the next are in hand; then they are stopped.
    False: all are done."""
    over, slice, spent = time.monotonic() + _FIRST_WITHIN, _SLICE, 0.0
    while not await batch.look(0, -1):
        if time.monotonic() > over:
            raise CannotProve(f"no job is done within {_FIRST_WITHIN:g} s", EXAMPLES["job_done"])
        spent += await _go_on(batch.trial, workers, slice)
        slice = min(slice * 1.1, _LONGEST_SLICE)
    # One that has just done a job may not have the next one yet: half of what the first took later it has.
    more, half = spent / 2, len(batch.jobs) // 2
    while more > 0 and batch.jobs[half] in batch.left:
        more -= await _go_on(batch.trial, workers, slice)
        await batch.look(half)
    return await batch.look() < len(batch.jobs)


async def _go_on(trial: Trial, workers: list[Instance], seconds: float) -> float:
    """Let the workers go on for so long; gives that."""
    ground = trial.harness.ground
    for one in workers:
        await ground.signal(one.running, signal.SIGCONT, "tree")
    await asyncio.sleep(seconds)
    for one in workers:
        await ground.signal(one.running, signal.SIGSTOP, "tree")
    return seconds


async def _end(trial: Trial, workers: list[Instance], number: signal.Signals) -> str | None:
    """End the workers, which are stopped. What is to be said of it."""
    remark = None
    for worker in workers:
        if number is signal.SIGKILL:
            await worker.kill()
            continue
        await worker.terminate()
        await worker.signal(signal.SIGCONT, "tree")
    for worker in workers if number is signal.SIGTERM else ():
        end = await worker.exited(worker.made.type.grace)
        trial.saw("exit", describe(end), worker.name)
        if end is None:
            remark = f"{worker.name} has to be killed: {worker.made.type.grace:g} s after SIGTERM it still runs"
        await worker.kill()
    return remark


async def _finish(batch: _Batch) -> bool:
    """Wait until all are done. True: some are not, though for as long as a job may take no other one was, and though
    one that was handed over later is.

    Raises `CannotProve` if the workers do no jobs at all.
    """
    while await _advances(batch, batch.trial.patience.job):
        if not batch.left:
            return False
    later, began = await batch.trial.traffic.job(batch.web), time.monotonic()
    try:
        await _await_first(batch.trial, batch.web, later)
    except (CannotProve, NoAnswer):
        raise CannotProve("once they were started again the workers do no jobs at all") from None
    # Those that were only slow were taken before it, and need as long.
    if await _advances(batch, max(1.0, time.monotonic() - began)):
        return await _finish(batch)
    return True


async def _advances(batch: _Batch, within: float) -> bool:
    """Whether within so many seconds one more is done; True as well if none is left."""
    over, before = time.monotonic() + within, len(batch.done)
    while batch.left:
        began = time.monotonic()
        if await batch.look() > before:
            return True
        if began >= over:
            return False
        await asyncio.sleep(_PAUSE)
    return True


def _lost(batch: _Batch, number: signal.Signals) -> Outcome:
    shown = batch.left[0].shown
    what = "job is" if len(batch.left) == 1 else "jobs are"
    return refuted(
        f"{len(batch.left)} {what} lost with {number.name}: not done {batch.trial.patience.job:g} s after the others, "
        f"with the worker started again, while a later one was: {shown}"
    )
