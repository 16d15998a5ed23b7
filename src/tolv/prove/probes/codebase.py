"""Probes of I: one codebase, tracked in revision control, of which there are many deploys."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from tolv.codebase.git_command import ask
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome, Verdict
from tolv.prove.probe import CannotProve, Mutation, advisory, probe, proved, refuted
from tolv.prove.recipes import EXAMPLES
from tolv.prove.subject import Subject
from tolv.prove.watch.files import Snapshot

_STAMP = 'telemetry.log("info", "listening", port=PORT, commit=COMMIT)'
#: Names under which platforms tell an app its commit.
_TOLD = (
    *("SOURCE_VERSION", "SOURCE_COMMIT", "HEROKU_SLUG_COMMIT", "HEROKU_BUILD_COMMIT", "RENDER_GIT_COMMIT"),
    *("RAILWAY_GIT_COMMIT_SHA", "GIT_COMMIT", "GIT_SHA", "GIT_REVISION", "COMMIT_SHA", "COMMIT", "REVISION"),
)
#: A word that is the beginning of a commit's id, and no plain number or word.
_ID = re.compile(r"(?<![\w.-])(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}(?![\w-])")
#: Names of headers and fields that a commit's id goes under.
_NAMED = re.compile(r"(?i)(?:commit|revision|git[_-]?sha|git[_-]?hash|\bsha\b|\brev\b)")
_PRODUCTION = re.compile(r"(?i)prod(?:uction)?|live")


@probe(
    "I-P1",
    title="many deploys of one commit",
    tier=0,
    needs=("web", "git"),
    does="Starts two deploys of one commit side by side, each with config, secrets and database of its own, uses both, "
    "and compares their code with that of the build.",
    proved="Both become ready, and neither has changed a file of the codebase.",
    refuted="A deploy changes files of the codebase to become what it is: it then runs code that no commit has.",
    fix="Take what differs between deploys from the environment, and write no file that is tracked.",
    rules=("I-01", "I-02", "V-05"),
    mutation=Mutation(
        "writes its deploy into a file of the codebase",
        {"app.py": ((_STAMP, f'Path(__file__).with_name("openapi.json").write_bytes(SPEC + b" ")\n    {_STAMP}'),)},
    ),
)
async def many_deploys(trial: Trial) -> Outcome:
    commit = trial.subject.commit
    if commit.dirty:
        raise CannotProve("there are changes that no commit has: what was built is not a commit's")
    build = Path(trial.subject.runnable.directory)
    before = await asyncio.to_thread(_contents, build, build)
    trial.saw("file", f"the build of commit {commit.short}: {len(before)} files, {_digest(before)}")
    await trial.backing.attach()
    own = {name: value for one in await trial.backing.another_deploy() for name, value in one.env.items()}
    deploys: tuple[dict[str, str | None], ...] = ({}, {**own, **_as_production(trial.subject)})
    for number, env in enumerate(deploys, 1):
        instance = await trial.start(env=env)
        if env:
            trial.saw("start", f"with other values of {', '.join(env)}", instance.name)
        await trial.traffic.some([instance], 2)
        after = await asyncio.to_thread(_contents, instance.directory, build)
        edited = sorted(path for path, digest in before.items() if after.get(path) != digest)
        if edited:
            for path in edited[:5]:
                what = "is changed" if path in after else "is gone"
                trial.saw("file", f"{path} {what} since the build", instance.name)
            more = f" and {len(edited) - 1} more" if len(edited) > 1 else ""
            return refuted(f"a deploy of {commit.short} changes what is in its codebase: {edited[0]}{more}")
        trial.saw("file", f"ready with the same {len(before)} files, {_digest(after)}", f"web.{number}")
    return proved(f"two deploys of {commit.short}, {len(before)} files unchanged")


def _as_production(subject: Subject) -> dict[str, str | None]:
    """Config of another deploy: secrets of its own, and the name of production where one may be said."""
    env: dict[str, str | None] = {}
    served = {name for need in subject.needs for name, _ in need.env}
    for one in subject.build.variables:
        if one.name in served or one.name in subject.recipes.env:
            continue
        production = next((choice for choice in one.choices if _PRODUCTION.fullmatch(choice)), None)
        if production:
            env[one.name] = production
        elif one.required and one.secret and one.type == "text" and not one.choices:
            env[one.name] = secrets.token_urlsafe(32)
    return env


def _contents(directory: Path, build: Path) -> dict[str, str]:
    """Digests of the files that the build has, by path, as they are in a copy of it."""
    without = ("node_modules", ".git")
    found = {}
    for path, entry in Snapshot.of(build, without).entries.items():
        if entry.kind == "file" and "__pycache__" not in path.split("/"):
            try:
                found[path] = hashlib.sha256((directory / path).read_bytes()).hexdigest()
            except OSError:
                continue
    return found


def _digest(contents: dict[str, str]) -> str:
    whole = hashlib.sha256("".join(f"{path}\0{one}\0" for path, one in sorted(contents.items())).encode())
    return f"sha256:{whole.hexdigest()[:12]}"


@probe(
    "I-P2",
    title="says which commit runs",
    tier=0,
    needs=("web", "git"),
    does="Starts the app, telling it its commit as platforms do, and asks it which commit runs: its version route, the "
    "headers of its answers, the lines of its log.",
    proved="It names the commit that was built, or a tag of that commit.",
    refuted="It names another commit than the one that was built: what it says of itself cannot be trusted.",
    fix="Answer a version route, a header or the first line of the log with the commit that the platform tells "
    "(TOLV_COMMIT), or that the build stamped.",
    rules=("I-06", "V-04"),
    mutation=Mutation(
        "has a commit's id in its code",
        {"config.py": (('COMMIT = os.environ.get("TOLV_COMMIT", "")', 'COMMIT = "0d1e5a2b9c"'),)},
    ),
)
async def says_its_commit(trial: Trial) -> Outcome:
    commit = trial.subject.commit.id
    tags = await asyncio.to_thread(_tags, trial.subject)
    declared = {one.name for one in trial.subject.build.variables} | set(trial.subject.recipes.env)
    instance = await trial.start(env={name: commit for name in _TOLD if name not in declared})
    trial.saw("saw", f"HEAD is {commit}" + (f", tagged {', '.join(tags)}" if tags else ""))
    asked = "version" if trial.subject.recipes.has("version") else None
    told = await _said(trial, instance, asked)
    for where, text in told:
        if _is_of(commit, text) or (where == "its version route" and _has_tag(tags, text)):
            trial.saw("answer" if where != "its log" else "log", f"{where}: {text[:200]}", instance.name)
            return proved(f"{where} names {next(_ids(commit, text), None) or _has_tag(tags, text)}")
    for where, text in told:
        others = _ID.findall(text)
        if others:
            trial.saw("answer" if where != "its log" else "log", f"{where}: {text[:200]}", instance.name)
            return refuted(f"{where} names {others[0]}, and what runs is {commit[:12]}")
    if asked:
        return advisory(f"its version route names no commit: {dict(told).get('its version route', '')[:60]!r}")
    reason = "neither its headers nor its log say which commit runs, and [prove] names no version route"
    return Outcome(Verdict.ADVISORY, reason, (EXAMPLES["version"],))


async def _said(trial: Trial, instance: Instance, route: str | None) -> list[tuple[str, str]]:
    """Where the app may say what it is, each with the text."""
    told = []
    if route:
        answer = await trial.traffic.ask(instance, route)
        if answer.status < 400:
            told.append(("its version route", answer.text()))
    answer = await instance.client.request("GET", instance.made.health)
    told += [(f"its header {name}", value) for name, value in answer.headers if _NAMED.search(name)]
    told += [("its log", line.text) for line in instance.lines() if _NAMED.search(line.text)]
    return told


def _ids(commit: str, text: str) -> Iterator[str]:
    return (one for one in _ID.findall(text) if commit.startswith(one))


def _is_of(commit: str, text: str) -> bool:
    return next(_ids(commit, text), None) is not None


def _has_tag(tags: tuple[str, ...], text: str) -> str | None:
    """The tag that a text names, with or without the `v` before it."""
    names = ((tag, tag.removeprefix("v")) for tag in tags)
    return next((tag for tag, bare in names if re.search(rf"(?<![\w.])v?{re.escape(bare)}(?![\w.])", text)), None)


def _tags(subject: Subject) -> tuple[str, ...]:
    top = subject.source.repository
    assert top is not None, "the probe needs git"
    listing = ask(top, "tag", "--points-at", subject.commit.id)
    return tuple(listing.decode("utf-8", "replace").split())
