"""Collecting garbage: images, layers and unpacked trees that no kept build needs, and what exceeds the budget."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from tolv.budgets import disk_usage
from tolv.build import image
from tolv.build.locks import alone, placing
from tolv.build.oci import Json, Layout
from tolv.build.unpack import tree_size
from tolv.build.workshop import remove_tree
from tolv.errors import PlatformError, UsageError
from tolv.home import Home

#: Seconds after which an unused entry of a cache goes.
_UNUSED = 30 * 86400.0

_HEX = re.compile(r"[0-9a-f]{64}")
#: What Tolv itself caches, an entry each; each use leaves its time (a new hard link does so by itself).
_ENTRIES = ("bytecode/*/*", "steps/*", "node_modules/*", "dependencies/*")
#: In a cache: its size when it was last measured.
_MEASURED = ".size"


def remove(home: Home, keep: Set[str], spare: Sequence[str] = (), budget: int | None = None) -> list[str]:
    """Remove every build whose digest is neither in `keep` nor in `spare`, with all that only it needs; returns the
    digests removed.

    If all that is left takes more than `budget` bytes, the caches are made smaller first; then the spare builds go,
    those named first before the others. What is in `keep` stays, whatever it takes. While a build is in flight nothing
    is removed: what it is about to rely on cannot be told from garbage.
    """
    layout = Layout(home.images)
    if not (layout.root / "index.json").exists():
        return []
    with alone(home) as free:
        if not free:
            return []
        _remove_unused(home)
        there = [one["digest"] for one in layout.manifests()]
        kept = {digest for digest in there if digest in keep or digest in spare}
        if budget is not None:
            size, given_up = _fit(home, layout, kept, spare, budget)
            kept -= given_up
            _shrink_caches(home, max(0, budget - size))
        gone = [digest for digest in there if digest not in kept]
        _unname(home, layout, kept)
        _remove_blobs(layout)
        with placing(home):
            _remove_trees(home, layout)
    return gone


def holds(home: Home, digest: str) -> bool:
    """Whether a build can be run: the index names it, and all that it needs is in place."""
    layout = Layout(home.images)
    try:
        return any(one["digest"] == digest for one in layout.manifests()) and all(
            layout.has(one) for one in _reach(layout, digest)
        )
    except (UsageError, PlatformError):
        return False


def _unname(home: Home, layout: Layout, kept: Set[str]) -> None:
    """Take the others off the index: from here on they do not exist. A full disk takes a new index once the caches,
    which nothing needs, have made room."""

    def write() -> None:
        layout.change_manifests(lambda manifests: [one for one in manifests if one["digest"] in kept])

    if all(one["digest"] in kept for one in layout.manifests()):
        return
    try:
        write()
    except OSError:
        _shrink_caches(home, 0)
        write()


def _fit(home: Home, layout: Layout, kept: Set[str], spare: Sequence[str], budget: int) -> tuple[int, set[str]]:
    """What the kept builds take, and those of `spare` that must go for it to be within the budget."""
    costs = {one["digest"]: _cost(home, layout, one) for one in layout.manifests() if one["digest"] in kept}
    users = Counter(part for cost in costs.values() for part in cost)
    size = sum({part: bytes_ for cost in costs.values() for part, bytes_ in cost.items()}.values())
    given_up: set[str] = set()
    for digest in spare:
        if size <= budget:
            break
        if digest in kept:
            given_up.add(digest)
            for part, bytes_ in costs[digest].items():
                users[part] -= 1
                size -= 0 if users[part] else bytes_
    return size, given_up


def _cost(home: Home, layout: Layout, entry: Json) -> dict[Path, int]:
    """Bytes of each part of a build that the index names: its blobs and its unpacked trees, of which other builds may
    use some, too."""
    try:
        blobs = {layout.blob(one) for named in _named(entry) for one in _reach(layout, named)}
        build, _ = image.read_image(layout, entry["digest"])
    except (UsageError, PlatformError):
        return {}
    trees = [home.builds / _hex(build.digest), *(home.layers / _hex(layer.diff_id) for layer in build.layers)]
    return {
        **{path: path.stat().st_blocks * 512 for path in blobs if path.exists()},
        **{path: tree_size(path) for path in trees if path.is_dir()},
    }


def _remove_blobs(layout: Layout) -> None:
    needed = {one for entry in layout.manifests() for named in _named(entry) for one in _reach(layout, named)}
    for path in (layout.root / "blobs").iterdir():
        if path.is_file():  # what a killed build was writing
            path.unlink()
    for path in (layout.root / "blobs" / "sha256").iterdir():
        if f"sha256:{path.name}" not in needed:
            path.unlink()
    for path in layout.root.glob(".index.json.*"):
        path.unlink()


def _named(entry: Json) -> tuple[str, str]:
    """The manifests that an entry of the index keeps: the image's, and that of its bill of materials."""
    return entry["digest"], image.bill_of(entry)


def _reach(layout: Layout, digest: str) -> Iterator[str]:
    manifest = layout.read_json(digest)
    yield digest
    yield manifest["config"]["digest"]
    yield from (one["digest"] for one in manifest["layers"])


def _remove_trees(home: Home, layout: Layout) -> None:
    kept = [image.read_image(layout, one["digest"])[0] for one in layout.manifests()]
    _remove_all_but(home.builds, {one.digest for one in kept})
    _remove_all_but(home.layers, {layer.diff_id for one in kept for layer in one.layers})


def _remove_all_but(directory: Path, digests: Set[str]) -> None:
    for path in directory.iterdir() if directory.is_dir() else ():
        if _HEX.fullmatch(path.name) and f"sha256:{path.name}" not in digests:
            os.chmod(path, 0o700)
            remove_tree(path)


def _remove_unused(home: Home) -> None:
    """Remove what no build has used for a month."""
    oldest = time.time() - _UNUSED
    for used, path in _entries(home.cache):
        if used < oldest:
            _remove(path)


def _shrink_caches(home: Home, most: int) -> None:
    """Have the caches take at most `most` bytes: what was downloaded goes first, the largest of it before the rest,
    then Tolv's own entries, the longest unused first."""
    size = _measure(home.cache)
    if size <= most:
        return
    own = {pattern.partition("/")[0] for pattern in _ENTRIES}
    downloaded = [(disk_usage(path, own=True), path) for path in home.cache.iterdir() if path.name not in own]
    entries = [(disk_usage(path, own=True), path) for _, path in sorted(_entries(home.cache))]
    for bytes_, path in [*sorted(downloaded, reverse=True), *entries]:
        if size <= most:
            break
        _remove(path)
        size -= bytes_
    (home.cache / _MEASURED).unlink(missing_ok=True)


def _measure(cache: Path) -> int:
    """What the caches take that nothing else needs. Measured again only when something was put there: every build that
    installs, or whose steps ran, leaves a new entry."""
    note = cache / _MEASURED
    newest = max((path.stat().st_mtime_ns for path in cache.iterdir() if path.is_dir()), default=0)
    try:
        then, size = map(int, note.read_text().split())
    except (OSError, ValueError):
        then = size = -1
    if then != newest:
        size = disk_usage(cache, own=True)
        try:
            note.write_text(f"{newest} {size}")
        except OSError:  # a full disk: it is measured again next time
            note.unlink(missing_ok=True)
    return size


def _entries(cache: Path) -> Iterator[tuple[float, Path]]:
    for pattern in _ENTRIES:
        for path in cache.glob(pattern):
            status = path.lstat()
            yield max(status.st_mtime, status.st_ctime), path


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)


def _hex(digest: str) -> str:
    return digest.partition(":")[2]
