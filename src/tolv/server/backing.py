"""The backing services of this machine's deploys: made, kept running for those who need them, and watched.

Whether a deploy is attached to a resource follows from its config alone (`Grant.in_use`), so a rollback brings back
what the release had. Kept here is what config cannot say: which servers run, and which deploys need them now.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tolv.build.workshop import remove_tree
from tolv.codebase.model import ServiceNeed
from tolv.codebase.services import VERSIONED
from tolv.errors import AppError, PlatformError, TolvError
from tolv.home import Home
from tolv.logs.model import deploy_logs
from tolv.logs.writer import StampedLog
from tolv.run.local.engine import LocalEngine
from tolv.run.local.server_process import START_DEADLINE, Job, ServerProcess, ServerState
from tolv.run.local.service_job import job_of
from tolv.run.local.users import user_of
from tolv.server.progress import Progress
from tolv.server.threads import in_thread
from tolv.services.ask import ask
from tolv.services.model import Instance
from tolv.services.programs import order
from tolv.services.provider import Provider
from tolv.services.providers import provider_of
from tolv.services.resource import Grant, Resource
from tolv.services.urls import fill, masked
from tolv.store.resources import Resources

log = logging.getLogger("tolv.server")

Key = tuple[str, str]
"""A deploy: app and environment."""

#: Seconds between two tries of `--wait` at a service that somebody else runs.
_TRY_EVERY = 0.5
#: Seconds in which a service must answer when it is asked how it is.
ASK_WITHIN = 5.0
#: Seconds that deploys wait for their services after a start of the machine.
_BOOT_DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Attached:
    """A service that a deploy's config leads to."""

    name: str
    kind: str
    url: str
    required: bool
    resource: Resource | None = None
    """None: config names it, and Tolv knows no more of it."""
    wanted: str | None = None
    """The version that tolv.toml declares."""

    @property
    def local(self) -> bool:
        return self.resource is not None and self.resource.local


def _wait_deadline() -> float:
    """`TOLV_SERVICE_WAIT`: seconds that `--wait` waits for a service that somebody else runs."""
    try:
        return max(0.0, float(os.environ.get("TOLV_SERVICE_WAIT", "")))
    except ValueError:
        return 60.0


