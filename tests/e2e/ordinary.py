"""An ordinary user, for tests that root runs, and what runs a program as one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: A user of which this machine need not know.
ORDINARY = 54321


def as_ordinary() -> list[str]:
    """What goes before a command that this user is to run."""
    return ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups"]


def python_for_all() -> str:
    """A Python of this version outside of anybody's home."""
    name = f"python3.{sys.version_info.minor}"
    for path in (Path(sys.base_prefix) / "bin" / name, Path("/usr/bin") / name, Path("/usr/local/bin") / name):
        # By way of a shell: setpriv itself can still run what its user cannot.
        runs = [*as_ordinary(), "/bin/sh", "-c", f"{path} -V"]
        if path.exists() and subprocess.run(runs, capture_output=True).returncode == 0:
            return str(path)
    pytest.skip("no Python that an ordinary user may run")
