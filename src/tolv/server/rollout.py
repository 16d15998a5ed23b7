"""From a build and a config to a live release: the way that deploy, rollback, promote and config changes share.

check the config -> make the release -> release phase -> roll -> live
             (refused: nothing was made)   (failed: kept, with its log; the old release never stopped)
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import Any

from tolv.build.model import Build
from tolv.codebase.model import RolloutPolicy
from tolv.config.assemble import assemble
from tolv.config.judge import judge
from tolv.config.references import known, plain
from tolv.errors import AppError, PlatformError
from tolv.release.model import Release
from tolv.run.formation import describe, formation_for
from tolv.run.local.launch import Launch
from tolv.run.model import Exit
from tolv.server.config import read_references
from tolv.server.evidence import last_lines
from tolv.server.platform import Platform
from tolv.server.progress import Failed, Progress, explain
from tolv.server.threads import in_thread
from tolv.services import extensions
from tolv.store.operations import Operation

#: Seconds that a command waits for the end of the processes that it replaced.
_RETIRE_WITHIN = 5.0

#: What programs say that write where the release lies; a database says "permission denied for table".
_CANNOT_WRITE = re.compile(
    r"Permission ?(?:denied(?! for | to )|Error)|EACCES|Read-only file system|EROFS|readonly database"
    r"|unable to open database file",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A release that somebody wants to be live."""

    app: str
    environment: str
    build: Build
    config: dict[str, str]
    description: str
    by: str
    formation: dict[str, int] | None = None
    """None: what the deploy has now."""
    rollout: RolloutPolicy | None = None
    """How it is watched once it is live; None: not at all."""
    wait: bool = False
    """Wait for required services that somebody else runs."""
    restores: bool = False
    """It was live before: its config is taken as it was, whatever a store of secrets says now."""


