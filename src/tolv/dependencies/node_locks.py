"""Whether npm's lockfile belongs to its `package.json`, seen before npm is asked: it would ask the registry first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tolv.errors import AppError, UsageError

_LOCKS = ("npm-shrinkwrap.json", "package-lock.json")


def check_npm_lock(tree: Path, manifest: Mapping[str, Any]) -> None:
    """Raise `AppError` if the lockfile does not know a package that is depended on, `UsageError` if it cannot be read.

    Versions are npm's to compare. A lockfile of npm 6 and before, which names no roots, is left to npm altogether.
    """
    name = next((name for name in _LOCKS if (tree / name).is_file()), None)
    if name is None:
        return
    packages = _read(tree / name, name).get("packages")
    if not isinstance(packages, dict):
        return
    wanted = {**(manifest.get("dependencies") or {}), **(manifest.get("devDependencies") or {})}
    unknown = sorted(one for one in wanted if f"node_modules/{one}" not in packages)
    if unknown:
        raise AppError(
            f"{name} is older than package.json: it does not know {', '.join(unknown)}",
            where=name,
            remedy="run `npm install` and commit the result",
        )


def _read(path: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise UsageError(
            f"{name} is no valid JSON: {error}", where=name, remedy="run `npm install` and commit the result"
        ) from None
    return found if isinstance(found, dict) else {}
