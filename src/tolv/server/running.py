"""The stories of the commands that change what runs without making a release: scale, restart, down, destroy, run."""

from __future__ import annotations

import shutil
import time
from typing import Any

from tolv.errors import AppError, PlatformError, UsageError
from tolv.logs.model import deploy_logs
from tolv.release.model import Release
from tolv.run.formation import change_formation, describe
from tolv.run.local.deployment import Deployment, state_of
from tolv.run.local.launch import Identity
from tolv.run.local.one_offs import Numbered, OneOff
from tolv.run.local.process import Process
from tolv.run.planner import Phase
from tolv.server.platform import Platform
from tolv.server.progress import Progress
from tolv.server.rollout import Proposal, roll_out
from tolv.server.threads import in_thread
from tolv.services.resource import Resource, in_use
from tolv.store.apps import Deploy
from tolv.store.destroy import Removed, destroy

#: Seconds that a detached one-off may run, unless the caller says otherwise.
_TIME_LIMIT = 24 * 3600.0


async def scale(
    platform: Platform, app: str, environment: str, wanted: dict[str, int], by: str, progress: Progress
) -> dict[str, Any]:
    """Run this many processes of each named type."""
    async with platform.lease(app, environment, "scale", by):
        deploy = await in_thread(platform.deploys.get, app, environment)
        if deploy.live is None:
            formation = await _formation_to_come(platform, deploy, wanted)
            await in_thread(platform.releases.set_formation, app, environment, formation, by)
            progress.info("run", f"{describe(formation)}, from the next release on")
            return {"app": app, "environment": environment, "formation": formation}
        formation = change_formation(deploy.formation, wanted)
        await in_thread(platform.releases.set_formation, app, environment, formation, by)
        deployment = platform.engine.deployment(app, environment)
        deployment.scale(formation)
        progress.begin("run", describe(formation))
        if deploy.running:
            await _calm(deployment)
        progress.done("run", describe(formation))
    return {"app": app, "environment": environment, "formation": formation}


async def _formation_to_come(platform: Platform, deploy: Deploy, wanted: dict[str, int]) -> dict[str, int]:
    """What the next release starts with: a worker whose service is away may keep the first one from being live.

    Raises `UsageError` when there was no release at all, whose process types are unknown.
    """
    tried = await in_thread(platform.releases.list, deploy.app, deploy.environment)
    if not tried:
        raise UsageError(
            f"{deploy.app} has no release in {deploy.environment} yet", remedy="deploy it first: tolv deploy PATH"
        )
    return change_formation({**tried[0].formation, **deploy.formation}, wanted)


async def restart(
    platform: Platform, app: str, environment: str, target: str | None, by: str, progress: Progress
) -> dict[str, Any]:
    """Replace all processes, those of a type, or one, by fresh ones; no request is lost. A stopped deploy starts, in a
    new release if its config was changed meanwhile."""
    async with platform.lease(app, environment, "restart", by) as operation:
        deployment = await _live_deployment(platform, app, environment)
        live = await _live_release(platform, app, environment)
        config = await platform.config_of(app, environment)
        if not deployment.running and config != await platform.config_in(live):
            build = await platform.build_of(live)
            description = "Start with the config set while stopped"
            proposal = Proposal(app, environment, build, config, description, by, rollout=build.rollout)
            return await roll_out(platform, operation, proposal, progress)
        if not deployment.running:
            await platform.backing.await_ready((app, environment), await platform.attached(live), progress, wait=False)
            await in_thread(platform.deploys.set_running, app, environment, True)
            deployment.set_running(True)
            names = [f"{name}.{n}" for name, count in deployment.formation.items() for n in range(1, count + 1)]
        else:
            names = deployment.restart(lambda one: target in (None, one.type.name, one.name))
        if not names:
            present = sorted({one.identity.name for one in deployment.processes()})
            raise UsageError(
                f"no process is called {target!r}", remedy=f"name a type or one of: {', '.join(present) or 'none'}"
            )
        progress.begin("run", f"restarting {' '.join(names)}")
        await _calm(deployment)
        progress.done("run", f"restarted {' '.join(names)}")
    return {"app": app, "environment": environment, "restarted": names}