async def roll_out(
    platform: Platform, operation: Operation, proposal: Proposal, progress: Progress, notes: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Make the proposal the live release and return what the command prints.

    Raises `AppError` when the config lacks a variable or breaks its schema, `PlatformError` when a reference in it
    cannot be read (nothing was made then), `Failed` when the release was made and did not get to be live.
    """
    refuse_incomplete(proposal)
    key = (proposal.app, proposal.environment)
    try:
        if not proposal.restores:
            proposal = replace(proposal, config=await read_references(platform, proposal.config, progress))
            refuse_broken(proposal)
        attached = await platform.backing.attached(key, proposal.build.services, plain(proposal.config))
        await platform.backing.await_ready(key, attached, progress, wait=proposal.wait)
        return await _roll_out(platform, operation, proposal, progress, notes)
    finally:
        await platform.settle_if_calm(*key)


async def _roll_out(
    platform: Platform, operation: Operation, proposal: Proposal, progress: Progress, notes: tuple[str, ...]
) -> dict[str, Any]:
    release = await _make_release(platform, proposal)
    if proposal.build.release_command is not None:  # else it rolls at once, and says so
        await in_thread(platform.operations.advance, operation.id, "release", release=release.number)
    progress.done("release", release.name)
    for note in notes:
        progress.warn("release", note)
    try:
        launch = await platform.launch(release, proposal.build, proposal.config)
        await _release_phase(platform, operation, launch, proposal.build, progress)
        await _roll(platform, operation, release, launch, progress)
    except Exception as failure:
        error = explain(failure)
        await platform.insist(
            platform.releases.mark_failed,
            release.app,
            release.environment,
            release.number,
            error.problem,
            proposal.by,
        )
        raise Failed(outcome(platform, release, proposal.build, "failed", notes), error) from failure
    platform.operating.note(platform.tidy(release.app))
    value = outcome(platform, release, proposal.build, "live", notes)
    progress.done("live", value["url"] or f"{release.app} runs; it has no web process")
    value["bake"] = await _tell_bake(platform, release, progress)
    await retire(platform, release, progress)
    return value


def refuse_incomplete(proposal: Proposal) -> None:
    """Raise `AppError`, naming each required backing service that is not attached, or else each variable that
    `.env.example` requires and nobody set."""
    config, where = proposal.config, f"-a {proposal.app} -e {proposal.environment}"
    needs = [one for one in proposal.build.services if one.required]
    detached = [one for one in needs if not any(name in config for name, _ in one.env)]
    if detached:
        plural = "service is" if len(detached) == 1 else "services are"
        names = ", ".join(f"{one.name} ({one.kind})" for one in detached)
        raise AppError(
            f"{len(detached)} backing {plural} not attached: {names}",
            where="[services] of tolv.toml names what the app needs",
            remedy="; ".join(f"tolv attach {one.name} {where}" for one in detached)
            + " (with --url for one that runs elsewhere)",
        )
    _values, missing = assemble(proposal.config, proposal.build.variables, {}, proposal.environment)
    if missing:
        plural = "variable is" if len(missing) == 1 else "variables are"
        assignments = " ".join(f"{name}=…" for name in missing)
        raise AppError(
            f"{len(missing)} required {plural} not set: {', '.join(missing)}",
            where=".env.example names what the app needs; a line without a value is required",
            remedy=f"tolv config set -a {proposal.app} -e {proposal.environment} {assignments}"
            + (", or put them in .env" if proposal.environment == "dev" else ""),
        )


def refuse_broken(proposal: Proposal) -> None:
    """Raise `AppError`, naming each variable whose value is none that `.env.example` lets it have, and why."""
    found = judge(known(proposal.config), proposal.build.variables, proposal.environment)
    errors = [one for one in found if one.severity == "error"]
    if errors:
        what = "a value breaks" if len(errors) == 1 else f"{len(errors)} values break"
        assignments = " ".join(f"{one.name}=…" for one in errors)
        raise AppError(
            f"{what} what .env.example says: {'; '.join(map(str, errors))}",
            where=".env.example names what each variable may be",
            remedy=f"tolv config set -a {proposal.app} -e {proposal.environment} {assignments}"
            + (", or put them in .env" if proposal.environment == "dev" else ""),
        )


def outcome(
    platform: Platform, release: Release, build: Build, status: str, notes: tuple[str, ...] = ()
) -> dict[str, Any]:
    """What `deploy`, `up`, `rollback` and `promote` print as JSON."""
    return {
        "app": release.app,
        "environment": release.environment,
        "release": release.name,
        "build": release.build,
        "commit": release.commit,
        "url": platform.url_of(release.app, release.environment, build),
        "status": status,
        "notes": [*build.notes, *notes],
        "bake": None,
    }


async def _make_release(platform: Platform, proposal: Proposal) -> Release:
    app, environment, build = proposal.app, proposal.environment, proposal.build
    deploy = await in_thread(platform.deploys.ensure, app, environment)
    formation = formation_for(build.processes, build.formation, deploy.formation)
    if proposal.formation is not None:
        formation = formation_for(build.processes, build.formation, proposal.formation)
    config = await _snapshot(platform, proposal)
    release = await in_thread(
        platform.releases.create,
        app,
        environment,
        build=build.digest,
        commit=build.commit,
        config=config,
        formation=formation,
        description=proposal.description,
        by=proposal.by,
        release_phase=build.release_command is not None,
        rollout=proposal.rollout,
    )
    platform.act_as(release, proposal.by)
    return release


async def _snapshot(platform: Platform, proposal: Proposal) -> int:
    """The id of the config snapshot: the head's when nothing differs, else a new one."""
    app, environment = proposal.app, proposal.environment
    head = await in_thread(platform.configs.head, app, environment)
    if head is not None and platform.cipher.open(head.sealed) == proposal.config:
        return head.id
    sealed = platform.cipher.seal(proposal.config)
    return await in_thread(platform.configs.add, app, environment, sealed, proposal.by)


async def _release_phase(
    platform: Platform, operation: Operation, launch: Launch, build: Build, progress: Progress
) -> None:
    """Run the release command in the new release. Raises `AppError` with its last lines if it fails."""
    if build.release_command is None:
        return
    await in_thread(platform.operations.advance, operation.id, "release phase")
    progress.begin("release", build.release_command)
    end = await platform.engine.one_offs.run(launch, build.release_command, build.release_timeout)
    if end.code != 0:
        said = await in_thread(last_lines, platform.home.logs, launch, "release.1")
        raise AppError(
            f"the release phase failed: {build.release_command!r} {_how(end)}",
            where=said,
            remedy=await _remedy(platform, launch, said),
        )
    progress.done("release", f"{build.release_command}: done")


async def _roll(platform: Platform, operation: Operation, release: Release, launch: Launch, progress: Progress) -> None:
    await in_thread(platform.operations.advance, operation.id, "rolling", release=release.number)
    progress.begin("run", describe(release.formation))
    deployment = platform.engine.deployment(release.app, release.environment)
    platform.engine.run(deployment)
    rolled = await deployment.roll(launch, release.formation)
    if rolled.live:
        progress.done("run", describe(release.formation))
        return
    if rolled.failed is None:  # it is not its own doing
        raise PlatformError(f"{release.name} did not go live: {rolled.reason}", remedy="deploy it again")
    said = await in_thread(last_lines, platform.home.logs, launch, rolled.failed.name)
    raise AppError(
        f"{release.name} did not become ready: {rolled.reason}",
        where=said,
        remedy=await _remedy(platform, launch, said),
    )


async def _remedy(platform: Platform, launch: Launch, said: str) -> str:
    """What to do about a release whose processes `said` this before they failed."""
    live = await in_thread(platform.releases.live, launch.app, launch.environment)
    remedy = "mend it and deploy again" + (f"; {live.name} goes on serving" if live else "")
    if _CANNOT_WRITE.search(said):
        remedy += (
            "\n  hint: a release is read-only: what is to last belongs in a backing service whose URL is config, "
            "what is not into TMPDIR, and logs to standard output"
        )
    lacks = await in_thread(extensions.hint, said, platform.home.cache)
    return f"{remedy}\n  hint: {lacks}" if lacks else remedy


async def _tell_bake(platform: Platform, release: Release, progress: Progress) -> dict[str, Any] | None:
    """Say that it is watched from now on, and what may come of it."""
    bake = await in_thread(platform.bakes.find, release.app, release.environment, release.number)
    if bake is None:
        return None
    if not bake.policy.auto_rollback:
        progress.info("bake", f"watched for {bake.policy.bake:g} s; it stays, whatever is seen")
    elif bake.target_name is not None:
        then = f"if it fails, {bake.target_name} comes back by itself"
        progress.info("bake", f"watched for {bake.policy.bake:g} s; {then}")
    return bake.to_dict()


async def retire(platform: Platform, release: Release, progress: Progress) -> None:
    """Let the processes of the release before finish and end; what takes them longer, nobody waits for."""
    deployment = platform.engine.deployment(release.app, release.environment)
    try:
        async with asyncio.timeout(_RETIRE_WITHIN):
            await deployment.until(
                lambda: all(one.identity.release >= release.number for one in deployment.processes())
            )
    except TimeoutError:
        progress.info("live", "processes of the release before still finish what they hold: see `tolv ps`")


def _how(end: Exit) -> str:
    if end.out_of_memory:
        return "ran out of memory"
    return f"ended by signal {end.signal}" if end.signal is not None else f"exited with {end.code}"
