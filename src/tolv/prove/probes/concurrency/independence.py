"""Whether each process type can do without the others."""

from __future__ import annotations

import functools
import time

from tolv.prove.harness.instance import Instance, describe
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, cannot_prove, probe, proved, refuted
from tolv.prove.probes._common import eventually
from tolv.prove.recipes import EXAMPLES
from tolv.prove.traffic import Written

#: Seconds for which a process must run on alone.
_ALONE = 3.0
#: What a job may take alone: so many seconds at least, and in multiples of what it takes beside all others.
_LEAST, _TIMES = 15.0, 5.0
_BOTH = "    with deadline(database, 8), database.transaction():\n        job = database.execute(\n"
_SIBLING = """\
    with deadline(database, 8), database.transaction():
        if not database.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 8").fetchall():
            return False
        job = database.execute(
"""
_BEAT = """\
BEAT = __import__("database").connect()
BEAT.autocommit = True
BEAT.execute("SELECT pg_advisory_lock_shared(8, 1)")
"""


@probe(
    "VIII-P3",
    title="each type stands alone",
    tier=1,
    needs=("worker",),
    does="Starts a process of each type while none of the others runs. A job that was handed over before must be done "
    "by the workers alone, with the web process dead.",
    proved="Each runs on, and the job is done.",
    refuted="One ends, or does nothing, for want of another.",
    fix="Let process types meet in a queue or database only, and wait there for what is not ready yet.",
    rules=("VIII-01", "VIII-03", "VIII-04"),
    mutation=Mutation(
        "has a worker that waits for the web process",
        {"app.py": (("# Notes.\n", f"# Notes.\n{_BEAT}"),), "worker.py": ((_BOTH, _SIBLING),)},
    ),
)
async def each_stands_alone(trial: Trial) -> Outcome:
    web, job = None, None
    if trial.subject.web is not None:
        web = await trial.start()
        job = await _job(trial, web)
        await web.kill()
    names = [one.name for one in trial.subject.others]
    for name in names:
        instance = await trial.start(name, ready=False)
        if await instance.exited(_ALONE) is not None:
            return await _beside(trial, instance)
        trial.saw("saw", f"runs on alone after {_ALONE:g} s", instance.name)
        await _stop(instance)
    alone = f"{', '.join(names)}: each ran on alone"
    if web is None or job is None:
        if trial.traffic.recipes.job_done:
            return proved(f"{alone}; the web process does jobs itself")
        return cannot_prove(f"{alone}, but did it do anything?", EXAMPLES["job"], EXAMPLES["job_done"])
    web = await trial.again(web)
    if (await trial.traffic.job_done(web, job)).found or await _patiently(trial, web, job, names):
        return proved(f"{alone}; the job was done with the web process dead")
    return refuted("a job is not done as long as the web process is dead, and is done beside it")


async def _job(trial: Trial, web: Instance) -> Written | None:
    """A job that waits for somebody to do it; None: nothing can be known of jobs, or the web process does them."""
    if not (trial.traffic.recipes.job and trial.traffic.recipes.job_done):
        return None
    job = await trial.traffic.job(web)
    return None if (await trial.traffic.job_done(web, job)).found else job


async def _patiently(trial: Trial, web: Instance, job: Written, names: list[str]) -> bool:
    """See how long a job takes beside the web process, and give the workers alone a multiple of that.

    Raises `CannotProve` if it is not done even beside it.
    """
    began = time.monotonic()
    workers = [await trial.start(name) for name in names]
    reading = await eventually(functools.partial(trial.traffic.job_done, web, job), trial.patience.job)
    if not reading.found:
        raise CannotProve(f"the job is not done within {trial.patience.job:g} s, whoever runs: {reading.shown}")
    took = time.monotonic() - began
    trial.saw("saw", f"beside the web process the job was done within {took:.1f} s")
    for one in workers:
        await _stop(one)
    second = await trial.traffic.job(web)
    await web.kill()
    workers = [await trial.start(name) for name in names]
    alone = max(min(_LEAST, trial.patience.job), _TIMES * took)
    until = time.monotonic() + alone
    for one in workers:
        await one.exited(until - time.monotonic())
    trial.saw("saw", f"the workers were alone for {alone:.0f} s")
    for one in workers:
        await _stop(one)
    web = await trial.again(web)
    return (await trial.traffic.job_done(web, second)).found


async def _beside(trial: Trial, ended: Instance) -> Outcome:
    """What it means that one has ended alone: does it run on beside all others?"""
    alone = describe(ended.end)
    for line in ended.lines()[-5:]:
        trial.saw("log", line.text, ended.name)
    name = ended.made.type.name
    for type in trial.subject.build.processes:
        if type.name != name:
            await trial.start(type.name)
    instance = await trial.start(name, ready=False)
    if await instance.exited(_ALONE) is not None:
        raise CannotProve(f"{name} does not run on, alone or beside all others: {describe(instance.end)}")
    trial.saw("saw", f"runs on beside the others after {_ALONE:g} s", instance.name)
    return refuted(f"{name} ends where no other runs ({alone}), and runs on beside them")


async def _stop(instance: Instance) -> None:
    await instance.stop(instance.made.type.grace)
