"""What was taken from files before, by their content and by the code that took it: it can never be stale."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import tolv

#: Entries that one cache keeps; the oldest go.
_MOST = 200_000


class Cache:
    """The cache of one codebase: a file in the user's own cache directory, written whole or not at all."""

    def __init__(self, root: Path) -> None:
        directory = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tolv" / "check"
        name = hashlib.blake2b(os.fsencode(root.resolve()), digest_size=12).hexdigest()
        self._path = directory / f"{_version()}-{name}"
        self.entries: dict[bytes, Any] = self._load()
        self.changed = False
        """Something was added to it, or to an entry."""

    def get(self, digest: bytes) -> Any | None:
        """What was taken from a file of that content, or None."""
        return self.entries.get(digest)

    def save(self) -> None:
        """Write it all; a cache that cannot be written is none, and no error."""
        entries, self.changed = dict(list(self.entries.items())[-_MOST:]), False
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._forget_other_versions()
            with tempfile.NamedTemporaryFile(dir=self._path.parent, delete=False) as file:
                try:
                    _Pickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(entries)
                    os.replace(file.name, self._path)
                except BaseException:
                    os.unlink(file.name)
                    raise

    def _load(self) -> dict[bytes, Any]:
        # A pickle runs what it says: only a file of our own, in a directory that nobody else can write, is opened.
        try:
            with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                for status in (os.fstat(file.fileno()), os.stat(self._path.parent)):
                    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                        return {}
                entries = pickle.load(file)
        except Exception:  # whatever a damaged file makes of itself: it is only a cache
            return {}
        return entries if isinstance(entries, dict) else {}

    def _forget_other_versions(self) -> None:
        for path in self._path.parent.iterdir():
            if not path.name.startswith(_version()):
                path.unlink(missing_ok=True)


class _Pickler(pickle.Pickler):
    """Writes a frozen dataclass as a call of its class: what `dataclasses` has for it takes twice as long to read."""

    def reducer_override(self, one: object) -> Any:
        kind: type = type(one)
        if dataclasses.is_dataclass(kind):
            return kind, tuple(getattr(one, name) for name in _fields(kind))
        return NotImplemented


@functools.cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(one.name for one in dataclasses.fields(kind))  # all of them are arguments of their class


def _version() -> str:
    """A digest of all code that has a part in what is taken."""
    global _known_version
    if _known_version is None:
        here = Path(tolv.__file__).parent
        digest = hashlib.blake2b(digest_size=8)
        for package in ("check", "codebase"):
            for path in sorted((here / package).rglob("*.py")):
                digest.update(path.read_bytes())
        _known_version = digest.hexdigest()
    return _known_version


_known_version: str | None = None
