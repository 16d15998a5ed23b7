"""Whether two processes say the same of what both have written."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tolv.prove.client import Answer, NoAnswer
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, probe, proved, refuted
from tolv.prove.probes._common import eventually
from tolv.prove.recipes import EXAMPLES
from tolv.prove.traffic import Unexpected

#: Items that are written, as far as the app takes them; fewer than `_LEAST` say nothing. Seconds that they may take.
_ITEMS, _LEAST, _WITHIN = 50, 6, 20.0
#: How often each is read.
_ROUNDS = 10
#: Names under which a process rightly says something of itself alone.
_OF_ITSELF = re.compile(r"pid|process|worker|instance|host|server|uptime|memory|metrics|stats|dyno|pod", re.IGNORECASE)
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.:-])\d{1,9}(?![\w:-]|\.\d)")

Leaves = Mapping[str, str]
_TOTAL = '        total = database.execute("SELECT count(*) FROM notes").fetchall()[0][0]\n'
_WRITTEN = '    return Answer(201, {"id": note, "text": text}, {"Location": f"/notes/{note}"})\n'


@probe(
    "VI-P3",
    title="two processes say the same",
    tier=1,
    needs=("web", "write", "read_back"),
    does=f"Writes up to {_ITEMS} items on two web processes in turn, reads each on the other one, and compares what "
    f"both answer to `read`, {_ROUNDS} times.",
    proved="Each item is found on the other process, and both give the same answer in the end.",
    refuted="They still differ after the `write` of `[prove.patience]`, 10 s: a list, a counter or a cache is kept in "
    "each process.",
    fix="Keep what requests change, and caches that must agree, in a backing service.",
    rules=("VI-01", "VI-02", "VI-06"),
    mutation=Mutation(
        "counts its notes in memory",
        {
            "app.py": (
                (_TOTAL, "        total = len(WRITTEN)\n"),
                (_WRITTEN, f"    WRITTEN.append(note)\n{_WRITTEN}"),
                ("# Notes.\n", "# Notes.\nWRITTEN: list[int] = []\n"),
            )
        },
    ),
)
async def processes_agree(trial: Trial) -> Outcome:
    first, second = await trial.pair()
    before = [await _faces(trial, one, 2) for one in (first, second)]
    count = 0
    until = time.monotonic() + _WITHIN
    while count < _ITEMS and time.monotonic() < until:
        # Two of three here: what each process counted for itself is then not the same by chance.
        here, there = (second, first) if count % 3 == 2 else (first, second)
        try:
            lost = await _write_here_read_there(trial, here, there)
        except Unexpected:
            if count < _LEAST:
                raise
            break  # it takes no more: a limit of its own
        if lost is not None:
            return refuted(lost)
        count += 1
    if not trial.traffic.recipes.read:
        return proved(f"{count} items, each found on the other process")
    difference = await _difference(trial, first, second, before)
    if difference is not None:
        return refuted(difference)
    return proved(f"{count} items, each found on the other process; both answer read alike")


async def _write_here_read_there(trial: Trial, here: Instance, there: Instance) -> str | None:
    """What is wrong; None: nothing. Raises `CannotProve` for an item that cannot be read even where it was written."""
    written = await trial.traffic.write(here)
    reading = await eventually(functools.partial(trial.traffic.read_back, there, written), trial.patience.write)
    if reading.found:
        return None
    if not (own := await trial.traffic.read_back(here, written)).found:
        reason = f"what was written is not read back: {written.shown}, then {own.shown}"
        raise CannotProve(reason, EXAMPLES["write"], EXAMPLES["read_back"])
    return f"{written.token}, written on {here.name}, is not there on {there.name} after {trial.patience.write:g} s"


async def _difference(
    trial: Trial, first: Instance, second: Instance, before: Sequence[Sequence[Leaves]]
) -> str | None:
    """What both answers to `read` differ in, for good; None: nothing that the requests have to do with.

    What differed before the first request, as a name does, is no state; what moves by itself, as a clock does, neither.
    """
    seen: tuple[list[Answer], list[Answer]] = ([], [])
    for _ in range(_ROUNDS):
        for answers, one in zip(seen, (first, second), strict=True):
            answers.append(await _read(trial, one))
    counted = counted_apart([[numbers_of(one) for one in answers] for answers in seen])
    if counted is not None:
        name, here, there = counted
        told = f"{first.name} says {', '.join(map(str, here[-3:]))} where {second.name} says"
        return f"each process counts its own requests ({name}): {told} {', '.join(map(str, there[-3:]))}"
    until = time.monotonic() + trial.patience.write
    faces = tuple([leaves_of(one) for one in answers[-2:]] for answers in seen)
    while names := differing(faces, before):
        if time.monotonic() >= until:
            name = names[0]
            ours, theirs = (face[-1].get(name, "nothing") for face in faces)
            said = f"{ours} on {first.name}, {theirs} on {second.name}"
            return f"after {trial.patience.write:g} s without a write they differ in {name}: {said}"
        await asyncio.sleep(0.5)
        for face, one in zip(faces, (first, second), strict=True):
            face.append(leaves_of(await _read(trial, one)))
    return None


def differing(faces: Sequence[Sequence[Leaves]], before: Sequence[Sequence[Leaves]]) -> list[str]:
    """The names of what each process says always alike, both not the same, and not as before all requests."""
    first, second = (_settled(face) for face in faces)
    old_first, old_second = (_settled(face) for face in before)
    return sorted(
        name
        for name in first.keys() | second.keys()
        if first.get(name) != second.get(name)
        and (first.get(name), second.get(name)) != (old_first.get(name), old_second.get(name))
        and not _OF_ITSELF.search(name)
        and not _moves(name, faces)
    )


def _settled(face: Sequence[Leaves]) -> dict[str, str]:
    return {name: value for name, value in face[-1].items() if all(one.get(name) == value for one in face)}


def _moves(name: str, faces: Sequence[Sequence[Leaves]]) -> bool:
    return any(len({one.get(name) for one in face}) > 1 for face in faces)


def counted_apart(readings: Sequence[Sequence[Mapping[str, int]]]) -> tuple[str, list[int], list[int]] | None:
    """A number that each process has risen by one with each of its own readings, though they took turns."""
    names = set.intersection(*(set(one) for face in readings for one in face))
    for name in sorted(names):
        first, second = ([one[name] for one in face] for face in readings)
        if not _OF_ITSELF.search(name) and all(_by_one(numbers) for numbers in (first, second)):
            return name, first, second
    return None


def _by_one(numbers: Sequence[int]) -> bool:
    return all(later - earlier == 1 for earlier, later in pairwise(numbers))


async def _faces(trial: Trial, instance: Instance, times: int) -> list[Leaves]:
    if not trial.traffic.recipes.read:
        return []
    return [leaves_of(await _read(trial, instance)) for _ in range(times)]


async def _read(trial: Trial, instance: Instance) -> Answer:
    """What `read` is answered, with a second chance for an answer that does not come or is an error of the server."""
    try:
        return await trial.traffic.read(instance)
    except NoAnswer:
        pass
    except Unexpected as error:
        if error.answer.status < 500:
            raise
    await asyncio.sleep(1.0)
    return await trial.traffic.read(instance)


def leaves_of(answer: Answer) -> Leaves:
    """What an answer says, taken apart: the scalars of JSON by their path, else its words, each with how often it is
    there."""
    try:
        found: dict[str, str] = {}
        _walk(answer.json(), "", found)
        return found
    except (ValueError, RecursionError):
        return {f"the word {word!r}": f"{count} times" for word, count in Counter(_text(answer).split()).items()}


def numbers_of(answer: Answer) -> dict[str, int]:
    try:
        leaves: dict[str, str] = {}
        _walk(answer.json(), "", leaves)
        return {name: int(value) for name, value in leaves.items() if re.fullmatch(r"\d{1,15}", value)}
    except (ValueError, RecursionError):
        return {f"number {place}": int(text) for place, text in enumerate(_NUMBER.findall(_text(answer)), 1)}


def _text(answer: Answer) -> str:
    return _TAG.sub(" ", answer.text())


def _walk(value: Any, path: str, found: dict[str, str]) -> None:
    if isinstance(value, dict):
        for name, one in value.items():
            _walk(one, f"{path}.{name}" if path else str(name), found)
    elif isinstance(value, list):
        for place, one in enumerate(value):
            _walk(one, f"{path}[{place}]", found)
    else:
        found[path or "the answer"] = value if isinstance(value, str) else json.dumps(value)
