"""Bringing about errors in an app, as strangers and outages do."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from tolv.prove.client import NoAnswer
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.recording import Recording
from tolv.prove.harness.trial import Trial
from tolv.prove.probe import CannotProve
from tolv.prove.traffic import fresh

#: Seconds for an answer while services are away.
_AWAY = 15.0
#: Recipes that are likely to need a service.
_NEEDING = ("read", "write", "login", "job")


async def provoke(trial: Trial, instance: Instance) -> Recording:
    """Ask for what does not exist, in ways that are not understood, and while its services cannot be reached. Gives the
    answers, each noted; the services are back at the end."""
    recording = instance.client if isinstance(instance.client, Recording) else Recording(instance)
    recipes = trial.subject.recipes
    json = (("Content-Type", "application/json"),)
    await _ask(trial, instance, "GET", f"/{fresh()}")
    await _ask(trial, instance, "GET", "/%ff%00%2e%2e/'\"<x>")
    await _ask(trial, instance, "PATCH", "/")
    for recipe in ("write", "login", "job"):
        for step in recipes.steps(recipe)[-1:]:
            if "{" not in step.path:
                await _ask(trial, instance, step.method, step.path, body=b'{"broken": ', headers=json)
                await _ask(trial, instance, step.method, step.path, body=b'[[], 1, "\xff"]', headers=json)
    services = list(trial.backing.services)
    if services:
        for service in services:
            await trial.backing.cut(service)
        trial.saw("service", f"nobody reaches {', '.join(one.name for one in services)} any more")
        await _while_away(trial, instance)
        for service in services:
            await trial.backing.restore(service)
        trial.saw("service", "they can be reached again")
    return recording


async def _while_away(trial: Trial, instance: Instance) -> None:
    traffic, recipes = trial.traffic, trial.subject.recipes
    for recipe in _NEEDING:
        if recipes.has(recipe):
            with contextlib.suppress(CannotProve, NoAnswer):
                await traffic.ask(instance, recipe, timeout=_AWAY)
    await _ask(trial, instance, "GET", instance.made.health)


async def _ask(
    trial: Trial, instance: Instance, method: str, path: str, headers: Sequence[tuple[str, str]] = (), **more: Any
) -> None:
    path = path.replace('"', "%22").replace("<", "%3C").replace(">", "%3E")
    try:
        answer = await instance.client.request(method, path, headers=headers, timeout=_AWAY, **more)
        trial.saw("answer", f"{method} {path} {_shown(more)}-> {answer}", instance.name)
    except NoAnswer as error:
        trial.saw("answer", f"{method} {path} {_shown(more)}-> {error.text}", instance.name)


def _shown(more: dict[str, Any]) -> str:
    return f"{more['body'].decode('latin-1')} " if more.get("body") else ""
