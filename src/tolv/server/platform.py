"""The composition root: what the server is made of, put together once."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ParamSpec

from tolv.budgets import budgets
from tolv.build.builder import holds, remove, unpack
from tolv.build.model import Build, Runnable
from tolv.codebase.model import RolloutPolicy
from tolv.config.assemble import assemble
from tolv.config.cipher import Cipher
from tolv.config.references import plain
from tolv.errors import ConflictError, PlatformError, TolvError, UsageError
from tolv.home import Home
from tolv.logs.retention import shrink, trim
from tolv.names import check_names
from tolv.release.bakes import Bakes
from tolv.release.model import Release
from tolv.release.releases import Releases
from tolv.release.retention import restorable, retained
from tolv.route.edge.domain import Domain
from tolv.route.edge.edge import Edge
from tolv.route.edge.settings import EdgeSettings
from tolv.run.formation import ROUTED
from tolv.run.local.engine import LocalEngine
from tolv.run.local.launch import Launch
from tolv.run.local.routing import host_of
from tolv.server import frugal
from tolv.server.backing import Attached, Backing
from tolv.server.progress import Operating
from tolv.server.threads import in_thread
from tolv.server.traffic import TrafficBook
from tolv.services.resource import Grant
from tolv.store.apps import Apps, Deploys
from tolv.store.builds import Builds
from tolv.store.configs import Configs
from tolv.store.domains import Domains
from tolv.store.one_offs import OneOffs
from tolv.store.operations import Operation, Operations
from tolv.store.owner import Owner, this_process
from tolv.store.resources import Resources
from tolv.store.store import Store

if TYPE_CHECKING:
    from tolv.server.bake import Bakery

log = logging.getLogger("tolv.server")

#: Seconds between two looks whether a lease is free.
_TURN = 0.1
#: Seconds until the store is asked again to write what it must.
_AGAIN = 0.5

#: Seconds between two looks at how much the apps have logged.
_TRIM_EVERY = 5.0
#: Seconds between two looks at whether the disk fills.
_LOOK_EVERY = 2.0
#: Seconds between two looks at backing services that somebody else runs.
_LOOK_ELSEWHERE = 15.0
#: Seconds between two collections of garbage when nobody deploys.
_COLLECT_EVERY = 3600.0
#: Bytes of the server's own log that are kept.
_SERVER_LOG = 10 << 20

#: Crashes in a row from which a process of the release before was in a crash loop.
_LOOP = RolloutPolicy().crashes

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where router and HTTPS edge listen."""

    port: int
    bind: str
    routers: int
    edge: EdgeSettings


