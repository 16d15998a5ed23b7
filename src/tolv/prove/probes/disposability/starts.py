"""Probes of IX: how a web process starts, for the first time and after it was killed."""

from __future__ import annotations

import asyncio
import time

from tolv.prove.client import NoAnswer
from tolv.prove.harness.instance import Instance, NotReady
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome, Verdict
from tolv.prove.probe import CannotProve, Mutation, advisory, agree, probe, proved, refuted
from tolv.prove.probes._hold import until
from tolv.prove.traffic import Unexpected, Written

#: Seconds to readiness: what is good, and what is too long.
_GOOD, _TOO_LONG = 10.0, 60.0
_STARTS, _ENOUGH, _REQUESTS = 5, 3, 20
_WARM_WITHIN = 30.0
_MAIN = "def main() -> int:\n"
_COLD = """\
cold = [1, 2, 3]


@route("GET", "/")
def newest(question: Question) -> Answer:
    if cold:
        cold.pop()
        raise Refusal(503, "warming up")
"""


@probe(
    "IX-P1",
    title="starts quickly, and then serves",
    tier=0,
    needs=("web",),
    does="Starts the web process five times (three times if it is slow, or fails each time), each on a fresh file "
    "system, takes the time until it is ready, and sends 20 requests at once.",
    proved="It is ready within 10 s each time, and none of the first requests fails.",
    refuted="It takes more than 60 s, or says that it is ready and then answers its first requests with errors: a "
    "process that starts so cannot take over when load rises or another dies.",
    fix="Move what takes long (migrations, downloads, caches to fill) into the build or the release phase, and open "
    "the port when the process can serve.",
    rules=("IX-04",),
    bare=True,
    mutation=Mutation(
        "answers its first requests with errors",
        {"app.py": (('@route("GET", "/")\ndef newest(question: Question) -> Answer:\n', _COLD),)},
    ),
)
async def starts_quickly(trial: Trial) -> Outcome:
    seconds: list[float] = []
    spoilt: list[str] = []
    for _ in range(_STARTS):
        instance = await trial.start(ready=False)
        try:
            seconds.append(await _time(instance))
            trial.saw("start", f"ready after {seconds[-1]:.1f} s", instance.name)
            if seconds[-1] > _TOO_LONG:
                return refuted(f"ready after {seconds[-1]:.0f} s")
            early = await _early_errors(trial, instance)
        finally:
            await instance.kill()
        if early is not None:
            spoilt.append(early)
        if seconds[-1] > _GOOD or (len(seconds) >= _ENOUGH and sum(seconds) > _GOOD / 2):
            break  # the others would take as long
        if len(spoilt) == len(seconds) >= _ENOUGH:
            break  # they all fail
    if len(spoilt) == len(seconds):
        return refuted(f"ready, and then: {spoilt[0]}")
    if spoilt:
        reason = f"of {len(seconds)} starts {len(spoilt)} had early errors: {spoilt[0]}"
        return Outcome(Verdict.UNSTABLE, reason)
    slowest = f"ready after {max(seconds):.1f} s at most, {len(seconds)} starts"
    return proved(slowest) if max(seconds) <= _GOOD else advisory(f"{slowest}: more than {_GOOD:g} s")


async def _time(instance: Instance) -> float:
    """Seconds to readiness. One that takes too long gets as much again, so that slow is told from never."""
    try:
        return await instance.ready(2 * _TOO_LONG)
    except NotReady as error:
        if error.instance.alive:
            raise CannotProve(f"it does not become ready: {error.reason}") from None
        raise


async def _early_errors(trial: Trial, instance: Instance) -> str | None:
    """How the first requests fail; None: none does. Raises `CannotProve` if later ones fail as well."""
    failed = [problem for _ in range(_REQUESTS) if (problem := await _ask(trial, instance))]
    if not failed:
        return None
    over = time.monotonic() + _WARM_WITHIN
    while last := await _ask(trial, instance):
        if time.monotonic() > over or not instance.alive:
            raise CannotProve(f"the app answers with errors at any time: {last}")
        await asyncio.sleep(0.2)
    return f"{len(failed)} of the first {_REQUESTS} requests failed, later ones did not: {failed[0]}"


async def _ask(trial: Trial, instance: Instance) -> str | None:
    """What is wrong with the answer to one request; None: nothing."""
    try:
        if trial.subject.recipes.read:
            answer = await trial.traffic.ask(instance, "read")
        else:
            answer = await instance.client.request("GET", instance.made.health)
    except NoAnswer as error:
        return error.text
    return f"answered {answer.status}" if answer.status >= 500 else None


_WRITERS, _WRITES = 4, 12


@probe(
    "IX-P4",
    title="starts again after SIGKILL",
    tier=1,
    needs=("web", "write", "read_back"),
    does="Kills the web process with SIGKILL while it takes writes, starts it at once on the files that it has left "
    "behind, and reads every item that it had confirmed. Twice.",
    proved="It becomes ready without anybody cleaning up, and every confirmed item is there: on the same disk. Whether "
    "they outlive that is tried by VI-P2.",
    refuted="It does not start on what the killed one has left (a pid file, a lock, a socket), or a confirmed item is "
    "gone or cannot be read.",
    fix="Confirm a write when the backing service has it; keep no pid file, or one that is tolerated when its process "
    "is gone.",
    rules=("IX-08",),
    mutation=Mutation(
        "refuses to start beside a pid file",
        {"app.py": ((_MAIN, f'{_MAIN}    Path("web.pid").open("x").write(str(os.getpid()))\n'),)},
    ),
)
async def starts_after_kill(trial: Trial) -> Outcome:
    instance = await trial.start()
    confirmed = [await trial.traffic.write_and_read(instance)]

    async def attempt() -> Outcome:
        nonlocal instance
        if not instance.alive:  # the try before has refuted it
            instance = await trial.start()
            confirmed.clear()
        confirmed.extend(await _killed_while_writing(trial, instance))
        try:
            instance = await trial.again(instance, fresh=False)
        except NotReady as error:
            for line in error.lines:
                trial.saw("log", line, error.instance.name)
            return refuted(f"killed in mid-write it does not start again: {error.reason}")
        for one in confirmed:
            try:
                reading = await trial.traffic.read_back(instance, one)
            except NoAnswer as error:
                return refuted(f"after the kill a confirmed item cannot be read: {error.text}")
            if not reading.found:
                return refuted(f"a confirmed item is gone after the kill: {one.shown}, then {reading.shown}")
        return proved(f"ready again on the same disk, {len(confirmed)} confirmed items there")

    return await agree(2, attempt)


async def _killed_while_writing(trial: Trial, instance: Instance) -> list[Written]:
    """Kill it while several write. What it had confirmed: in answers of which none is cut short by the kill."""
    confirmed: list[Written] = []
    killed = False

    async def write() -> None:
        while True:
            try:
                written = await trial.traffic.write(instance)
                if written.answer.framed or not killed:
                    confirmed.append(written)
            except (NoAnswer, Unexpected):
                if not instance.alive:
                    return
                await asyncio.sleep(0.05)

    writers = [asyncio.create_task(write()) for _ in range(_WRITERS)]
    try:
        if not await until(lambda: len(confirmed) >= _WRITES, 30.0):
            raise CannotProve(f"it took no {_WRITES} writes within 30 s")
        killed = True
        await instance.kill()
    finally:
        for one in writers:
            one.cancel()
        await asyncio.wait(writers)
    return confirmed
