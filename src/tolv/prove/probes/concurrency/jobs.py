"""Whether each job is done once, however many work."""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tolv.prove.harness.backing import Service
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome, Verdict
from tolv.prove.probe import CannotProve, Mutation, advisory, cannot_prove, probe, proved, refuted
from tolv.prove.probes._common import eventually
from tolv.prove.probes.concurrency.schedule import runs_once
from tolv.prove.recipes import EXAMPLES
from tolv.prove.traffic import Reading, Written

#: Jobs of the first try, with one worker; of each wave with two; of all waves. Seconds for all waves.
_FIRST, _WAVE, _ALL = 8, 25, 100
_WAVES_WITHIN = 12.0
_AT_ONCE = 8
_RECIPES = ("job", "job_done", "scheduled")
#: How an answer may name the number of times that a job had its effect.
_TIMES = re.compile(r"(effect|run|execution)s?|(effect|run|execution)_?count|times_?(done|run)", re.IGNORECASE)
_CLAIM = "ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"

Rows = Mapping[str, int]
"""How many each table has."""


@dataclass(slots=True)
class Told:
    """What can be known of how often jobs were done."""

    counts: dict[str, int] = field(default_factory=dict)
    """By token: what the app itself says."""
    workers: dict[str, set[str]] = field(default_factory=dict)
    """By token: in whose output it stands."""

    @property
    def twice(self) -> dict[str, int]:
        """Jobs that had their effect more than once."""
        return {token: count for token, count in self.counts.items() if count > 1}


@probe(
    "VIII-P4",
    title="each job is done once",
    tier=2,
    needs=("web",),
    does=f"Hands over up to {_ALL} jobs to two web processes while two workers of each type run, and counts how often "
    "each was done: by the app's own count, by rows of the database, or by what the workers log. Of a schedule it "
    "takes the pace with one process of each type, and counts its runs with two.",
    proved="Every job was done once, and the schedule keeps its pace.",
    refuted="A job had its effect more than once: two workers had it in hand, or every process runs it. Or the "
    "schedule runs in each process.",
    fix="Claim a job in the queue before it is done (FOR UPDATE SKIP LOCKED, an acknowledging broker), and make its "
    "effect idempotent. Have one process of its own for the clock, or let each run claim its time.",
    rules=("VI-07", "VIII-07"),
    mutation=Mutation("does not claim its jobs", {"worker.py": ((_CLAIM, "ORDER BY id LIMIT 1"),)}),
)
async def each_job_once(trial: Trial) -> Outcome:
    recipes, jobs = trial.traffic.recipes, None
    if not recipes.job_done and not recipes.scheduled:
        raise CannotProve("[prove] of tolv.toml names no job and no schedule", *(EXAMPLES[one] for one in _RECIPES))
    if recipes.job_done:
        jobs = await _each_job_once(trial)
        if jobs.verdict is not Verdict.PROVED or not recipes.scheduled:
            return jobs
        for one in trial.instances:
            if one.alive:
                await one.stop(one.made.type.grace)
    schedule = await runs_once(trial)
    if jobs is None or schedule.verdict is not Verdict.PROVED:
        return schedule
    return proved(f"{jobs.reason}; {schedule.reason}")


async def _each_job_once(trial: Trial) -> Outcome:
    names = [one.name for one in trial.subject.others]
    webs = [await trial.start()]
    empty = await _rows(trial)
    jobs = await _hand(trial, webs, _FIRST)
    handed = await _rows(trial)
    workers = [await trial.start(name) for name in names]
    told = Told(await _done(trial, webs[0], jobs))
    if told.twice:
        return _told_twice(told)
    settled = await _rows(trial)
    webs.append(await trial.start())
    workers += [await trial.start(name) for name in names]
    began, jobs = time.monotonic(), []
    while len(jobs) < _ALL and time.monotonic() - began < _WAVES_WITHIN and not told.twice:
        jobs += await _hand(trial, webs, _WAVE)
        # The wave before: there is always something to do.
        told.counts |= await _done(trial, webs[0], jobs[-2 * _WAVE : -_WAVE])
    if not told.twice:
        told.counts |= await _done(trial, webs[0], jobs[-_WAVE:])
    if told.twice:  # more jobs would say the same
        return _told_twice(told)
    for one in workers:
        await one.stop(one.made.type.grace)  # what is in hand is finished, and its effect is there
    told = await _told(trial, webs[0], jobs, workers)
    trial.saw("saw", f"{len(jobs)} jobs were done, with {len(workers)} workers and {len(webs)} web processes")
    return _judged(trial, jobs, told, [empty, handed, settled, await _rows(trial)])


