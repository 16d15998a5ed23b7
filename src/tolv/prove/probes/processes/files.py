"""What an app leaves in its own directory, and whether it relies on that."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path

from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import (
    CannotProve,
    Mutation,
    advisory,
    cannot_prove,
    probe,
    proved,
    refuted,
)
from tolv.prove.probes._common import eventually, exercise
from tolv.prove.recipes import EXAMPLES
from tolv.prove.traffic import Reading, Written
from tolv.prove.watch.files import Snapshot, changes, open_files

#: How often all is asked for: what is written only the first time is no one's data.
_ROUNDS = 3
#: Directories of what a runtime compiles for itself from the code that lies beside it.
_COMPILED = frozenset({"__pycache__"})
#: Where every process may write: what the kernel makes up, and devices.
_NO_DISK = ("/proc/", "/dev/", "/sys/", "/memfd:")
#: Paths that are told one by one.
_SHOWN = 5
_PUT = """\
    with transaction() as database:
        database.execute(put, (name, question.body))
"""
_GET = """\
        row = database.execute("SELECT content FROM files WHERE name = %s", (name,)).fetchone()
    if row is None:
        raise Refusal(404, "there is no such file")
    return Answer(200, bytes(row[0]), type="application/octet-stream")
"""
_GET_LOCAL = """\
        database.execute("SELECT 1")
    if not Path("uploads", name).exists():
        raise Refusal(404, "there is no such file")
    return Answer(200, Path("uploads", name).read_bytes(), type="application/octet-stream")
