"""The stories of `tolv maintenance`: requests are kept from a deploy for a while; it runs on, is deployed as ever."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from tolv.route.model import Maintenance
from tolv.server.platform import Platform
from tolv.server.progress import Progress
from tolv.server.threads import in_thread


async def begin(
    platform: Platform, app: str, environment: str, *, hold: bool, page: str, by: str, progress: Progress
) -> dict[str, Any]:
    """Answer 503, or let requests wait, from now on; requests in flight finish."""
    before = (await in_thread(platform.deploys.get, app, environment)).maintenance
    since = before.since if before else time.time()
    await _set(platform, app, environment, Maintenance(by, since, hold, page))
    what = "requests wait, 30 s at most" if hold else "requests are answered 503"
    progress.done("maintenance", f"on: {what}; processes run on")
    return await describe(platform, app, environment)


async def end(platform: Platform, app: str, environment: str, progress: Progress) -> dict[str, Any]:
    """Let requests through again."""
    await _set(platform, app, environment, None)
    progress.done("maintenance", "off: requests go through")
    return await describe(platform, app, environment)


async def describe(platform: Platform, app: str, environment: str) -> dict[str, Any]:
    """Whether the deploy is in maintenance, and how."""
    deploy = await in_thread(platform.deploys.get, app, environment)
    return {"app": app, "environment": environment, "maintenance": row(deploy.maintenance)}


def row(maintenance: Maintenance | None) -> dict[str, Any] | None:
    """Maintenance as JSON shows it; the page itself is left out."""
    if maintenance is None:
        return None
    since = datetime.fromtimestamp(maintenance.since, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"since": since, "by": maintenance.by, "hold": maintenance.hold, "own_page": bool(maintenance.page)}


async def _set(platform: Platform, app: str, environment: str, maintenance: Maintenance | None) -> None:
    """In the store first: a server that dies in between does it when it is back."""
    await in_thread(platform.deploys.set_maintenance, app, environment, maintenance)
    await platform.engine.deployment(app, environment).set_maintenance(maintenance)
