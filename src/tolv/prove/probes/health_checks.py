"""Probes of health checks: the app says of itself whether it lives, and whether it can work."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from tolv.prove.client import Answer, NoAnswer
from tolv.prove.harness.backing import Service
from tolv.prove.harness.instance import Instance, NotReady, describe
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome, Verdict
from tolv.prove.probe import (
    CannotProve,
    Mutation,
    advisory,
    agree,
    cannot_prove,
    not_applicable,
    probe,
    proved,
    refuted,
)
from tolv.prove.probes._health import LIVE, READY, Routes, find_routes
from tolv.prove.probes._hold import Holder
from tolv.prove.recipes import EXAMPLES

_LOOK = 0.02
#: Seconds: until it must be ready; that it may say no although it serves.
_START, _LATE = 60.0, 10.0
_SERVE = '''\
_cold = [0, 0, 0]


def respond(question: Question) -> Answer:
    """The answer of the route that the request is for."""
    if question.path not in ("/ready", "/live") and _cold:
        _cold.pop()
        raise Refusal(503, "warming up")
'''
_RESPOND = '''\
def respond(question: Question) -> Answer:
    """The answer of the route that the request is for."""
'''
_LIVES = '    return Answer(200, {"status": "alive"})'
_STOPPING = '    if stopping.is_set():\n        raise Refusal(503, "stopping")\n'


async def _ask(instance: Instance, path: str) -> Answer | NoAnswer:
    try:
        return await instance.client.request("GET", path)
    except NoAnswer as error:
        return error


def _well(answer: Answer | NoAnswer) -> bool:
    return isinstance(answer, Answer) and 200 <= answer.status < 400


def _shown(path: str, answer: Answer | NoAnswer) -> str:
    return f"GET {path} -> {answer.status if isinstance(answer, Answer) else answer.text}"


async def _serves(trial: Trial, instance: Instance) -> tuple[bool, str]:
    """Whether a request of the app's own is answered, and how. Raises `NoAnswer` where it is only slow."""
    recipes = trial.subject.recipes
    path = recipes.read[-1].path if recipes.read else "/"
    try:
        if recipes.read:
            answer = await trial.traffic.unnoted().ask(instance, "read")
        else:
            answer = await instance.client.request("GET", path)
    except NoAnswer as error:
        if error.why == "timeout":
            raise
        return False, _shown(path, error)
    return answer.status < 500, _shown(path, answer)


@probe(
    "HLT-P1",
    title="says that it is ready when it is",
    tier=0,
    needs=("web",),
    does="Asks the readiness route (else the health route) from the moment of the start on, and sends a request as "
    "soon as that says yes. Three starts.",
    proved="There is no 2xx before the app can answer, and one as soon as it can.",
    refuted="No route tells its health, or the declared one is answered as any made-up path is; or it says yes before "
    "the app can answer, or still no when it has long been answering.",
    fix="Add a route that answers 200 when, and only when, the process can serve, and name it as `health` of the "
    "process in tolv.toml.",
    rules=("HLT-01", "HLT-02"),
    mutation=Mutation("says that it is ready before it can answer", {"app.py": ((_RESPOND, _SERVE),)}),
)
async def ready_when_it_says(trial: Trial) -> Outcome:
    instance = await trial.start()
    routes = await find_routes(trial, instance)
    await instance.kill()
    if routes.any is None and routes.caught:
        return refuted(f"{routes.caught} is answered as any made-up path is: that tells nothing of its health")
    if routes.any is None:
        asked = ", ".join([*LIVE, *READY])
        trial.saw("answer", f"none of these is there, or answers other than any made-up path: {asked}", instance.name)
        outcome = refuted("no route tells its health: tolv.toml names none, and none of the usual ones is there")
        return replace(outcome, add=(EXAMPLES["health"],))
    path = routes.any
    return await agree(3, lambda: _from_the_start(trial, path))


async def _from_the_start(trial: Trial, path: str) -> Outcome:
    instance = await trial.start(ready=False)
    try:
        return await _watched(trial, instance, path)
    finally:
        await instance.kill()


