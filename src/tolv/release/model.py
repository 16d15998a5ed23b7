"""A release as a value: a build plus a config plus a formation, numbered, and never changed. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Where a release is in its life. Only `LIVE`, `SUPERSEDED` and `FAILED` last."""

    PENDING = "pending"
    LIVE = "live"
    SUPERSEDED = "superseded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Release:
    """What ran, runs or failed to. All but `status`, `reason` and `last_formation` is fixed when it is made."""

    app: str
    environment: str
    number: int
    build: str
    """Digest."""
    commit: str | None
    config: int
    """Id of the config snapshot in the store."""
    formation: dict[str, int]
    """In force when it was made."""
    description: str
    """`Deploy 9f3c1a7`, `Set DATABASE_URL`, `Rollback to v3`, `Promote from staging v7`."""
    created: str
    """ISO 8601, UTC."""
    by: str
    """The person: login name at host."""
    previous_hash: str
    hash: str
    """sha256 over the fields above and `previous_hash`: a chain per deploy."""
    status: Status = Status.PENDING
    reason: str | None = None
    """Why it failed."""
    last_formation: dict[str, int] | None = None
    """In force when it was last live: what a rollback to it restores."""
    release_phase: bool = False
    """A release command ran for it."""

    @property
    def name(self) -> str:
        return f"v{self.number}"

    def to_dict(self, *, restorable: bool) -> dict[str, Any]:
        """As `tolv releases --json` prints it."""
        return {
            "release": self.name,
            "build": self.build,
            "commit": self.commit,
            "status": str(self.status),
            "description": self.description,
            "created": self.created,
            "by": self.by,
            "restorable": restorable,
            "formation": self.last_formation or self.formation,
            "reason": self.reason,
            "hash": self.hash,
        }
