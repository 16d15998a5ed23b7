"""Which apps a codebase holds: a directory that has both a manifest and a way to start is one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tolv.codebase.survey import File

#: Names that declare what an app depends on.
_MANIFESTS = frozenset(
    "pyproject.toml setup.py requirements.txt Pipfile package.json go.mod pom.xml build.gradle build.gradle.kts "
    "Gemfile composer.json manage.py".split()
)

#: Names that say how an app starts.
_STARTS = re.compile(r"Procfile|[Dd]ockerfile(\.\w+)?|app\.json|fly\.toml|manifest\.ya?ml|tolv\.toml")

#: Contexts whose directories are no apps of this codebase.
_NO_APPS = frozenset({"test", "docs", "dev", "ci", "vendored", "generated"})


def unit_roots(files: Sequence[File], declared: Iterable[str] = ()) -> tuple[str, ...]:
    """The roots of the apps, the shortest first; `('',)` for a codebase that is one app.

    `declared` are the roots that `tolv.toml` names; then there are no others.
    """
    if roots := tuple(sorted(declared)):
        return roots
    manifests, starts = set(), set()
    for file in files:
        if file.context in _NO_APPS:
            continue
        if file.name in _MANIFESTS:
            manifests.add(file.directory)
        if _STARTS.fullmatch(file.name):
            starts.add(file.directory)
    whole = sorted(_started(manifests, starts), key=lambda root: (root.count("/"), root))
    nested = [root for root in whole if root]
    top_is_one = "" in manifests
    if not nested or (len(nested) == 1 and not top_is_one):
        return ("",)
    return ("", *nested) if top_is_one or "" in starts else tuple(nested)


def _started(manifests: set[str], starts: set[str]) -> set[str]:
    """The directories with a manifest that start. Where no manifest is at the top, what starts in a directory of its
    own (`backend/docker/`, `backend/apps/api/`) is of the nearest manifest above it."""
    found = manifests & starts
    if "" in manifests or not found:
        return found
    for start in starts - manifests:
        above = start
        while above and above not in manifests:
            above = above.rpartition("/")[0]
        if above:
            found.add(above)
    return found


def unit_of(path: str, roots: Sequence[str]) -> str | None:
    """The root of the app that a file belongs to: the longest that is above it; None if there is none."""
    best: str | None = None
    for root in roots:
        if (not root or path.startswith(f"{root}/")) and (best is None or len(root) > len(best)):
            best = root
    return best
