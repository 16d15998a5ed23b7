"""Probes of XI: the app keeps no log files of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from tolv.prove.harness.instance import Instance, NotReady
from tolv.prove.harness.stand import Stand
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, agree, probe, proved, refuted
from tolv.prove.watch.files import OpenFile, Snapshot, open_files

#: What a log is called.
_LOG_NAME = re.compile(
    r"(?:^|/)logs?/[^/]+$|\.log(?:[.-][\w-]+)*$|(?:^|/)(?:access|error|stdout|stderr|nohup)[\w.-]*\.(?:txt|out)$"
)
#: What belongs to a tool that the app was started with: `.npm/_logs`, `.cache`.
_HIDDEN = re.compile(r"(?:^|/)\.[^/]+/")
_DENIED = re.compile(
    r"permission denied|read-only file system|no such file|EACCES|EROFS|ENOENT|not writable|unable to open|"
    r"could not (?:open|create)|cannot (?:open|create)|PermissionError|FileNotFoundError",
    re.IGNORECASE,
)
#: A path that is called like a log, in a line of text.
_LOG_PATH = re.compile(r"[\w./~-]*(?:/logs?/[\w.-]+|[\w-]+\.log)\b")
_REQUESTS = 20
_EVENT = "        sys.stdout.write(json.dumps(line)"


@probe(
    "XI-P2",
    title="writes no log file",
    tier=0,
    needs=("web",),
    does="Starts every process type, sends requests, and looks at the files that the processes have open for "
    "appending, and at those that have come into being or grown.",
    proved="None of them is a log.",
    refuted="The app writes its log to a file: it dies with the process, fills its disk, and nobody sees it.",
    fix="Log to standard output alone, and leave files, rotation and retention to the platform.",
    rules=("XI-01", "XI-02", "XI-03"),
    mutation=Mutation(
        "writes its log to a file, too",
        {"telemetry.py": ((_EVENT, f'        print(event, file=open("notes.log", "a"))\n{_EVENT}'),)},
    ),
)
async def writes_no_file(trial: Trial) -> Outcome:
    web = await trial.start()
    instances = [web]
    for one in trial.subject.others:
        try:
            instances.append(await trial.start(one.name))
        except (NotReady, CannotProve):  # for the probes of processes to say
            continue
    before = {one.name: tuple(open_files(one.pids())) for one in instances}
    tally = await trial.traffic.some([web], _REQUESTS)
    if not tally.requests:
        for _ in range(_REQUESTS):
            await web.client.request("GET", web.made.health)
    found: list[tuple[str, str]] = []
    for instance in instances:
        opened = tuple(open_files(instance.pids()))
        for path, why in (*_open_logs(instance, before[instance.name], opened), *_left_logs(trial, instance)):
            if path not in (known for known, _ in found):
                trial.saw("file", f"{path}: {why}", instance.name)
                found.append((path, why))
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return refuted(f"it writes {found[0][0]}{more}: {found[0][1]}")
    return proved(f"no log among the files of {', '.join(one.name for one in instances)}")


def _open_logs(instance: Instance, before: Iterable[OpenFile], after: Iterable[OpenFile]) -> Iterable[tuple[str, str]]:
    """Files that are open for writing and are logs: by name, or as standard output leads to them."""
    sizes = {(one.device, one.inode): one.size for one in before}
    for one in after:
        if not one.write or one.deleted:
            continue
        path = _shown(instance, one.path)
        if _HIDDEN.search(path) or not _is_text(Path(f"/proc/{one.pid}/fd/{one.descriptor}")):
            continue
        grown = one.size - sizes.get((one.device, one.inode), one.size)
        if one.descriptor in (1, 2):
            yield path, f"the command leads file descriptor {one.descriptor} there"
        elif _LOG_NAME.search(path):
            mode = "appending" if one.append else "writing"
            yield path, f"open for {mode}" + (f", {grown} bytes longer after the requests" if grown else "")


def _left_logs(trial: Trial, instance: Instance) -> Iterable[tuple[str, str]]:
    """Files that are called like logs, and that have come into being or grown since the start."""
    release = trial.subject.runnable.directory
    for directory, base in ((instance.directory, Path(release)), (instance.made.tmp, None)):
        try:
            now = Snapshot.of(directory)
        except OSError:
            continue
        old = Snapshot.of(base).entries if base is not None else {}
        for path, entry in now.entries.items():
            known = old[path].size if path in old else 0
            if entry.kind != "file" or entry.size <= known or _HIDDEN.search(path) or not _LOG_NAME.search(path):
                continue
            if _is_text(directory / path):
                shown = path if base is not None else f"$TMPDIR/{path}"
                yield shown, f"{entry.size - known} bytes were added"


def _shown(instance: Instance, path: str) -> str:
    """The path as a person knows it: below the app's directory, or below TMPDIR."""
    for directory, name in ((os.fspath(instance.directory), ""), (os.fspath(instance.made.tmp), "$TMPDIR/")):
        if path.startswith(f"{directory}/"):
            return name + path[len(directory) + 1 :]
    return path


def _is_text(path: Path) -> bool:
    """Whether a file may be a log: the write-ahead log of a database is none, whatever it is called."""
    try:
        with path.open("rb") as file:
            return b"\0" not in file.read(4096)
    except OSError:
        return False


@probe(
    "XI-P5",
    title="needs no place for logs",
    tier=0,
    needs=("web",),
    does="Starts the web process where it can write nothing but its temporary directory, neither its own directory nor "
    "any for logs, and sends requests.",
    proved="It becomes ready, and does not complain of a log that it cannot open.",
    refuted="It does not start, or says again and again that it cannot write its log.",
    fix="Log to standard output alone.",
    rules=("XI-01",),
    bare=True,
    mutation=Mutation(
        "opens its log file when it starts",
        {"telemetry.py": (("def log(level", 'FILE = open("notes.log", "a")\n\n\ndef log(level'),)},
    ),
)
async def needs_no_place(trial: Trial) -> Outcome:
    return await agree(2, lambda: _without_place(trial))


async def _without_place(trial: Trial) -> Outcome:
    try:
        instance = await trial.start(stand=Stand(code="release"))
    except NotReady as error:
        complaint = _complaints(error.instance)
        if not complaint:
            raise CannotProve(
                f"where it can write nothing but TMPDIR it does not start: {error.reason}; see V-P1"
            ) from None
        trial.saw("log", complaint[0], error.instance.name)
        return refuted(f"it does not start, as it cannot open its log: {complaint[0]}")
    try:
        before = len(_complaints(instance))
        for _ in range(_REQUESTS):
            await instance.client.request("GET", instance.made.health)
        await instance.stop(instance.made.type.grace)
    finally:
        await instance.kill()
    later = _complaints(instance)
    if len(later) - before >= _REQUESTS // 2:
        trial.saw("log", later[-1], instance.name)
        return refuted(f"{_REQUESTS} requests, and {len(later) - before} times: {later[-1]}")
    return proved("ready with no place for a log but TMPDIR")


def _complaints(instance: Instance) -> list[str]:
    """Lines that say that a log cannot be written."""
    texts = [one.text for one in instance.lines()]
    return [text for text in texts if _DENIED.search(text) and _LOG_PATH.search(text)]