def _judged(trial: Trial, jobs: Sequence[Written], told: Told, rows: Sequence[Rows]) -> Outcome:
    if told.twice:
        return _told_twice(told)
    surplus, effects = _surplus(rows, len(jobs))
    if surplus:
        table, had, due = surplus
        trial.saw("service", f"{table}: {had} new rows for {len(jobs)} jobs; with one worker it would be {due}")
        return refuted(f"{len(jobs)} jobs left {had} rows in {table}, and not {due} as with one worker")
    if told.counts:
        return proved(f"{len(told.counts)} jobs, each with one effect by the app's own count")
    if effects:
        return proved(f"{len(jobs)} jobs, each with one effect: the rows of {', '.join(effects)}")
    both = [token for token, workers in told.workers.items() if len(workers) > 1]
    if both:
        who = " and ".join(sorted(told.workers[both[0]]))
        return advisory(f"{who} both had {both[0]} in hand; whether its effect was there twice cannot be seen")
    if told.workers:
        return proved(f"{len(told.workers)} jobs, each in the log of one worker only")
    return cannot_prove(
        f"{len(jobs)} jobs were done, and nothing tells how often: let the answer to job_done hold a number `effects`, "
        "or the workers log what the job was given"
    )


def _told_twice(told: Told) -> Outcome:
    token, count = next(iter(told.twice.items()))
    which = f"{len(told.twice)} of the first {len(told.counts)} jobs" if len(told.counts) > 1 else "the first job"
    return refuted(f"{which} had its effect more than once: {token} {count} times")


def _surplus(rows: Sequence[Rows], count: int) -> tuple[tuple[str, int, int] | None, list[str]]:
    """The first table with more rows than the jobs explain, with how many it got and how many were due; and all in
    which each job leaves rows once it is done."""
    empty, handed, settled, last = rows
    effects = []
    for table in sorted(settled):
        by_handing = handed.get(table, 0) - empty.get(table, 0)
        by_doing = settled[table] - handed.get(table, 0)
        if by_doing != _FIRST or by_handing % _FIRST:
            continue
        effects.append(table)
        had, due = last.get(table, 0) - settled[table], (by_handing + by_doing) // _FIRST * count
        if had > due:
            return (table, had, due), effects
    return None, effects


async def _hand(trial: Trial, webs: Sequence[Instance], count: int) -> list[Written]:
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> Written:
        async with slots:
            return await trial.traffic.job(webs[number % len(webs)], timeout=30.0)

    return await asyncio.gather(*(one(number) for number in range(count)))


async def _done(trial: Trial, web: Instance, jobs: Sequence[Written]) -> dict[str, int]:
    """Wait for all, or until one had its effect more than once. Gives how often the app says that each was done.

    Raises `CannotProve` for one that is never done.
    """
    counts: dict[str, int] = {}
    for job in jobs:
        reading = await eventually(functools.partial(trial.traffic.job_done, web, job), trial.patience.job)
        if not reading.found:
            raise CannotProve(f"a job is not done within {trial.patience.job:g} s: {job.shown}, then {reading.shown}")
        count = _count_of(reading)
        if count is not None:
            counts[job.token] = count
            if count > 1:
                break
    return counts


def _count_of(reading: Reading) -> int | None:
    """How often a job had its effect, by the app's own word; None: it does not say."""
    try:
        said = reading.answer.json()
    except ValueError:
        return None
    counts = [value for name, value in said.items() if _TIMES.fullmatch(name)] if isinstance(said, dict) else []
    if counts and isinstance(counts[0], list):
        return len(counts[0])
    return counts[0] if counts and isinstance(counts[0], int) else None


async def _told(trial: Trial, web: Instance, jobs: Sequence[Written], workers: Sequence[Instance]) -> Told:
    told, slots = Told(), asyncio.Semaphore(_AT_ONCE)

    async def ask(job: Written) -> int | None:
        async with slots:
            return _count_of(await trial.traffic.job_done(web, job))

    for job, count in zip(jobs, await asyncio.gather(*map(ask, jobs)), strict=True):
        if count is None:
            break
        told.counts[job.token] = count
    output = {one.name: "\n".join(line.text for line in one.lines()) for one in workers}
    for job in jobs:
        seen = {name for name, text in output.items() if job.token in text}
        if seen:
            told.workers[job.token] = seen
    if len(told.workers) < len(jobs):
        told.workers.clear()  # not all are logged: nothing follows from those that are
    return told


async def _rows(trial: Trial) -> Rows:
    service = trial.backing.of_kind("postgres")
    return {} if service is None else await asyncio.to_thread(_count, service)


def _count(service: Service) -> Rows:
    from psycopg import sql

    with service.administer() as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        found = {}
        for schema, table in tables:
            counted = connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(str(schema), str(table)))
            ).fetchall()
            found[f"{schema}.{table}".removeprefix("public.")] = int(str(counted[0][0]))
        return found