async def _watched(trial: Trial, instance: Instance, path: str) -> Outcome:
    began = time.monotonic()
    served_since: float | None = None
    last = ""
    while True:
        said = await _ask(instance, path)
        if (shown := _shown(path, said)) != last:
            trial.saw("answer", shown, instance.name)
            last = shown
        passed = time.monotonic() - began
        if _well(said):
            serves, how = await _serves(trial, instance)
            trial.saw("answer", how, instance.name)
            if serves:
                late = 0.0 if served_since is None else time.monotonic() - served_since
                return proved(f"{path} says yes after {passed:.1f} s, {late:.1f} s after the app could answer")
            return await _too_early(trial, instance, path, how)
        if isinstance(said, Answer) and served_since is None and (await _serves(trial, instance))[0]:
            served_since = time.monotonic()
        if served_since is not None and time.monotonic() - served_since > _LATE:
            return refuted(f"the app has been answering for {_LATE:g} s, and still: {shown}")
        if not instance.alive:
            raise NotReady(instance, f"it ended: {describe(instance.end)}")
        if passed > _START:
            raise NotReady(instance, f"not ready within {_START:g} s: {shown}")
        await asyncio.sleep(_LOOK)


async def _too_early(trial: Trial, instance: Instance, path: str, how: str) -> Outcome:
    """The route has said yes, and a request failed: it was too early if a later one does not."""
    over = time.monotonic() + trial.patience.recovery
    while not (later := await _serves(trial, instance))[0]:
        if time.monotonic() > over or not instance.alive:
            raise CannotProve(f"the app does not answer well at any time: {how}", EXAMPLES["read"])
        await asyncio.sleep(_LOOK)
    trial.saw("answer", later[1], instance.name)
    return refuted(f"{path} says yes before the app can answer: {how}, and a moment later {later[1]}")


@probe(
    "HLT-P2",
    title="ready and alive are two questions",
    tier=1,
    needs=("web", "services"),
    does="Cuts the connection to the database (else to the first service), asks both routes, and restores it.",
    proved="Without it the process says that it is not ready, and that it is alive; afterwards it is ready again.",
    refuted="It says that it is not alive, so that a platform would restart every process at once for a database that "
    "is away; or it says that it is ready though its requests fail.",
    fix="Have one route that needs nothing but the process (liveness), and one that asks what each request needs "
    "(readiness).",
    rules=("HLT-03", "HLT-04"),
    mutation=Mutation("is not alive without its database", {"app.py": ((_LIVES, f"    schema.current()\n{_LIVES}"),)}),
)
async def two_questions(trial: Trial) -> Outcome:
    instance = await trial.start()
    routes = await find_routes(trial, instance)
    service = trial.backing.of_kind("postgres") or next(iter(trial.backing.services), None)
    if service is None:
        return not_applicable("the app is attached to no service that could be cut")
    if routes.any is None:
        return cannot_prove("no route tells its health", EXAMPLES["health"], EXAMPLES["ready"])
    paths = [one for one in (routes.live, routes.ready) if one]
    for path in paths:
        said = await _ask(instance, path)
        trial.saw("answer", _shown(path, said), instance.name)
        if not _well(said):
            return cannot_prove(f"with all services there: {_shown(path, said)}", EXAMPLES["health"])
    return await agree(2, lambda: _cut(trial, instance, routes, service))


async def _cut(trial: Trial, instance: Instance, routes: Routes, service: Service) -> Outcome:
    """Cut a service off, hear what the routes say, and give it back."""
    await trial.backing.cut(service)
    trial.saw("service", f"{service.name} is cut off", service.name)
    try:
        outcome = await _without(trial, instance, routes, service.name)
    finally:
        await trial.backing.restore(service)
        trial.saw("service", f"{service.name} is back", service.name)
    path = routes.any
    assert path is not None
    patience = trial.patience.recovery
    if not await _comes_to(instance, path, True, patience) and outcome.verdict is Verdict.PROVED:
        return refuted(f"{patience:g} s after {service.name} is back {path} does not say yes")
    return outcome


