"""Whether a contract announces what it breaks."""

from __future__ import annotations

from pathlib import Path

from tolv.prove.client import NoAnswer
from tolv.prove.contracts.breaking import breaking, bump
from tolv.prove.contracts.document import Document
from tolv.prove.harness.earlier import Earlier, earlier
from tolv.prove.harness.instance import NotReady
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, advisory, cannot_prove, not_applicable, probe, proved, refuted
from tolv.prove.probes.api_first._contract import Missing, NoContract, filed, is_route, served

#: Changes that are told one by one.
_SHOWN = 5


@probe(
    "API-P2",
    title="announces what it breaks",
    tier=2,
    needs=("web", "git", "spec"),
    does="Compares the OpenAPI description with that of the release before: its tag, or the commit before.",
    proved="Nothing that a client relies on has changed, or the version says so: its first number has risen (below "
    "1.0, its second).",
    refuted="A path, field or value that a client relies on has changed, and the version is the same.",
    fix="Add instead of change, or publish the change as a new major version beside the old one.",
    rules=("API-03",),
    mutation=Mutation(
        "renames a path in the same version",
        {
            "app.py": (('@route("GET", "/me")', '@route("GET", "/whoami")'),),
            "openapi.json": (('"version": "1.1.0"', '"version": "1.0.0"'), ('"/me": {', '"/whoami": {')),
            "tolv.toml": (('whoami = "GET /me"', 'whoami = "GET /whoami"'),),
        },
    ),
)
async def announces_what_it_breaks(trial: Trial) -> Outcome:
    before = await earlier(trial)
    if before is None:
        return cannot_prove("the history has no release before this one")
    try:
        now = await _now(trial)
    except NoContract as error:
        raise CannotProve(f"{trial.traffic.recipes.spec}: {error}") from None
    try:
        then = await _then(trial, before)
    except (Missing, NoContract) as error:
        return not_applicable(f"the release before, {before.name}, has no contract there: {error}")
    trial.saw("saw", f"version {then.version} at {before.name}, {now.version} now")
    broken = breaking(then, now)
    for one in broken[:_SHOWN]:
        trial.saw("saw", one)
    if not broken:
        return proved(f"nothing broken since {before.name} ({then.version}, now {now.version})")
    told = broken[0] + (f", and {len(broken) - 1} more" if len(broken) > 1 else "")
    match bump(then.version, now.version):
        case "none":
            return refuted(f"since {before.name}, and still version {now.version}: {told}")
        case "minor":
            return advisory(f"{then.version} became {now.version}, which does not say that it breaks: {told}")
    return proved(f"{then.version} became {now.version}, as {told}")


async def _now(trial: Trial) -> Document:
    if not is_route(trial):
        return filed(trial, Path(trial.subject.runnable.directory))
    return await served(trial, await trial.start())


async def _then(trial: Trial, before: Earlier) -> Document:
    if not is_route(trial):
        return filed(trial, before.directory)
    web = before.build.process("web")
    if web is None:
        raise Missing("it has no web process")
    try:
        instance = await trial.start(runnable=before.runnable, command=web.command)
        return await served(trial, instance)
    except (NotReady, NoAnswer) as error:
        raise CannotProve(f"the release before, {before.name}, does not serve: {error}") from None
