"""Coming back: a server that starts finds what its predecessor left, and goes on from there.

The store says what should be, the keeper what is. Nothing that runs is touched before both are known.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Coroutine
from typing import Any

from tolv.build.workshop import remove_tree
from tolv.errors import PlatformError, TolvError
from tolv.release.model import Release, Status
from tolv.run.local.deployment import Deployment
from tolv.run.local.launch import Launch
from tolv.run.model import Exit, Kept
from tolv.server.platform import Platform
from tolv.server.progress import Progress, unexpected
from tolv.server.rollout import retire
from tolv.server.threads import in_thread
from tolv.store.apps import Deploy
from tolv.store.operations import Operation

log = logging.getLogger("tolv.server")

#: Phases of an operation from which a rollout goes on; before them there is nothing yet to go on with.
_ROLLING = "rolling"


async def recover(platform: Platform) -> None:
    """Find keeper, router and processes, settle the operations that were cut off, and let every deploy act."""
    _empty(platform)
    kept = await platform.engine.start()
    deploys = await in_thread(platform.deploys.list)
    if not deploys:
        await _refuse_a_store_of_others(platform, kept)
    for deploy in deploys:
        await _restore(platform, deploy)
    await platform.backing.know_all()
    for key, attached in (await platform.attached_now(running=True)).items():
        platform.backing.know(key, attached)
    resumed = [await _settle(platform, one) for one in await in_thread(platform.operations.unfinished)]
    await _settle_one_offs(platform, {one.id for one in kept})
    await platform.restore_domains()
    await platform.engine.adopt(kept, {(one.app, one.environment) for one in deploys})
    platform.backing.end_idle()
    waiting = platform.backing.waiting()
    for deployment in platform.engine.deployments():
        if (deployment.app, deployment.environment) not in waiting:
            platform.engine.run(deployment)
    if waiting:
        platform.operating.note(_run_with_services(platform, waiting))
    for rollout in resumed:
        if rollout is not None:
            platform.operating.note(rollout)


async def _run_with_services(platform: Platform, waiting: set[tuple[str, str]]) -> None:
    """After a start of the machine: deploys begin once their backing services are there, or have had their time."""
    await platform.backing.bring_back()
    for app, environment in waiting:
        platform.engine.run(platform.engine.deployment(app, environment))


async def _refuse_a_store_of_others(platform: Platform, kept: list[Kept]) -> None:
    """Processes that the store knows nothing of are ended, as a rule. Not by a store in which nothing ever happened: it
    was lost, or is another one than they were started with, and whoever sees to that wants them to run on.

    Raises `PlatformError`.
    """
    running = [one for one in kept if one.members]
    if not running or await in_thread(platform.operations.any):
        return
    pids = " ".join(str(one.pid) for one in running)
    raise PlatformError(
        f"the store is empty, and yet {len(running)} processes of apps run here; they go on",
        where=platform.store.where,
        remedy="set TOLV_STORE_URL to the store that knows them, or put it back from a backup; "
        f"if it is lost, end them first: kill {pids}",
    )


def _empty(platform: Platform) -> None:
    """Remove the scratch of builds that nobody finishes any more."""
    for path in platform.home.work.iterdir():
        remove_tree(path)


async def _restore(platform: Platform, deploy: Deploy) -> None:
    """Tell the engine what a deploy should be."""
    deployment = platform.engine.deployment(deploy.app, deploy.environment)
    deployment.running = deploy.running
    deployment.maintenance = deploy.maintenance
    deployment.formation = deploy.formation
    deployment.live = await _launch(platform, deploy.app, deploy.environment, deploy.live)


async def _launch(platform: Platform, app: str, environment: str, number: int | None) -> Launch | None:
    """A release; one that cannot be made ready is stood in for: what runs of it is not ended for that."""
    if number is None:
        return None
    release = await in_thread(platform.releases.get, app, environment, number)
    try:
        return await platform.launch(release)
    except (TolvError, OSError) as error:
        log.error("%s %s in %s cannot be made ready: %s", app, release.name, environment, error)
        return await platform.stand_in(release, error if isinstance(error, TolvError) else unexpected(error))


async def _settle(platform: Platform, operation: Operation) -> Coroutine[Any, Any, None] | None:
    """Go on with a rollout that was cut off, or undo what had begun."""
    release = await _release_of(platform, operation)
    if release is None or release.status != Status.PENDING:
        done = release is not None and release.status == Status.LIVE
        await platform.insist(platform.operations.finish, operation.id, "done" if done else "abandoned")
        return None
    app, environment, number = release.app, release.environment, release.number
    launch = await _launch(platform, app, environment, number) if operation.phase == _ROLLING else None
    if launch is not None and not launch.unready:
        await in_thread(platform.operations.take_over, operation.id, platform.owner)
        platform.act_as(release, operation.by)
        platform.backing.know((app, environment), await platform.attached(release))
        deployment = platform.engine.deployment(app, environment)
        return _finish_rollout(platform, operation, deployment, launch, release.formation)
    began = operation.phase in (_ROLLING, "release phase")
    reason = f"the server ended during {operation.phase}" if began else "the server ended before it was rolled out"
    await platform.insist(platform.releases.mark_failed, app, environment, number, reason, operation.by)
    await platform.insist(platform.operations.finish, operation.id, "abandoned")
    return None


async def _release_of(platform: Platform, operation: Operation) -> Release | None:
    """The release that the operation is about: the one that it wrote down, else the one that it had just made."""
    if operation.environment is None:
        return None
    number = operation.release
    if number is None:
        deploy = await in_thread(platform.deploys.find, operation.app, operation.environment)
        number = deploy.candidate if deploy else None
    if number is None:
        return None
    return await in_thread(platform.releases.get, operation.app, operation.environment, number)


async def _settle_one_offs(platform: Platform, kept: set[str]) -> None:
    """Write down the end of one-offs that are no more."""
    for one in await in_thread(platform.one_offs.unfinished):
        if one.process not in kept:
            await in_thread(platform.one_offs.finish, one.process, Exit(at=time.time()))


async def _finish_rollout(
    platform: Platform, operation: Operation, deployment: Deployment, launch: Launch, formation: dict[str, int]
) -> None:
    log.info("going on with %s of %s v%s", operation.kind, launch.app, launch.release)
    rolled = await deployment.roll(launch, formation)
    if not rolled.live:
        await platform.insist(
            platform.releases.mark_failed,
            launch.app,
            launch.environment,
            launch.release,
            rolled.reason or "",
            operation.by,
        )
    elif (live := await in_thread(platform.releases.live, launch.app, launch.environment)) is not None:
        await retire(platform, live, Progress())
    await platform.settle_if_calm(launch.app, launch.environment)
    await platform.insist(platform.operations.finish, operation.id, "done" if rolled.live else "failed")
