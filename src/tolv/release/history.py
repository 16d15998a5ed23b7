"""What became of a release: its events, and what follows from them. No I/O.

A release is never changed. That it went live, was superseded or failed, and how it was scaled meanwhile, is told by
events that are only ever added; its status is the last that one of them says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tolv.errors import ConflictError
from tolv.release.model import Release, Status

EventKind = Literal["pending", "live", "superseded", "failed", "scaled"]

#: From which status a release may go to which. A release that was superseded stays so: rolling back makes a new one.
_WAYS: dict[Status, tuple[Status, ...]] = {
    Status.PENDING: (Status.LIVE, Status.FAILED),
    Status.LIVE: (Status.SUPERSEDED, Status.FAILED),
    Status.SUPERSEDED: (),
    Status.FAILED: (),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a release. `at` is seconds since 1970."""

    number: int
    """Of the release."""
    kind: EventKind
    at: float
    by: str
    reason: str | None = None
    """Why it failed, before it was live or after."""
    formation: dict[str, int] | None = None
    """In force from now on (`live`, `scaled`)."""


def after(release: Release, events: Iterable[Event]) -> Release:
    """The release with what its `events` (in order) say of it."""
    status, reason, formation = release.status, release.reason, release.last_formation
    for event in events:
        if event.kind != "scaled":
            status, reason = Status(event.kind), event.reason
        if event.formation is not None:
            formation = event.formation
    return dataclasses.replace(release, status=status, reason=reason, last_formation=formation)


def check_way(release: Release, to: Status) -> None:
    """Raise `ConflictError` if a release of this status cannot become `to`."""
    if to not in _WAYS[release.status]:
        raise ConflictError(
            f"{release.name} of {release.app} in {release.environment} is {release.status} and cannot become {to}",
            remedy="see `tolv releases`; make a new release with `tolv rollback` or `tolv deploy`",
        )
