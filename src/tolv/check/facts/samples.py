"""Samples of configuration that are more than that: what builds, installs or starts the app copies them into place."""

from __future__ import annotations

from tolv.check.unit import Unit
from tolv.codebase.context import stands_for


def is_in_use(unit: Unit, path: str) -> bool:
    """Whether a file is more than a sample: the file that it stands for is not in the tree, and what sets the app up
    names the sample."""
    real = stands_for(path)
    if real is None or unit.context(path) != "docs":
        return unit.context(path) not in ("docs", "test")
    if any(file.path == real for file in unit.files):
        return False
    sample = path.rpartition("/")[0].rpartition("/")[2] if real.rpartition("/")[2] == path.rpartition("/")[2] else path
    names = unit.named("package.json", "Dockerfile*", "Makefile", "*.sh", "setup.json", "bin/*")
    return any(sample and sample in (unit.text(one.path) or "") for one in names if one.size < 1 << 19)
