"""Whether what was written outlives the process that has taken it."""

from __future__ import annotations

import functools

from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, probe, proved, refuted
from tolv.prove.probes._common import eventually
from tolv.prove.probes.processes.sessions import Forgotten, Login, log_in, who
from tolv.prove.recipes import EXAMPLES
from tolv.prove.traffic import Written

#: Items that are written: the last ones just before the kill.
_ITEMS = 3
_INSERT = """\
        note = database.execute("INSERT INTO notes (text) VALUES (%s) RETURNING id", (text,)).fetchall()[0][0]
"""
_SELECT = """        row = database.execute("SELECT id, text FROM notes WHERE id = %s", (int(note),)).fetchone()\n"""


@probe(
    "VI-P2",
    title="survives kill -9",
    tier=1,
    needs=("web", "write", "read_back"),
    does="Writes items on web.1, kills it with SIGKILL at once, starts it on a fresh file system, and reads the items "
    "there and on web.2; where there is a login, also whether the user is still known.",
    proved="Every item is there, on both, and the session holds.",
    refuted="Something is gone: it was kept in the process's memory or in its own files.",
    fix="Keep it in a backing service before the answer is sent.",
    rules=("VI-01", "VI-03", "VI-04"),
    mutation=Mutation(
        "keeps its notes in memory",
        {
            "app.py": (
                (_INSERT, "        note = len(NOTES) + 1\n        NOTES[note] = text\n"),
                (_SELECT, "        row = (int(note), NOTES[int(note)]) if int(note) in NOTES else None\n"),
                ("# Notes.\n", "# Notes.\nNOTES: dict[int, str] = {}\n"),
            )
        },
    ),
)
async def survives_kill(trial: Trial) -> Outcome:
    first, second = await trial.pair()
    written = [await _readable(trial, first)]
    login = await _login(trial, first)
    written += [await trial.traffic.write(first) for _ in range(_ITEMS - 1)]
    await first.kill()
    first = await trial.again(first)
    for instance in (first, second):
        for one in written:
            reading = await eventually(functools.partial(trial.traffic.read_back, instance, one), trial.patience.write)
            if not reading.found:
                where = f"on {instance.name}" + (" after its restart" if instance is first else "")
                return refuted(f"{one.token}, written before the kill, is gone {where}: {reading.shown}")
    if login is not None and not login.knows(answer := await who(trial, first, login.session)):
        return refuted(f"who was logged in before the kill is answered {answer.status} after it")
    session = " and a session" if login is not None else ""
    return proved(f"{_ITEMS} items{session} outlived it, seen on {first.name} and {second.name}")


async def _readable(trial: Trial, instance: Instance) -> Written:
    """An item that can be read where it was written: else nothing can be proved by it."""
    written = await trial.traffic.write(instance)
    reading = await eventually(functools.partial(trial.traffic.read_back, instance, written), trial.patience.write)
    if not reading.found:
        reason = f"what was written is not read back: {written.shown}, then {reading.shown}"
        raise CannotProve(reason, EXAMPLES["write"], EXAMPLES["read_back"])
    return written


async def _login(trial: Trial, instance: Instance) -> Login | None:
    """A login, if there is one that tells something: VI-P1 says so where it does not."""
    if not (trial.traffic.recipes.login and trial.traffic.recipes.whoami):
        return None
    try:
        return await log_in(trial, instance)
    except (CannotProve, Forgotten):
        return None
