"""Probes of XII: admin work is done by one-offs, in the same release and config as the app's long-running processes."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterable
from dataclasses import replace

from tolv.prove.client import NoAnswer
from tolv.prove.harness.backing import Service
from tolv.prove.harness.instance import Instance, describe
from tolv.prove.harness.trial import Finished, Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, advisory, agree, probe, proved, refuted
from tolv.prove.recipes import EXAMPLES
from tolv.prove.traffic import Tally
from tolv.prove.watch.processes import Executed, Seen, snapshot
from tolv.services.urls import fill, parse

#: Seconds that a one-off may take.
_PATIENCE = 90.0
#: Programs in which code is run.
_INTERPRETERS = re.compile(r"(?:python|node|ruby|php|java|perl|deno|bun)[\d.]*")
_AWAY = 'reason=str(error).partition("\\n")[0])\n        return 1'
_EACH = "        for number, migration in enumerate"
_LOCK = """\
        if there:
            database.execute("LOCK TABLE notes")
            database.execute("SELECT pg_sleep(4)")
"""


def _commands(trial: Trial) -> list[str]:
    """The admin commands that are known: the release command, and the one-off of `[prove]`.

    Raises `CannotProve` if there is none.
    """
    found = dict.fromkeys(filter(None, (trial.subject.release_command, trial.subject.recipes.one_off)))
    if not found:
        raise CannotProve(
            "neither a release command nor [prove] names an admin command", EXAMPLES["prepare"], EXAMPLES["one_off"]
        )
    return list(found)


@probe(
    "XII-P1",
    title="admin commands run in the release",
    tier=1,
    needs=("web",),
    does="Runs the release command and the one-off of [prove], each as a one-off process with the web's release and "
    "config, on a database that the release command has prepared already; then runs the release command again.",
    proved="Each ends with exit status 0 in the interpreter that web runs in, and a second run changes no schema.",
    refuted="One fails although web runs with the same release and config, runs in another environment, or does its "
    "work again when it is run again.",
    fix="Ship admin commands with the app, start them with the app's own interpreter, and let them see what is done "
    "already.",
    rules=("XII-01", "XII-02", "XII-03", "XII-04"),
    mutation=Mutation(
        "makes its tables again each time",
        {"schema.py": (("            if number > there:", "            if number > there or number == VERSION:"),)},
    ),
)
async def runs_in_the_release(trial: Trial) -> Outcome:
    commands = _commands(trial)
    web = await trial.start()
    own = {one.exe for one in _interpreters(await asyncio.to_thread(snapshot, web.pid))}
    for command in commands:
        before = await _schema(trial)
        instance = await trial.begin(command)
        with Executed(instance.pid) as executed:
            finished = await trial.finished(instance, _PATIENCE)
        if not finished.ok:
            _show(trial, finished)
            again = " on a database that it has prepared before" if command == trial.subject.release_command else ""
            return refuted(f"{command}: {finished}{again}")
        ran = _interpreters(seen.process for seen in executed.executions)
        foreign = [one for one in ran if one.exe not in own and _same_language(one, own)]
        if foreign:
            trial.saw("saw", f"it runs in {foreign[0].exe}, and web in {', '.join(sorted(filter(None, own)))}")
            return refuted(f"{command} runs in another environment than web: {foreign[0].exe}")
        changed = _differs(before, await _schema(trial))
        if changed and command == trial.subject.release_command:
            trial.saw("service", f"run again, it changed {changed}")
            return refuted(f"{command}, run again, does its work again: it changed {changed}")
    shown = ", ".join(sorted({os.path.basename(one or "") for one in own})) or "the same release"
    compared = trial.subject.release_command and trial.backing.of_kind("postgres")
    again = "; run again, it changed no schema" if compared else ""
    ended = f"{len(commands)} commands" if len(commands) > 1 else commands[0]
    return proved(f"{ended} ended with 0 in {shown}{again}")


def _show(trial: Trial, finished: Finished) -> None:
    for line in finished.lines[-5:]:
        trial.saw("log", line.text, "run")


def _interpreters(processes: Iterable[Seen]) -> list[Seen]:
    return [one for one in processes if one.exe and _INTERPRETERS.fullmatch(one.program)]


def _same_language(one: Seen, own: Iterable[str | None]) -> bool:
    """Web runs in the same language: a command may well call a program that is written in another."""
    word = re.match(r"[a-z]+", one.program)
    return word is not None and any(os.path.basename(other or "").startswith(word[0]) for other in own)


_SCHEMA = """
    SELECT table_schema || '.' || table_name || '.' || column_name, data_type || ' ' || is_nullable
    FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
    UNION ALL
    SELECT schemaname || '.' || indexname, indexdef FROM pg_indexes
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""


async def _schema(trial: Trial) -> dict[str, str] | None:
    """Columns and indexes of the trial's PostgreSQL database; None: it has none."""
    await trial.backing.attach()
    service = trial.backing.of_kind("postgres")
    return None if service is None else await asyncio.to_thread(_read_schema, service)


def _read_schema(service: Service) -> dict[str, str]:
    with service.administer() as connection:
        rows = connection.execute(_SCHEMA).fetchall()
    return {str(name): str(what) for name, what in rows}


