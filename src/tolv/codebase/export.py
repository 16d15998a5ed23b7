"""Writing an app's tree into an empty directory: from a commit, or from the files as they are now.

A commit's bytes are written as git keeps them: no filter, no conversion of line ends, no `export-subst`. So the same
commit gives the same tree on any machine, and no program that a repository names is run.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tolv.codebase.git_command import GitError, ask, streamed
from tolv.codebase.model import Commit, Source
from tolv.codebase.tree import NewTree, check_path, disk_errors, refuse_large, shown
from tolv.errors import AppError, UsageError

#: Names that an app's directory may hold but a build never gets, unless they are tracked.
NEVER_EXPORTED = frozenset(
    {
        *(".git", ".hg", ".svn", ".env", ".venv", "venv", "node_modules", "__pycache__", ".DS_Store"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox"),
    }
)

_CHUNK = 1 << 20
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_SUBMODULE = 0o160000


def export(source: Source, commit: Commit, into: Path) -> tuple[str, ...]:
    """Write the tree of `commit` below the app's root into the empty directory `into`; return notes for the person.

    Modes are 0644 and 0755, symbolic links are kept. Raises `AppError` for a submodule that is not there, a link that
    leaves the tree, a file above 1 GiB; `UsageError` if the commit lacks the app's root; `PlatformError` if it cannot
    be written.
    """
    with disk_errors(into):
        tree = NewTree(into)
        pointers = _export_commit(source, commit.id, tree, b"")
        tree.finish()
    if not pointers:
        return ()
    names = ", ".join(shown(path) for path in pointers[:3]) + (" …" if len(pointers) > 3 else "")
    return (f"Git LFS: the build holds the pointer, not the content, of {names}",)


def export_worktree(source: Source, into: Path) -> None:
    """Write the app's files as they are now into the empty directory `into`.

    In git: what is tracked, and what is neither tracked nor ignored. Outside git: everything. `NEVER_EXPORTED` stays
    behind, and so does a directory of the app's that holds `into`. Raises as `export` does.
    """
    with disk_errors(into):
        tree = NewTree(into)
        _export_files(source, tree, b"", os.fsencode(into.resolve()))
        tree.finish()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of `git ls-tree`: `id` names a blob, or a submodule's commit."""

    path: bytes
    mode: int
    id: bytes
    size: int


def _export_commit(source: Source, commit: str, tree: NewTree, below: bytes) -> list[bytes]:
    """Write one repository's files, then its submodules'; return the paths of Git LFS pointers."""
    entries = _entries(source, commit)
    for one in entries:
        refuse_large(below + one.path, one.size)
    modules = [(one, _submodule(source, one.path)) for one in entries if one.mode == _SUBMODULE]
    pointers = _write_blobs(source, [one for one in entries if one.mode != _SUBMODULE], tree, below)
    for one, module in modules:
        tree.directory(below + one.path)
        pointers += _export_commit(module, one.id.decode(), tree, below + one.path + b"/")
    return pointers


def _entries(source: Source, commit: str) -> list[_Entry]:
    assert source.repository is not None
    name = f"{commit}:{source.prefix}" if source.prefix else commit
    try:
        listing = ask(source.repository, "ls-tree", "-r", "-z", "-l", "--full-tree", name)
    except GitError as error:
        if "Not a valid object name" not in error.problem and "not a tree object" not in error.problem:
            raise
        what = f"no directory {source.prefix}" if source.prefix else "not been fetched"
        raise UsageError(
            f"commit {commit[:7]} has {what}",
            where=str(source.path),
            remedy="commit the directory or name a commit that has it; for a submodule: `git submodule update --init`",
        ) from None
    entries = []
    for line in filter(None, listing.split(b"\0")):
        fields, _, path = line.partition(b"\t")
        mode, kind, id_, size = fields.split()
        if kind == b"blob" and not size.isdigit():  # git writes BAD
            raise _no_content(source, path)
        entries.append(_Entry(path, int(mode, 8), id_, int(size) if kind == b"blob" else 0))
    return entries


def _write_blobs(source: Source, entries: list[_Entry], tree: NewTree, below: bytes) -> list[bytes]:
    """Write files and links, all from one `git cat-file`; return the paths of Git LFS pointers."""
    assert source.repository is not None
    pointers = []
    wanted = b"".join(b"%s\n" % one.id for one in entries)
    with streamed(source.repository, "cat-file", "--batch", "--buffer", given=wanted) as answer:
        for one in entries:
            path = below + one.path
            if answer.readline().split()[1:] != [b"blob", b"%d" % one.size]:
                raise _no_content(source, path)
            if one.size > _CHUNK:
                tree.file(path, _chunks(answer, one.size), executable=bool(one.mode & 0o100))
            elif len(content := answer.read(one.size)) != one.size:
                raise _no_content(source, path)
            elif stat.S_ISLNK(one.mode):
                tree.link(path, content)
            else:
                tree.file(path, (content,), executable=bool(one.mode & 0o100))
                if content.startswith(_LFS_POINTER):
                    pointers.append(path)
            answer.read(1)
    return pointers


