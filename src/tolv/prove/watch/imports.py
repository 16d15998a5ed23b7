"""Which packages an app's own files load, noted by a hook in its Python or Node (see `hooks`)."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from tolv.build.model import Runnable

_HOOKS = Path(__file__).with_name("hooks")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A module that a file of the app has loaded, by its name there."""

    file: str
    """Relative to the app's directory."""
    module: str
    """`psycopg.rows`, `@scope/name/lib/x`."""
    origin: str
    """The file that it is in, as far as that is told; empty: it is built in, or nobody says."""


class Imports:
    """Notes what the instances that are started from `runnable` load."""

    def __init__(self, directory: Path, runnable: Runnable) -> None:
        """`directory` is empty and the trial's own."""
        self._log = directory / "log" / "imports"
        hooks = directory / "hooks"
        self._log.parent.mkdir()
        shutil.copytree(_HOOKS, hooks, ignore=shutil.ignore_patterns("__pycache__"))
        os.chmod(hooks, 0o755)
        for hook in hooks.iterdir():
            os.chmod(hook, 0o644)
        self._log.touch()
        os.chmod(self._log.parent, 0o777)
        os.chmod(self._log, 0o666)
        given = runnable.environment
        options = given.get("NODE_OPTIONS", "")
        environment = {
            **given,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(hooks), given.get("PYTHONPATH")))),
            "NODE_OPTIONS": f"{options} --require={hooks / 'imports.cjs'}".strip(),
            "TOLV_IMPORTS": str(self._log),
            "TOLV_IMPORTS_OF": runnable.directory,
        }
        self.runnable = replace(runnable, environment=environment, reads=(*runnable.reads, str(hooks)))
        """The same build with the hooks in it."""
        self.writes = (str(self._log.parent),)
        """What instances must be able to write: for their stand."""

    @property
    def loaded(self) -> tuple[Loaded, ...]:
        """All so far, each once."""
        lines = self._log.read_text(errors="replace").splitlines()
        parts = (line.split("\t") for line in dict.fromkeys(lines))
        return tuple(Loaded(*one) for one in parts if len(one) == 3)
