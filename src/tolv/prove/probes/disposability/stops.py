"""Probes of IX: how a web process stops."""

from __future__ import annotations

import signal
import time

from tolv.prove.client import NoAnswer
from tolv.prove.harness.instance import Instance, Mark, describe
from tolv.prove.harness.stand import Stand
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import Mutation, advisory, agree, probe, proved, refuted
from tolv.prove.probes._hold import Holder, Holding, Knocks
from tolv.prove.watch.processes import status
from tolv.run.model import Exit

_SIGNALS = "STOPS = {signal.SIGTERM, signal.SIGINT}"
#: Seconds after which one that cannot hear the signal has shown that it does not.
_DEAF_FOR = 2.0


@probe(
    "IX-P2",
    title="finishes a request after SIGTERM",
    tier=1,
    needs=("web",),
    does="Has a request on its way (the slow route; else a slow upload; else one that waits for a locked table of the "
    "database; else a write whose body is sent slowly), sends the process SIGTERM, and goes on asking. Three times.",
    proved="The request is answered in full, new connections are answered or refused, and the process ends within its "
    "grace period.",
    refuted="The answer is lost or spoilt, or the process has to be killed: each deploy and each scaling down cuts off "
    "people's requests.",
    fix="On SIGTERM take no more connections, finish what is in hand, then exit with 0. Most servers (gunicorn, "
    "uvicorn, puma) do so by themselves; of Node, Go and one's own servers it has to be asked.",
    rules=("IX-01", "IX-02", "IX-07", "IX-06"),
    mutation=Mutation(
        "leaves SIGTERM to the kernel",
        {"app.py": ((_SIGNALS, _SIGNALS.replace("signal.SIGTERM, ", "")),)},
    ),
)
async def finishes_requests(trial: Trial) -> Outcome:
    holder = Holder(trial)

    async def attempt() -> Outcome:
        instance = await trial.start()
        try:
            async with holder.holding(instance) as holding:
                return await _stopped(trial, instance, holding)
        finally:
            await instance.kill()

    return await agree(3, attempt)


async def _stopped(trial: Trial, instance: Instance, holding: Holding) -> Outcome:
    """What becomes of a request in hand when the instance is told to stop."""
    grace, name = instance.made.type.grace, instance.made.type.stop_signal
    number, before = signal.Signals[name], instance.mark()
    began = time.monotonic()
    await instance.terminate()
    knocks = Knocks(instance, instance.made.health)
    try:
        await holding.release(lambda: knocks.refused or not instance.alive)
        try:
            answer = await holding.held.answer(grace)
        except NoAnswer as error:
            await instance.exited(1.0)
            _show(trial, instance, before)
            how = "" if instance.alive else f"; the process: {describe(instance.end)}"
            return refuted(f"{holding.what} was in hand at {name} and has no answer: {error.text}{how}")
        took = time.monotonic() - began
        end = await instance.exited(max(1.0, grace - took))
    finally:
        await knocks.stop()
    _show(trial, instance, before)
    trial.saw("answer", str(knocks), instance.name)
    if holding.bad(answer):
        return refuted(f"{holding.what} was in hand at {name} and is answered {answer.status}, not {holding.status}")
    if end is None:
        return refuted(f"{holding.what} is answered, but {grace:g} s after {name} the process still runs")
    ended = f"{describe(end)} after {time.monotonic() - began:.1f} s"
    trial.saw("exit", ended, instance.name)
    if not _in_order(end, number):
        return advisory(f"{holding.what} is answered, and the process reports a failure: {describe(end)}")
    if len(knocks.lost) > 1:
        return advisory(f"{holding.what} is answered; {knocks}")
    return proved(f"{holding.what} is answered {answer.status}, then {ended}")


def _in_order(end: Exit, number: int) -> bool:
    """It ended well, or as the signal ends a process."""
    return end.code in (0, 128 + number) or end.signal == number


def _show(trial: Trial, instance: Instance, before: Mark) -> None:
    for line in instance.lines(before)[-3:]:
        trial.saw("log", line.text, instance.name)


@probe(
    "IX-P3",
    title="stops as pid 1",
    tier=0,
    needs=("web", "namespaces"),
    does="Starts the web process by its own command as pid 1 of a pid namespace, as in a container, and sends that "
    "SIGTERM. Twice.",
    proved="It ends within its grace period, with exit status 0 or as the signal ends a process. Another status is "
    "advisory (npm as pid 1 gives 1): it hears the signal, and each stop looks like a failure.",
    refuted="It goes on until SIGKILL: the kernel gives pid 1 no signal that it has no handler for, and a shell hands "
    "on none, so that each stop takes the whole grace period and cuts off what is in hand.",
    fix="Handle SIGTERM in the app, and have a start script end with `exec`; or put an init such as tini in front.",
    rules=("IX-03", "IX-01"),
    mutation=Mutation(
        "is started by a shell that stays",
        {"Procfile": (("web: python -B app.py", "web: python -B app.py || exit 1"),)},
    ),
)
async def stops_as_init(trial: Trial) -> Outcome:
    async def attempt() -> Outcome:
        instance = await trial.start(stand=Stand(init=True))
        try:
            return await _stopped_as_init(trial, instance)
        finally:
            await instance.kill()

    return await agree(2, attempt)


async def _stopped_as_init(trial: Trial, instance: Instance) -> Outcome:
    grace, name = instance.made.type.grace, instance.made.type.stop_signal
    number = signal.Signals[name]
    deaf = _deaf(instance, number)
    if deaf:
        trial.saw("saw", deaf, instance.name)
    began = time.monotonic()
    await instance.terminate()
    within = min(_DEAF_FOR, grace) if deaf else grace
    end = await instance.exited(within)
    if end is None:
        return refuted(f"{within:g} s after {name} it still runs" + (f": {deaf}" if deaf else ""))
    ended = f"{describe(end)} after {time.monotonic() - began:.1f} s"
    trial.saw("exit", ended, instance.name)
    if not _in_order(end, number):
        return advisory(f"it ends in time and reports a failure: {ended} ({instance.made.type.command})")
    return proved(ended)


def _deaf(instance: Instance, number: int) -> str | None:
    """Why the kernel gives a signal to no pid 1 of the instance; None: there is one that waits for it."""
    for pid in instance.pids():
        said = status(pid)
        if said.get("NSpid", "").split()[1:] != ["1"]:
            continue
        bit = 1 << (number - 1)
        if not any(int(said.get(mask, "0"), 16) & bit for mask in ("SigCgt", "SigBlk")):
            return f"pid 1 ({said.get('Name', '?')}) has no handler for {signal.Signals(number).name}"
    return None
