"""The file that a backup of messages or objects is: a tar of them, closed by a manifest with each one's sha256.

It is written and read as a stream, so its size is no matter; the manifest comes last, so a backup that was cut off has
none and is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, cast

from tolv.errors import PlatformError, UsageError

_MANIFEST = "manifest.json"
_FORMAT = 1
_CHUNK = 1 << 20


class Stream(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; all that are left without one; none at the end."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a backup."""

    name: str
    size: int
    sha256: str
    facts: dict[str, Any] = field(default_factory=dict)
    """What else its kind must know to put it back: a content type, say."""


class Writer:
    """Writes a backup; the file is there when the `with` ends well, and not there at all otherwise."""

    def __init__(self, kind: str, target: Path) -> None:
        self._kind = kind
        self._target = target
        self._aside = target.with_name(f".{target.name}.{os.getpid()}.part")
        self._items: list[Item] = []

    def __enter__(self) -> Writer:
        with _written(self._target):
            descriptor = os.open(self._aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            self._file = open(descriptor, "wb")
            self._tar = tarfile.open(fileobj=self._file, mode="w|", format=tarfile.PAX_FORMAT)
        return self

    @property
    def count(self) -> int:
        """How many things have been added."""
        return len(self._items)

    def add(self, name: str, size: int, content: Stream, changed: float, facts: dict[str, Any]) -> None:
        """Add a thing of `size` bytes, read from `content`. Raises `PlatformError`."""
        entry = tarfile.TarInfo(f"{len(self._items):08}")
        entry.size, entry.mtime, entry.mode = size, changed, 0o600
        counted = _Counted(content)
        with _written(self._target):
            self._tar.addfile(entry, cast("IO[bytes]", counted))
        self._items.append(Item(name, size, counted.digest.hexdigest(), facts))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if error is None:
                with _written(self._target):
                    self._finish()
        finally:
            self._file.close()
            self._aside.unlink(missing_ok=True)

    def _finish(self) -> None:
        data = json.dumps(
            {"tolv": _FORMAT, "kind": self._kind, "items": [[i.name, i.size, i.sha256, i.facts] for i in self._items]}
        ).encode()
        entry = tarfile.TarInfo(_MANIFEST)
        entry.size, entry.mode = len(data), 0o600
        self._tar.addfile(entry, io.BytesIO(data))
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._aside, self._target)


def check(kind: str, source: Path) -> list[Item]:
    """What a backup holds, after all of it has been read and each sha256 compared.

    Raises `UsageError` for a file that is no whole backup of this kind, `PlatformError` if it cannot be read.
    """
    digests: list[tuple[int, str]] = []
    manifest: Any = None
    for entry, content in _members(source):
        if entry.name == _MANIFEST:
            with contextlib.suppress(ValueError, RecursionError):
                manifest = json.loads(content.read())
            continue
        counted = _Counted(content)
        while counted.read(_CHUNK):
            pass
        digests.append((entry.size, counted.digest.hexdigest()))
    items = _items(manifest, kind, source)
    if [(item.size, item.sha256) for item in items] != digests:
        raise UsageError(
            "the backup is damaged: what it holds does not match its sha256",
            where=str(source),
            remedy="use another backup",
        )
    return items


def read(items: list[Item], source: Path) -> Iterator[tuple[Item, Stream, float]]:
    """Each thing of a backup that has been checked, with its content and the time of its last change.

    The content must be read before the next is asked for. Raises as `check`.
    """
    members = _members(source)
    for item in items:
        entry, content = next(members, (None, None))
        if entry is None or content is None or entry.size != item.size:
            raise _no_backup(source)
        yield item, content, entry.mtime


def sha256(path: Path) -> str:
    """Of a file's content. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Counted:
    """A stream whose sha256 is taken as it is read."""

    def __init__(self, content: Stream) -> None:
        self._content = content
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._content.read(size)
        self.digest.update(data)
        return data


class _Content:
    """What one entry of a tar holds."""

    def __init__(self, content: IO[bytes], source: Path) -> None:
        self._content = content
        self._source = source

    def read(self, size: int = -1) -> bytes:
        with _read_from(self._source):
            return self._content.read(size)


def _members(source: Path) -> Iterator[tuple[tarfile.TarInfo, Stream]]:
    with _read_from(source), tarfile.open(source, mode="r|") as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isreg() else None
            if content is None:
                raise _no_backup(source)
            yield entry, _Content(content, source)


@contextlib.contextmanager
def _read_from(source: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, ValueError):
        raise _no_backup(source) from None
    except OSError as error:
        raise PlatformError(f"the backup cannot be read: {error.strerror or error}", where=str(source)) from None


def _items(manifest: Any, kind: str, source: Path) -> list[Item]:
    try:
        if manifest["tolv"] != _FORMAT:
            raise _no_backup(source)
        if manifest["kind"] != kind:
            found = str(manifest["kind"])[:40]
            raise UsageError(f"the backup is one of {found}, not of {kind}", where=str(source))
        return [Item(str(name), int(size), str(digest), dict(facts)) for name, size, digest, facts in manifest["items"]]
    except (TypeError, KeyError, ValueError):
        raise _no_backup(source) from None


def _no_backup(source: Path) -> UsageError:
    remedy = "give a file that `tolv services backup` wrote, whole"
    return UsageError("that is no backup, or not all of one", where=str(source), remedy=remedy)


@contextlib.contextmanager
def _written(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PlatformError(
            f"the backup cannot be written: {error.strerror or error}",
            where=str(target),
            remedy="free some space, or name another place",
        ) from None
