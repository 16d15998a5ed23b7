"""One server of a backing service for a test: prepared, started, killed, started again, and another one beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ports import free_port
from services.servers import Server, own

from tolv.services.model import Facts, Instance
from tolv.services.provider import Provider


class Running(Server):
    """A server that is prepared before each start, as Tolv does."""

    def begin(self, *, ready: bool = True) -> Facts | None:
        self.provider.prepare(self.instance)
        self.start(ready=ready)
        return self.ask() if ready else None

    def beside(self, directory: Path, port: int | None = None) -> Running:
        """Another server of the same kind, with a directory of its own; not started."""
        directory.mkdir(mode=0o755)
        data = own(directory / "instance", self.instance.user)
        return Running(self.provider, replace(self.instance, directory=data, port=port or free_port()))


def make(provider: Provider, directory: Path, cache: Path, user: int | None) -> Running:
    """A server that has not been started yet, below a directory that is made."""
    binaries = provider.find(None, cache, print)
    directory.mkdir(mode=0o755)
    data = own(directory / "instance", user)
    return Running(provider, Instance("a-service", data, free_port(), user, "ownersecret42", binaries))
