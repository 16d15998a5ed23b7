"""The deploy that a drill is about, as seen from outside: what runs, and who serves it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from tolv.errors import AppError, TolvError, UsageError
from tolv.home import Home
from tolv.logs.model import deploy_logs

#: Seconds that anything may take to come back before the drill says that it did not.
RECOVERY = 60.0
_LOOK = 0.02


class Server(Protocol):
    """The server's API; `tolv.cli.client.Api` is one."""

    home: Home

    def get(self, path: str, /, **query: Any) -> Any: ...
    def post(self, path: str, body: Any) -> Any: ...
    def lines(self, path: str, /, **query: Any) -> Iterator[dict[str, Any]]: ...
    def status(self) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Found:
    """A process of the deploy."""

    name: str
    """`web.1`."""
    type: str
    release: str
    pid: int | None
    state: str
    health: str | None


class Scene:
    """One deploy. `start(environment)` starts its server again, in the environment that the server had."""

    def __init__(
        self, server: Server, app: str, environment: str, start: Callable[[Mapping[str, str]], object]
    ) -> None:
        self.server = server
        self.app = app
        self.environment = environment
        self.path = f"/v1/apps/{app}/environments/{environment}"
        self.router_log = deploy_logs(server.home.logs, app, environment) / "router.log"
        self._start = start

    def processes(self) -> list[Found]:
        """Those of the formation, without one-offs."""
        rows = self.server.get(f"{self.path}/processes")
        return [
            Found(row["process"], row["type"], row["release"], row["pid"], row["state"], row.get("health"))
            for row in rows
            if row["type"] not in ("run", "release")
        ]

    def ready(self) -> dict[str, Found]:
        """The formation by name. Raises `AppError` unless every process is ready."""
        found = self.processes()
        if not found:
            raise AppError(f"nothing of {self.app} runs in {self.environment}", remedy="start it first: tolv restart")
        for one in found:
            if one.state != "ready":
                raise AppError(
                    f"{one.name} is {one.state}: a drill begins with a deploy that is well",
                    remedy=f"see `tolv ps -a {self.app} -e {self.environment}`, and wait until all is ready",
                )
        return {one.name: one for one in found}

    def host(self) -> str | None:
        """The host that the deploy answers to; None when it has no web process."""
        for app in self.server.get("/v1/apps"):
            for one in app["environments"]:
                if (app["app"], one["environment"]) == (self.app, self.environment) and one["url"]:
                    return urlsplit(str(one["url"])).hostname
        return None

    def neighbours(self) -> list[str]:
        """Other deploys that run under the same server, as `shop in prod`."""
        return [
            f"{app['app']} in {one['environment']}"
            for app in self.server.get("/v1/apps")
            for one in app["environments"]
            if one["running"] and one["release"] and (app["app"], one["environment"]) != (self.app, self.environment)
        ]

    def state(self) -> dict[str, Any]:
        """What the server says of itself and of those that work for it."""
        state: dict[str, Any] = self.server.get("/v1/server")
        return state

    def server_environment(self, pid: int) -> tuple[dict[str, str], bool]:
        """The environment that the server was started in, and whether systemd will start it again by itself."""
        try:
            content = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            raise UsageError(
                f"the server (pid {pid}) is another user's", remedy="run the drill as the user who runs the server"
            ) from None
        environment = dict(os.fsdecode(one).partition("=")[::2] for one in content.split(b"\0") if b"=" in one)
        return environment, environment.get("SYSTEMD_EXEC_PID") == str(pid)

    def start_server(self, environment: Mapping[str, str]) -> None:
        """Have a server again: as it was before, on the same port."""
        self._start(environment)


def kill(pids: Iterable[int]) -> tuple[float, float]:
    """SIGKILL to all of them; the moments just before the first signal and when the last was dead."""
    with contextlib.ExitStack() as open_handles:
        handles = []
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                handles.append(os.pidfd_open(pid))
                open_handles.callback(os.close, handles[-1])
        at = time.monotonic()
        try:
            for handle in handles:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
        except PermissionError:
            raise UsageError("a process is another user's", remedy="run the drill as the user who runs Tolv") from None
        for handle in handles:
            select.select([handle], [], [], RECOVERY)
        return at, time.monotonic()


def until(state: Callable[[], bool], seconds: float = RECOVERY) -> float | None:
    """The moment at which `state()` was true; None if it was not in time. Errors of a server that is away are no."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(TolvError, OSError):
            if state():
                return time.monotonic()
        if time.monotonic() >= deadline:
            return None
        time.sleep(_LOOK)
