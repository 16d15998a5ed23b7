"""The backing services of one trial: throw-away, its own, each behind a cable that can be cut."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tolv.codebase.model import ServiceNeed
from tolv.codebase.services import kind_named
from tolv.errors import UsageError
from tolv.prove.harness import databases
from tolv.prove.harness.cable import Cable
from tolv.prove.harness.shelf import Server, Shelf
from tolv.prove.probe import CannotProve
from tolv.services.providers.postgres_roles import administer
from tolv.services.urls import fill, parse

if TYPE_CHECKING:
    from psycopg import Connection

    from tolv.prove.harness.network import Network

#: Kinds whose server a trial has to itself.
_OWN = frozenset({"redis", "valkey"})


@dataclass(slots=True)
class Service:
    """One service of a trial."""

    need: ServiceNeed
    server: Server
    cable: Cable
    port: int
    """Where the app reaches it."""
    url: str
    """With its credentials, as the app gets it."""

    @property
    def name(self) -> str:
        return self.need.name

    @property
    def kind(self) -> str:
        return self.server.kind

    @property
    def env(self) -> dict[str, str]:
        """The variables that lead to it."""
        return {name: fill(text, self.url) for name, text in self.need.env}

    @property
    def database(self) -> str:
        """The name of its database."""
        return parse(self.url).database

    def administer(self) -> Connection[tuple[object, ...]]:
        """A context manager: a connection of PostgreSQL's administrator to this database, past the cable. Blocks."""
        return administer(self.server.instance, self.database)  # type: ignore[return-value]


class Backing:
    """What a trial's instances are attached to."""

    def __init__(
        self,
        trial: str,
        needs: tuple[ServiceNeed, ...],
        given: frozenset[str],
        shelf: Shelf,
        network: Network,
        prepared: Callable[[], Awaitable[None]],
        base: str,
    ) -> None:
        """`given`: variables that `[prove]` sets itself. `base`: the name of the databases that trials clone;
        `prepared` waits until they are there."""
        self.services: list[Service] = []
        self._trial = trial
        self._needs = needs
        self._given = given
        self._shelf = shelf
        self._network = network
        self._prepared = prepared
        self._base = base
        self._attached = False
        self._attaching = asyncio.Lock()
        self._labels: list[str] = []
        self._databases: list[tuple[Server, str]] = []
        self._others: list[Service] = []

    @property
    def env(self) -> dict[str, str]:
        """The variables that lead to all of them."""
        return {name: value for one in self.services for name, value in one.env.items()}

    def of_kind(self, *kinds: str) -> Service | None:
        """The first service of one of these kinds."""
        return next((one for one in self.services if one.kind in kinds), None)

    async def attach(self, *, base: bool = False, empty: bool = False) -> None:
        """Make what the app needs, once. `base`: the databases that are to be prepared, instead of clones of them;
        `empty`: databases with nothing in them, that nobody has prepared.

        Raises `CannotProve` for what cannot be had here.
        """
        async with self._attaching:
            if self._attached:
                return
            wanted = [one for one in self._needs if not all(name in self._given for name, _ in one.env)]
            if not base and not empty and any(one.kind == "postgres" for one in wanted):
                await self._prepared()
            for need in wanted:
                self.services.append(await self._service(need, base=base, empty=base or empty))
            self._attached = True

    async def another(self, service: Service) -> Service:
        """The same service on another server: another port, user, database, no data but what the release phase makes
        (PostgreSQL) or none."""
        need = service.need
        label = f"{need.kind}-second-{self._trial}"
        server = await self._shelf.server(need.kind, need.version, label)
        self._labels.append(label)
        password = secrets.token_hex(16)
        url = await asyncio.to_thread(server.provider.grant, server.instance, "another", password)
        other = await self._connect(need, server, url)
        self._others.append(other)
        return other

    async def another_deploy(self) -> list[Service]:
        """What a second deploy of the app would be attached to, which shares no data with this one: of PostgreSQL a
        clone of what the release phase makes, of Redis a server, of others what a new user gets on the same server."""
        found = []
        for service in self.services:
            need, server = service.need, service.server
            if need.kind in _OWN:
                found.append(await self.another(service))
                continue
            password = secrets.token_hex(16)
            if server.kind == "postgres":
                url = await self._clone(server, password)
            else:
                url = await asyncio.to_thread(server.provider.grant, server.instance, "deploy", password)
            other = await self._connect(need, server, url)
            self._others.append(other)
            found.append(other)
        return found

    async def rotate(self, service: Service) -> None:
        """Give the app's user in a PostgreSQL service another password: `service.url` has it, the old is void."""
        password = secrets.token_hex(16)
        user = parse(service.url).user
        assert user is not None
        await asyncio.to_thread(databases.change_password, service.server.instance, user, password)
        service.url = str(replace(parse(service.url), password=password))

    async def cut(self, service: Service) -> None:
        """Nobody reaches it any more: connections are reset, new ones refused."""
        await self._network.unexpose(service.port)
        await service.cable.cut()

    async def restore(self, service: Service) -> None:
        """It can be reached again."""
        service.cable.restore()
        await self._network.expose(service.port, service.cable.serve)

    async def close(self) -> None:
        """Let go of all."""
        for service in (*self.services, *self._others):
            await service.cable.cut()
        for server, name in self._databases:
            await asyncio.to_thread(databases.drop, server.instance, name)
        for label in self._labels:
            await self._shelf.stop(label)

    async def _service(self, need: ServiceNeed, *, base: bool, empty: bool) -> Service:
        own = need.kind in _OWN
        label = f"{need.kind}-{need.name}-{self._trial}" if own else f"{need.kind}-{need.name}"
        try:
            server = await self._shelf.server(kind_named(need.kind).name, need.version, label)
        except UsageError as error:
            names = [f'{name} = "…"' for name, _ in need.env]
            raise CannotProve(f"{need.name}: {error.problem}", "[prove.env]", *names) from None
        if own:
            self._labels.append(label)
        password = secrets.token_hex(16)
        tenant = "prove" if server.kind == "postgres" else f"prove_{secrets.token_hex(4)}"
        url = await asyncio.to_thread(server.provider.grant, server.instance, tenant, password)
        if server.kind == "postgres":
            url = await self._clone(server, password, base=base, empty=empty)
        return await self._connect(need, server, url)

    async def _clone(self, server: Server, password: str, *, base: bool = False, empty: bool = False) -> str:
        """A database of its own on a PostgreSQL server; its URL."""
        name = self._base if base else f"trial_{secrets.token_hex(4)}"
        template = databases.EMPTY if empty else self._base
        url = await asyncio.to_thread(databases.clone, server.instance, template, name, password)
        if not base:
            self._databases.append((server, name))
        return url

    async def _connect(self, need: ServiceNeed, server: Server, url: str) -> Service:
        """Lay a cable to it."""
        cable = Cable(server.instance.port)
        port = self._network.free_port()
        await self._network.expose(port, cable.serve)
        return Service(need, server, cable, port, str(replace(parse(url), host="127.0.0.1", port=port)))
