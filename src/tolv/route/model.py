"""The routing table as a value: what the server tells the router. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["serve", "hold", "refuse", "maintenance"]

#: Seconds that an upstream has for the head of a response, unless its process type says otherwise.
RESPONSE_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """One ready web process. `id` is the process's id: a count of requests in flight belongs to it."""

    id: str
    host: str
    port: int
    release: str
    process: str
    response_timeout: float = RESPONSE_TIMEOUT
    """Seconds from the end of a request to the head of its response; then the answer is 504."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A deploy whose requests do not reach its processes for a while, because somebody said so."""

    by: str
    since: float
    """Seconds since 1970."""
    hold: bool = False
    """Requests wait for its end, up to the route's `hold` seconds; otherwise they are answered 503."""
    page: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"by": self.by, "since": self.since, "hold": self.hold, "page": self.page}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Maintenance:
        """The inverse of `to_json`."""
        return cls(data["by"], data["since"], data["hold"], data["page"])


@dataclass(frozen=True, slots=True)
class Route:
    """One deploy: its host, its own domains, and who answers for them.

    `mode`: `serve` routes, and holds requests up to `hold` seconds while there is no upstream; `hold` keeps all
    requests waiting, as long; `refuse` answers 503 at once (a deploy that is stopped), `maintenance` does so with
    `page`.
    """

    host: str
    """Lower case, without a port: `guestbook.localhost`."""
    app: str
    environment: str
    upstreams: tuple[Upstream, ...]
    mode: Mode = "serve"
    hold: float = 30.0
    domains: tuple[str, ...] = ()
    """Own domains: the HTTPS edge passes on requests for these, and for no other host."""
    page: str = ""
    """What `maintenance` answers, HTML if it begins with `<`; a plain line if it is empty."""


@dataclass(frozen=True, slots=True)
class Table:
    """All routes. A table replaces its predecessor whole; `version` only grows."""

    version: int
    routes: tuple[Route, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "routes": [
                {
                    "host": route.host,
                    "app": route.app,
                    "environment": route.environment,
                    "mode": route.mode,
                    "hold": route.hold,
                    "domains": list(route.domains),
                    "page": route.page,
                    "upstreams": [
                        {
                            "id": one.id,
                            "host": one.host,
                            "port": one.port,
                            "release": one.release,
                            "process": one.process,
                            "response_timeout": one.response_timeout,
                        }
                        for one in route.upstreams
                    ],
                }
                for route in self.routes
            ],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Table:
        """The inverse of `to_json`. Raises `KeyError`, `TypeError` or `ValueError` on anything else."""
        return cls(
            int(data["version"]),
            tuple(
                Route(
                    str(route["host"]),
                    str(route["app"]),
                    str(route["environment"]),
                    tuple(
                        Upstream(
                            str(one["id"]),
                            str(one["host"]),
                            int(one["port"]),
                            str(one["release"]),
                            str(one["process"]),
                            float(one.get("response_timeout", RESPONSE_TIMEOUT)),
                        )
                        for one in route["upstreams"]
                    ),
                    route["mode"],
                    float(route["hold"]),
                    tuple(str(one) for one in route.get("domains", ())),
                    str(route.get("page", "")),
                )
                for route in data["routes"]
            ),
        )