class Backing:
    """Resources and their servers."""

    def __init__(self, home: Home, resources: Resources, engine: LocalEngine) -> None:
        self.resources = resources
        self._home = home
        self._engine = engine
        self._claims: dict[Key, set[str]] = {}
        self._lost: dict[tuple[Key, str], str] = {}
        self._making = asyncio.Lock()

    async def attached(self, key: Key, needs: Iterable[ServiceNeed], config: Mapping[str, str]) -> list[Attached]:
        """What a deploy with this config uses: resources that it was granted, and declared services whose variable has
        another URL."""
        resources = {one.id: one for one in await in_thread(self.resources.list)}
        found: list[Attached] = []
        named: set[str] = set()
        for grant in await self.grants_of(key):
            if grant.in_use(config) and not named & set(grant.values):
                resource = resources[grant.resource]
                need = next((one for one in needs if {name for name, _ in one.env} & set(grant.values)), None)
                name, required, wanted = (
                    (resource.name, True, None) if need is None else (need.name, need.required, need.version)
                )
                found.append(Attached(name, resource.kind, grant.url, required, resource, wanted))
                named |= set(grant.values)
        for need in needs:
            variable = next((name for name, text in need.env if text == "{url}" and config.get(name)), None)
            if variable is not None and variable not in named:
                found.append(Attached(need.name, need.kind, config[variable], need.required, None, need.version))
        return found

    async def await_ready(self, key: Key, attached: Iterable[Attached], progress: Progress, *, wait: bool) -> None:
        """Have what a deploy is attached to answer before its processes start.

        Servers of this machine are started and waited for. Others are asked once; with `wait` for a while. Raises
        `AppError` for a required one that does not answer, naming it; of another it is only said. So is a version that
        is not the declared one.
        """
        for one in attached:
            if one.resource is not None and one.resource.local:
                await self._await_here(key, one.resource, progress, one.name)
                version = one.resource.version or ""
            else:
                version = await self._await_elsewhere(one, progress, wait=wait)
            if one.wanted and version and not _agree(version, one.wanted):
                progress.warn(
                    "services",
                    f"{one.name} is {one.kind} {version}, and tolv.toml declares {one.wanted}: "
                    f"tolv swap {one.name} --version {one.wanted} -a {key[0]} -e {key[1]}",
                )

    async def settle(self, key: Key, attached: Iterable[Attached], *, wait: bool) -> None:
        """A deploy has come to rest with these (none: it does not run). Servers that nobody needs stop; data stays.
        `wait`: until they have."""
        self._claims[key] = {one.resource.id for one in attached if one.resource is not None}
        idle = self._idle()
        for server in idle:
            server.end()
        if wait:
            await asyncio.gather(*(server.stop() for server in idle))

    # Resources.

    async def make(self, key: Key, need: ServiceNeed, by: str, progress: Progress) -> Grant:
        """A resource of this machine for a deploy, whose server runs when this returns. What is there already is taken
        up, also what one left that was killed half-way. If it fails nothing of a new one is left."""
        async with self._making:
            resource = await in_thread(self.resources.find, *key, need.name)
            new = resource is None
            if resource is None:
                resource = await self._plan(key, need, by, progress)
            try:
                return await self.grant(resource, key, need, by, progress)
            except (TolvError, OSError):
                if new:
                    await self.remove(resource)
                raise

    async def add_elsewhere(self, key: Key, need: ServiceNeed, url: str, by: str) -> Grant:
        """A resource that a URL leads to. Raises `UsageError` if the deploy has one of its name."""
        resource = Resource(_new_id(key, need.name), *key, need.name, need.kind, need.version, None)
        await in_thread(self.resources.add, resource, {"url": url}, by=by)
        grant = Grant(resource.id, *key, "", url, _values(need, url))
        await in_thread(self.resources.grant, grant, by=by)
        return grant

    async def grant(self, resource: Resource, key: Key, need: ServiceNeed, by: str, progress: Progress) -> Grant:
        """Let a deploy use a resource, as a user of its own where it runs here. What it has already stays as it is."""
        grants = await in_thread(self.resources.grants)
        known = next((one for one in grants if one.resource == resource.id and (one.app, one.environment) == key), None)
        if known is not None:
            wanted = _values(need, known.url)
            if wanted.items() <= dict(known.values).items():
                return known
            known = replace(known, values={**known.values, **wanted})
            await in_thread(self.resources.grant, known, by=by)
            return replace(known, values=wanted)
        if not resource.local:
            url = (await in_thread(self.resources.secrets, resource.id))["url"]
            grant = Grant(resource.id, *key, "", url, _values(need, url))
        else:
            await self._await_here(key, resource, progress)
            taken = {one.tenant for one in grants if one.resource == resource.id}
            tenant = _tenant(key, taken)
            provider, instance = await self.instance(resource)
            url = await in_thread(provider.grant, instance, tenant, secrets.token_hex(16))
            grant = Grant(resource.id, *key, tenant, url, _values(need, url))
        await in_thread(self.resources.grant, grant, by=by)
        return grant

    async def widen(self, key: Key, need: ServiceNeed, config: Mapping[str, str], by: str) -> dict[str, str]:
        """The values of variables that a declaration has gained since its service was attached. Empty: config has the
        others from somebody else."""
        names = {name for name, _ in need.env}
        for one in await self.grants_of(key):
            if one.in_use(config) and names & set(one.values):
                more = {name: value for name, value in _values(need, one.url).items() if name not in config}
                await in_thread(self.resources.grant, replace(one, values={**one.values, **more}), by=by)
                return more
        return {}

    async def revoke(self, resource: Resource, grant: Grant, progress: Progress) -> None:
        """Take a deploy's user away; the data stays."""
        if resource.local:
            await self._await_here((grant.app, grant.environment), resource, progress)
            provider, instance = await self.instance(resource)
            await in_thread(provider.revoke, instance, grant.tenant)
        await in_thread(self.resources.revoke, grant)

    async def remove(self, resource: Resource) -> None:
        """Stop a resource's server and remove all that it keeps; one elsewhere is only forgotten."""
        server = self._engine.servers.get(resource.id)
        if server is not None:
            await server.stop()
            del self._engine.servers[resource.id]
        await in_thread(remove_tree, self._home.services / resource.id)
        await in_thread(self.resources.remove, resource.id)
        if resource.port is not None:
            self._engine.ground.ports.give_back(resource.port)

    async def grants_of(self, key: Key) -> list[Grant]:
        """What a deploy was granted."""
        return [one for one in await in_thread(self.resources.grants) if (one.app, one.environment) == key]

    async def running(self, key: Key, resource: Resource, progress: Progress) -> tuple[Provider, Instance]:
        """A resource of this machine whose server answers, started if need be; it runs until the deploy settles."""
        await self._await_here(key, resource, progress)
        return await self.instance(resource)

    async def instance(self, resource: Resource) -> tuple[Provider, Instance]:
        """A resource of this machine as its provider knows it."""
        assert resource.port is not None
        provider = provider_of(resource.kind)
        binaries = await in_thread(provider.find, resource.version, self._home.cache, log.info)
        password = (await in_thread(self.resources.secrets, resource.id))["password"]
        user = user_of(self._home, f"service {resource.id}") if os.geteuid() == 0 else None
        directory = self._home.services / resource.id / "files"
        await in_thread(_make_directory, directory, user)
        return provider, Instance(resource.id, directory, resource.port, user, password, binaries)

    def server(self, resource: Resource) -> ServerProcess:
        """The server of a resource of this machine, running or not."""
        servers = self._engine.servers
        if resource.id not in servers:

            async def plan() -> Job:
                return await self._job(resource)

            def say(text: str) -> None:
                self._say(resource, text)

            servers[resource.id] = ServerProcess(resource.id, self._home, self._engine.keeper, plan, say)
        return servers[resource.id]

    # After a start, and for ever.

    async def know_all(self) -> None:
        """What the keeper has of any resource is not a stranger's, and no resource's port is another process's."""
        for one in await in_thread(self.resources.list):
            if one.port is not None:
                self.server(one)
                self._engine.ground.ports.adopt(one.port)

    def know(self, key: Key, attached: Iterable[Attached]) -> None:
        """A deploy that runs needs these."""
        for one in attached:
            if one.resource is not None and one.resource.local:
                self._claims.setdefault(key, set()).add(one.resource.id)

    def end_idle(self) -> None:
        """Have the servers stop that no deploy needs: whoever started them was cut off."""
        for server in self._idle():
            server.end()

    def waiting(self) -> set[Key]:
        """Deploys that need a server which does not run."""
        away = {id_ for id_, server in self._engine.servers.items() if server.process is None}
        return {key for key, ids in self._claims.items() if ids & away}

    async def bring_back(self) -> None:
        """Start the servers that are needed and do not run; wait for them a while, not for ever."""
        idle = self._idle()
        starting = [one for one in self._engine.servers.values() if one.process is None and one not in idle]
        for server in starting:
            server.start()
        waiting = [server.until_ready(_BOOT_DEADLINE) for server in starting]
        for failure in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(failure, BaseException):
                log.error("a backing service does not come back: %s", failure)

    async def look_elsewhere(self, attached: Mapping[Key, Iterable[Attached]]) -> None:
        """Say in a deploy's log stream when a service that somebody else runs is lost, and when it is back."""
        for key, services in attached.items():
            for one in services:
                if one.local:
                    continue
                try:
                    await in_thread(ask, one.kind, one.url, ASK_WITHIN)
                except TolvError as error:
                    if self._lost.setdefault((key, one.name), "") == "":
                        self._lost[key, one.name] = error.problem
                        self._write(key, one.name, f"lost: {error.problem}")
                else:
                    if self._lost.pop((key, one.name), ""):
                        self._write(key, one.name, "back")

    # Within.

    def _idle(self) -> list[ServerProcess]:
        """Servers that nobody needs."""
        claimed = set().union(*self._claims.values())
        return [server for id_, server in self._engine.servers.items() if id_ not in claimed]

    async def _plan(self, key: Key, need: ServiceNeed, by: str, progress: Progress) -> Resource:
        """Write a new resource down before anything of it is made."""
        provider = provider_of(need.kind)
        binaries = await in_thread(
            provider.find, need.version, self._home.cache, lambda line: progress.info("services", line)
        )
        version = need.version or (binaries.version.split(".")[0] if need.kind in VERSIONED else None)
        port = self._engine.ground.ports.take()
        resource = Resource(_new_id(key, need.name), *key, need.name, need.kind, version, port)
        await in_thread(self.resources.add, resource, {"password": secrets.token_hex(16)}, by=by)
        return resource

    async def _await_here(self, key: Key, resource: Resource, progress: Progress, name: str | None = None) -> None:
        """Have a server run for a deploy. One that does not start, and that nobody needed before, is stopped again."""
        server, name, claims = self.server(resource), name or resource.name, self._claims.setdefault(key, set())
        new = resource.id not in claims
        claims.add(resource.id)
        if server.state is ServerState.READY:
            return
        progress.begin("services", f"{name}: starting {_told(resource)}")
        server.start()
        try:
            await server.until_ready(START_DEADLINE)
        except PlatformError as error:
            if new:
                claims.discard(resource.id)
                if server in self._idle():
                    server.end()
            raise PlatformError(
                f"{name} ({_told(resource)}) does not start: {error.problem}",
                where=error.where,
                remedy="its data is kept; mend what it says, then try again",
            ) from None
        progress.done("services", f"{name}: {_told(resource)} on port {resource.port}")

    async def _await_elsewhere(self, one: Attached, progress: Progress, *, wait: bool) -> str:
        """Its version; empty: it does not answer, or does not say."""
        patience = _wait_deadline() if wait else 0.0
        deadline = time.monotonic() + patience
        told = False
        while True:
            try:
                version = (await in_thread(ask, one.kind, one.url, ASK_WITHIN)).version
                break
            except TolvError as error:
                if time.monotonic() < deadline:
                    if not told:
                        progress.info("services", f"waiting for {one.name}: {error.problem}")
                        told = True
                    await asyncio.sleep(_TRY_EVERY)
                elif wait and one.required:
                    raise AppError(
                        f"{one.name} ({one.kind}) did not answer within {patience:g} s: {error.problem}",
                        where=masked(one.url),
                        remedy="see that it runs and lets this machine in, or deploy without --wait",
                    ) from None
                else:
                    progress.warn("services", f"{one.name} ({one.kind}) does not answer: {error.problem}")
                    return ""
        if told:
            progress.done("services", f"{one.name} answers")
        return version

    async def _job(self, resource: Resource) -> Job:
        return await job_of(*await self.instance(resource))

    def _say(self, resource: Resource, text: str) -> None:
        """A line in the log stream of each deploy that needs the resource now."""
        log.info("service %s: %s", resource.id, text)
        for key, ids in self._claims.items():
            if resource.id in ids:
                self._write(key, resource.name, text)

    def _write(self, key: Key, name: str, text: str) -> None:
        StampedLog(deploy_logs(self._home.logs, *key) / "platform.log").write("", name, text)


def _make_directory(directory: Path, user: int | None) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user is not None and directory.stat().st_uid != user:
        os.chown(directory, user, user)


def _agree(version: str, wanted: str) -> bool:
    """Whether two versions can be the same, as far as both are known: `16` and `16.4`, not `15` and `16`."""
    known = min(len(order(version)), len(order(wanted)))
    return order(version)[:known] == order(wanted)[:known]


def _told(resource: Resource) -> str:
    return f"{resource.kind} {resource.version}" if resource.version else resource.kind


def _values(need: ServiceNeed, url: str) -> dict[str, str]:
    return {name: fill(text, url) for name, text in need.env}


def _new_id(key: Key, name: str) -> str:
    return f"{key[0]}-{key[1]}-{name}-{secrets.token_hex(4)}"


def _tenant(key: Key, taken: set[str]) -> str:
    """The user that a resource knows a deploy by: `shop_prod`."""
    name = re.sub(r"[^a-z0-9]", "_", f"{key[0]}_{key[1]}")
    name = name if name[0].isalpha() else f"t_{name}"
    if len(name) <= 40 and name not in taken:
        return name
    return f"{name[:40]}_{hashlib.sha256('/'.join(key).encode()).hexdigest()[:8]}"
