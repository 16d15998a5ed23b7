"""Collecting garbage: images, layers and unpacked trees that no kept build needs."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Set
from pathlib import Path

from tolv.build import image
from tolv.build.locks import alone, placing
from tolv.build.oci import Layout
from tolv.build.workshop import remove_tree
from tolv.home import Home

#: Seconds after which an unused entry of a cache goes.
_UNUSED = 30 * 86400.0

_HEX = re.compile(r"[0-9a-f]{64}")


def remove(home: Home, keep: Set[str]) -> list[str]:
    """Remove every build whose digest is not in `keep`, with all that only it needs; returns the digests removed.

    While a build is in flight nothing is removed: what it is about to rely on cannot be told from garbage.
    """
    layout = Layout(home.images)
    if not (layout.root / "index.json").exists():
        return []
    with alone(home) as free:
        if not free:
            return []
        gone = [one["digest"] for one in layout.manifests() if one["digest"] not in keep]
        layout.change_manifests(lambda manifests: [one for one in manifests if one["digest"] not in gone])
        _remove_blobs(layout)
        with placing(home):
            _remove_trees(home, layout)
        _trim_caches(home)
    return gone


def _remove_blobs(layout: Layout) -> None:
    named = [digest for one in layout.manifests() for digest in (one["digest"], image.bill_of(one))]
    needed = {digest for one in named for digest in _reach(layout, one)}
    for path in (layout.root / "blobs").iterdir():
        if path.is_file():  # what a killed build was writing
            path.unlink()
    for path in (layout.root / "blobs" / "sha256").iterdir():
        if f"sha256:{path.name}" not in needed:
            path.unlink()


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


def _trim_caches(home: Home) -> None:
    """Remove what no build has used for a month; each use leaves its time (a new hard link does so by itself)."""
    oldest = time.time() - _UNUSED
    for pattern in ("bytecode/*/*", "steps/*", "node_modules/*", "dependencies/*"):
        for path in home.cache.glob(pattern):
            status = path.lstat()
            if max(status.st_mtime, status.st_ctime) < oldest:
                remove_tree(path) if path.is_dir() else path.unlink()
