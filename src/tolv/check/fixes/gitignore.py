"""`.gitignore`: what is tracked and should not be. That it is no longer tracked is left to its owner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tolv.check.fixes import Change, appended
from tolv.check.fixes.tree import Tree
from tolv.check.model import Report

_RULES = frozenset({"I-07", "III-04"})
#: Directories that a tool makes, whatever they hold.
_DIRECTORIES = frozenset(
    {
        *("node_modules", "bower_components", "__pycache__", "venv", ".venv", ".tox", ".nox", ".mypy_cache"),
        *(".pytest_cache", ".ruff_cache", ".next", ".nuxt", ".gradle", ".bundle", ".terraform", ".idea", "htmlcov"),
    }
)
#: Endings of files that a program makes, wherever they lie.
_ENDINGS = frozenset({".pyc", ".pyo", ".class", ".log", ".pid", ".swp"})
#: Characters that mean something in a `.gitignore`.
_SPECIAL = re.compile(r"([\\*?\[\]!# ])")


def gitignore(report: Report, tree: Tree) -> Iterator[Change]:
    """An entry for each file that a finding says should not be tracked."""
    before = tree.read(".gitignore")
    if before is None and tree.exists(".gitignore"):
        return
    present = {line.strip().strip("/") for line in (before or "").splitlines()}
    entries: dict[str, str] = {}
    for finding in report.findings:
        path = finding.place.path
        if finding.rule in _RULES and path and path.isprintable() and finding.place.commit is None:
            entry, tracked = _entry(path)
            if entry.strip("/") not in present:
                entries.setdefault(entry, tracked)
    if entries:
        untrack = " ".join(dict.fromkeys(entries.values()))
        why = f"ignore what should not be tracked; then: git rm -r --cached {untrack}"
        yield Change(".gitignore", before, appended(before, list(entries)), why)


def _entry(path: str) -> tuple[str, str]:
    """The line for a path, and what of it is to be taken out of the index."""
    parts = PurePosixPath(path).parts
    for depth, part in enumerate(parts):
        if part in _DIRECTORIES:
            return f"{part}/", "/".join(parts[: depth + 1])
    name, ending = parts[-1], PurePosixPath(path).suffix
    if ending in _ENDINGS:
        return f"*{ending}", path
    if name == ".env":
        return ".env", path
    return "/" + _SPECIAL.sub(r"\\\1", path), path
