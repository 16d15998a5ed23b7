"""Counts of requests by release: what it takes to compare a new release with the one before.

An upstream counts for itself while it is there; what it counted is folded in here when it is gone, so that a release
keeps its counts when its processes are replaced. Nothing here runs once per request.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from tolv.route.model import Table
from tolv.route.upstream import UpstreamPool

#: App, environment, release.
Key = tuple[str, str, str]

#: What is counted of each: see `UpstreamPool`.
COUNTED = ("requests", "errors_5xx", "unanswered", "cut_off", "abandoned")

#: Releases of a deploy that are remembered: the newest.
_RELEASES = 8


class Tallies:
    """The counts of one router process."""

    def __init__(self) -> None:
        self.process = secrets.token_hex(8)
        """Names this process for ever: whoever adds up counts knows from it which it has already."""
        self._past: dict[Key, dict[str, int]] = {}
        self._keys: dict[str, Key] = {}

    def follow(self, table: Table) -> None:
        """A table is in force: know the releases of its upstreams, and forget deploys that have no route."""
        deploys = {(route.app, route.environment) for route in table.routes}
        for route in table.routes:
            for one in route.upstreams:
                self._keys[one.id] = (route.app, route.environment, one.release)
        self._past = {key: counts for key, counts in self._past.items() if key[:2] in deploys}

    def fold(self, pool: UpstreamPool, *, gone: bool) -> None:
        """Take over the counts of an upstream that counts no more; `gone`: no other pool is of its id."""
        id_ = pool.upstream.id
        key = self._keys.pop(id_, None) if gone else self._keys.get(id_)
        if key is None:
            return
        _add(self._past.setdefault(key, dict.fromkeys(COUNTED, 0)), pool)
        of_deploy = [one for one in self._past if one[:2] == key[:2]]
        for oldest in of_deploy[:-_RELEASES]:
            del self._past[oldest]

    def read(self, pools: Iterable[UpstreamPool]) -> dict[str, Any]:
        """The counts of every release since this process began; `pools` are all that still count."""
        total = {key: dict(counts) for key, counts in self._past.items()}
        for pool in pools:
            if key := self._keys.get(pool.upstream.id):
                _add(total.setdefault(key, dict.fromkeys(COUNTED, 0)), pool)
        releases = [
            {"app": app, "environment": environment, "release": release, **counts}
            for (app, environment, release), counts in total.items()
        ]
        return {"process": self.process, "releases": releases}


def _add(counts: dict[str, int], pool: UpstreamPool) -> None:
    for name in COUNTED:
        counts[name] += getattr(pool, name)
