"""What the API answers without changing anything."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tolv import __version__
from tolv.codebase import git
from tolv.codebase.reader import name_source
from tolv.errors import TolvError, UsageError
from tolv.logs.streams import find_streams
from tolv.release.rollback import parse_number
from tolv.server.maintenance import row
from tolv.server.platform import Platform

_STARTED = time.time()
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


async def server_status(platform: Platform) -> dict[str, Any]:
    """Who serves, and with what."""
    return {
        "pid": os.getpid(),
        "version": __version__,
        "home": str(platform.home.root),
        "store": platform.store.where,
        "port": platform.listen.port,
        "bind": platform.listen.bind,
        "started": datetime.fromtimestamp(_STARTED, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "keeper_pid": (await platform.engine.keeper.hello())["pid"],
        "router_pids": platform.engine.router.pids,
        "edge_pid": platform.edge.pid,
    }


def apps(platform: Platform) -> list[dict[str, Any]]:
    """Every app with its deploys."""
    domains = platform.domains.list()
    return [
        {
            "app": app.name,
            "source": app.source_path,
            "environments": [
                {
                    **_deploy(platform, app.name, one.environment),
                    "domains": [
                        domain.name
                        for domain in domains
                        if (domain.app, domain.environment) == (app.name, one.environment)
                    ],
                }
                for one in platform.deploys.list(app.name)
            ],
        }
        for app in platform.apps.list()
    ]


def _deploy(platform: Platform, app: str, environment: str) -> dict[str, Any]:
    deploy = platform.deploys.get(app, environment)
    live = platform.releases.live(app, environment)
    build = platform.builds.find(live.build) if live else None
    return {
        "environment": environment,
        "release": live.name if live else None,
        "build": live.build if live else None,
        "commit": live.commit if live else None,
        "url": platform.url_of(app, environment, build) if build else None,
        "formation": deploy.formation,
        "maintenance": row(deploy.maintenance),
        "running": deploy.running,
    }


def resolve(platform: Platform, path: Path) -> dict[str, Any]:
    """The app that a directory belongs to: one that was deployed from there, or the one that would be."""
    known = platform.apps.at(path)
    if len(known) > 1:
        names = ", ".join(one.name for one in known)
        raise UsageError(f"several apps are deployed from here: {names}", where=str(path), remedy="name one with -a")
    if known:
        name: str | None = known[0].name
    else:
        try:
            name = name_source(git.locate(path), None)[1]
        except TolvError:
            name = None
    deploys = platform.deploys.list(name) if name else []
    return {"app": name, "known": bool(known), "environments": [one.environment for one in deploys]}


def introduce(platform: Platform, app: str, path: Path) -> None:
    """Make an app known that is at `path` and was never deployed, so that its config can be set first."""
    if platform.apps.find(app) is None:
        source, name = name_source(git.locate(path), None)
        if name == app:
            platform.apps.register(app, str(source.path))


def check_log_choice(
    platform: Platform, app: str, environment: str, process: str | None, release: str | None, *, coming: bool
) -> None:
    """Raise `UsageError` for a process or release that no line can be of; with `coming`, a process of a known type may
    still come."""
    if release is not None:
        name = f"v{parse_number(release)}"
        if name != release or name not in {one.name for one in platform.releases.list(app, environment)}:
            raise UsageError(f"{app} has no release {release} in {environment}", remedy="see `tolv releases`")
    if process is None:
        return
    written = {one.process for one in find_streams(platform.home.logs, app, environment) if one.process}
    names = written | {one.identity.name for one in platform.engine.deployment(app, environment).processes()}
    names |= {one.name for one in platform.one_offs.list(app, environment)}
    types = {one.rpartition(".")[0] for one in names} | platform.deploys.get(app, environment).formation.keys()
    if process in names | types | {"router"} or (coming and process.rpartition(".")[0] in types):
        return
    there = ", ".join(sorted(names | {"router"}))
    raise UsageError(f"no process {process!r} has logs", remedy=f"name a type or one of: {there}")


def parse_since(text: str) -> int:
    """A moment, in nanoseconds since 1970: `2026-11-21T10:00:00Z`, or how long ago: `90`, `90s`, `5m`, `2h`, `1d`."""
    ago = _AGO.fullmatch(text)
    if ago:
        return time.time_ns() - int(float(ago[1]) * _SECONDS[ago[2] or "s"] * 1e9)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a time", remedy="say 90s, 5m, 2h, 1d or 2026-11-21T10:00:00Z") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e9)
