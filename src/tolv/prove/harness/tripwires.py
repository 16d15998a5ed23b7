"""Tripwires: programs of the system, each with a script of its name before it on `PATH` that notes who calls it.

What a process starts by name is seen from its first moment on, however short it lives; what it starts by a full path
is not. The script then takes the place of the program, so that nothing is different for the app, unless it is told to
refuse: then it ends with 127 as if there were no such program.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tolv.build.model import Runnable

_SCRIPT = """\
#!/bin/sh
name=${{0##*/}}
printf '%s\\036%s\\036%s\\035' "$PPID" "$name" "$*" >> {log}
{refusal}PATH={path}
program=$(command -v -- "$name") || {{ echo "$0: not found" >&2; exit 127; }}
PATH={own}:$PATH
exec "$program" "$@"
"""
_REFUSAL = 'echo "$name: not to be had here" >&2\nexit 127\n'


@dataclass(frozen=True, slots=True)
class Call:
    """A program that was called by its name."""

    parent: int
    """The process that called, or the shell that it did so by."""
    name: str
    arguments: str

    def __str__(self) -> str:
        shown = f"{self.name} {self.arguments}".strip()
        return shown if len(shown) <= 120 else f"{shown[:117]}..."


class Tripwires:
    """A directory of them, for the instances that are started from `runnable`."""

    def __init__(
        self, directory: Path, runnable: Runnable, names: Iterable[str], *, refuse: Iterable[str] = ()
    ) -> None:
        """`directory` is empty and the trial's own. `refuse`: those of the names that find no program."""
        self._log = directory / "log" / "calls"
        wires = directory / "bin"
        for one in (wires, self._log.parent):
            one.mkdir(mode=0o755)
        self._log.touch()
        os.chmod(self._log.parent, 0o777)
        os.chmod(self._log, 0o666)
        values = {
            "log": shlex.quote(str(self._log)),
            "path": shlex.quote(":".join(runnable.path)),
            "own": shlex.quote(str(wires)),
        }
        for script, refusal in (("pass", ""), ("refuse", _REFUSAL)):
            (directory / script).write_text(_SCRIPT.format(refusal=refusal, **values))
            os.chmod(directory / script, 0o755)
        refused = frozenset(refuse)
        for name in {*names, *refused}:
            # A hard link: the name in $0 is that of the wire, and nothing else needs to be readable.
            os.link(directory / ("refuse" if name in refused else "pass"), wires / name)
        self.runnable = replace(runnable, path=(str(wires), *runnable.path), reads=(*runnable.reads, str(directory)))
        """The same build with the tripwires first on `PATH`."""
        self.writes = (str(self._log.parent),)
        """What instances must be able to write: for their stand."""

    @property
    def calls(self) -> tuple[Call, ...]:
        """All so far, in order."""
        entries = self._log.read_bytes().decode("utf-8", "replace").split("\x1d")
        found = (entry.split("\x1e", 2) for entry in entries)
        return tuple(Call(int(one[0]), one[1], one[2]) for one in found if len(one) == 3)