async def down(
    platform: Platform, app: str, environment: str, *, force: bool, wait: bool, by: str, progress: Progress
) -> dict[str, Any]:
    """Stop all processes of a deploy; its releases, config and logs stay. `force`: at once, with SIGKILL, even while
    another `down` waits for them to finish. `wait`: until no other operation holds the deploy."""
    if force:
        return await _kill(platform, app, environment)
    async with platform.lease(app, environment, "down", by, wait=wait):
        await in_thread(platform.deploys.get, app, environment)
        deployment = platform.engine.deployment(app, environment)
        names = sorted({one.identity.name for one in deployment.processes()})
        progress.begin("stop", " ".join(names))
        await _stop_baking(platform, app, environment)
        await in_thread(platform.deploys.set_running, app, environment, False)
        platform.engine.run(deployment)
        deployment.set_running(False)
        await deployment.until(lambda: not deployment.processes())
        progress.done("stop", " ".join(names) or "nothing ran")
        await platform.settle(app, environment)
    return {"app": app, "environment": environment, "stopped": names}


async def _kill(platform: Platform, app: str, environment: str) -> dict[str, Any]:
    await _stop_baking(platform, app, environment)
    await in_thread(platform.deploys.set_running, app, environment, False)
    deployment = platform.engine.deployment(app, environment)
    platform.engine.run(deployment)
    deployment.set_running(False)
    ended = _ids(deployment)
    names = await deployment.kill()
    await deployment.until(lambda: not deployment.promoting and ended.isdisjoint(_ids(deployment)))
    if not deployment.running:
        # A release that was just going live meanwhile has said that the deploy runs; one that came later does run.
        await in_thread(platform.deploys.set_running, app, environment, False)
    await platform.settle(app, environment)
    return {"app": app, "environment": environment, "stopped": names}


def _ids(deployment: Deployment) -> set[str]:
    return {one.identity.id for one in deployment.processes()}


async def _stop_baking(platform: Platform, app: str, environment: str) -> None:
    """What is stopped cannot fail any more."""
    await in_thread(platform.bakes.stop, app, environment, "it was stopped")
    platform.bakery.stop(app, environment)


async def remove(
    platform: Platform,
    app: str,
    environment: str | None,
    *,
    with_data: bool,
    dry_run: bool,
    by: str,
    progress: Progress,
) -> dict[str, Any]:
    """Destroy an app or one of its deploys: processes, releases, config, logs, builds. What its backing services of
    this machine keep goes `with_data`, and stays otherwise."""
    if dry_run:
        planned = await in_thread(destroy, platform.store, app, environment, dry_run=True)
        own = await _own_services(platform, planned)
        if with_data:
            await _refuse_shared(platform, own)
        return _removal(planned, own, with_data)
    async with platform.lease(app, environment, "destroy", by):
        planned = await in_thread(destroy, platform.store, app, environment, dry_run=True)
        own = await _own_services(platform, planned)
        if with_data:
            await _refuse_shared(platform, own)
        for one in planned.environments:
            progress.begin("stop", f"{app} in {one}")
            platform.bakery.stop(app, one)
            await platform.engine.remove(app, one)
            progress.done("stop", f"{app} in {one}")
        removed = await in_thread(destroy, platform.store, app, environment)
        if removed.domains:
            await _let_go_of_domains(platform, progress)
        for one in removed.environments:
            await platform.settle(app, one)
        for resource in own if with_data else ():
            await platform.backing.remove(resource)
        for one in removed.environments:
            await in_thread(shutil.rmtree, deploy_logs(platform.home.logs, app, one), ignore_errors=True)
    if removed.whole_app:
        await in_thread(shutil.rmtree, platform.home.logs / app, ignore_errors=True)
    await platform.collect_garbage()
    progress.done("destroy", app if removed.whole_app else f"{app} in {environment}")
    return _removal(removed, own, with_data)


async def _own_services(platform: Platform, removed: Removed) -> list[Resource]:
    deploys = {(removed.app, one) for one in removed.environments}
    return [one for one in await in_thread(platform.backing.resources.list) if (one.app, one.environment) in deploys]


async def _refuse_shared(platform: Platform, own: list[Resource]) -> None:
    """Raise `ConflictError` if another deploy uses a resource that is to go."""
    deploys, ids = {(one.app, one.environment) for one in own}, {one.id for one in own}
    for user, grant in await platform.users(ids):
        if user not in deploys:
            name = next(one.name for one in own if one.id == grant.resource)
            raise in_use(name, user, grant)


async def _let_go_of_domains(platform: Platform, progress: Progress) -> None:
    try:
        await platform.serve_domains()
    except PlatformError as error:
        progress.warn("domains", f"HTTPS is off: {error.problem}")


