"""Real servers for the tests: fetched and prepared once in a run, each test has one of its own, started directly."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from glob import glob
from pathlib import Path
from typing import TypeVar

from ports import free_port

from tolv.errors import PlatformError
from tolv.services.model import Facts, Instance
from tolv.services.provider import Provider

T = TypeVar("T")

DEADLINE = 60.0
#: A uid that no line of /etc/passwd names, as Tolv's own are when it is root.
USER = 1_900_000_123 if os.geteuid() == 0 else None


def eventually(get: Callable[[], T | None], timeout: float = DEADLINE) -> T:
    """The first answer that is true; whatever Tolv raises until then is taken for "not yet"."""
    deadline = time.monotonic() + timeout
    while True:
        last: object = None
        try:
            last = get()
            if last:
                return last
        except PlatformError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {timeout:.0f} s: {last}")
        time.sleep(0.02)


@contextmanager
def shared_directory() -> Iterator[Path]:
    """One directory for all workers of a run, which other users can reach; the last of them removes it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    path = Path(tempfile.gettempdir(), f"tolv-servers-{run}")
    path.mkdir(mode=0o755, exist_ok=True)
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield path
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(path, ignore_errors=True)
        path.with_suffix(".lock").unlink(missing_ok=True)


class Server:
    """An instance and, while it runs, its process."""

    def __init__(self, provider: Provider, instance: Instance) -> None:
        self.provider = provider
        self.instance = instance
        self.process: subprocess.Popen[bytes] | None = None
        self.log = instance.directory.parent / f"{instance.id}.log"

    def start(self, *, ready: bool = True) -> None:
        command = self.provider.command(self.instance)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                # Should the test run be killed, its server goes too.
                ["setpriv", *as_user(self.instance.user), "--pdeathsig", "KILL", *command.argv],
                env={"PATH": os.environ["PATH"], "HOME": "/", **command.environment},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if ready:
            eventually(self.ask)

    def ask(self, timeout: float = 5.0) -> Facts:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        return self.provider.ask(self.instance, timeout)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """To the server and all that it has started."""
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            # PostgreSQL's others lead sessions of their own: they hear of it, and end.
            eventually(lambda: None if self._left() else True)

    def _left(self) -> list[str]:
        """Processes that work in the instance's directory."""
        found = []
        for cwd in glob("/proc/[0-9]*/cwd"):
            with suppress(OSError):
                if os.readlink(cwd).startswith(str(self.instance.directory)):
                    found.append(cwd)
        return found

    def stop(self) -> int:
        assert self.process is not None
        command = self.provider.command(self.instance)
        self.process.send_signal(getattr(signal, command.stop_signal))
        return self.process.wait(command.grace)


def as_user(user: int | None) -> list[str]:
    """What setpriv is told."""
    return [] if user is None else [f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def own(path: Path, user: int | None) -> Path:
    """A directory as Tolv makes an instance's."""
    path.mkdir(mode=0o700)
    if user is not None:
        os.chown(path, user, user)
    return path


def copy_of(template: Instance, directory: Path) -> Instance:
    """Another instance with the same data, on a port of its own."""
    subprocess.run(["cp", "-a", str(template.directory), str(directory)], check=True)
    return replace(template, id=directory.name, directory=directory, port=free_port())
