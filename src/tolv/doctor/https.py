"""What HTTPS for own domains needs: Caddy, and two public ports. Tolv works without, so nothing here is a failure."""

from __future__ import annotations

import fcntl
import json

from tolv.doctor.check import Check
from tolv.errors import TolvError
from tolv.home import Home
from tolv.route.edge.caddy import caddy_version, require_caddy
from tolv.route.edge.listening import EdgeSockets
from tolv.route.edge.settings import read_settings


def https(home: Home) -> list[Check]:
    """Whether `tolv domains add` would work."""
    return [_caddy(), _ports(home)]


def _caddy() -> Check:
    try:
        path = require_caddy()
    except TolvError as error:
        return Check("caddy", "warn", error.problem, error.remedy)
    return Check("caddy", "ok", ".".join(map(str, caddy_version(path) or ())))


def _ports(home: Home) -> Check:
    try:
        if (ports := _ports_of_edge(home)) is not None:
            return Check("https ports", "ok", f"{ports} are this home's edge's")
        settings = read_settings()
        EdgeSockets(settings).close()
    except TolvError as error:
        return Check("https ports", "warn", error.problem, error.remedy)
    return Check("https ports", "ok", f"{settings.https_port} and {settings.http_port} are free")


def _ports_of_edge(home: Home) -> str | None:
    """Where the edge listens, if one runs: it holds a lock on its state as long as it lives."""
    try:
        with open(home.edge_state) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except BlockingIOError:
        settings = json.loads(home.edge_state.read_bytes())["settings"]
        return f"{settings['https_port']} and {settings['http_port']}"
    return None
