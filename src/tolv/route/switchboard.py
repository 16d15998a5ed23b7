"""The router's state: the table in force, the upstreams behind it, the clients in front, and the requests on hold."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tolv.route.access_log import AccessLog
from tolv.route.client_connection import ClientConnection
from tolv.route.exchange import Exchange
from tolv.route.limits import Limits
from tolv.route.model import Route, Table
from tolv.route.tally import Tallies
from tolv.route.upstream import UpstreamPool

_SWEEP_SECONDS = 0.25
#: One part in so many of all connections is freed at once: looking who has the most is not for free.
_ROOM = 32
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "[::1]"))


class Host:
    """A route in force."""

    def __init__(self, route: Route, pools: list[UpstreamPool], log: AccessLog) -> None:
        self.route = route
        self.pools = pools
        self.log = log
        self.crowded = False
        """So many requests are in flight that there would be no room for those of others."""
        self.open = False
        """Whether requests go to an upstream now."""
        self.crowd(False)
        self.requests = 0
        self.errors_5xx = 0
        self._turn = 0

    def succeed(self, other: Host) -> None:
        """Go on counting where the same host's former route ended."""
        self.requests, self.errors_5xx, self._turn = other.requests, other.errors_5xx, other._turn

    def crowd(self, crowded: bool) -> None:
        """Take no requests any more, or again."""
        self.crowded = crowded
        self.open = self.route.mode == "serve" and bool(self.pools) and not crowded

    def choose(self, tried: tuple[str, ...]) -> UpstreamPool | None:
        """The upstream with the fewest exchanges in flight, the one that waited longest among equals; None if all
        were tried."""
        pools = self.pools
        if len(pools) == 1 and not tried:
            return pools[0]
        now = asyncio.get_running_loop().time()
        candidates = [pool for pool in pools if pool.upstream.id not in tried]
        if not candidates:
            return None
        best = min(candidates, key=lambda pool: (pool.shunned_until > now, len(pool.exchanges), pool.turn))
        self._turn += 1
        best.turn = self._turn
        return best