class Platform:
    """Store, cipher, engine and the operations in flight of one home."""

    bakery: Bakery
    """Set once, by whoever puts the server together: it stands on this."""

    def __init__(self, home: Home, listen: Listen) -> None:
        self.home = home
        self.listen = listen
        self.budgets = budgets()
        self.store = Store(home.store_url)
        self.store.migrate()
        self.apps = Apps(self.store)
        self.deploys = Deploys(self.store)
        self.builds = Builds(self.store)
        self.configs = Configs(self.store)
        self.cipher = Cipher(home.key_file, create=not self.configs.any())
        self.releases = Releases(self.store)
        self.bakes = Bakes(self.store)
        self.one_offs = OneOffs(self.store)
        self.operations = Operations(self.store)
        self.operating = Operating()
        self.stopping = False
        """It was told to stop, and takes no new operations."""
        self.owner: Owner = this_process()
        self.engine = LocalEngine(
            home,
            port=listen.port,
            bind=listen.bind,
            routers=listen.routers,
            promoted=self._promoted,
            ended=lambda id_, end: self.operating.note(in_thread(self.one_offs.finish, id_, end)),
            crashed=lambda crash: self.bakery.crashed(crash),
        )
        self.backing = Backing(home, Resources(self.store, self.cipher), self.engine)
        self.traffic = TrafficBook(self.engine.router)
        self.domains = Domains(self.store)
        self.edge = Edge(home, listen.edge, listen.routers)
        self._domains_change = asyncio.Lock()
        self._by: dict[tuple[str, str, int], str] = {}
        self._building = _Shared()

    @asynccontextmanager
    async def lease(
        self, app: str, environment: str | None, kind: str, by: str, *, wait: bool = False
    ) -> AsyncIterator[Operation]:
        """Hold a deploy (or all of an app's) against other operations, for as long as the block takes.

        Raises `ConflictError` if another operation holds it, unless told to `wait` for its end.
        """
        while True:
            try:
                operation = await in_thread(self.operations.begin, app, environment, kind, by, self.owner)
                break
            except ConflictError:
                if not wait:
                    raise
            await asyncio.sleep(_TURN)
        outcome = "failed"
        try:
            yield operation
            outcome = "done"
        except asyncio.CancelledError:
            # The server stops in mid-operation: its successor finds the operation open and settles it.
            outcome = ""
            raise
        finally:
            if outcome:
                await self.insist(self.operations.finish, operation.id, outcome)

    async def insist(self, write: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have the store write this: now, or as soon as it can again. Nobody holds a lease because a disk was full."""
        try:
            await in_thread(write, *args, **kwargs)
        except PlatformError as error:
            log.error("%s; it is tried again", error.problem)
            self.operating.note(_until_written(write, *args, **kwargs))

    def check_deploy(self, app: str, environment: str) -> None:
        """Raise `UsageError` if there can be no such deploy: a name that cannot be, or another's host."""
        check_names(app, environment)
        host = host_of(app, environment)
        self.check_host(host, app, environment)
        for one in self.domains.list():
            if one.name == host and (one.app, one.environment) != (app, environment):
                raise UsageError(
                    f"the host {host} is a domain of {one.app} in {one.environment}",
                    remedy=f"give the app or the environment another name, or: tolv domains remove {host}",
                )

    def check_host(self, host: str, app: str, environment: str) -> None:
        """Raise `UsageError` if another deploy than this one has the host by its name."""
        for other in self.deploys.list():
            if host_of(other.app, other.environment) == host and (other.app, other.environment) != (app, environment):
                raise UsageError(
                    f"the host {host} is that of {other.app} in {other.environment}",
                    remedy="give the app or the environment another name",
                )

    async def serve_domains(self) -> None:
        """Have router and edge serve the domains that the store has.

        Raises `PlatformError` if the edge cannot: Caddy or a port is missing.
        """
        async with self._domains_change:
            domains = await self._route_domains()
            await self.edge.apply(domains)

    async def restore_domains(self) -> None:
        """The same for a server that starts: it does not wait for the edge, and goes on without it if need be."""
        async with self._domains_change:
            self.edge.want(await self._route_domains())

    async def _route_domains(self) -> list[Domain]:
        domains = await in_thread(self.domains.list)
        by_deploy: dict[tuple[str, str], tuple[str, ...]] = {}
        for one in domains:
            key = (one.app, one.environment)
            by_deploy[key] = (*by_deploy.get(key, ()), one.name)
        await self.engine.ground.routing.set_domains(by_deploy)
        return domains

    @asynccontextmanager
    async def building(self) -> AsyncIterator[None]:
        """Keep garbage collection away while a build's layers are named by nothing yet."""
        async with self._building.shared():
            yield

    async def config_of(self, app: str, environment: str) -> dict[str, str]:
        """What is set for the next release; references among it are entries of `tolv.config.references`."""
        return await in_thread(self.head_config, app, environment)

    def head_config(self, app: str, environment: str) -> dict[str, str]:
        """`config_of`, off the event loop."""
        head = self.configs.head(app, environment)
        return {} if head is None else self.cipher.open(head.sealed)

    async def config_in(self, release: Release) -> dict[str, str]:
        """What was set when the release was made; its references with what they gave then."""
        snapshot = await in_thread(self.configs.get, release.config)
        return self.cipher.open(snapshot.sealed)

    async def build_of(self, release: Release) -> Build:
        """The build that a release names. Raises `PlatformError` if it is gone."""
        build = await in_thread(self.builds.find, release.build)
        if build is None or not await in_thread(holds, self.home, release.build):
            ref = f" --ref {release.commit[:7]}" if release.commit else ""
            raise PlatformError(
                f"the build of {release.app} {release.name} is gone: {release.build[:19]}…",
                where=str(self.home.images),
                remedy=f"make it again: tolv deploy PATH -e {release.environment}{ref}",
            )
        return build

    async def restorable(self, app: str, environment: str) -> set[int]:
        """Numbers of the releases that a rollback can restore."""
        return await in_thread(restorable, self.store, app, environment, partial(holds, self.home))

    async def launch(
        self, release: Release, build: Build | None = None, config: Mapping[str, str] | None = None
    ) -> Launch:
        """A release made ready to run on this machine: unpacked, its config in the clear. `build` and `config` are
        the release's, where the caller has them already."""
        if build is None:
            build = await self.build_of(release)
        if config is None:
            config = await self.config_in(release)
        async with self.building():
            runnable = await in_thread(unpack, self.home, release.build)
        values, _missing = assemble(plain(config), build.variables, {}, release.environment)
        return Launch(
            release.app,
            release.environment,
            release.number,
            release.commit,
            runnable,
            values,
            {one.name: one for one in build.processes},
        )

    async def stand_in(self, release: Release, error: TolvError) -> Launch | None:
        """A release that cannot be made ready: its processes are known, and go on if they run; None is started."""
        build = await in_thread(self.builds.find, release.build)
        if build is None:
            return None
        return Launch(
            release.app,
            release.environment,
            release.number,
            release.commit,
            Runnable(release.build, "", (), {}),
            {},
            {one.name: one for one in build.processes},
            unready=error.problem,
        )

    async def attached(self, release: Release) -> list[Attached]:
        """The backing services that a release uses."""
        build = await in_thread(self.builds.find, release.build)
        needs = () if build is None else build.services
        config = plain(await self.config_in(release))
        return await self.backing.attached((release.app, release.environment), needs, config)

    async def attached_now(self, *, running: bool = False) -> dict[tuple[str, str], list[Attached]]:
        """The backing services that the live releases use, by deploy; `running`: of deploys that run alone."""
        found = {}
        for one in await in_thread(self.deploys.list):
            live = await in_thread(self.releases.live, one.app, one.environment)
            if live is not None and (one.running or not running):
                found[one.app, one.environment] = await self.attached(live)
        return found

    async def users(self, ids: set[str]) -> list[tuple[tuple[str, str], Grant]]:
        """The deploys whose live release uses one of these resources, or whose next release will."""
        grants = [one for one in await in_thread(self.backing.resources.grants) if one.resource in ids]
        found = []
        for deploy in await in_thread(self.deploys.list):
            key = (deploy.app, deploy.environment)
            configs = [await self.config_of(*key)]
            if deploy.live is not None:
                configs.append(await self.config_in(await in_thread(self.releases.get, *key, deploy.live)))
            mine = [one for one in grants if (one.app, one.environment) == key]
            found += [(key, one) for one in mine if any(one.in_use(plain(config)) for config in configs)]
        return found

    async def settle(self, app: str, environment: str, *, wait: bool = True) -> None:
        """A deploy has come to rest: backing services that no deploy needs any more stop; `wait`: until they have.

        Whoever calls this holds the deploy: what another operation has just asked for must not be stopped.
        """
        deploy = await in_thread(self.deploys.find, app, environment)
        live = None
        if deploy is not None and deploy.running:
            live = await in_thread(self.releases.live, app, environment)
        await self.backing.settle((app, environment), await self.attached(live) if live else [], wait=wait)

    async def settle_if_calm(self, app: str, environment: str) -> None:
        """The same after a rollout, without waiting; while another release's processes still run, not yet."""
        live = await in_thread(self.releases.live, app, environment)
        running = self.engine.deployment(app, environment).processes()
        if all(live is not None and one.identity.release == live.number for one in running):
            await self.settle(app, environment, wait=False)

    async def watch_services(self) -> None:
        """Look at the backing services that somebody else runs, for ever."""
        known: dict[tuple[str, str], tuple[int, list[Attached]]] = {}  # of releases, which never change
        while True:
            await asyncio.sleep(_LOOK_ELSEWHERE)
            try:
                now = {}
                for one in await in_thread(self.deploys.list):
                    if one.running and one.live is not None:
                        key = (one.app, one.environment)
                        now[key] = known.get(key, (0, []))
                        if now[key][0] != one.live:
                            release = await in_thread(self.releases.get, *key, one.live)
                            now[key] = (one.live, await self.attached(release))
                known = now
                await self.backing.look_elsewhere({key: attached for key, (_, attached) in known.items()})
            except TolvError as error:
                log.warning("backing services cannot be looked at: %s", error.problem)

    def url_of(self, app: str, environment: str, build: Build) -> str | None:
        """Where the deploy answers; None when it has no web processes."""
        if build.process(ROUTED) is None:
            return None
        port = "" if self.listen.port == 80 else f":{self.listen.port}"
        return f"http://{host_of(app, environment)}{port}"

    def act_as(self, release: Release, by: str) -> None:
        """Who is named when this release goes live."""
        self._by[(release.app, release.environment, release.number)] = by

    async def _promoted(self, app: str, environment: str, number: int) -> None:
        by = self._by.pop((app, environment, number), "tolv")
        deployment = self.engine.deployment(app, environment)
        looping = {one.identity.type.name for one in deployment.processes() if one.in_crash_loop(_LOOP)}
        formation = deployment.candidate_formation
        await in_thread(self.releases.mark_live, app, environment, number, formation, by, looping)
        self.bakery.begin(app, environment, number)

    async def collect_garbage(self) -> list[str]:
        """Remove builds that no live release and no rollback needs, or that exceed the disk budget; returns their
        digests."""
        async with self._building.alone():
            return await in_thread(self._collect_garbage)

    def _collect_garbage(self) -> list[str]:
        # A server that was killed between the two: what is gone from the index is marked by the next one.
        lost = {digest for digest in self.builds.present() if not holds(self.home, digest)}
        self.builds.mark_removed(lost)
        kept = retained(self.store, self.budgets.releases)
        removed = remove(self.home, kept.needed, kept.spare, self.budgets.on_disk(self.home.root))
        self.builds.mark_removed(removed)
        return removed

    async def tidy(self, app: str) -> None:
        """Keep builds and the app's logs within their bounds. Nobody waits for it: a failure is logged."""
        try:
            await self.collect_garbage()
            await self._trim_logs(app)
            await in_thread(frugal.give_back)
        except (TolvError, OSError) as error:
            log.warning("tidying up after %s failed: %s", app, error)

    async def keep_small(self) -> None:
        """Keep within their bounds, for ever, what grows without a deploy: logs of those that never deploy, builds
        that are never released."""
        collected = time.monotonic()
        while True:
            await asyncio.sleep(_TRIM_EVERY)
            try:
                for app in await in_thread(os.listdir, self.home.logs):
                    await self._trim_logs(app)
                await in_thread(shrink, self.home.server_log, _SERVER_LOG)
                if time.monotonic() - collected > _COLLECT_EVERY:
                    collected = time.monotonic()
                    await self.collect_garbage()
            except (TolvError, OSError) as error:
                log.warning("what grows cannot be trimmed: %s", error)

    async def keep_disk_shared(self) -> None:
        """Have no process's temporary files take the disk from the others, for ever."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                await self.engine.end_hoarders(self.budgets.tmp)
            except OSError as error:
                log.warning("temporary directories cannot be measured: %s", error)

    async def _trim_logs(self, app: str) -> None:
        await in_thread(trim, self.home.logs, app, self.budgets.logs, keep=self.engine.log_stems(app))


async def _until_written(write: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    while True:
        await asyncio.sleep(_AGAIN)
        try:
            await in_thread(write, *args, **kwargs)
            return
        except PlatformError:
            continue


class _Shared:
    """A lock that many may share or one may have alone."""

    def __init__(self) -> None:
        self._condition = asyncio.Condition()
        self._sharing = 0

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        async with self._condition:
            self._sharing += 1
        try:
            yield
        finally:
            async with self._condition:
                self._sharing -= 1
                self._condition.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        async with self._condition:
            await self._condition.wait_for(lambda: self._sharing == 0)
            yield
