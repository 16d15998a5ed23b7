"""Many files in one backup: the `data` of a backup (`services/backup.py`) as a tar, written and read as a stream.

The entries are numbered; their real names, sizes and sha256 are the backup's contents, by which what was restored is
compared. So a name may hold whatever a file's or an object's may.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn, cast

from tolv.errors import PlatformError, UsageError
from tolv.services import private
from tolv.services.backup import Tell, amount, reading, write, writing

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Item:
    """One file in a backup."""

    name: str
    size: int
    sha256: str


def pack(kind: str, version: str, files: Iterable[tuple[str, Path]], target: Path, tell: Tell) -> None:
    """Write a backup of these files, each with its name; one that is gone when it is its turn is left out.

    Raises `PlatformError`; nothing is left then.
    """
    packing = _Packing(files)
    with writing(target) as file:
        size = write(file, kind, version, cast("IO[bytes]", packing), tell, packing.contents)
    tell(f"{len(packing.items)} saved ({amount(size)})")


def unpack(kind: str, source: Path, place: Callable[[str], Path | None], user: int | None, tell: Tell) -> list[Path]:
    """Put each file of a backup where `place` says, owned by `user`, and compare all of them with their sha256.

    `place` gives None for a name that cannot be. Raises `UsageError` for a file that is no whole backup of this kind,
    `PlatformError` if it cannot be restored; nothing that was made is left then.
    """
    made: list[Path] = []
    try:
        with reading(source, kind, tell) as (manifest, data):
            items = _items(manifest.contents, source)
            places = [place(item.name) for item in items]
            if None in places:
                raise UsageError("the backup holds a name that cannot be", where=str(source))
            entries = _entries(data, source)
            for path in cast("list[Path]", places):
                content, changed = next(entries, None) or _raise(_senseless(source))
                _put(path, content, changed, user, made)
            if next(entries, None) is not None:
                raise _senseless(source)
            for path, item in zip(made, items, strict=True):
                _compare(path, item)
    except BaseException as error:
        for path in made:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise PlatformError(
                f"the backup cannot be restored: {error.strerror or error}",
                where=str(source),
                remedy="free some space, then try again",
            ) from None
        raise
    tell(f"{len(made)} restored and compared")
    return made


def files_below(directory: Path) -> Iterator[tuple[str, Path]]:
    """Each file below a directory with its name there, in an order that stays; links are passed over."""
    for where, inner, names in os.walk(directory):
        inner.sort()
        for name in sorted(names):
            path = Path(where, name)
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(directory)), path


def place_below(directory: Path, name: str, user: int | None) -> Path | None:
    """Where a file of this name lies, the directories between made; None for a name that leads elsewhere.

    Raises `OSError`.
    """
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        return None
    for part in parts[:-1]:
        directory /= part
        private.make(directory, user)
    return directory / parts[-1]


class _Packing:
    """Reads as a tar of files, each of which is opened when it is its turn."""

    def __init__(self, files: Iterable[tuple[str, Path]]) -> None:
        self.items: list[Item] = []
        self._blocks = self._made(files)
        self._left = b""

    def read(self, size: int) -> bytes:
        if not self._left:
            # No empty one: it would pass for the end.
            self._left = next(filter(None, self._blocks), b"")
        data, self._left = self._left[:size], self._left[size:]
        return data

    def contents(self) -> dict[str, Any]:
        return {"items": [[item.name, item.size, item.sha256] for item in self.items]}

    def _made(self, files: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
        for name, path in files:
            with contextlib.suppress(FileNotFoundError), private.read(path) as file:
                state = os.fstat(file.fileno())
                yield _header(f"{len(self.items):08}", state)
                yield from self._content(name, file, state.st_size)
        yield bytes(2 * _BLOCK)

    def _content(self, name: str, file: IO[bytes], size: int) -> Iterator[bytes]:
        digest, left = hashlib.sha256(), size
        while left:
            chunk = file.read(min(left, _CHUNK))
            if not chunk:
                raise PlatformError("a file shrank while it was saved", where=name, remedy="take the backup again")
            digest.update(chunk)
            left -= len(chunk)
            yield chunk
        yield bytes(-size % _BLOCK)
        self.items.append(Item(name, size, digest.hexdigest()))


def _header(name: str, state: os.stat_result) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = state.st_size, int(state.st_mtime), 0o600
    # GNU's format, whose sizes are not bounded by 8 GB.
    return entry.tobuf(tarfile.GNU_FORMAT)


def _items(contents: dict[str, Any], source: Path) -> list[Item]:
    try:
        return [Item(str(name), int(size), str(digest)) for name, size, digest in contents["items"]]
    except (KeyError, TypeError, ValueError):
        raise _senseless(source) from None


def _entries(data: IO[bytes], source: Path) -> Iterator[tuple[IO[bytes], float]]:
    try:
        with tarfile.open(fileobj=data, mode="r|") as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.isreg() else None
                if content is None:
                    raise _senseless(source)
                yield content, entry.mtime
    except (tarfile.TarError, ValueError):
        raise _senseless(source) from None


def _raise(error: Exception) -> NoReturn:
    raise error


def _senseless(source: Path) -> UsageError:
    return UsageError("this backup's data makes no sense", where=str(source), remedy="take another backup")


def _put(path: Path, content: IO[bytes], changed: float, user: int | None, made: list[Path]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    made.append(path)
    with open(descriptor, "wb") as file:
        while data := content.read(_CHUNK):
            file.write(data)
        if user is not None:
            os.fchown(descriptor, user, user)
        file.flush()
        os.utime(descriptor, (changed, changed))
        os.fsync(descriptor)


def _compare(path: Path, item: Item) -> None:
    with private.read(path) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if (path.stat().st_size, found) != (item.size, item.sha256):
        raise PlatformError(f"{item.name} is not on disk what it is in the backup", where=str(path))