class Switchboard:
    """One router process's state. All its methods run in the event loop and never wait, `drain` and `stop` excepted."""

    def __init__(self, logs: Path, limits: Limits) -> None:
        self.loop = asyncio.get_running_loop()
        self.limits = limits
        self.version = 0
        self.stopping = False
        self.patient = False
        """Stopping, and there is a successor: clients are let go one by one."""
        self.refused = 0
        """Connections that were ended because of what they sent."""
        self._logs = logs
        self._log_files: dict[tuple[str, str], AccessLog] = {}
        self._hosts: dict[str, Host] = {}
        self._domains: dict[str, Host] = {}
        self._pools: dict[str, UpstreamPool] = {}
        self._only: Host | None = None
        self._clients: set[ClientConnection] = set()
        self._last_left = asyncio.Event()
        self._held: dict[Exchange, bool] = {}
        self._retired: set[UpstreamPool] = set()
        self._tallies = Tallies()
        self._crowding: frozenset[str] = frozenset()
        self._sweeper = self.loop.call_later(_SWEEP_SECONDS, self._sweep)

    # The table

    def apply(self, table: Table) -> None:
        """Put `table` in force, whole and at once. Exchanges in flight go on; no client connection is touched."""
        if table.version < self.version:
            return
        before, pools = self._pools, dict[str, UpstreamPool]()
        hosts, domains = dict[str, Host](), dict[str, Host]()
        for route in table.routes:
            for upstream in route.upstreams:
                old = before.get(upstream.id)
                pools[upstream.id] = old if old and old.upstream == upstream else UpstreamPool(upstream, self.limits)
            host = Host(route, [pools[upstream.id] for upstream in route.upstreams], self._log(route))
            if (same := self._hosts.get(route.host)) is not None:
                host.succeed(same)
            host.crowd(route.host in self._crowding)
            hosts[route.host] = host
            domains.update(dict.fromkeys(route.domains, host))
        self.version = table.version
        self._hosts = hosts
        self._domains = domains
        self._only = next(iter(hosts.values())) if len(hosts) == 1 else None
        self._pools = pools
        self._tallies.follow(table)
        for identity, pool in before.items():
            if pools.get(identity) is not pool:
                pool.retire()
                self._retired.add(pool)
        for exchange in list(self._held):
            self.unhold(exchange)
            exchange.dispatch()

    def _log(self, route: Route) -> AccessLog:
        key = (route.app, route.environment)
        if key not in self._log_files:
            self._log_files[key] = AccessLog(self._logs, *key)
        return self._log_files[key]

    def find(self, name: str, *, from_edge: bool = False) -> Host | None:
        """Who answers for a host. A table of one route also answers to this machine's own names.

        What comes in through the edge reaches own domains alone: all the world may connect there.
        """
        host = self._domains.get(name)
        if host is not None or from_edge:
            return host
        host = self._hosts.get(name)
        return self._only if host is None and name in _LOOPBACK else host

    # Requests on hold

    def hold(self, exchange: Exchange, seconds: float) -> None:
        """Keep a request until the table has an upstream for it, for `seconds` in total."""
        if not exchange.held_until:
            exchange.held_until = self.loop.time() + seconds
        self._held[exchange] = False

    def retry_soon(self, exchange: Exchange) -> None:
        """Keep a request whose upstreams all refused: until the next table or the next sweep."""
        self._held[exchange] = True

    def unhold(self, exchange: Exchange) -> None:
        """The request is on its way, or over."""
        self._held.pop(exchange, None)

    def _sweep(self) -> None:
        self._sweeper = self.loop.call_later(_SWEEP_SECONDS, self._sweep)
        now = self.loop.time()
        for exchange, retry in list(self._held.items()):
            if retry:
                self.unhold(exchange)
                exchange.dispatch()
            elif now > exchange.held_until:
                exchange.fail(503, "no process of this app is ready")
        for client in list(self._clients):
            client.expire(now)
        for pool in self._pools.values():
            pool.expire_idle(now)
        for pool in [pool for pool in self._retired if not pool.exchanges]:
            self._retired.discard(pool)
            still = {*self._pools, *(one.upstream.id for one in self._retired)}
            self._tallies.fold(pool, gone=pool.upstream.id not in still)
        self._find_crowding()

    # Clients

    def admit(self, client: ClientConnection) -> bool:
        """A client has come. Gives whether there is room for it."""
        if len(self._clients) >= self.limits.connections:
            self._make_room()
        self._clients.add(client)
        return len(self._clients) <= self.limits.connections

    def _make_room(self) -> None:
        """Close idle connections of those who have the most: a flood that comes for one host drives out itself, not
        the clients of the others."""
        idle: dict[str, list[tuple[float, int, ClientConnection]]] = {}
        for number, client in enumerate(self._clients):
            if (until := client.idle_until) is not None:
                idle.setdefault(client.customer_of, []).append((until, number, client))
        if idle:
            most = max(idle.values(), key=len)
            for _, _, client in heapq.nsmallest(max(1, self.limits.connections // _ROOM), most):
                self._clients.discard(client)
                client.give_way()

    def _find_crowding(self) -> None:
        """More than half of all connections may not wait for one host, unless it is the only one."""
        half = self.limits.connections // 2
        crowding = frozenset[str]()
        if len(self._clients) > half and len(self._hosts) > 1:
            busy = Counter(client.customer_of for client in self._clients if client.idle_until is None)
            crowding = frozenset(name for name, count in busy.items() if name and count > half)
        for name in crowding ^ self._crowding:
            if name in self._hosts:
                self._hosts[name].crowd(name in crowding)
        self._crowding = crowding

    def dismiss(self, client: ClientConnection) -> None:
        """A client has gone."""
        self._clients.discard(client)
        if not self._clients:
            self._last_left.set()

    # What the control socket asks for

    async def drain(self, upstreams: Iterable[str], seconds: float) -> dict[str, int]:
        """Wait until nothing is in flight at these upstreams, at most `seconds`; what is left, by upstream.

        WebSockets are told to go away at once.
        """
        pools = self._find_pools(upstreams)
        for pool in pools:
            pool.close_tunnels()
        try:
            async with asyncio.timeout(seconds):
                for pool in pools:
                    await pool.settled()
        except TimeoutError:
            pass
        left = dict.fromkeys(upstreams, 0)
        for pool in pools:
            left[pool.upstream.id] += len(pool.exchanges)
        return left

    def cut(self, upstreams: Iterable[str]) -> None:
        """End what is still in flight at these upstreams, and its clients' connections with it."""
        for pool in self._find_pools(upstreams):
            for exchange in list(pool.exchanges):
                exchange.cut()

    def _find_pools(self, upstreams: Iterable[str]) -> list[UpstreamPool]:
        wanted = set(upstreams)
        return [pool for pool in (*self._pools.values(), *self._retired) if pool.upstream.id in wanted]

    def stats(self) -> dict[str, Any]:
        """Counts since the start of this process, and what is in flight now."""
        return {
            "version": self.version,
            "upstreams": {
                pool.upstream.id: {
                    "in_flight": len(pool.exchanges),
                    "requests": pool.requests,
                    "errors_5xx": pool.errors_5xx,
                    "unanswered": pool.unanswered,
                    "abandoned": pool.abandoned,
                }
                for pool in (*self._retired, *self._pools.values())
            },
            "hosts": {
                name: {"requests": host.requests, "errors_5xx": host.errors_5xx} for name, host in self._hosts.items()
            },
            "connections": len(self._clients),
            "held": len(self._held),
            "refused": self.refused,
        }

    def tally(self) -> dict[str, Any]:
        """Counts by release since the start of this process, and which process that is."""
        return self._tallies.read((*self._pools.values(), *self._retired))

    async def stop(self, seconds: float, *, patient: bool = False) -> None:
        """Close idle clients, let the others finish for at most `seconds`, and write the logs' last lines.

        `patient`: idle clients, too, are given the time that they have anyway. Whatever such a one asks next is
        answered, and it is told to come again on a new connection: a successor serves that.
        """
        self.stopping, self.patient = True, patient
        for pool in (*self._pools.values(), *self._retired):
            pool.close_tunnels()
        if not patient:
            for client in list(self._clients):
                client.stop()
        try:
            async with asyncio.timeout(seconds):
                await self._until_alone()
        except TimeoutError:
            for client in list(self._clients):
                client.reset()
            await self._until_alone()
        self._sweeper.cancel()
        for log in self._log_files.values():
            log.flush()

    async def _until_alone(self) -> None:
        while self._clients:
            self._last_left.clear()
            await self._last_left.wait()
