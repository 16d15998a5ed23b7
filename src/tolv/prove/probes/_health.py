"""Where an app says of itself how it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tolv.prove.client import Answer
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.traffic import fresh

#: What routes for health are usually called.
LIVE = "/livez /live /healthz /health /alive /ping /up /-/healthy /_health /api/health /__lbheartbeat__".split()
READY = "/readyz /ready /-/ready /health/ready /healthz/ready /api/ready /actuator/health /__heartbeat__".split()


@dataclass(frozen=True, slots=True)
class Routes:
    """Where the app says how it is; None: nowhere."""

    live: str | None = None
    ready: str | None = None
    caught: str | None = None
    """A declared route that is answered as any path is."""

    @property
    def any(self) -> str | None:
        """What tells best whether it can work."""
        return self.ready or self.live


async def find_routes(trial: Trial, instance: Instance) -> Routes:
    """The routes that are declared and are routes of their own; others are looked for under their usual names."""
    recipes, web = trial.subject.recipes, trial.subject.web
    live = recipes.health[0].path if recipes.health else None
    ready = recipes.ready[0].path if recipes.ready else None
    declared = web.health if web else None
    if declared and declared != "/" and declared not in (live, ready):
        if live is None and ("ready" not in declared):
            live = declared
        elif ready is None:
            ready = declared
    caught = [one for one in (ready, live) if one and await _is_caught(trial, instance, one)]
    live, ready = (None if one in caught else one for one in (live, ready))
    found = Routes(live, ready, next(iter(caught), None))
    if live is None:
        found = replace(found, live=await _first(trial, instance, LIVE, ready))
    if ready is None:
        found = replace(found, ready=await _first(trial, instance, READY, live))
    return found


async def _first(trial: Trial, instance: Instance, paths: Iterable[str], other: str | None) -> str | None:
    """The first path that is answered well, and not as one beside it that is not there (where every path gets a
    page)."""
    for path in paths:
        if path == other:
            continue
        answer = await instance.client.request("GET", path)
        if not 200 <= answer.status < 300:
            continue
        nothing = await instance.client.request("GET", _beside(path))
        if nothing.status == answer.status and nothing.header("content-type") == answer.header("content-type"):
            continue
        trial.saw("answer", f"GET {path} -> {answer.status}", instance.name)
        return path
    return None


async def _is_caught(trial: Trial, instance: Instance, path: str) -> bool:
    """Whether a path is answered well, and as one that was made up is: by a route that catches all."""
    if path == "/":
        return False
    made_up = _beside(path)
    nothing = await instance.client.request("GET", made_up)
    if not 200 <= nothing.status < 300:
        return False
    answer = await instance.client.request("GET", path)
    if answer.status != nothing.status or _unvaried(answer, path) != _unvaried(nothing, made_up):
        return False
    trial.saw("answer", f"GET {path} and GET {made_up} -> {nothing.status}, the same answer", instance.name)
    return True


def _beside(path: str) -> str:
    """A path that is not there, in the same place: an app may answer `/a` and `/a/b` by different routes."""
    return f"{path.rpartition('/')[0]}/{fresh()}"


def _unvaried(answer: Answer, path: str) -> str:
    """The answer's text without what varies from one to the next: the path, numbers, tokens."""
    return re.sub(r"[\w-]{16,}|\d+", "#", answer.text().replace(path, "#").replace(path.strip("/"), "#"))
