"""`.python-version`: the version that the rest of the tree already speaks of, where it speaks of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tolv.check.fixes import Change
from tolv.check.fixes.tree import Tree, below
from tolv.check.model import Report

_MANIFESTS = ("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "Pipfile")


def python_version(report: Report, tree: Tree) -> Iterator[Change]:
    """For each unit in Python that says nowhere which one it runs on: what its image, CI or metadata agree on."""
    for unit in dict.fromkeys(one.unit for one in report.findings if one.rule == "II-08"):
        path = below(unit, ".python-version")
        if tree.exists(path) or not any(tree.exists(below(unit, name)) for name in _MANIFESTS):
            continue
        for source, find in _SOURCES.items():
            versions = {version for text in _texts(tree, unit, source) for version in find(text)}
            if len(versions) == 1:
                why = f"declare the Python that {source} names; check that it is the one in production"
                yield Change(path, None, f"{min(versions)}\n", why)
            if versions:
                break


def _all(pattern: str) -> Callable[[str], list[str]]:
    return lambda text: re.findall(pattern, text, re.MULTILINE)


def _newest(text: str) -> list[str]:
    named = re.findall(r"Programming Language :: Python :: (3\.\d{1,2})\b", text)
    return [max(named, key=lambda one: int(one.partition(".")[2]))] if named else []


#: Where a version may be named, the most binding first.
_SOURCES: dict[str, Callable[[str], list[str]]] = {
    "runtime.txt": _all(r"^python-(3\.\d{1,2}(?:\.\d{1,2})?)\s*$"),
    "Dockerfile": _all(r"^FROM\s+(?:--\S+\s+)?(?:\S+/)?python:(3\.\d{1,2}(?:\.\d{1,2})?)\b"),
    ".github/workflows": _all(r"python-version:\s*['\"]?(3\.\d{1,2}(?:\.\d{1,2})?)['\"]?\s*$"),
    "pyproject.toml": _newest,
}


def _texts(tree: Tree, unit: str, source: str) -> Iterator[str]:
    if source == ".github/workflows":
        paths = list(tree.named(source, "*.yml", "*.yaml"))
    else:
        paths = [below(unit, source)]
    yield from (text for path in paths if (text := tree.read(path)) is not None)
