"""Looking at an app's files from outside: what a directory holds, what has changed in it, and what is open."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

Kind = Literal["file", "directory", "link", "other"]

_CHUNK = 1 << 20
_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the kernel says of one name."""

    kind: Kind
    size: int
    """Bytes."""
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int
    """Permission bits."""
    links: int = 1
    """Names that it has."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a directory held at one moment: each path below it, the directory itself left out. No link is followed."""

    entries: Mapping[str, Entry]

    @classmethod
    def of(cls, directory: Path, without: Collection[str] = ()) -> Snapshot:
        """Look at a directory. `without`: paths below it that are left out, with all that is in them.

        Raises `OSError` if the directory cannot be read. What is removed while it is looked at is left out.
        """
        return cls(dict(_walk(directory, without)))


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of a directory: paths below it, in order. Each is in one of the first three at most."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Written, renamed over, of another kind or with other permissions."""
    removed: tuple[str, ...] = ()
    grown: Mapping[str, int] = field(default_factory=dict)
    """Of the changed, the same files with more in them, each with by how many bytes."""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def changes(before: Snapshot, after: Snapshot) -> Changes:
    """What differs between two looks at one directory.

    That a name was added or removed is told of the name, not of the directory that it is in.
    """
    old, new = before.entries, after.entries
    changed = sorted(path for path in old.keys() & new.keys() if _differs(old[path], new[path]))
    grown = {path: new[path].size - old[path].size for path in changed if _has_grown(old[path], new[path])}
    return Changes(
        tuple(sorted(new.keys() - old.keys())), tuple(changed), tuple(sorted(old.keys() - new.keys())), grown
    )


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file that a process has open."""

    pid: int
    descriptor: int
    path: str
    """As the process sees the file system."""
    deleted: bool
    """It has no name any more."""
    write: bool
    append: bool
    """Every write goes to its end."""
    position: int
    """Bytes from the beginning."""
    size: int
    device: int
    inode: int


def open_files(pids: Iterable[int]) -> tuple[OpenFile, ...]:
    """The regular files that the processes have open, by process and descriptor.

    A descriptor that a process was forked with is there again for the child. Those of a process that has ended, or that
    may not be looked into, are not among them.
    """
    return tuple(one for pid in pids for one in _open_of(pid))


def growing(before: Iterable[OpenFile], after: Iterable[OpenFile]) -> tuple[OpenFile, ...]:
    """Files of `after` that are open for writing, and have more in them than when they were open in `before`.

    Each file once, in the order of its path. A file that was opened in between is not among them: `Snapshot` finds it.
    """
    sizes = {(one.device, one.inode): one.size for one in before}
    found = {
        (one.device, one.inode): one
        for one in after
        if one.write and one.size > sizes.get((one.device, one.inode), one.size)
    }
    return tuple(sorted(found.values(), key=lambda one: one.path))


def tree_hash(directory: Path, without: Collection[str] = ()) -> str:
    """A SHA-256 (hex) of names, kinds, permissions, contents and link targets: not of times and owners.

    Raises `OSError` for what cannot be read.
    """
    digest = hashlib.sha256()
    for path, entry in sorted(_walk(directory, without)):
        full = os.path.join(directory, path)
        mode = 0 if entry.kind == "link" else entry.mode
        digest.update(f"{entry.kind} {mode:o}\0".encode() + os.fsencode(path) + b"\0")
        if entry.kind == "link":
            digest.update(os.fsencode(os.readlink(full)))
        elif entry.kind == "file":
            digest.update(_content(full))
        digest.update(b"\0")
    return digest.hexdigest()


def _walk(directory: Path, without: Collection[str]) -> Iterator[tuple[str, Entry]]:
    left = [""]
    while left:
        below = left.pop()
        try:
            with os.scandir(os.path.join(directory, below)) as scan:
                found = list(scan)
        except (FileNotFoundError, NotADirectoryError):
            if not below:
                raise
            continue
        for one in found:
            path = f"{below}/{one.name}" if below else one.name
            if path in without:
                continue
            try:
                status = one.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            kind = _kind(status.st_mode)
            yield (
                path,
                Entry(
                    kind,
                    status.st_size,
                    status.st_mtime_ns,
                    status.st_ctime_ns,
                    status.st_ino,
                    stat.S_IMODE(status.st_mode),
                    status.st_nlink if kind == "file" else 1,
                ),
            )
            if kind == "directory":
                left.append(path)


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "link" if stat.S_ISLNK(mode) else "other"


def _differs(old: Entry, new: Entry) -> bool:
    if old.kind == new.kind == "directory":  # times and size move with the names in it
        return old.mode != new.mode
    if old.links != new.links:  # that moves the inode's own time: somebody else has a copy of the file now
        return replace(old, ctime_ns=new.ctime_ns, links=new.links) != new
    return old != new


def _has_grown(old: Entry, new: Entry) -> bool:
    return old.kind == new.kind == "file" and old.inode == new.inode and new.size > old.size


def _content(path: str) -> bytes:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while data := file.read(_CHUNK):
            digest.update(data)
    return digest.digest()


def _open_of(pid: int) -> Iterator[OpenFile]:
    directory = f"/proc/{pid}/fd"
    try:
        names = sorted(os.listdir(directory), key=int)
    except OSError:
        return
    for name in names:
        try:
            status = os.stat(f"{directory}/{name}")
            if not stat.S_ISREG(status.st_mode):
                continue
            path = os.readlink(f"{directory}/{name}")
            with open(f"/proc/{pid}/fdinfo/{name}") as file:
                position, flags = parse_fdinfo(file.read())
        except (OSError, KeyError):
            continue
        gone = status.st_nlink == 0
        yield OpenFile(
            pid,
            int(name),
            path.removesuffix(_DELETED) if gone else path,
            gone,
            flags & os.O_ACCMODE != os.O_RDONLY,
            bool(flags & os.O_APPEND),
            position,
            status.st_size,
            status.st_dev,
            status.st_ino,
        )


def parse_fdinfo(text: str) -> tuple[int, int]:
    """Position and flags of an open file, from `/proc/<pid>/fdinfo/<fd>`. Raises `KeyError` without them."""
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(fields["pos"]), int(fields["flags"], 8)
