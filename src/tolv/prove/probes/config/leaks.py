"""III-P4: whether secrets show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tolv.errors import TolvError
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.recording import Recording
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Kind, Outcome
from tolv.prove.probe import Mutation, advisory, not_applicable, probe, proved, refuted
from tolv.prove.probes._errors import provoke
from tolv.prove.probes._roaming import is_secret, is_secret_name, roam, settle
from tolv.prove.watch.files import Snapshot
from tolv.prove.watch.processes import snapshot
from tolv.services.urls import parse

#: Characters below which a value may turn up by chance.
_SHORTEST = 8
#: Bytes of a file that are searched.
_BYTES = 4 << 20
#: Shown in place of a secret.
_MASK = "…"


@dataclass(frozen=True, slots=True)
class _Leak:
    name: str
    kind: Kind
    where: str
    line: str


@probe(
    "III-P4",
    title="shows no secret",
    tier=1,
    needs=("web",),
    does="Starts the web process with secrets made for this, sends traffic, then what does not exist, what cannot be "
    "read and, with its services out of reach, what it cannot answer; at last it starts it with a service's URL that "
    "cannot be read. All output, answers, command lines and files that it wrote are searched for the secrets.",
    proved="No secret is in any of them.",
    refuted="A secret is in its output, an answer or a command line, where others can read it.",
    fix="Log and answer with what went wrong, never with config; give secrets to programs by the environment.",
    rules=("XI-06", "SEC-03"),
    mutation=Mutation(
        "logs its environment when the database is away",
        {
            "server.py": (
                ("import json\n", "import json\nimport os\n"),
                ('log("warning", "database is away", ', 'log("warning", "database is away", config=dict(os.environ), '),
            )
        },
    ),
)
async def shows_no_secret(trial: Trial) -> Outcome:
    await trial.backing.attach()
    secrets = dict(_secrets(trial))
    if not secrets:
        return not_applicable("it is given no secret")
    instance = await trial.start(env={name: value for name, value in secrets.items() if name not in trial.backing.env})
    trial.saw("start", f"with secrets in {', '.join(secrets)}", instance.name)
    await roam(trial, instance)
    found = list(_in_argv(instance, secrets))
    recording = await provoke(trial, instance)
    found += _in_argv(instance, secrets)
    await instance.stop()
    found += _in_output(instance, secrets)
    found += _in_answers(recording, secrets)
    release = Snapshot.of(Path(trial.subject.runnable.directory))
    files = list(_in_files(instance.directory, release, secrets))
    wrong = await _with_bad_url(trial, secrets)
    for leak in (*found, *files, *wrong):
        trial.saw(leak.kind, f"{leak.name} is in {leak.where}: {leak.line}", instance.name)
    if found:
        places = "; ".join(dict.fromkeys(f"{one.name} in {one.where}" for one in found[:3]))
        return refuted(f"secrets show: {places}")
    if files:
        return advisory(f"it writes {files[0].name} to a file: {files[0].where}")
    if wrong:
        return advisory(f"with a URL that cannot be read it shows {wrong[0].name} in {wrong[0].where}")
    errors = sum(answer.status >= 500 for _, answer in recording.answers)
    what = f"{len(secrets)} secrets, {len(recording.answers)} answers"
    if not errors:
        return advisory(f"none shows in {what}; but no answer of 500 or above could be brought about")
    return proved(f"{what}, {errors} of them 5xx: none shows")


def _secrets(trial: Trial) -> Iterator[tuple[str, str]]:
    """What must not show, by the variable that holds it: of a service its password."""
    for service in trial.backing.services:
        password = parse(service.url).password
        for name, value in service.env.items():
            if password and password in value and len(password) >= _SHORTEST:
                yield name, password
    config = trial.config
    secret = {one.name for one in trial.subject.build.variables if is_secret(one)}
    for name, value in config.items():
        if (name in secret or is_secret_name(name)) and name not in trial.backing.env and len(value) >= _SHORTEST:
            if "://" in value or any(variable.default == value for variable in trial.subject.build.variables):
                continue  # everybody knows it
            yield name, value


def _forms(value: str) -> set[str]:
    return {value, quote(value, safe="")}


def _search(text: str, secrets: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Secrets in a text, each with the line that it is in, masked."""
    for name, value in secrets.items():
        if any(form in text for form in _forms(value)):
            line = next((one for one in text.splitlines() if any(form in one for form in _forms(value))), "")
            at = line.find(value)
            for secret in secrets.values():
                for form in _forms(secret):
                    line = line.replace(form, _MASK)
            yield name, line[max(0, at - 80) : max(0, at) + 80].strip()


def _in_output(instance: Instance, secrets: dict[str, str]) -> Iterator[_Leak]:
    for stream in ("stdout", "stderr"):
        text = "\n".join(one.text for one in instance.lines() if one.stream == stream)
        yield from (_Leak(name, "log", f"its {stream}", line) for name, line in _search(text, secrets))


def _in_answers(recording: Recording, secrets: dict[str, str]) -> Iterator[_Leak]:
    for asked, answer in recording.answers:
        text = "\n".join([*(f"{name}: {value}" for name, value in answer.headers), answer.text()])
        for name, line in _search(text, secrets):
            yield _Leak(name, "answer", f"the answer to {asked} ({answer.status})", line)


def _in_argv(instance: Instance, secrets: dict[str, str]) -> Iterator[_Leak]:
    for process in snapshot(instance.pid):
        for name, line in _search(" ".join(process.argv), secrets):
            yield _Leak(name, "saw", f"the command line of {process.program}", line)


def _in_files(directory: Path, release: Snapshot, secrets: dict[str, str]) -> Iterator[_Leak]:
    """In files that the release does not have, or has with another size."""
    for path, entry in Snapshot.of(directory).entries.items():
        there = release.entries.get(path)
        if entry.kind != "file" or (there is not None and there.size == entry.size):
            continue
        try:
            with open(directory / path, "rb") as file:
                text = file.read(_BYTES).decode("latin-1")
        except OSError:
            continue
        yield from (_Leak(name, "file", path, line) for name, line in _search(text, secrets))


async def _with_bad_url(trial: Trial, secrets: dict[str, str]) -> list[_Leak]:
    """What it says when it cannot understand a service's URL: nobody can see from outside which part of it is wrong."""
    env: dict[str, str | None] = {}
    for service in trial.backing.services:
        try:
            password = parse(service.url).password
        except TolvError:
            continue
        for name, value in service.env.items():
            if password and value == service.url:
                env[name] = value.replace("127.0.0.1", "127.0.0.1:no-port")
    if not env:
        return []
    instance = await trial.start(env=env, ready=False)
    trial.saw("start", f"with a port that is no number in {', '.join(env)}", instance.name)
    await settle(instance, 10.0)
    await instance.kill()
    return list(_in_output(instance, secrets))
