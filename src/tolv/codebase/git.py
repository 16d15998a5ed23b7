"""The codebase in git: where it is, what is checked out, and which commit a person means."""

from __future__ import annotations

import difflib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from os.path import isdir, isfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tolv.codebase.export import NEVER_EXPORTED, export, export_worktree
from tolv.codebase.git_command import ask, filter_overrides
from tolv.codebase.model import Commit, Source
from tolv.errors import PlatformError, UsageError

__all__ = ["dirty_files", "export", "export_worktree", "locate", "resolve"]


def locate(path: Path) -> Source:
    """The source at `path`: its repository, if it is in one, and what is checked out there.

    `head.dirty` says whether a file below `path` differs from the commit. Raises `UsageError` if there is no such
    directory, or if the repository cannot be read.
    """
    root = _directory(path)
    top = _top_of(root)
    if top is None:
        return Source(path=root)
    bare = Source(path=root, repository=top)
    with ThreadPoolExecutor(1) as beside:  # one git less to wait for
        head_before = beside.submit(_commits, top, ["HEAD^{commit}"])
        overrides, url = filter_overrides(top)
        status = _status(bare, overrides)
    if status.commit is None:
        return bare
    found = head_before.result()[0]
    if found is None or found[0] != status.commit:  # another commit was checked out meanwhile
        found = _commits(top, [status.commit])[0]
    if found is None:
        raise PlatformError(
            f"the repository lacks the commit that is checked out, {status.commit[:7]}",
            where=str(top),
            remedy=f"run `git -C {top} fsck`, or clone it again",
        )
    head = Commit(*found, branch=status.branch, dirty=bool(status.files), remote=_without_credentials(url))
    return Source(path=root, repository=top, head=head)


def resolve(source: Source, ref: str) -> Commit:
    """The commit that `ref` names: a branch, a tag, a short or full id, or anything else that git understands.

    Raises `UsageError` if there is no such commit, naming the refs that come close. The commit is never dirty.
    """
    if source.repository is None:
        raise UsageError(
            "this directory is not in a git repository, so it has no commits",
            where=str(source.path),
            remedy="run `git init`, `git add .` and `git commit`; or use `tolv up`, which takes files as they are",
        )
    if source.head is None:
        raise UsageError(
            "this repository has no commit yet",
            where=str(source.repository),
            remedy="run `git add .` and `git commit`; or use `tolv up`, which takes files as they are",
        )
    found, branch = None, None
    if ref and not re.search(r"[\0\n]", ref):
        found, branch = _commits(source.repository, [f"{ref}^{{commit}}", f"refs/heads/{ref}^{{commit}}"])
    if found is None:
        raise _no_such_commit(source.repository, ref)
    checked_out = source.head.branch if ref in ("HEAD", "@") else None
    return Commit(*found, branch=ref if branch == found else checked_out, remote=source.head.remote)


def dirty_files(source: Source) -> tuple[str, ...]:
    """The files below `source.path` that differ from the commit, or that git neither tracks nor ignores.

    Paths are relative to the repository. `.env` and what never belongs in a build do not count, unless tracked.
    Empty outside git.
    """
    if source.repository is None:
        return ()
    overrides, _ = filter_overrides(source.repository)
    return _status(source, overrides).files


class _Status:
    """The answer of `git status`: what is checked out, and which files differ."""

    def __init__(self, porcelain: bytes) -> None:
        self.commit: str | None = None
        self.branch: str | None = None
        files = []
        for line in filter(None, porcelain.decode("utf-8", "backslashreplace").split("\0")):
            kind, _, rest = line.partition(" ")
            if kind == "#":
                self._header(rest)
            elif kind == "?":
                if NEVER_EXPORTED.isdisjoint(rest.split("/")):
                    files.append(rest)
            elif kind in ("1", "u"):
                files.append(rest.split(" ", 7 if kind == "1" else 9)[-1])
        self.files = tuple(files)

    def _header(self, text: str) -> None:
        name, _, value = text.partition(" ")
        if name == "branch.oid" and value != "(initial)":
            self.commit = value
        elif name == "branch.head" and value != "(detached)":
            self.branch = value


def _status(source: Source, overrides: tuple[str, ...]) -> _Status:
    """One call for HEAD, branch and differing files.

    `--ignore-submodules=dirty`: else git runs itself in each submodule, without our settings.
    """
    assert source.repository is not None
    options = ["--porcelain=v2", "-z", "--branch", "--no-ahead-behind", "--no-renames"]
    scope = ["--untracked-files=all", "--ignore-submodules=dirty", "--", source.prefix or "."]
    top = source.repository
    return _Status(ask(top, "status", *options, *scope, config=overrides))


def _commits(top: Path, names: list[str]) -> list[tuple[str, int] | None]:
    """For each name, the id and time of the commit that it means, or None. One call for all."""
    answer = ask(top, "cat-file", "--batch", given=os.fsencode("\n".join([*names, ""])))
    commits: list[tuple[str, int] | None] = []
    for _ in names:
        header, _, answer = answer.partition(b"\n")
        words = header.split(b" ")
        if len(words) != 3 or words[1] != b"commit":
            commits.append(None)
            continue
        size = int(words[2])
        committed = re.search(rb"^committer .* (\d+) [+-]\d+$", answer[:size].partition(b"\n\n")[0], re.MULTILINE)
        commits.append((words[0].decode(), int(committed[1]) if committed else 0))
        answer = answer[size + 1 :]
    return commits


def _no_such_commit(top: Path, ref: str) -> UsageError:
    listing = ask(top, "for-each-ref", "--format=%(refname:short)")
    known = listing.decode("utf-8", "replace").split("\n")
    close = difflib.get_close_matches(ref, list(filter(None, known)), n=3)
    remedies = [f"did you mean {' or '.join(close)}?" if close else "name a branch, a tag or a commit id"]
    if (top / ".git" / "shallow").exists():
        remedies.append("this is a shallow clone: `git fetch --unshallow` brings the older commits")
    return UsageError(f"there is no commit {ref!r}", where=str(top), remedy="; ".join(remedies))


def _directory(path: Path) -> Path:
    where = str(path)
    try:
        root = path.expanduser().resolve(strict=True)
        os.scandir(root).close()
    except NotADirectoryError:
        raise UsageError("this is a file, not a directory", where=where, remedy="name the app's directory") from None
    except FileNotFoundError:
        raise UsageError("there is no such directory", where=where, remedy="check the path") from None
    except (OSError, RuntimeError, ValueError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"this directory cannot be read: {problem}", where=where, remedy="check the path") from None
    return root


def _top_of(root: Path) -> Path | None:
    """The nearest directory upwards with a repository's `.git`: asking git could lead us to its `core.worktree`."""
    for candidate in (root, *root.parents):
        marker = candidate / ".git"
        # One that we may not look into counts: git then says so, better than a guess of ours.
        if isfile(marker) or isfile(marker / "HEAD") or (isdir(marker) and not os.access(marker, os.X_OK)):
            return candidate
    return None


def _without_credentials(url: str | None) -> str | None:
    """The URL with neither user, password nor query over HTTP, and without the password elsewhere."""
    if url is None or "://" not in url:
        return url
    try:
        parts = urlsplit(url)
        user, at, host = parts.netloc.rpartition("@")
    except ValueError:
        return None
    if parts.scheme in ("http", "https"):
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    return urlunsplit(parts._replace(netloc=user.partition(":")[0] + at + host))