def _chunks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size and (chunk := stream.read(min(size, _CHUNK))):
        size -= len(chunk)
        yield chunk


def _no_content(source: Source, path: bytes) -> GitError:
    return GitError(
        f"git does not have the content of {shown(path)}",
        where=str(source.repository),
        remedy="run `git fsck`; a partial clone must be made complete first",
    )


def _submodule(source: Source, path: bytes) -> Source:
    """The submodule's own repository, checked out at `path`. Raises `AppError` if it is not there."""
    place = source.path / os.fsdecode(path)
    if place.resolve() != place or not (place / ".git").exists():
        raise AppError(
            f"the submodule {shown(path)} is not there",
            where=str(place),
            remedy=f"run `git -C {source.repository} submodule update --init --recursive`",
        )
    return Source(path=place, repository=place)


def _export_files(source: Source, tree: NewTree, below: bytes, into: bytes) -> None:
    """Write a work tree's files: first look at each, then copy."""
    root = os.fsencode(source.path)
    found: list[tuple[bytes, os.stat_result]] = []
    modules: dict[bytes, Source] = {}
    directories = {b"": True}
    for path, is_module in _listed(source) if source.repository else _walked(root):
        check_path(path)
        status = _status(root, path, directories)
        if status is None:
            continue
        if is_module:
            modules[path] = _submodule(source, path)
        elif stat.S_ISLNK(status.st_mode) or stat.S_ISREG(status.st_mode):  # no sockets, no pipes, no devices
            refuse_large(below + path, status.st_size)
            if not _holds(os.path.join(root, path), root, into):
                found.append((path, status))
    for path, status in found:
        if stat.S_ISLNK(status.st_mode):
            tree.link(below + path, os.readlink(os.path.join(root, path)))
        else:
            tree.file(below + path, _content(os.path.join(root, path)), executable=bool(status.st_mode & 0o100))
    for path, module in modules.items():
        tree.directory(below + path)
        _export_files(module, tree, below + path + b"/", into)


def _listed(source: Source) -> Iterator[tuple[bytes, bool]]:
    """The files that git tracks or would, relative to the app's root, and whether each is a repository of its own."""
    assert source.repository is not None
    options = ["-z", "--stage", "--cached", "--others", "--exclude-standard", "--full-name"]
    listing = ask(source.repository, "ls-files", *options, "--", source.prefix or ".")
    start = len(os.fsencode(source.prefix)) + 1 if source.prefix else 0
    seen = set()
    for line in filter(None, listing.split(b"\0")):
        tracked = re.match(rb"(\d{6}) [0-9a-f]{40,64} \d\t", line)
        path = line[tracked.end() if tracked else 0 :][start:]
        nested = tracked[1] == b"160000" if tracked else path.endswith(b"/")
        path = path.rstrip(b"/")
        if path in seen or not (tracked or NEVER_EXPORTED.isdisjoint(shown(path).split("/"))):
            continue
        seen.add(path)
        yield path, nested


def _status(root: bytes, path: bytes, directories: dict[bytes, bool]) -> os.stat_result | None:
    """The status of a listed file, or None if it is gone: removed by hand, or its directory is now a link elsewhere.

    `directories` remembers which are real.
    """
    above = os.path.dirname(path)
    if above not in directories:
        status = _status(root, above, directories)
        directories[above] = status is not None and stat.S_ISDIR(status.st_mode)
    if not directories[above]:
        return None
    try:
        return os.lstat(os.path.join(root, path))
    except FileNotFoundError:
        return None


def _walked(root: bytes) -> Iterator[tuple[bytes, bool]]:
    for directory, names, files in os.walk(root, onerror=_give_up):
        names[:] = [name for name in sorted(names) if shown(name) not in NEVER_EXPORTED]
        links = [name for name in names if os.path.islink(os.path.join(directory, name))]
        for name in sorted(files) + links:
            if shown(name) not in NEVER_EXPORTED:
                yield os.path.relpath(os.path.join(directory, name), root), False


def _give_up(error: OSError) -> None:
    """A directory that cannot be read: leaving it out in silence would build half an app."""
    raise error


def _holds(path: bytes, root: bytes, into: bytes) -> bool:
    """Whether `path` lies in the topmost directory of the app's that holds `into`: Tolv's own home, as a rule."""
    if not into.startswith(root + b"/"):
        return False
    topmost = root + b"/" + into[len(root) + 1 :].split(b"/")[0]
    return path == topmost or path.startswith(topmost + b"/")


def _content(path: bytes) -> Iterator[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
