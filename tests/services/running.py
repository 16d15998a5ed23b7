"""One local server of a backing service, run as the keeper runs it, with nothing in its environment but its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from tolv.services.ask import Unreachable
from tolv.services.model import Facts, Instance
from tolv.services.provider import Provider

T = TypeVar("T")

DEADLINE = 60.0
CACHE = Path(os.environ.get("TOLV_TEST_CACHE") or Path.home() / ".cache" / "tolv-tests")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(look: Callable[[], T], *, deadline: float = DEADLINE) -> T:
    """What `look` returns once it is true; what it last raised or returned is told when it never is."""
    end = time.monotonic() + deadline
    while True:
        try:
            found = look()
            problem: object = found
            if found:
                return found
        except (AssertionError, OSError, Unreachable) as error:
            problem = error
        assert time.monotonic() < end, f"it never came true: {problem!r}"
        time.sleep(0.02)


@dataclass
class Running:
    """A server: started, killed, started again."""

    provider: Provider
    instance: Instance
    log: Path
    process: subprocess.Popen[bytes] | None = None
    told: list[str] = field(default_factory=list)

    def start(self, *more: str) -> Facts:
        """Start it, and wait until it answers."""
        self.launch(*more)
        return eventually(self.ask)

    def launch(self, *more: str) -> None:
        self.provider.prepare(self.instance)
        command = self.provider.command(self.instance)
        private = self.instance.directory.with_name("private")
        private.mkdir(exist_ok=True)
        base = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(private), "TMPDIR": str(private)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command.argv, *more],
                cwd=self.instance.directory,
                env=base | command.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ask(self) -> Facts:
        assert self.process is not None
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.said()}"
        return self.provider.ask(self.instance, 10.0)

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """As the keeper does; the exit status."""
        assert self.process is not None
        process, number = self.process, signal.Signals[self.provider.command(self.instance).stop_signal]
        os.kill(process.pid, number)
        return process.wait(DEADLINE)

    def close(self) -> None:
        if self.process is not None:
            self._end(signal.SIGKILL)

    def beside(self, directory: Path, port: int | None = None) -> Running:
        """Another server of the same kind, with a directory of its own."""
        directory.mkdir(mode=0o700)
        data = directory / "data"
        data.mkdir(mode=0o700)
        instance = replace(self.instance, id=directory.name, directory=data, port=port or free_port())
        return Running(self.provider, instance, directory / "log")

    def _end(self, number: int) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        self.process.wait(DEADLINE)


def make(provider: Provider, directory: Path, wanted: str | None = None) -> Running:
    """A server that has not been started yet, as the user of the tests."""
    told: list[str] = []
    binaries = provider.find(wanted, CACHE, told.append)
    data = directory / "data"
    data.mkdir(mode=0o700, parents=True)
    instance = Instance("a-service", data, free_port(), None, "ownersecret42", binaries)
    return Running(provider, instance, directory / "log", told=told)
