"""Whether a schedule runs once for the app, and not once in each of its processes."""

from __future__ import annotations

import asyncio
import re
import time

from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome, Verdict
from tolv.prove.probe import CannotProve, proved, refuted
from tolv.prove.recipes import EXAMPLES

#: Runs by which the pace is taken, and how many in the same time are too many: once in each of two would be twice.
_RUNS, _TOO_MANY = 4, 6
#: Times that too many must be seen.
_TRIES = 2
_LOOK = 0.05
_NUMBER = re.compile(r"\d+")


async def runs_once(trial: Trial) -> Outcome:
    """Take the pace of the schedule with one process of each type, then count its runs with two of each. A type that
    is declared to be one alone (`rollout = "stop-first"`) stays alone.

    Raises `CannotProve` when the schedule does not run within `patience.job` seconds, or nothing says how often it did.
    """
    types = [one for one in trial.subject.others if one.rollout != "stop-first"]
    web = await trial.start()
    for one in trial.subject.others:
        await trial.start(one.name)
    began = await _until(trial, web, await _count(trial, web) + 1)
    took = (await _until(trial, web, await _count(trial, web) + _RUNS)) - began
    trial.saw("saw", f"with one process of each type the schedule runs {_RUNS} times in {took:.1f} s")
    await trial.start()
    for one in types:
        await trial.start(one.name)
    counted: list[int] = []
    while len(counted) < _TRIES and all(count >= _TOO_MANY for count in counted):
        counted.append(await _counted(trial, web, took))
        trial.saw("saw", f"with two processes of each type it runs {counted[-1]} times in {took:.1f} s")
    many = sum(count >= _TOO_MANY for count in counted)
    told = f"the schedule ran {counted[-1]} times with two processes of each type where it ran {_RUNS} times with one"
    if many == _TRIES:
        return refuted(f"{told}: it runs in each")
    return Outcome(Verdict.UNSTABLE, told) if many else proved(told)


async def _counted(trial: Trial, web: Instance, seconds: float) -> int:
    """Runs in so many seconds, from one of them on."""
    before = await _count(trial, web)
    began = await _until(trial, web, before + 1)
    first = await _count(trial, web)
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
    return await _count(trial, web) - first


async def _until(trial: Trial, web: Instance, wanted: int) -> float:
    """The moment at which the schedule had run so often."""
    seen, moved = await _count(trial, web), time.monotonic()
    while seen < wanted:
        if time.monotonic() - moved > trial.patience.job:
            raise CannotProve(f"the schedule does not run within {trial.patience.job:g} s")
        await asyncio.sleep(_LOOK)
        before, seen = seen, await _count(trial, web)
        if seen != before:
            moved = time.monotonic()
    return time.monotonic()


async def _count(trial: Trial, web: Instance) -> int:
    """How often the schedule has run, by the app's own word: the first number of its answer."""
    traffic = trial.traffic.unnoted()  # it is asked many times a second
    answer = await traffic.ask(web, "scheduled")
    number = _NUMBER.search(answer.body.decode(errors="replace"))
    if answer.status >= 400 or number is None:
        raise CannotProve(f"scheduled says no number: {answer.status}", EXAMPLES["scheduled"])
    return int(number[0])
