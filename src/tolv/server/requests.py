"""What the API may be asked: the bodies of its requests."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Asked(BaseModel):
    """What every request may say: who asks."""

    by: str = "tolv"


class BuildRequest(Asked):
    path: str
    app: str | None = None
    ref: str | None = None
    dirty: bool = False
    runtimes: dict[str, str] = {}
    """By language, the version to take whatever the app asks for."""


class Watched(BaseModel):
    """What every request may say that makes a release."""

    auto_rollback: bool = True
    """Roll back by itself if the release fails within its bake window."""
    wait: bool = False
    """Answer once the bake window is over."""


class DeployRequest(BuildRequest, Watched):
    environment: str = "dev"
    mode: Literal["deploy", "up"] = "deploy"


class RollbackRequest(Asked):
    release: str | None = None


class PromoteRequest(Asked, Watched):
    origin: str = Field(alias="from")
    to: str


class FormationRequest(Asked):
    formation: dict[str, int]


class RestartRequest(Asked):
    target: str | None = None


class DownRequest(Asked):
    force: bool = False
    """Do not wait for what is in flight."""
    wait: bool = False
    """Let another operation on this deploy come to its end first, instead of refusing."""


class MaintenanceRequest(Asked):
    on: bool
    hold: bool = False
    """Let requests wait instead of answering 503."""
    page: str = Field("", max_length=65536)
    """What they are answered; HTML if it begins with `<`."""


class ConfigRequest(Asked, Watched):
    set: dict[str, str] = {}
    unset: list[str] = []
    references: dict[str, str] = {}
    """By name, where the value is read from for each release: `op://vault/item/field`."""
    path: str | None = None
    """Where the caller stands: an app that was never deployed may get its config from there."""


class OneOffRequest(Asked):
    command: list[str]
    detach: bool = False
    tty: bool = False
    terminal: str | None = None
    """What TERM is for one with a terminal."""
    time_limit: float | None = Field(None, gt=0, allow_inf_nan=False)


class DomainRequest(Asked):
    domain: str
    internal: bool = False
    """Have its certificate from Tolv's own authority, public name or not."""
    move: bool = False
    """Take it from the deploy that it leads to now."""


class StopRequest(BaseModel):
    leave_running: bool = False


class AttachRequest(Asked, Watched):
    name: str
    kind: str | None = None
    version: str | None = None
    url: str | None = None
    variable: str | None = None
    check: bool = True
    """Ask a URL before config leads to it."""


class DetachRequest(Asked, Watched):
    revoke: bool = False
    """Take the deploy's user away, too: no rollback can use it again."""


class SwapRequest(Asked, Watched):
    url: str | None = None
    to: str | None = None
    """Another resource that the deploy has."""
    version: str | None = None
    check: bool = True


class ShareRequest(Asked, Watched):
    app: str
    environment: str
    variable: str | None = None


class BackupRequest(Asked):
    path: str


class RestoreRequest(Asked):
    path: str
    into: str | None = None
