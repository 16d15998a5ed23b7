"""What the router counted of each release, now and in the minutes before.

A router process counts from its start and says who it is; what each said last is kept, also of one that has died, and
added up. So two processes on one port, a restart and a new server all come out right.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping

from tolv.errors import TolvError
from tolv.release.judge import Traffic
from tolv.route.client import RouterClient

log = logging.getLogger("tolv.server")

#: App, environment, release (`v12`).
Key = tuple[str, str, str]
#: Counts by router process.
Counts = dict[str, Traffic]

#: Seconds between two entries, and how far they go back.
_EVERY, _MEMORY = 15.0, 600.0


class TrafficBook:
    """Counts by release, and a memory of some minutes."""

    def __init__(self, router: RouterClient) -> None:
        self._router = router
        self._counts: dict[Key, Counts] = {}
        self._entries: dict[Key, deque[tuple[float, Traffic]]] = {}

    async def keep(self) -> None:
        """Make entries, for ever."""
        while True:
            await asyncio.sleep(_EVERY)
            if await self.look():
                self._enter(time.monotonic())

    async def look(self) -> bool:
        """Ask the router for its counts; whether it answered."""
        try:
            replies = await self._router.tally()
        except TolvError as error:
            log.warning("the router's counts are not to be had: %s", error.problem)
            return False
        for reply in replies:
            for one in reply["releases"]:
                key = (one["app"], one["environment"], one["release"])
                self._counts.setdefault(key, {})[reply["process"]] = _traffic(one)
        named = {(one["app"], one["environment"], one["release"]) for reply in replies for one in reply["releases"]}
        if replies:
            self._counts = {key: counts for key, counts in self._counts.items() if key in named}
        return bool(replies)

    def counts(self, key: Key) -> Counts:
        """What each router process said last of a release."""
        return dict(self._counts.get(key, {}))

    def lately(self, key: Key, least: int) -> Traffic:
        """What a release had in the last minutes; in all the time that is known, if that was less than `least`."""
        everything = total(self._counts.get(key, {}))
        entries = self._entries.get(key)
        recent = everything - entries[0][1] if entries else everything
        return recent if recent.requests >= least else everything

    def _enter(self, now: float) -> None:
        self._entries = {key: self._entries.get(key, deque()) for key in self._counts}
        for key, entries in self._entries.items():
            entries.append((now, total(self._counts[key])))
            while len(entries) > 1 and entries[1][0] <= now - _MEMORY:
                entries.popleft()


def total(counts: Mapping[str, Traffic]) -> Traffic:
    """All router processes together."""
    return sum(counts.values(), Traffic())


def _traffic(counted: Mapping[str, int]) -> Traffic:
    """Clients that left before an answer say nothing of the release."""
    return Traffic(
        requests=counted["requests"] - counted["abandoned"],
        errors=counted["errors_5xx"],
        unanswered=counted["unanswered"],
        cut_off=counted["cut_off"],
    )
