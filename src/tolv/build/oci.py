"""The OCI image layout that holds every build: blobs by digest, and an index that names the images.

https://github.com/opencontainers/image-spec, version 1.1. A blob is written aside, synced and renamed into place, so
that a name never stands for less than its content; the index is replaced as a whole, under a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tolv.build.layers import HashingWriter
from tolv.errors import PlatformError, UsageError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"

REF_NAME = "org.opencontainers.image.ref.name"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """An image layout at `root`, made on first use."""

    root: Path

    def blob(self, digest: str) -> Path:
        """Where the blob of a digest lies.

        Raises `UsageError` for what is no digest.
        """
        algorithm, _, value = digest.partition(":")
        if algorithm != "sha256" or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
            raise UsageError(f"{digest!r} is no digest", remedy="name a build as sha256:<64 hex digits>")
        return self.root / "blobs" / "sha256" / value

    def has(self, digest: str) -> bool:
        return self.blob(digest).is_file()

    def make(self) -> None:
        """Create an empty layout; one that is there stays as it is."""
        (self.root / "blobs" / "sha256").mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self.root / "index.json").exists():
            with self.locked():
                if not (self.root / "index.json").exists():
                    self._replace("oci-layout", {"imageLayoutVersion": "1.0.0"})
                    self._replace("index.json", {"schemaVersion": 2, "mediaType": INDEX, "manifests": []})

    def write_stream(self, write: Callable[[HashingWriter], None]) -> tuple[str, int]:
        """Add a blob that `write` produces; returns its digest and size."""
        with self.together() as blobs:
            return blobs.write_stream(write)

    @contextlib.contextmanager
    def together(self) -> Iterator[Blobs]:
        """Blobs that are there when the block ends well; an exception in it leaves none."""
        blobs = Blobs(self.root)
        try:
            yield blobs
            blobs.settle()
        finally:
            blobs.discard()

    def write_json(self, value: Json) -> tuple[str, int]:
        """Add a JSON document in canonical form; returns its digest and size."""
        data = canonical(value)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if self.has(digest):
            return digest, len(data)
        return self.write_stream(lambda writer: writer.write(data))

    def read_json(self, digest: str) -> Json:
        """A JSON blob.

        Raises `UsageError` when it is not there, `PlatformError` when it is damaged.
        """
        try:
            data = self.blob(digest).read_bytes()
        except FileNotFoundError:
            raise UsageError(f"there is no build {digest}", remedy="`tolv releases` lists what there is") from None
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            raise PlatformError("a blob of the image is damaged", where=str(self.blob(digest)), remedy="build again")
        value: Json = json.loads(data)
        return value

    def manifests(self) -> list[Json]:
        """The index's descriptors, oldest first; none before the first build."""
        try:
            index = json.loads((self.root / "index.json").read_bytes())
        except FileNotFoundError:
            return []
        found: list[Json] = index["manifests"]
        return found

    def change_manifests(self, change: Callable[[list[Json]], list[Json]]) -> None:
        """Replace the index's descriptors by `change` of them; one change at a time, over all processes."""
        with self.locked():
            manifests = change(self.manifests())
            self._replace("index.json", {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the layout's lock, which dies with its process."""
        with (self.root / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _replace(self, name: str, value: Json) -> None:
        aside = self.root / f".{name}.{uuid.uuid4().hex}"
        try:
            with aside.open("xb") as file:
                file.write(canonical(value))
                _sync(file)
            os.rename(aside, self.root / name)
            _sync_directory(self.root)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


@dataclass(frozen=True, slots=True)
class Blobs(Layout):
    """A layout with blobs that only their writer sees: the disk is waited for once, when all are written."""

    _aside: dict[str, BinaryIO] = field(default_factory=dict)
    """By digest."""

    def blob(self, digest: str) -> Path:
        file = self._aside.get(digest)
        return Layout.blob(self, digest) if file is None else Path(file.name)

    def write_stream(self, write: Callable[[HashingWriter], None]) -> tuple[str, int]:
        file = (self.root / "blobs" / f".{uuid.uuid4().hex}").open("xb")
        try:
            writer = HashingWriter(file)
            write(writer)
            file.flush()
        except BaseException:
            _unlink(file)
            raise
        if writer.digest in self._aside:
            _unlink(file)
        else:
            self._aside[writer.digest] = file
        return writer.digest, writer.size

    def settle(self) -> None:
        """Put the blobs in place: content first, then names."""
        for file in self._aside.values():
            _sync(file)
        for digest, file in list(self._aside.items()):
            os.rename(file.name, Layout.blob(self, digest))
            del self._aside[digest]
            file.close()

    def discard(self) -> None:
        """Remove what was not put in place."""
        while self._aside:
            _unlink(self._aside.popitem()[1])


def _unlink(file: BinaryIO) -> None:
    with contextlib.suppress(OSError):  # a full disk may refuse what is left in the buffer
        file.close()
    Path(file.name).unlink(missing_ok=True)


def descriptor(media_type: str, digest: str, size: int, **more: Any) -> Json:
    """A content descriptor."""
    return {"mediaType": media_type, "digest": digest, "size": size, **more}


def canonical(value: Json) -> bytes:
    """A JSON value as the one sequence of bytes that stands for it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fdatasync(file.fileno())


def _sync_directory(path: Path) -> None:
    """Make a rename in `path` last; the journal takes every rename before it along."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
