"""The twins: the model app, which every probe must prove, and what is made of it, which its probe must refute."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tolv.errors import PlatformError
from tolv.prove.probe import Mutation

MODEL = Path(__file__).with_name("model")
"""The good twin: a small app in which every promise is one place."""

EARLIER = Mutation(
    "a migration and a version ago",
    {
        "schema.py": (('    "CREATE INDEX effects_of_job ON effects (job);",\n', ""),),
        "openapi.json": (('"version": "1.1.0"', '"version": "1.0.0"'),),
    },
)
"""What makes the release before it of the model app."""

_WHEN = "2026-01-01T00:00:00Z"
_AUTHOR = {"GIT_AUTHOR_NAME": "Twin", "GIT_AUTHOR_EMAIL": "twin@localhost", "GIT_AUTHOR_DATE": _WHEN}
#: The same files have the same commit everywhere, whatever git is told of its user.
_GIT = {
    **_AUTHOR,
    **{name.replace("AUTHOR", "COMMITTER"): value for name, value in _AUTHOR.items()},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
}


def make_twin(target: Path, mutation: Mutation | None, *, before: Mutation | None = None) -> None:
    """Make a twin of the model app in `target`, an empty directory or none yet: a git repository with one commit.

    Without a mutation it is the good twin. `before`, where it is given, is what the model is mutated by for a commit
    that comes first: the release before (see `EARLIER`). Raises `ValueError` if a mutation does not fit the model: a
    text that is not there exactly once, a file that is missing or in the way; `PlatformError` if git fails.
    """
    earlier = [] if before is None else [_mutated(before)]
    later = _mutated(mutation)
    target.mkdir(parents=True, exist_ok=True)
    _git(target, "init", "--quiet", "--initial-branch=main", "--template=")
    for number, files in enumerate([*earlier, later], 1):
        for path in _files(target):
            (target / path).unlink()
        for path, text in files.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_text(text, encoding="utf-8")
        _git(target, "add", "--all", "--force")
        _git(target, "commit", "--quiet", "--allow-empty", "--no-verify", f"--message=Release {number}")


def _mutated(mutation: Mutation | None) -> Mapping[str, str]:
    """The files of the twin, each with its text."""
    files = {path: (MODEL / path).read_text(encoding="utf-8") for path in _files(MODEL)}
    if mutation is None:
        return files
    for path, replacements in mutation.replace.items():
        if path not in files:
            raise ValueError(f"{mutation.fault}: the model has no {path}")
        for old, new in replacements:
            if (count := files[path].count(old)) != 1:
                raise ValueError(f"{mutation.fault}: {old!r} is there {count} times in {path}, not once")
            files[path] = files[path].replace(old, new)
    for path in mutation.remove:
        if files.pop(path, None) is None:
            raise ValueError(f"{mutation.fault}: the model has no {path}")
    for path, text in mutation.add.items():
        if path in files:
            raise ValueError(f"{mutation.fault}: the model has a {path} already")
        files[path] = text
    return files


def _files(directory: Path) -> list[str]:
    """The files below it, without git's own and what Python left behind."""
    found = (path.relative_to(directory) for path in sorted(directory.rglob("*")) if path.is_file())
    return [str(path) for path in found if path.parts[0] != ".git" and "__pycache__" not in path.parts]


def _git(directory: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=directory, env={**environment, **_GIT}, capture_output=True, text=True
        )
    except OSError as error:
        raise PlatformError(f"git cannot be run: {error.strerror}", remedy="install git") from error
    if done.returncode:
        raise PlatformError(f"git {arguments[0]} failed: {done.stderr.strip()}", where=str(directory))
