"""The programs of backing services: fetched once in a run, and lent to each machine of its tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from e2e.machine import Machine

from tolv.errors import PlatformError
from tolv.services.providers import provider_of

#: What the tests' apps ask for.
WANTED = (("postgres", "16"), ("postgres", "18"), ("redis", None))


def fetch(directory: Path) -> None:
    """Have them below `directory`, as in a home's cache; those that cannot be fetched are left to the machines."""
    for kind, version in WANTED:
        try:
            provider_of(kind).find(version, directory, print)
        except PlatformError:
            continue


def lend(directory: Path, machine: Machine) -> None:
    """Have a machine find what was fetched."""
    machine.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (machine.home / "cache").mkdir(mode=0o700, exist_ok=True)
    for one in (directory / "servers").glob("[a-z]*"):
        shutil.copytree(one, machine.home / "cache" / "servers" / one.name, symlinks=True, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