def _differs(before: dict[str, str] | None, after: dict[str, str] | None) -> str | None:
    """The first thing that differs."""
    if before is None or after is None:
        return None
    return next((name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)), None)


@probe(
    "XII-P2",
    title="admin commands leave web alone",
    tier=1,
    needs=("web",),
    does="Uses the app without a pause while each admin command runs as a one-off beside it, three times.",
    proved="Every request that was answered before is answered while they run.",
    refuted="Requests fail while a command runs: it holds locks, or takes away what web needs.",
    fix="Let migrations take no long locks (add, do not rewrite; indexes CONCURRENTLY; a lock_timeout), and do large "
    "changes in small steps.",
    rules=("XII-02",),
    mutation=Mutation(
        "locks its notes while it migrates",
        {"schema.py": ((_EACH, _LOCK + _EACH),)},
    ),
)  # fmt: skip
async def leaves_web_alone(trial: Trial) -> Outcome:
    commands = _commands(trial)
    web = await trial.start()
    calm = await _round(trial, web)
    if calm.problems:
        raise CannotProve(f"requests fail with no command running: {calm.problems[0]}")

    async def attempt() -> Outcome:
        rounds = 0
        for command in commands:
            running = asyncio.ensure_future(trial.one_off(command, timeout=_PATIENCE))
            try:
                while True:
                    busy = not running.done()
                    tally = await _round(trial, web)
                    rounds += 1
                    if tally.problems:
                        trial.saw("saw", f"while {command} ran: {tally.problems[0]}", web.name)
                        return refuted(f"while {command} runs, {tally.problems[0]}")
                    if not busy:
                        break
            finally:
                await asyncio.wait({running})
        return proved(f"{rounds} rounds of requests answered while {' and '.join(commands)} ran")

    return await agree(3, attempt)


async def _round(trial: Trial, web: Instance) -> Tally:
    """Some requests."""
    if trial.subject.recipes.read or trial.subject.recipes.write:
        return await trial.traffic.some([web], 2)
    try:
        answer = await web.client.request("GET", web.made.health)
    except NoAnswer as error:
        return Tally(1, (f"{web.name}: {error}",))
    problem = f"{web.name}: GET {web.made.health} -> {answer.status}"
    return Tally(1, (problem,) if answer.status >= 500 else ())


@probe(
    "XII-P3",
    title="an admin command that fails says so",
    tier=1,
    needs=("web",),
    does="Runs each admin command with a database that refuses connections, while web has its own; then with the right "
    "one.",
    proved="It ends with another exit status than 0, web answers all the while, nothing is changed, and with the right "
    "database it succeeds.",
    refuted="It ends with 0 although it could do nothing, or leaves half of its work behind: a platform would go on "
    "with the deploy.",
    fix="Let errors end the command with a status that is not 0 (no `|| true`, no bare except), and do its work in one "
    "transaction.",
    rules=("XII-06",),
    mutation=Mutation(
        "calls a failure a success",
        {"schema.py": ((_AWAY, _AWAY.replace("return 1", "return 0")),)},
    ),
)
async def fails_aloud(trial: Trial) -> Outcome:
    commands = _commands(trial)
    web = await trial.start()
    service = trial.backing.of_kind("postgres", "mysql", "mariadb", "mongodb") or next(
        iter(trial.backing.services), None
    )
    if service is None:
        raise CannotProve("the app has no backing service, so that nothing can make a command fail")
    quiet = await _round(trial, web)
    if quiet.problems:
        raise CannotProve(f"requests fail with no command running: {quiet.problems[0]}")
    port = trial.network.free_port()
    nowhere = str(replace(parse(service.url), port=port))
    env = {name: fill(text, nowhere) for name, text in service.need.env}
    before = await _schema(trial)
    trial.saw("service", f"{', '.join(env)} lead to port {port}, where nobody listens")
    waiting, tried = [], []
    for command in commands:
        finished = await trial.one_off(command, env=env, timeout=30.0)
        _show(trial, finished)
        if finished.end is None:
            waiting.append(command)
        elif finished.ok:
            good = await trial.one_off(command, timeout=_PATIENCE)
            if command != trial.subject.release_command and good.output == finished.output:
                continue  # it needs no database
            return refuted(f"{command} ends with 0 although its {service.name} is away")
        else:
            tried.append(f"{command}: {describe(finished.end)}")
    tally = await _round(trial, web)
    if tally.problems:
        return refuted(f"while an admin command failed, web failed, too: {tally.problems[0]}")
    if changed := _differs(before, await _schema(trial)):
        return refuted(f"a command that failed has changed {changed}")
    if waiting:
        return advisory(f"{waiting[0]} waits for its {service.name}, and has not given up after 30 s")
    if not tried:
        raise CannotProve(f"no admin command needs the {service.name}: none can be made to fail")
    for command in commands:
        finished = await trial.one_off(command, timeout=_PATIENCE)
        if not finished.ok:
            _show(trial, finished)
            return refuted(f"after it failed once, {command} does not succeed any more: {finished}")
    return proved(f"{'; '.join(tried)}; with its {service.name} back all succeed")
