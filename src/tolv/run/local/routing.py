"""Which host leads to which processes: the one place that changes the router's table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tolv.route.client import RouterClient
from tolv.route.model import Route, Table


class Routing:
    """All routes of this home. Every change is on disk and in the router when the call returns."""

    def __init__(self, router: RouterClient) -> None:
        self.router = router
        self._lock = asyncio.Lock()
        self._domains = {(route.app, route.environment): route.domains for route in router.table.routes}
        self._routes = {(route.app, route.environment): replace(route, domains=()) for route in router.table.routes}
        self._behind = False
        """The router, or its disk, does not have what was set last."""

    def upstreams(self) -> set[str]:
        """Ids of the processes that get requests now."""
        return {one.id for route in self._routes.values() for one in route.upstreams}

    def deploys(self) -> Iterable[tuple[str, str]]:
        return tuple(self._routes)

    async def set(self, route: Route) -> None:
        """Make `route` the deploy's only one; does nothing when it is already. Call it again after a failure."""
        key = (route.app, route.environment)
        if self._behind or self._routes.get(key) != route:
            self._routes[key] = route
            await self.apply()

    async def set_domains(self, domains: Mapping[tuple[str, str], tuple[str, ...]]) -> None:
        """Make these the deploys' own domains, in one table: one that moves is at no moment nobody's."""
        before = {key: self._domains.get(key, ()) for key in self._routes}
        self._domains = dict(domains)
        if before != {key: self._domains.get(key, ()) for key in self._routes}:
            await self.apply()

    async def remove(self, app: str, environment: str) -> None:
        """Forget the deploy's route: its host is unknown from now on."""
        if self._routes.pop((app, environment), None) or self._behind:
            await self.apply()

    async def apply(self) -> None:
        """Send the table as it is now; the last one sent is always the newest."""
        self._behind = True
        async with self._lock:
            routes = (replace(route, domains=self._domains.get(key, ())) for key, route in self._routes.items())
            await self.router.apply(Table(self.router.table.version + 1, tuple(routes)))
            self._behind = False


def host_of(app: str, environment: str) -> str:
    """`guestbook.localhost` in `dev`, `guestbook-staging.localhost` elsewhere."""
    return f"{app}.localhost" if environment == "dev" else f"{app}-{environment}.localhost"
