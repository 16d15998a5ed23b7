"""The local engine: every deploy of this machine, on one keeper and one router.

It owns one `Deployment` for each deploy and feeds them what the keeper reports. What it needs after a crash is with
the processes themselves (their labels, in the keeper's directory), so a new engine finds them all again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tolv.errors import ConflictError, TolvError, UsageError
from tolv.home import Home
from tolv.route.client import RouterClient
from tolv.run.keeper.client import KeeperClient, KeeperEvent
from tolv.run.local.deployment import Deployment
from tolv.run.local.launch import Identity, log_files
from tolv.run.local.one_offs import ONE_OFF, RELEASE_PHASE, Ended, OneOff, OneOffs
from tolv.run.local.ports import Ports
from tolv.run.local.process import Crash, Ground, Process, ending
from tolv.run.local.routing import Routing
from tolv.run.local.server_process import LABEL, ServerProcess
from tolv.run.local.temporary import Temporary
from tolv.run.model import Kept

log = logging.getLogger("tolv.run")

#: Seconds that a process which nobody wants has to be gone, and between two looks whether it is.
_STRANGER_ENDS, _PAUSE = 10.0, 0.05

Promoted = Callable[[str, str, int], Awaitable[None]]


class LocalEngine:
    """Runs formations on this machine.

    `promoted(app, environment, release)` is awaited when a candidate has become the live release, before requests
    go to it: what it writes must be on disk when it returns. `ended(process id, exit)` is called at a one-off's end,
    `crashed(crash)` when a process of a formation has died against our will, or hangs.
    """

    def __init__(
        self,
        home: Home,
        *,
        port: int,
        bind: str,
        routers: int,
        promoted: Promoted,
        ended: Ended,
        crashed: Callable[[Crash], None],
    ) -> None:
        self.home = home
        self.keeper = KeeperClient(home)
        self.router = RouterClient(home)
        self.ground = Ground(home, self.keeper, Routing(self.router), Ports(), crashed)
        self.one_offs = OneOffs(self.ground, ended)
        self.servers: dict[str, ServerProcess] = {}
        """Backing services that run here, by resource."""
        self._listen = (port, bind, routers)
        self._promoted = promoted
        self._temporary: Temporary | None = None
        self._ended = False
        self._deployments: dict[tuple[str, str], Deployment] = {}
        self._loops: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def start(self) -> list[Kept]:
        """Bring keeper and router up, or find them; return the processes that the keeper has.

        Raises `PlatformError` when one cannot be had: its port is taken, say.
        """
        await self.keeper.connect()
        kept = await self.keeper.list()
        try:
            await self.router.ensure(*self._listen)
        except TolvError:
            if not kept:
                await self.keeper.stop()
            raise
        return kept

    async def watch(self) -> None:
        """Hand on what the keeper reports, for ever."""
        async for event in self.keeper.events():
            if event.kind == "reconnected":
                log.warning("the keeper was started again")
                with suppress(TolvError):
                    for kept in await self.keeper.list():
                        self._on_kept(kept)
            else:
                self._on_event(event)

    def deployment(self, app: str, environment: str) -> Deployment:
        """The deploy's, made when it is asked for first."""
        key = (app, environment)
        if key not in self._deployments:

            async def promote(release: int) -> None:
                await self._promoted(app, environment, release)

            self._deployments[key] = Deployment(app, environment, self.ground, promote)
            if self._ended:
                self._deployments[key].end()
        return self._deployments[key]

    async def expect(self, app: str, environment: str) -> None:
        """A release of this deploy is on its way: have the keeper prepare for as many processes as run now."""
        count = sum(self.deployment(app, environment).formation.values())
        if count:
            with suppress(TolvError):  # a keeper of an earlier version knows no such thing
                await self.keeper.stand_by(min(count, os.cpu_count() or 1))

    def run(self, deployment: Deployment) -> None:
        """Let the deployment act, unless it does so already."""
        key = (deployment.app, deployment.environment)
        if key not in self._loops:
            self._loops[key] = asyncio.create_task(deployment.run(), name=f"deployment {key}")

    def deployments(self) -> list[Deployment]:
        return list(self._deployments.values())

    async def adopt(self, kept: list[Kept], wanted: set[tuple[str, str]]) -> None:
        """Take over the processes that the keeper has; end those of deploys that are no more."""
        routed = self.ground.routing.upstreams()
        for one in kept:
            if LABEL in one.labels:
                await self._adopt_server(one)
                continue
            identity = _identity(one)
            if identity is None or (identity.app, identity.environment) not in wanted:
                await self._end_stranger(one)
            elif identity.type.name in (ONE_OFF, RELEASE_PHASE):
                self.one_offs.adopt(identity, one.pid)
                self._on_kept(one)
            elif one.empty:
                await self._note_end(identity, one)
            else:
                deployment = self.deployment(identity.app, identity.environment)
                deployment.adopt(identity, one.pid, one.id in routed or identity.port is None)
                self._on_kept(one)
        for app, environment in self.ground.routing.deploys():
            if (app, environment) not in wanted:
                await self.ground.routing.remove(app, environment)

    async def _adopt_server(self, kept: Kept) -> None:
        server = self.servers.get(kept.labels[LABEL])
        if server is None or kept.empty or server.process is not None:
            await self._end_stranger(kept)
        else:
            server.adopt(kept)

    async def _note_end(self, identity: Identity, kept: Kept) -> None:
        """It ended while no server ran, with the machine perhaps: that is no crash, its place is simply free."""
        process = Process(identity, self.ground)
        process.say(f"{ending(kept.exit)} while no server ran" if kept.exit else "ended while no server ran")
        await self.keeper.forget(kept.id)

    async def _end_stranger(self, kept: Kept) -> None:
        if not kept.empty:
            log.warning("%s belongs to no deploy: ending it", kept.id)
        with suppress(TimeoutError, UsageError):
            if not kept.empty:
                await self.keeper.signal(kept.id, signal.SIGKILL, "tree")
            async with asyncio.timeout(_STRANGER_ENDS):
                while True:
                    with suppress(ConflictError):  # some of it are still alive
                        return await self.keeper.forget(kept.id)
                    await asyncio.sleep(_PAUSE)

    async def remove(self, app: str, environment: str) -> None:
        """Stop all that runs of a deploy and forget it."""
        deployment = self._deployments.get((app, environment))
        await self.one_offs.stop(app, environment)
        if deployment is not None:
            await self._stop(deployment)
            deployment.close()
            del self._deployments[(app, environment)]
            loop = self._loops.pop((app, environment), None)
            if loop is not None:
                await loop
        await self.ground.routing.remove(app, environment)

    async def end_hoarders(self, limit: int) -> None:
        """End each process whose temporary directory takes more than its own limit, or `limit` bytes: the disk is
        everyone's."""
        if self._temporary is None:
            self._temporary = Temporary(self.home.tmp, limit)
        processes = [one for each in self.deployments() for one in each.processes()]
        own = {one.identity.id: one.identity.type.tmp for one in processes}
        limits = {id_: size for id_, size in own.items() if size is not None}
        for id_ in await asyncio.to_thread(self._temporary.over, limits):
            found, most = self._find(id_), limits.get(id_, limit)
            said = "tmp in tolv.toml" if id_ in limits else "TOLV_TMP_BUDGET"
            reason = f"its temporary directory was over {most >> 20} MiB ({said})"
            if isinstance(found, Process):
                found.condemn(reason)
            elif isinstance(found, OneOff):
                with suppress(TolvError):
                    await found.condemn(reason)

    def log_stems(self, app: str) -> frozenset[str]:
        """Names of the log files that living processes of an app write to, without their endings."""
        identities = [
            *(one.identity for each in self.deployments() if each.app == app for one in each.processes()),
            *(one.identity for one in self.one_offs.all() if one.identity.app == app),
        ]
        return frozenset(log_files(self.home, one)[0].stem for one in identities)

    async def stop_all(self) -> None:
        """Stop every process of every deploy, gracefully and side by side, and let none start any more; then what they
        needed."""
        self._ended = True
        async with asyncio.TaskGroup() as group:
            for deployment in self.deployments():
                group.create_task(self._stop(deployment))
                group.create_task(self.one_offs.stop(deployment.app, deployment.environment))
        async with asyncio.TaskGroup() as group:
            for server in self.servers.values():
                group.create_task(server.stop())

    async def _stop(self, deployment: Deployment) -> None:
        self.run(deployment)
        deployment.end()
        await deployment.until(lambda: not deployment.processes())

    async def close(self, *, leave_running: bool) -> None:
        """Let go: of keeper and router too, unless they are to go on without us."""
        for deployment in self.deployments():
            deployment.close()
        await asyncio.gather(*self._loops.values(), return_exceptions=True)
        await self.one_offs.close()
        for server in self.servers.values():
            await server.close()
        if not leave_running:
            await self.router.stop()
            await self.keeper.stop()
        await self.router.close()
        await self.keeper.close()

    def _on_kept(self, kept: Kept) -> None:
        """What the keeper knows of a process stands for the reports that nobody heard."""
        process = self._find(kept.id)
        if process is not None and kept.exit is not None:
            process.on_exited(kept.exit)
        if process is not None and kept.empty:
            process.on_empty()

    def _on_event(self, event: KeeperEvent) -> None:
        process = self._find(event.process)
        if process is None:
            return
        if event.exit is not None:
            process.on_exited(event.exit)
        else:
            process.on_empty()

    def _find(self, id_: str) -> Process | OneOff | ServerProcess | None:
        one_off = self.one_offs.get(id_)
        if one_off is not None:
            return one_off
        server = next((one for one in self.servers.values() if one.process == id_), None)
        if server is not None:
            return server
        return next((found for one in self._deployments.values() if (found := one.process(id_)) is not None), None)


def _identity(kept: Kept) -> Identity | None:
    try:
        return Identity.from_labels(kept.id, kept.labels)
    except (KeyError, ValueError):
        return None
