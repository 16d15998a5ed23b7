"""Whether processes stay where they were started."""

from __future__ import annotations

import asyncio
import contextlib

from tolv.prove.harness.instance import Instance, NotReady, describe
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import Mutation, probe, proved, refuted
from tolv.prove.watch.processes import Seen, strays

#: Seconds that the others of a tree have for dying after their leader.
_LINGERS = 5.0
_DAEMON = """\
import os

if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.execvp("python", ["python", "-B", "app.py"])
"""


@probe(
    "VIII-P2",
    title="stays in the foreground",
    tier=0,
    does="Starts a process of each type, and looks at the tree of what they start.",
    proved="What was started runs on, and nothing of it has left its session and its parents.",
    refuted="The command ends while something that it has started runs on, in the background: who supervises it takes "
    "it for dead, and can neither stop nor restart it.",
    fix="Start the process in the foreground (no --daemon, no `&` and nohup), and let the platform restart it.",
    rules=("VIII-02", "VIII-04"),
    bare=True,
    mutation=Mutation(
        "puts itself into the background",
        {"Procfile": (("web: python -B app.py", "web: python -B daemon.py"),)},
        add={"daemon.py": _DAEMON},
    ),
)
async def stays_in_foreground(trial: Trial) -> Outcome:
    stayed: list[str] = []
    unready: NotReady | None = None
    for type in trial.subject.build.processes:
        instance = await trial.start(type.name, ready=False)
        try:
            await instance.ready()
        except NotReady as error:
            left = () if instance.alive else await _left_behind(instance)
            if instance.alive or not left:
                unready = unready or error
                continue
            trial.saw("exit", describe(instance.end), instance.name)
            _tell(trial, instance, left)
            return refuted(f"{type.command}: {describe(instance.end)}, and {_named(left)} runs on without it")
        members = instance.members()
        away = strays(members, instance.pid)
        _tell(trial, instance, members)
        if away:
            return refuted(f"{_named(away)} has left the session and the parents of {instance.name}")
        stayed.append(type.name)
        await instance.stop(type.grace)
    if unready is not None:
        raise unready
    return proved(f"{', '.join(stayed)}: each runs on as it was started")


async def _left_behind(instance: Instance) -> tuple[Seen, ...]:
    """What runs on for seconds after its leader has ended: what only takes a moment to die is not among it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGERS):
            await instance.running.empty.wait()
    while not instance.running.empty.is_set():
        if left := instance.members():
            return left
        await asyncio.sleep(0.05)
    return ()


def _tell(trial: Trial, instance: Instance, members: tuple[Seen, ...]) -> None:
    for one in members:
        ids = f"pid {one.pid}, parent {one.parent}, session {one.session}"
        trial.saw("saw", f"{' '.join(one.argv) or one.program}: {ids}", instance.name)


def _named(members: tuple[Seen, ...]) -> str:
    return ", ".join(dict.fromkeys(one.program or str(one.pid) for one in members))
