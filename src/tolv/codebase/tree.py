"""A tree of files being written: nothing that goes into it can lead out of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tolv.errors import AppError, PlatformError

#: Bytes that one file of an app may have.
LARGEST_FILE = 1 << 30

#: Parts that a path may have.
_DEEPEST = 200


class NewTree:
    """An app's tree on its way into an empty directory. Paths are bytes, relative, with `/`, as git has them."""

    def __init__(self, root: Path) -> None:
        """Make the directory `root`."""
        root.mkdir(parents=True, exist_ok=True)
        self._root = os.fsencode(root.resolve())
        self._made = {self._root}
        self._links: dict[bytes, bytes] = {}

    def directory(self, path: bytes) -> None:
        """Make a directory and those above it."""
        self._make(self._place(path))

    def file(self, path: bytes, content: Iterable[bytes], *, executable: bool) -> None:
        """Write a file from its chunks, mode 0755 or 0644 whatever the umask."""
        place = self._place(path)
        self._make(os.path.dirname(place))
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            for chunk in content:
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            os.fchmod(descriptor, 0o755 if executable else 0o644)
        finally:
            os.close(descriptor)

    def link(self, path: bytes, to: bytes) -> None:
        """Note a symbolic link; `finish` makes it.

        Links come last: a forged tree that has a link and a directory of one name must not lead what follows out.
        Raises `AppError` if the link leaves the tree.
        """
        self._place(path)
        reached = os.path.normpath(os.path.join(os.path.dirname(path), to))
        if os.path.isabs(to) or reached.split(b"/")[0] == b"..":
            raise _leaves(path, to)
        self._links[path] = to

    def finish(self) -> None:
        """Make the links, and follow each: two that stay inside can lead out together. Raises `AppError`."""
        for path, to in self._links.items():
            place = self._place(path)
            self._make(os.path.dirname(place))
            os.symlink(to, place)
        for path, to in self._links.items():
            reached = os.path.realpath(self._place(path))
            if reached != self._root and not reached.startswith(self._root + b"/"):
                raise _leaves(path, to)

    def _place(self, path: bytes) -> bytes:
        check_path(path)
        return os.path.join(self._root, path)

    def _make(self, directory: bytes) -> None:
        missing = []
        while directory not in self._made:
            missing.append(directory)
            directory = os.path.dirname(directory)
        for one in reversed(missing):
            os.mkdir(one, 0o755)
            self._made.add(one)


def check_path(path: bytes) -> None:
    """Raise `AppError` for a path that leads out of its tree, or is too deep for the tools that come after us."""
    parts = path.split(b"/")
    if not {b"", b".", b"..", b".git"}.isdisjoint(parts) or len(parts) > _DEEPEST:
        raise AppError(
            f"the tree has a file with a name that no honest tree has: {shown(path[:200])}",
            remedy="run `git fsck` in the repository",
        )


def refuse_large(path: bytes, size: int) -> None:
    """Raise `AppError` if a file of `size` bytes is more than a build takes."""
    if size > LARGEST_FILE:
        raise AppError(
            f"{shown(path)} has {size / (1 << 30):.1f} GiB; a file of an app may have 1 GiB",
            where=shown(path),
            remedy="keep large data in a backing service (an object store), and remove the file from the codebase",
        )


def shown(path: bytes) -> str:
    """A path as a person reads it, whatever its bytes."""
    return path.decode("utf-8", "backslashreplace")


@contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """Turn the `OSError` of writing a tree into an error with a remedy."""
    try:
        yield
    except FileExistsError as error:
        raise AppError(
            f"the tree holds two files of one name: {_name(error)}",
            remedy="run `git fsck` in the repository",
        ) from None
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise PlatformError(
            f"the app's files cannot be copied: {error.strerror or error}",
            where=_name(error) or str(where),
            remedy="free some space" if full else "check that the file can be read and the directory written",
        ) from None


def _name(error: OSError) -> str:
    name = error.filename
    return shown(name) if isinstance(name, bytes) else str(name or "")


def _leaves(path: bytes, to: bytes) -> AppError:
    return AppError(
        f"the symbolic link {shown(path)} leaves the app's tree: it points to {shown(to)}",
        where=shown(path),
        remedy="commit the file itself, or a link to a file of the app's",
    )
