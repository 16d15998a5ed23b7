"""What a kind of backing service must be able to do for Tolv to run it here: the contract of `services/providers`.

All calls block; the server makes them in threads. Nothing of a provider keeps state: all of it is in its `Instance` and
below the instance's directory, so that a server that was killed goes on where the disk says.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tolv.services.model import Binaries, Command, Facts, Instance

Tell = Callable[[str], None]
"""Called with a line for whoever waits: `fetching postgres 16 (11 MB)`."""


class Provider(Protocol):
    """Runs servers of one kind on this machine."""

    kind: str

    def find(self, wanted: str | None, cache: Path, tell: Tell) -> Binaries:
        """The programs of the wanted version (`16` takes any 16.x; None: the best that can be had), fetched into
        `cache` if need be.

        Raises `UsageError` if that version cannot be had, naming those that can and how to get another;
        `PlatformError` if fetching fails.
        """

    def prepare(self, instance: Instance) -> None:
        """Make what must be on disk before the first start. Idempotent; killed half-way it starts afresh.

        Raises `PlatformError`; also if the data there is of another version than the programs.
        """

    def command(self, instance: Instance) -> Command:
        """How to run it."""

    def ask(self, instance: Instance, timeout: float) -> Facts:
        """Ask the running server as its administrator. Raises `Unreachable` as `tolv.services.ask.ask` does."""

    def grant(self, instance: Instance, tenant: str, password: str) -> str:
        """Give a deploy its own user with no more rights than its own data needs, and return the URL for its config.

        `tenant` is `[a-z][a-z0-9_]*`. The first tenant's database (bucket, …) is made; a later one shares the data of
        the first as its own user. Idempotent: the same tenant gets the same with this password.
        """

    def revoke(self, instance: Instance, tenant: str) -> None:
        """Take a tenant's user away; the data stays. Idempotent."""

    def backup(self, instance: Instance, target: Path, tell: Tell) -> None:
        """Write all data of the first tenant to `target`, streamed. Raises `PlatformError`; nothing is left then."""

    def restore(self, instance: Instance, source: Path, tell: Tell) -> None:
        """Put a backup into an instance that has a first tenant and no data yet, and verify that all of it is there.

        Raises `UsageError` for a file that is no backup of this kind, `PlatformError` if it fails.
        """
