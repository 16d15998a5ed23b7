"""Having certificates made and renewed before a visitor has to wait for one."""

from __future__ import annotations

import asyncio
import time

from tolv.route.edge.certificates import call, certificate_of
from tolv.route.edge.domain import Domain
from tolv.route.edge.edge import Edge

#: Seconds between two looks at all domains.
_ROUND = 60.0
#: Seconds between two looks whether there is an edge at all.
_UNTIL_THERE = 2.0
#: Seconds between two attempts for one domain: they double, since authorities limit how often one may fail.
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 6 * 3600.0
#: Seconds for one attempt; Caddy itself gives up after 90.
_ATTEMPT = 95.0


class Upkeep:
    """Calls every domain whose certificate is missing or due. A visitor's call does the same, with or without it."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._pauses: dict[str, float] = {}
        self._next: dict[str, float] = {}

    async def keep(self) -> None:
        """Look after all domains, for ever."""
        while True:
            if self._edge.pid is None:
                await asyncio.sleep(_UNTIL_THERE)
                continue
            await asyncio.gather(*(self._look_after(one) for one in self._edge.domains))
            await asyncio.sleep(_ROUND)

    async def _look_after(self, domain: Domain) -> None:
        settings, name, now = self._edge.settings, domain.name, time.time()
        certificate = await asyncio.to_thread(certificate_of, self._edge.home, domain, settings)
        if certificate.state == "issued" and not certificate.is_due(now):
            self._pauses.pop(name, None)
            self._next.pop(name, None)
        elif now >= self._next.get(name, 0.0):
            self._pauses[name] = min(2 * self._pauses.get(name, _FIRST_PAUSE / 2), _LONGEST_PAUSE)
            self._next[name] = now + self._pauses[name]
            await call(settings, name, _ATTEMPT)
