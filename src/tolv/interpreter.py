"""How Tolv starts a program of its own."""

from __future__ import annotations

import sys


def own_program(module: str) -> list[str]:
    """The command line that runs a module of Tolv's in this interpreter, never one of the current directory's."""
    return [sys.executable, "-I" if sys.flags.isolated else "-P", "-m", module]