async def _without(trial: Trial, instance: Instance, routes: Routes, service: str) -> Outcome:
    """What the routes say while the service is away."""
    single = routes.any
    assert single is not None
    if routes.live is None or routes.ready is None or routes.live == routes.ready:
        said = await _ask(instance, single)
        trial.saw("answer", _shown(single, said), instance.name)
        answers = "yes" if _well(said) else "no"
        return advisory(
            f"there is one route, {single}, and without {service} it says {answers}: alive and ready are one"
        )
    serves, how = await _serves(trial, instance)
    trial.saw("answer", how, instance.name)
    if serves:
        return not_applicable(f"its requests are answered without {service}: {how}")
    unready = await _comes_to(instance, routes.ready, False, trial.patience.recovery)
    trial.saw("answer", _shown(routes.ready, await _ask(instance, routes.ready)), instance.name)
    for _ in range(3):
        said = await _ask(instance, routes.live)
        trial.saw("answer", _shown(routes.live, said), instance.name)
        if not _well(said):
            return refuted(f"without {service} it says that it is not alive: {_shown(routes.live, said)}")
    if not unready:
        return refuted(f"without {service} its requests fail ({how}), and {routes.ready} says yes")
    return proved(f"without {service} {routes.ready} says no, {routes.live} says yes")


async def _comes_to(instance: Instance, path: str, well: bool, within: float) -> bool:
    """Wait until a route says yes, or no."""
    over = time.monotonic() + within
    while _well(await _ask(instance, path)) is not well:
        if time.monotonic() > over:
            return False
        await asyncio.sleep(0.1)
    return True


@probe(
    "HLT-P3",
    title="is not ready once it stops",
    tier=1,
    needs=("web",),
    does="Has a request on its way, sends SIGTERM, and asks the readiness route until connections are refused.",
    proved="It says no before its socket closes: whoever routes by it turns away in time.",
    refuted="Never: a platform may take a process out of its routing before it sends the signal. It is advisory that "
    "readiness says yes to the end.",
    fix="On SIGTERM answer readiness with 503 first, and close the socket a moment later.",
    worst=Verdict.ADVISORY,
    mutation=Mutation("is ready to the end", {"app.py": ((_STOPPING, ""),)}),
)
async def unready_once_it_stops(trial: Trial) -> Outcome:
    holder, path, outcome = Holder(trial), None, advisory("")
    for _ in range(2):
        instance = await trial.start()
        try:
            if path is None:
                path = (await find_routes(trial, instance)).any
                if path is None:
                    return cannot_prove("no route tells its health", EXAMPLES["ready"])
            async with holder.holding(instance) as holding:
                await instance.terminate()
                outcome = await _until_closed(trial, instance, path)
                await holding.release(lambda: True)
        finally:
            await instance.kill()
        if outcome.verdict is Verdict.PROVED:  # what was seen once is there; what was not may have been missed
            return outcome
    return outcome


async def _until_closed(trial: Trial, instance: Instance, path: str) -> Outcome:
    """What the route says from the signal on, until nobody answers."""
    asked, over = 0, time.monotonic() + instance.made.type.grace
    while instance.alive and time.monotonic() < over:
        try:
            said = await instance.client.request("GET", path, timeout=5.0)
        except NoAnswer as error:
            trial.saw("answer", _shown(path, error), instance.name)
            break
        asked += 1
        if not _well(said):
            trial.saw("answer", _shown(path, said), instance.name)
            return proved(f"{path} says {said.status} after {instance.made.type.stop_signal}, while it still answers")
        await asyncio.sleep(_LOOK)
    if not asked:
        return advisory("the socket closes at once: readiness says nothing of it before")
    trial.saw("answer", f"GET {path} -> {asked} times yes, then nothing", instance.name)
    return advisory(f"{path} says yes until the socket closes")
