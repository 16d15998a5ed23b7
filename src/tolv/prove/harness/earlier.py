"""The release before the one under proof: its tag, or the commit before that touched the app, built."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tolv.build.builder import build, unpack
from tolv.build.model import Build, Runnable
from tolv.codebase.git import resolve
from tolv.codebase.git_command import GitError, ask
from tolv.codebase.model import Commit, Source
from tolv.errors import TolvError
from tolv.home import Home
from tolv.prove.harness.trial import Trial
from tolv.prove.probe import CannotProve
from tolv.prove.subject import Subject


@dataclass(frozen=True, slots=True)
class Earlier:
    """A release before, ready to run."""

    name: str
    """Its tag, or its short commit."""
    commit: Commit
    build: Build
    runnable: Runnable
    """For `Trial.start(runnable=…)`, with the command of its own `build.process(…)`."""

    @property
    def directory(self) -> Path:
        """Its code, which nobody may write to."""
        return Path(self.runnable.directory)


async def earlier(trial: Trial) -> Earlier | None:
    """The release before, built once for all trials of a proof; None: there is none in the history.

    Raises `CannotProve` if it cannot be built.
    """
    return await trial.harness.once("earlier", lambda: _make(trial.subject, trial.harness.ground.real))


async def _make(subject: Subject, home: Home) -> Earlier | None:
    found = await asyncio.to_thread(find_earlier, subject.source)
    if found is None:
        return None
    name, commit = found
    try:
        made = await asyncio.to_thread(_build, subject, commit, home, lambda text: None)
        return Earlier(name, commit, made, await asyncio.to_thread(unpack, home, made.digest))
    except TolvError as error:
        raise CannotProve(f"the release before, {name}, cannot be built: {error.problem}") from None


def _build(subject: Subject, commit: Commit, home: Home, say: Callable[[str], None]) -> Build:
    return build(subject.source, commit, subject.app, home, say, manifest=subject.manifest, runtimes=subject.runtimes)


def find_earlier(source: Source) -> tuple[str, Commit] | None:
    """The nearest tag before what is checked out, else the commit before the last one that touched the app; with its
    name. Uncommitted changes count as a release of their own. None: there is none, or no repository.

    Raises `PlatformError` without git.
    """
    top, head = source.repository, source.head
    if top is None or head is None:
        return None
    touching = _lines(top, "rev-list", "--max-count=2", head.id, "--", source.prefix or ".")
    before = touching[0] if head.dirty and touching else touching[1] if len(touching) > 1 else None
    if before is None:
        return None
    try:
        tag = _lines(top, "describe", "--tags", "--abbrev=0", before)[0]
        return tag, resolve(source, f"refs/tags/{tag}")
    except (GitError, IndexError):
        commit = resolve(source, before)
        return commit.short, commit


def _lines(top: Path, *arguments: str) -> list[str]:
    return ask(top, *arguments).decode("utf-8", "backslashreplace").split()
