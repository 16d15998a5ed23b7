"""Whether three processes do what one does."""

from __future__ import annotations

import asyncio
import functools
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tolv.prove.client import NoAnswer
from tolv.prove.harness.instance import Instance, NotReady, describe
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome, Verdict
from tolv.prove.probe import CannotProve, Mutation, cannot_prove, probe, proved, refuted
from tolv.prove.probes._common import eventually
from tolv.prove.recipes import EXAMPLES
from tolv.prove.traffic import Unexpected

#: Rounds of requests, how many go on at once, and the seconds that each answer may take.
_ROUNDS, _AT_ONCE, _WITHIN = 24, 6, 30.0
#: How often the load on three is repeated before what went wrong counts.
_TRIES = 3
#: Problems with three after which no more rounds are begun: each may have waited long for its item.
_ENOUGH = 3
_LOCK = """\
LOCK = __import__("database").connect()
LOCK.autocommit = True
ALONE = LOCK.execute("SELECT pg_try_advisory_lock(8, 1)").fetchall()[0][0]
"""
_TEXT = "    (text,) = texts(question, text=1000)\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load."""

    answered: Counter[str]
    """Requests that went well, by instance."""
    problems: tuple[str, ...]
    seconds: float

    @property
    def rate(self) -> float:
        """Requests that went well in a second."""
        return sum(self.answered.values()) / max(self.seconds, 0.001)


@probe(
    "VIII-P1",
    title="three do what one does",
    tier=1,
    needs=("web",),
    does=f"Puts the same load, {_ROUNDS} rounds of reading and writing, {_AT_ONCE} at once, on one web process and "
    "then in turn on three.",
    proved="Each of the three serves, and nothing fails that did not fail with one. Throughput is told, not judged.",
    refuted="With three there are errors, or items that another one does not find, every time: they get in each "
    "other's way, or keep things apart.",
    fix="Keep locks and state in a backing service, made for several processes at once.",
    rules=("VI-01", "VIII-05"),
    mutation=Mutation(
        "lets only one process write",
        {
            "app.py": (
                ("# Notes.\n", f"# Notes.\n{_LOCK}"),
                (
                    _TEXT,
                    f'{_TEXT}    if not ALONE:\n        raise Refusal(503, "another process writes")\n',
                ),
            )
        },
    ),
)
async def three_do_what_one_does(trial: Trial) -> Outcome:
    recipes = trial.traffic.recipes
    if not recipes.read and not recipes.write:
        return cannot_prove("[prove] of tolv.toml names no read and no write", EXAMPLES["read"], EXAMPLES["write"])
    first = await trial.start()
    one = await _load(trial, [first])
    trial.saw("saw", f"one process: {_told(one)}")
    if one.problems:
        raise CannotProve(f"not every request goes well with one process: {one.problems[0]}")
    instances = [first]
    for _ in range(2):
        try:
            instances.append(await trial.start())
        except NotReady as error:
            for line in error.lines:
                trial.saw("log", line, error.instance.name)
            if error.instance.alive:
                raise
            return refuted(f"beside {len(instances)} another one does not start: {describe(error.instance.end)}")
    failed = []
    for _ in range(_TRIES):
        three = await _load(trial, instances, _ENOUGH)
        trial.saw("saw", f"three processes: {_told(three)}")
        if not three.problems:
            break
        failed.append(three.problems[0])
    if len(failed) == _TRIES:
        return refuted(f"with three processes, and not with one: {failed[-1]}")
    if failed:
        return Outcome(Verdict.UNSTABLE, f"{len(failed)} times with errors, then without: {failed[-1]}")
    share = ", ".join(f"{name} {count}" for name, count in sorted(three.answered.items()))
    return proved(f"{share} requests, no error more; {one.rate:.0f} a second with one, {three.rate:.0f} with three")


async def _load(trial: Trial, instances: Sequence[Instance], most: int = _ROUNDS) -> Load:
    """Round after round on each instance in turn; what was written is read on the next one. After so many problems
    no further round is begun."""
    answered: Counter[str] = Counter()
    problems: list[str] = []
    began, slots, traffic = time.monotonic(), asyncio.Semaphore(_AT_ONCE), trial.traffic.unnoted()

    async def round(number: int) -> None:
        here, there = (instances[(number + one) % len(instances)] for one in (0, 1))
        asked = here
        async with slots:
            if len(problems) >= most:
                return
            try:
                if traffic.recipes.read:
                    await traffic.read(here, timeout=_WITHIN)
                    answered[here.name] += 1
                if not traffic.recipes.write:
                    return
                written = await traffic.write(here, timeout=_WITHIN)
                answered[here.name] += 1
                if not traffic.recipes.read_back:
                    return
                asked = there
                look = functools.partial(traffic.read_back, there, written, timeout=_WITHIN)
                reading = await eventually(look, trial.patience.write)
                if reading.found:
                    answered[there.name] += 1
                else:
                    problems.append(f"{reading.shown} on {there.name}, of what {here.name} took")
            except Unexpected as error:
                problems.append(f"{error.shown} on {asked.name}")
            except CannotProve as error:
                problems.append(f"{error.reason} on {asked.name}")
            except NoAnswer as error:
                problems.append(f"{error.text} on {asked.name}")

    async with asyncio.TaskGroup() as group:
        for number in range(_ROUNDS):
            group.create_task(round(number))
    return Load(answered, tuple(problems), time.monotonic() - began)


def _told(load: Load) -> str:
    wrong = f", {len(load.problems)} failed: {load.problems[0]}" if load.problems else ", none failed"
    return f"{sum(load.answered.values())} requests went well in {load.seconds:.1f} s{wrong}"