def _removal(removed: Removed, own: list[Resource], with_data: bool) -> dict[str, Any]:
    services = [f"{one.name} of {one.environment}" for one in own]
    return {
        "app": removed.app,
        "environments": list(removed.environments),
        "releases": removed.releases,
        "configs": removed.configs,
        "domains": list(removed.domains),
        "builds": list(removed.builds),
        "services": services if with_data else [],
        "kept": [] if with_data else services,
    }


def processes(platform: Platform, app: str, environment: str) -> list[dict[str, Any]]:
    """What `tolv ps` lists: the formation's processes, then one-offs."""
    deployment = platform.engine.deployment(app, environment)
    one_offs = platform.engine.one_offs.of(app, environment)
    return [*(_process_row(platform, one) for one in deployment.processes()), *map(_one_off_row, one_offs)]


def _process_row(platform: Platform, one: Process) -> dict[str, Any]:
    baking = platform.bakery.left(one.identity.app, one.identity.environment, one.identity.release)
    now = time.time()
    crashed = one.phase in (Phase.CRASHED, Phase.HUNG)
    return {
        **_row(one.identity),
        "state": str(state_of(one)),
        "pid": None if one.phase is Phase.CRASHED else one.pid,
        "uptime_s": 0 if crashed else round(now - one.identity.started_ns / 1e9, 1),
        "restarts": one.identity.past.restarts,
        "reason": one.health.complaint if one.phase is Phase.READY and one.health.complaint else one.reason,
        "next_attempt_s": round(max(0.0, one.retry_at - time.monotonic()), 1) if crashed and one.retry_at else None,
        "baking_s": None if baking is None else round(baking, 1),
    }


def _one_off_row(one: OneOff) -> dict[str, Any]:
    return {
        **_row(one.identity),
        "state": "ready",
        "pid": one.pid,
        "uptime_s": round(time.time() - one.identity.started_ns / 1e9, 1),
        "restarts": 0,
        "reason": None,
        "next_attempt_s": None,
        "baking_s": None,
    }


def _row(identity: Identity) -> dict[str, Any]:
    return {
        "process": identity.name,
        "type": identity.type.name,
        "release": f"v{identity.release}",
        "port": identity.port,
        "command": identity.type.command,
        "health": identity.type.health,
        "user": identity.user,
        "off": list(identity.off),
    }


async def one_off(
    platform: Platform,
    app: str,
    environment: str,
    command: list[str],
    *,
    detach: bool,
    tty: bool,
    terminal: str | None,
    time_limit: float | None,
    by: str,
) -> dict[str, Any]:
    """Run a command in the live release: started here when detached, else made ready for the client to attach to."""
    if not command:
        raise UsageError("there is no command to run", remedy="tolv run -- python manage.py migrate")
    live = await _live_release(platform, app, environment)
    await platform.backing.await_ready((app, environment), await platform.attached(live), Progress(), wait=False)
    launch = await platform.launch(live)
    limit = (time_limit or _TIME_LIMIT) if detach else time_limit
    record = await in_thread(
        platform.one_offs.begin, app, environment, live.number, command, by=by, detached=detach, time_limit=limit
    )
    numbered = Numbered(record.process, record.number, limit)
    if detach:
        one = await platform.engine.one_offs.start(launch, command, numbered)
    else:
        one = await platform.engine.one_offs.prepare(
            launch, command, numbered, tty=tty, terminal=terminal if tty else None
        )
    return {"process": one.identity.name, "id": one.identity.id, "release": live.name}


async def _live_release(platform: Platform, app: str, environment: str) -> Release:
    live = await in_thread(platform.releases.live, app, environment)
    if live is None:
        raise UsageError(f"{app} has no live release in {environment}", remedy="deploy it first: tolv deploy PATH")
    return live


async def _live_deployment(platform: Platform, app: str, environment: str) -> Deployment:
    release = await _live_release(platform, app, environment)
    deployment = platform.engine.deployment(app, environment)
    if deployment.live is None or deployment.live.unready:
        # It could not be made ready when the server started. Perhaps it can now; if not, the error says why.
        deployment.live = await platform.launch(release)
    return deployment


async def _calm(deployment: Deployment) -> None:
    """Wait until nothing is on its way. Raises `AppError` if a process crashed meanwhile."""
    since = time.time()
    await deployment.until(deployment.calm)
    crashed = [one for one in deployment.processes() if one.ended_at and one.ended_at >= since]
    if crashed:
        raise AppError(
            "; ".join(f"{one.identity.name} {one.reason}" for one in crashed),
            remedy=f"it is tried again with growing pauses; see `tolv logs -a {deployment.app}`",
        )
