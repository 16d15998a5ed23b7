"""The file that a service's backup is: one tar, which says what it holds and by which nothing can be changed unseen.

`manifest.json` comes first, in a place of a fixed size that is filled in last; then `data`, as the service's own tool
writes it, streamed; then `contents.json`, by which a restored service is compared. `sha256sum` and `tar` read it, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from tolv.errors import PlatformError, UsageError

_FORMAT = 1
_BLOCK = tarfile.BLOCKSIZE
#: Bytes that the manifest has.
_MANIFEST = 4096
_DATA_AT = _BLOCK + _MANIFEST + _BLOCK
_CHUNK = 1 << 20
#: Seconds between two lines of progress.
_TOLD = 1.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    kind: str
    version: str
    """The server's."""
    created: int
    """Seconds since 1970."""
    size: int
    """Bytes of the data."""
    sha256: str
    """Of the data."""
    contents: dict[str, Any]
    """By which a restored service is compared."""


@contextmanager
def writing(target: Path) -> Iterator[IO[bytes]]:
    """A file that becomes `target` when the block ends well; otherwise nothing is left.

    Raises `PlatformError` if it cannot be written.
    """
    aside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with open(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "r+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    except OSError as error:
        raise PlatformError(
            f"the backup cannot be written: {error.strerror or error}",
            where=str(target),
            remedy="free some space, or name another place",
        ) from None
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def write(
    file: IO[bytes], kind: str, version: str, data: IO[bytes], tell: Tell, finish: Callable[[], dict[str, Any]]
) -> int:
    """Stream `data` into a backup; `finish` is called at its end for the contents, and may raise. Returns its bytes."""
    file.seek(_DATA_AT)
    digest, size, told = hashlib.sha256(), 0, time.monotonic()
    while chunk := data.read(_CHUNK):
        file.write(chunk)
        digest.update(chunk)
        size += len(chunk)
        if time.monotonic() - told > _TOLD:
            told = time.monotonic()
            tell(f"saved {amount(size)}")
    contents = json.dumps(finish()).encode()
    manifest = {
        "format": _FORMAT,
        "kind": kind,
        "version": version,
        "created": int(time.time()),
        "size": size,
        "sha256": digest.hexdigest(),
        "contents_sha256": hashlib.sha256(contents).hexdigest(),
    }
    file.write(bytes(-size % _BLOCK) + _header("contents.json", len(contents)) + contents)
    file.write(bytes(-len(contents) % _BLOCK + 2 * _BLOCK))
    file.seek(0)
    file.write(_header("manifest.json", _MANIFEST) + json.dumps(manifest).encode().ljust(_MANIFEST))
    file.write(_header("data", size))
    return size


@contextmanager
def reading(source: Path, kind: str, tell: Tell) -> Iterator[tuple[Manifest, IO[bytes]]]:
    """A backup's manifest, and its data to read, all of which has been compared with its sum.

    Raises `UsageError` for a file that is no backup of this kind, or has been cut short or changed; `PlatformError` if
    it cannot be read.
    """
    try:
        file = source.open("rb")
    except FileNotFoundError:
        raise UsageError("there is no such backup", where=str(source), remedy="name the file that holds it") from None
    except OSError as error:
        raise PlatformError(f"the backup cannot be read: {error.strerror}", where=str(source)) from None
    with file:
        yield _checked(file, source, kind, tell)


def amount(size: int) -> str:
    """A number of bytes for people: `12 MB`."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size //= 1000
    return f"{size} GB"


def _checked(file: IO[bytes], source: Path, kind: str, tell: Tell) -> tuple[Manifest, IO[bytes]]:
    try:
        archive = tarfile.TarFile(fileobj=file, mode="r")
        manifest, contents_sum = _manifest(archive, kind, source)
        contents = _read(archive, "contents.json", source)
        data = archive.extractfile("data")
        assert data is not None
        tell(f"checking the backup ({amount(manifest.size)})")
        data_sum = hashlib.file_digest(data, "sha256").hexdigest()  # type: ignore[arg-type]
        data.seek(0)
    except (tarfile.TarError, EOFError):
        raise _damaged(source, "it is no backup, or it was cut short") from None
    except OSError as error:
        raise PlatformError(f"the backup cannot be read: {error.strerror or error}", where=str(source)) from None
    if data_sum != manifest.sha256 or hashlib.sha256(contents).hexdigest() != contents_sum:
        raise _damaged(source, "its sum is another than when it was made")
    return replace(manifest, contents=json.loads(contents)), data


def _manifest(archive: tarfile.TarFile, kind: str, source: Path) -> tuple[Manifest, str]:
    if archive.getnames() != ["manifest.json", "data", "contents.json"]:
        raise _damaged(source, "it is no backup of Tolv's, or it was cut short")
    try:
        found = json.loads(_read(archive, "manifest.json", source))
        made = found["format"]
        manifest = Manifest(
            str(found["kind"]), str(found["version"]), int(found["created"]), int(found["size"]), found["sha256"], {}
        )
        sums = str(found["contents_sha256"])
    except (ValueError, KeyError, TypeError):
        raise _damaged(source, "its manifest makes no sense") from None
    if made != _FORMAT:
        raise UsageError(f"the backup is of format {made}", where=str(source), remedy="restore it with a newer Tolv")
    if manifest.kind != kind:
        raise UsageError(
            f"the backup is of {manifest.kind}, not of {kind}", where=str(source), remedy="name a backup of this kind"
        )
    if archive.getmember("data").size != manifest.size:
        raise _damaged(source, "its data has another size than its manifest says")
    return manifest, sums


def _read(archive: tarfile.TarFile, name: str, source: Path) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise _damaged(source, f"{name} is no file")
    return file.read()


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    # GNU's format, whose sizes are not bounded by 8 GB.
    return member.tobuf(tarfile.GNU_FORMAT)


def _damaged(source: Path, why: str) -> UsageError:
    return UsageError(f"this backup cannot be used: {why}", where=str(source), remedy="take another backup")