"""
_NOTED = '    return Answer(201, {"id": note, "text": text}, {"Location": f"/notes/{note}"})\n'


@probe(
    "VI-P4",
    title="leaves nothing on its disk",
    tier=1,
    needs=("web",),
    does=f"Asks a web process {_ROUNDS} times for all that `[prove]` names, and looks at what changes in its "
    "directory.",
    proved="Nothing does, but for temporary files, what a runtime compiles for itself, and what `declared_writable` "
    "names.",
    refuted="Requests write files there again and again: they are another's on every process, and gone with this one.",
    fix="Keep it in a backing service; write what is needed for one request alone to the temporary directory (TMPDIR).",
    rules=("VI-04", "VI-05", "XI-01"),
    mutation=Mutation(
        "keeps a journal in its directory",
        {
            "app.py": (
                (_NOTED, f'    with open("journal.txt", "a") as journal:\n        journal.write(text)\n{_NOTED}'),
            )
        },
    ),
)
async def leaves_nothing_on_disk(trial: Trial) -> Outcome:
    if not any(map(trial.traffic.recipes.has, ("read", "write", "upload", "login", "job"))):
        return cannot_prove("[prove] of tolv.toml names no request to try it with", EXAMPLES["read"], EXAMPLES["write"])
    instance = await trial.start()
    started = Snapshot.of(instance.directory)
    done, problems = await exercise(trial, instance)
    first = Snapshot.of(instance.directory)
    for _ in range(_ROUNDS - 1):
        _, more = await exercise(trial, instance)
        problems += more
    last = Snapshot.of(instance.directory)
    elsewhere = _open_elsewhere(instance)
    again = _paths(trial, first, last)
    once = [*_at_boot(trial, instance, started), *(one for one in _paths(trial, started, first) if one not in again)]
    for path in again[:_SHOWN]:
        trial.saw("file", _described(path, started, last), instance.name)
    for path in once[:_SHOWN]:
        trial.saw("file", f"{path}: written once", instance.name)
    if again:
        return refuted(f"requests write to {_listed(again)} in its directory")
    if elsewhere:
        return refuted(f"it writes to {_listed(elsewhere)}")
    if not done:
        raise CannotProve(f"no request goes well: {problems[0]}")
    if "write" not in done and "upload" not in done:
        missing = [EXAMPLES[one] for one in ("write", "read_back") if not trial.traffic.recipes.has(one)]
        return cannot_prove(f"it writes nothing when asked for {', '.join(done)} alone", *missing)
    if once:
        return advisory(f"it writes to {_listed(once)} once, as it starts or is first asked, and no more: a cache?")
    return proved(f"nothing written by {_ROUNDS} rounds of {', '.join(done)}")


def _paths(trial: Trial, before: Snapshot, after: Snapshot) -> list[str]:
    """What was added or changed, without directories and what may be."""
    found = changes(before, after)
    paths = [one for one in (*found.added, *found.changed) if after.entries[one].kind != "directory"]
    return [one for one in paths if not _may_be(trial, one)]


def _at_boot(trial: Trial, instance: Instance, started: Snapshot) -> list[str]:
    """What the process has added to the release, or changed of it, before the first request."""
    runnable = instance.made.runnable or trial.subject.runnable
    release = Snapshot.of(Path(runnable.directory)).entries
    return [
        path
        for path, entry in sorted(started.entries.items())
        if entry.kind == "file"
        and (path not in release or release[path].size != entry.size)
        and not _may_be(trial, path)
    ]


def _may_be(trial: Trial, path: str) -> bool:
    parts = path.split("/")
    allowed = (one.strip("/") for one in trial.subject.recipes.declared_writable)
    return not _COMPILED.isdisjoint(parts) or any(path == one or path.startswith(f"{one}/") for one in allowed)


def _open_elsewhere(instance: Instance) -> list[str]:
    """Files that it has open for writing, outside its own directory, its temporary one and its logs."""
    made = instance.made
    own = tuple(f"{os.path.realpath(one)}/" for one in (made.directory, made.tmp)) + ("/tmp/",)
    logs = {os.path.realpath(made.stdout), os.path.realpath(made.stderr)}
    found = {one.path for one in open_files(instance.pids()) if one.write and not one.deleted}
    return sorted(one for one in found - logs if not one.startswith((*own, *_NO_DISK)))


def _described(path: str, before: Snapshot, after: Snapshot) -> str:
    new, old = after.entries[path], before.entries.get(path)
    if old is None:
        return f"{path}: new, {new.size} bytes"
    return f"{path}: {old.size} bytes before, {new.size} bytes after {_ROUNDS} rounds"


def _listed(paths: Iterable[str]) -> str:
    paths = list(paths)
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more


@probe(
    "VI-P5",
    title="uploads outlive the process",
    tier=1,
    needs=("web", "upload", "download"),
    does="Uploads a file to web.1, kills it, starts it on a fresh file system, and downloads the file from there and "
    "from web.2.",
    proved="The file is there on both, with the same bytes.",
    refuted="It is gone, or is another: it was kept on the disk, or in the memory, of the process that took it.",
    fix="Keep uploads in an object store or another backing service.",
    rules=("VI-04",),
    mutation=Mutation(
        "keeps uploads on its own disk",
        {
            "app.py": (
                (
                    _PUT,
                    '    Path("uploads").mkdir(exist_ok=True)\n    Path("uploads", name).write_bytes(question.body)\n',
                ),
                (_GET, _GET_LOCAL),
            )
        },
    ),
)
async def uploads_outlive_process(trial: Trial) -> Outcome:
    first, second = await trial.pair()
    uploaded = await trial.traffic.upload(first)
    kept = await _kept(trial, first, uploaded)
    away = await eventually(functools.partial(_same, trial, second, uploaded, kept), trial.patience.write)
    await first.kill()
    first = await trial.again(first)
    # Where it is gone elsewhere for good, one look is enough.
    within = trial.patience.write if away.found else 0.0
    back = await eventually(functools.partial(_same, trial, first, uploaded, kept), within)
    if not away.found:
        also = "" if back.found else ", nor from web.1 once it was started again"
        return refuted(f"what web.1 took is not to be had from web.2{also}: {away.shown}")
    if not back.found:
        return refuted(f"what web.1 took is gone once it was started again: {back.shown}")
    return proved(f"{len(kept)} bytes, the same from web.2 and from web.1 after a restart")


async def _kept(trial: Trial, instance: Instance, uploaded: Written) -> bytes:
    """What is downloaded where it was uploaded: mostly what was sent, from some apps what they have made of it.

    Raises `CannotProve` if it cannot be had there, or is another thing each time.
    """
    reading = await eventually(lambda: trial.traffic.download(instance, uploaded), trial.patience.write)
    if reading.found:
        return uploaded.content
    second = await trial.traffic.download(instance, uploaded)
    if second.answer.status >= 300 or not second.answer.body or second.answer.body != reading.answer.body:
        reason = f"what was uploaded is not downloaded again from {instance.name} itself: {reading.shown}"
        raise CannotProve(reason, EXAMPLES["upload"], EXAMPLES["download"])
    return second.answer.body


async def _same(trial: Trial, instance: Instance, uploaded: Written, kept: bytes) -> Reading:
    reading = await trial.traffic.download(instance, uploaded)
    return Reading(reading.answer, reading.answer.status < 300 and reading.answer.body == kept, reading.shown)
