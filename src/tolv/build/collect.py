"""Collecting garbage: images, layers and unpacked trees that no kept build needs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from tolv.build import image
from tolv.build.locks import alone, placing
from tolv.build.oci import Json, Layout
from tolv.build.workshop import remove_tree
from tolv.home import Home

_HEX = re.compile(r"[0-9a-f]{64}")


def remove(home: Home, keep: Set[str]) -> list[str]:
    """Remove every build whose digest is not in `keep`, with all that only it needs; returns the digests removed.

    While a build is in flight nothing is removed: what it is about to rely on cannot be told from garbage.
    """
    layout = Layout(home.images)
    if not layout.manifests():
        return []
    with alone(home) as free:
        if not free:
            return []
        gone = [one["digest"] for one in layout.manifests() if _is_image(one) and one["digest"] not in keep]
        layout.change_manifests(lambda manifests: [one for one in manifests if not _about(layout, one, gone)])
        _remove_blobs(layout)
        with placing(home):
            _remove_trees(home, layout)
    return gone


def _is_image(entry: Json) -> bool:
    return "artifactType" not in entry


def _about(layout: Layout, entry: Json, digests: Iterable[str]) -> bool:
    """Whether an entry of the index is one of these images, or refers to one."""
    if _is_image(entry):
        return entry["digest"] in digests
    return layout.read_json(entry["digest"])["subject"]["digest"] in digests


def _remove_blobs(layout: Layout) -> None:
    needed = {digest for entry in layout.manifests() for digest in _reach(layout, entry["digest"])}
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
    kept = [image.read_image(layout, one["digest"])[0] for one in layout.manifests() if _is_image(one)]
    _remove_all_but(home.builds, {one.digest for one in kept})
    _remove_all_but(home.layers, {layer.diff_id for one in kept for layer in one.layers})


def _remove_all_but(directory: Path, digests: Set[str]) -> None:
    for path in directory.iterdir() if directory.is_dir() else ():
        if _HEX.fullmatch(path.name) and f"sha256:{path.name}" not in digests:
            os.chmod(path, 0o700)
            remove_tree(path)
