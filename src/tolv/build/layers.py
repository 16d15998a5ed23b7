"""Layers: a directory as a deterministic tar, and a tar as a directory.

The same files give the same bytes whoever packs them, wherever and whenever: entries are sorted, owned by root, carry
one time and one of two modes. No compression: a local layer is read once, and a registry's client packs it anyway.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tolv.errors import PlatformError

MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar"

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, directory or symbolic link of a layer."""

    name: str
    """Path in the image, without a leading slash."""
    mode: int
    path: str
    link: str | None = None
    content: bytes | None = None
    """In place of what is at `path`."""


def entries(
    root: Path,
    prefix: str,
    replaced: Mapping[str, str | bytes] | None = None,
    skip: Callable[[str], bool] = lambda name: False,
) -> Iterator[Entry]:
    """What a layer of `root` at `prefix` holds, in order.

    `replaced` maps paths below `root` to what the image has instead: the target of a link, or a file's content.
    `skip` leaves out what it is true for, given the path below `root`.
    """
    parts = prefix.split("/")
    for count in range(1, len(parts) + 1):
        yield Entry("/".join(parts[:count]), stat.S_IFDIR | 0o755, str(root))
    yield from _walk(os.fspath(root), prefix, "", replaced or {}, skip)


def _walk(
    directory: str, prefix: str, below: str, replaced: Mapping[str, str | bytes], skip: Callable[[str], bool]
) -> Iterator[Entry]:
    with os.scandir(directory) as scan:
        found = sorted(scan, key=lambda entry: entry.name)
    for entry in found:
        path = below + entry.name
        if skip(path):
            continue
        name = f"{prefix}/{path}"
        other = replaced.get(path)
        if isinstance(other, bytes):
            yield Entry(name, stat.S_IFREG | 0o644, entry.path, content=other)
        elif other is not None or entry.is_symlink():
            yield Entry(name, stat.S_IFLNK | 0o777, entry.path, link=other or os.readlink(entry.path))
        elif entry.is_dir():
            yield Entry(name, stat.S_IFDIR | 0o755, entry.path)
            yield from _walk(entry.path, prefix, path + "/", replaced, skip)
        elif entry.is_file():
            executable = entry.stat().st_mode & 0o100
            yield Entry(name, stat.S_IFREG | (0o755 if executable else 0o644), entry.path)


class HashingWriter:
    """A file that knows the digest and size of what was written to it: one pass over the bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def pack(found: Iterator[Entry], time: int, out: HashingWriter) -> None:
    """Write entries as a tar whose every time is `time` (seconds since 1970)."""
    for entry in found:
        kind = stat.S_IFMT(entry.mode)
        if kind == stat.S_IFREG:
            _pack_file(entry, time, out)
        else:
            out.write(_header(entry, b"5" if kind == stat.S_IFDIR else b"2", 0, time))
    out.write(bytes(2 * tarfile.BLOCKSIZE))


def _pack_file(entry: Entry, time: int, out: HashingWriter) -> None:
    with io.BytesIO(entry.content) if entry.content is not None else open(entry.path, "rb", buffering=0) as file:
        size = len(entry.content) if entry.content is not None else os.fstat(file.fileno()).st_size
        header = _header(entry, b"0", size, time)
        padding = bytes(-size % tarfile.BLOCKSIZE)
        if size <= _CHUNK:
            out.write(header + _read(file, size, entry.path) + padding)
            return
        out.write(header)
        left = size
        while left:
            data = _read(file, min(left, _CHUNK), entry.path)
            out.write(data)
            left -= len(data)
        out.write(padding)


def _read(file: io.BytesIO | io.FileIO, size: int, path: str) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise PlatformError("a file changed while it was packed", where=path, remedy="build again")
    return data


def _header(entry: Entry, kind: bytes, size: int, time: int) -> bytes:
    """The header of an entry: POSIX ustar, written here because `tarfile` takes five times as long.

    What does not fit it (a name too long to split, a link above 100 bytes, 8 GiB) gets `tarfile`'s pax headers.
    """
    name, link = os.fsencode(entry.name), os.fsencode(entry.link or "")
    prefix = b""
    if len(name) > 100:
        cut = name.find(b"/", len(name) - 101)
        prefix, name = (name[:cut], name[cut + 1 :]) if 0 < cut <= 155 else (b"", name)
    if len(name) > 100 or len(link) > 100 or size >= 8**11 or not 0 <= time < 8**11:
        return _pax_header(entry, kind, size, time)
    start = name.ljust(100, b"\0") + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (entry.mode & 0o7777, 0, 0, size, time)
    end = kind + link.ljust(100, b"\0") + b"ustar\000".ljust(88, b"\0") + prefix.ljust(155, b"\0")
    checksum = sum(start) + 8 * 32 + sum(end)
    return (start + b"%06o\0 " % checksum + end).ljust(tarfile.BLOCKSIZE, b"\0")


def _pax_header(entry: Entry, kind: bytes, size: int, time: int) -> bytes:
    info = tarfile.TarInfo(entry.name)
    info.type, info.size, info.mtime = kind, size, time
    info.mode, info.linkname = stat.S_IMODE(entry.mode), entry.link or ""
    return info.tobuf(tarfile.PAX_FORMAT)


def extract(tar: Path, digest: str, into: Path) -> None:
    """Unpack a layer below `into`, reading it once.

    Raises `PlatformError` when its content is not what `digest` says, or names what lies outside of `into`.
    """
    links: set[str] = set()
    with tar.open("rb") as file:
        reader = _HashingReader(file)
        with tarfile.open(fileobj=reader, mode="r|") as archive:
            for info in archive:
                _check_member(info, links, tar)
                target = into / info.name
                if info.isdir():
                    target.mkdir(exist_ok=True)
                elif info.issym():
                    links.add(info.name)
                    target.symlink_to(info.linkname)
                else:
                    _extract_file(archive, info, target)
        while reader.read(_CHUNK):
            pass
    if reader.digest != digest:
        raise PlatformError("a layer of the image is damaged", where=str(tar), remedy="build the commit again")


def _check_member(info: tarfile.TarInfo, links: set[str], tar: Path) -> None:
    parts = info.name.split("/")
    above = {"/".join(parts[:count]) for count in range(1, len(parts))}
    kind = info.isreg() or info.isdir() or info.issym()
    if info.name.startswith("/") or ".." in parts or above & links or not kind:
        raise PlatformError("a layer holds what no layer of Tolv's holds", where=f"{tar}: {info.name}")


class _HashingReader(io.BufferedIOBase):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._file.read(-1 if size is None else size)
        self._hash.update(data)
        return data

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def _extract_file(archive: tarfile.TarFile, info: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(info)
    if source is None:
        raise PlatformError("a layer cannot be read", where=info.name)
    with source, target.open("xb") as file:
        while data := source.read(_CHUNK):
            file.write(data)
        os.fchmod(file.fileno(), info.mode)


def make_read_only(root: Path) -> None:
    """Take the right to write from all below `root`, then from `root` itself."""
    for directory, _, files in os.walk(root, topdown=False):
        for name in files:
            path = f"{directory}/{name}"
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) and mode & 0o222:
                os.chmod(path, 0o555 if mode & 0o100 else 0o444)
        os.chmod(directory, 0o555)
