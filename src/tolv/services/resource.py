"""Resources and grants: the values that the store keeps of backing services. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tolv.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Resource:
    """A backing service as Tolv knows it: a server that runs here, or a URL that leads elsewhere."""

    id: str
    """Unique for ever on this machine: `shop-dev-database-1f3a`."""
    app: str
    """With `environment`, the deploy that it was made for."""
    environment: str
    name: str
    """What its deploy calls it: `database`."""
    kind: str
    version: str | None
    """The version that was asked for."""
    port: int | None
    """Where a local one listens on 127.0.0.1; None: it is reached by its URL alone, and not run here."""

    @property
    def local(self) -> bool:
        return self.port is not None


@dataclass(frozen=True, slots=True)
class Grant:
    """What lets one deploy reach a resource."""

    resource: str
    """Its id."""
    app: str
    environment: str
    tenant: str
    """The user that the resource knows the deploy by; empty for one elsewhere."""
    url: str
    """Where the deploy reaches it, with its credentials."""
    values: Mapping[str, str]
    """Variables of the deploy's config, by name."""

    def in_use(self, config: Mapping[str, str]) -> bool:
        """Whether a deploy with this config is attached: those of the variables that it has, have these values. A
        release from before one was added to tolv.toml has the others."""
        there = [name for name in self.values if name in config]
        return bool(there) and all(config[name] == self.values[name] for name in there)


def in_use(name: str, user: tuple[str, str], grant: Grant) -> ConflictError:
    """What to answer who would take a resource from a deploy."""
    return ConflictError(
        f"{name} is in use: {user[0]} in {user[1]} is attached to it",
        remedy=f"detach it first: tolv config unset {' '.join(grant.values)} -a {user[0]} -e {user[1]}",
    )
