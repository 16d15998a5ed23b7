"""Calling git on a repository that nobody vouched for.

A repository can carry configuration and attributes that make git start programs: hooks, a file-system monitor, clean
and smudge filters, transports. Tolv only reads, so it takes all of these away: a hostile repository can make a command
of ours fail, but not run its code. Submodules are read by calls of their own, never by git on its own account, as git
would start its children without our settings.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tolv.errors import PlatformError, TolvError, UsageError

#: Seconds that a question to git may take; copying a tree out has no limit.
_ANSWER_DEADLINE = 120

#: Settings that outrank the repository's own.
_SAFE_CONFIG = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.untrackedCache=false",
    "core.quotePath=false",
    "submodule.recurse=false",
    "safe.bareRepository=explicit",
)

_SAFE_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",  # a partial clone must not fetch what it lacks, over whatever `ext::` command
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # a commit is what its id says
    "GIT_OPTIONAL_LOCKS": "0",  # never write the index of someone who works there
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",
}


class GitError(PlatformError):
    """git could not do what it was asked; `problem` has its words."""


def ask(
    top: Path, *arguments: str, config: Iterable[str] = (), given: bytes = b"", none_is: int | None = None
) -> bytes:
    """What `git ARGUMENTS` prints, run in `top`, the directory that holds `.git`.

    `config` are more settings (`key=value`), `given` its standard input. The exit status `none_is` counts as success.
    Raises `GitError` if git fails, `PlatformError` if there is no git or it gives no answer, `UsageError` if git
    refuses a repository of someone else's.
    """
    try:
        done = subprocess.run(
            _command(top, arguments, config),
            env=_environment(top),
            input=given,
            capture_output=True,
            timeout=_ANSWER_DEADLINE,
        )
    except FileNotFoundError:
        raise _no_git() from None
    except subprocess.TimeoutExpired:
        raise PlatformError(
            f"git gave no answer within {_ANSWER_DEADLINE} s",
            where=str(top),
            remedy=f"run `git -C {top} status` and see what holds it up",
        ) from None
    if done.returncode not in (0, none_is):
        raise _failure(top, done.stderr)
    return done.stdout


@contextmanager
def streamed(top: Path, *arguments: str, given: bytes) -> Iterator[IO[bytes]]:
    """The standard output of `git ARGUMENTS` as a stream, for what may not fit into memory.

    Standard input comes from a file: a pipe that we fill while git fills ours would block both.
    """
    with tempfile.TemporaryFile() as questions, tempfile.TemporaryFile() as complaints:
        questions.write(given)
        questions.seek(0)
        try:
            process = subprocess.Popen(
                _command(top, arguments, ()),
                env=_environment(top),
                stdin=questions,
                stdout=subprocess.PIPE,
                stderr=complaints,
                bufsize=1 << 18,
            )
        except FileNotFoundError:
            raise _no_git() from None
        assert process.stdout is not None
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
        finally:
            process.stdout.close()
            process.wait()
        if process.returncode:
            complaints.seek(0)
            raise _failure(top, complaints.read())


def filter_overrides(top: Path) -> tuple[tuple[str, ...], str | None]:
    """The settings that switch off every filter that is configured, and the URL of `origin`.

    Both come from one call. Needed by whatever compares files with the index: git would clean them first.
    """
    pattern = r"^(filter\..*\.(clean|smudge|process|required)|remote\.origin\.url)$"
    listing = ask(top, "config", "-z", "--get-regexp", pattern, none_is=1)
    overrides: dict[str, None] = {}
    url: str | None = None
    for entry in filter(None, listing.decode("utf-8", "surrogateescape").split("\0")):
        key, _, value = entry.partition("\n")
        if key == "remote.origin.url":
            url = value
        elif "=" in key:  # cannot be overridden by `-c key=value`, and no honest repository has it
            raise UsageError(
                f"the repository configures a git filter with a name that Tolv does not accept: {key}",
                where=str(top / ".git" / "config"),
                remedy="remove that section from the repository's git configuration",
            )
        else:
            overrides[f"{key}={'false' if key.endswith('.required') else ''}"] = None
    return tuple(overrides), url


def _command(top: Path, arguments: Iterable[str], config: Iterable[str]) -> list[str]:
    settings = [part for one in (*_SAFE_CONFIG, *config) for part in ("-c", one)]
    return ["git", "-C", str(top), *settings, *arguments]


def _environment(top: Path) -> dict[str, str]:
    """Ours without any `GIT_*`, with what keeps git inside `top`.

    `GIT_WORK_TREE` outranks a `core.worktree` that points elsewhere, and leaves git's check of ownership in force.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    inside = {"GIT_CEILING_DIRECTORIES": str(top.parent), "GIT_WORK_TREE": str(top)}
    return inherited | _SAFE_ENVIRONMENT | inside


def _failure(top: Path, said: bytes) -> TolvError:
    text = said.decode("utf-8", "backslashreplace").strip()
    if "dubious ownership" in text:
        return UsageError(
            "git does not trust this repository: it belongs to another user",
            where=str(top),
            remedy=f"if you trust it: git config --global --add safe.directory {top}",
        )
    return GitError(
        f"git could not read this repository: {text or 'it failed and said nothing'}",
        where=str(top),
        remedy=f"see what `git -C {top} fsck` says; a partial clone must be made complete first",
    )


def _no_git() -> PlatformError:
    return PlatformError("git is not installed", remedy="install git, for example with `apt install git`")
