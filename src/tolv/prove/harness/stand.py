"""How an instance stands: on which files, and with what freedom."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tolv.build.model import Runnable


@dataclass(frozen=True, slots=True)
class Stand:
    """What varies between instances."""

    code: Literal["copy", "release"] = "copy"
    """`copy`: a fresh, writable copy of the release, its own, as on most platforms. `release`: the release itself,
    which nobody can write."""
    init: bool = False
    """It is pid 1 of a pid namespace of its own, as in a container."""
    writes: tuple[str, ...] = ()
    """Further paths that it may write."""


#: As a platform would have it.
ORDINARY = Stand()


def copy_release(runnable: Runnable, target: Path, user: int | None) -> Runnable:
    """A writable copy of a build's code at `target`, and how to run that. Dependencies stay shared, read-only.

    `user`: who is to own it (we are root); None: whoever we are.
    """
    _copy(runnable.directory, os.fspath(target), user)
    return moved(runnable, target)


def moved(runnable: Runnable, target: Path) -> Runnable:
    """How to run the copy of a build's code that lies at `target`."""
    source = runnable.directory

    def there(text: str) -> str:
        return text.replace(source, os.fspath(target))

    return replace(
        runnable,
        directory=os.fspath(target),
        path=tuple(map(there, runnable.path)),
        environment={name: there(value) for name, value in runnable.environment.items()},
    )


def _copy(source: str, target: str, user: int | None) -> None:
    os.mkdir(target, 0o755)
    with os.scandir(source) as entries:
        for entry in entries:
            place = f"{target}/{entry.name}"
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), place)
            elif entry.is_dir():
                if entry.name == "node_modules" and user is not None:
                    _link(entry.path, place)  # its files belong to root: the app cannot write them, here or there
                else:
                    _copy(entry.path, place, user)
                continue
            elif entry.is_file():
                shutil.copyfile(entry.path, place)
                os.chmod(place, entry.stat().st_mode & 0o777 | 0o600)
            else:
                continue
            if user is not None:
                os.chown(place, user, user, follow_symlinks=False)
    if user is not None:
        os.chown(target, user, user)


def _link(source: str, target: str) -> None:
    """A tree of hard links, since Node looks for modules from where a file really is."""
    shutil.copytree(source, target, symlinks=True, copy_function=os.link)
