"""A second build of the app, from nothing but its source: no environment that was installed before is taken over."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tolv.build.builder import build, sbom, unpack
from tolv.build.model import Build, Runnable
from tolv.home import Home
from tolv.prove.subject import Subject

#: What of a home's cache a clean build does without.
_INSTALLED = "dependencies"


@dataclass(frozen=True, slots=True)
class CleanBuild:
    """What came of it."""

    build: Build
    runnable: Runnable
    packages: frozenset[tuple[str, str]]
    """Names and versions of what was installed."""


async def build_clean(subject: Subject, real: Home, place: Path, say: Callable[[str], None]) -> CleanBuild:
    """Build the subject once more in a home of its own at `place`, which does not exist yet.

    Packages that were downloaded before are not downloaded again; all else is done anew. Raises what building raises.
    """
    home = Home(place)
    home.make()
    for entry in real.cache.iterdir() if real.cache.is_dir() else ():
        if entry.name != _INSTALLED:
            (home.cache / entry.name).symlink_to(entry)
    cancelled = threading.Event()
    head = subject.source.head
    try:
        made = await asyncio.to_thread(
            build,
            subject.source,
            subject.commit,
            subject.app,
            home,
            say,
            worktree=head is None or head.dirty,
            manifest=subject.manifest,
            runtimes=subject.runtimes,
            cancelled=cancelled,
        )
    finally:
        cancelled.set()
    ready = await asyncio.to_thread(unpack, home, made.digest)
    for way in (home.root.parent, home.root, home.builds, home.layers):  # the app's user must get through to it
        if way.exists():  # without dependencies there are no layers of them
            os.chmod(way, 0o711)
    return CleanBuild(made, ready, await asyncio.to_thread(packages_of, home, made.digest))


def packages_of(home: Home, digest: str) -> frozenset[tuple[str, str]]:
    """Names and versions of the packages of a build, by its bill of materials."""
    libraries = (one for one in sbom(home, digest)["components"] if one["type"] == "library")
    return frozenset((one["name"], one["version"]) for one in libraries)
