"""Which Node an app asks for, and which of the machine's that is. Nothing is ever downloaded."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tolv.dependencies.versions import Version, parse_version, satisfies
from tolv.errors import AppError, PlatformError, UsageError

#: Overrides what an app asks for, as `TOLV_PYTHON` does: see `python_runtime`.
OVERRIDE = "TOLV_NODE"


@dataclass(frozen=True, slots=True)
class Node:
    """A Node of this machine."""

    version: str
    executable: Path

    @property
    def parsed(self) -> Version:
        return parse_version(self.version)


def choose(tree: Path, wanted: str | None, override: str | None = None) -> tuple[Node, str | None]:
    """The Node for an app, and a note when the operator overrode its wish: the newest that it allows.

    Raises `AppError` when the machine has none that fits, `PlatformError` when it has none at all.
    """
    (ranges, where), note = _wish(tree, wanted), None
    if override := override or os.environ.get(OVERRIDE):
        note = f"{OVERRIDE}={override} overrides node {ranges} from {where}" if where else None
        ranges, where = override, OVERRIDE
    try:
        fitting = [one for one in nodes() if satisfies(one.parsed, ranges)]
    except ValueError as error:
        raise UsageError(str(error), where=where, remedy="write it as 20 or >=18") from None
    if not fitting:
        raise _missing(ranges, where)
    return fitting[0], note


def find(version: str) -> Node:
    """The Node for a build made with `version`: that one, else another of the same major version."""
    same = [one for one in nodes() if one.parsed[:1] == parse_version(version)[:1]]
    if not same:
        raise _missing(version.partition(".")[0], "the build")
    return next((one for one in same if one.version == version), same[0])


def nodes() -> tuple[Node, ...]:
    """Every Node of this machine, the newest first."""
    found: dict[str, Node] = {}
    for path in _candidates():
        version = _probe(path, path.stat().st_mtime_ns)
        if version is not None:
            found.setdefault(version, Node(version, path))
    return tuple(sorted(found.values(), key=lambda one: one.parsed, reverse=True))


def package_json(tree: Path) -> dict[str, Any]:
    """The app's `package.json`, `{}` when there is none.

    Raises `UsageError` for one that cannot be read.
    """
    try:
        found = json.loads((tree / "package.json").read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UsageError(f"package.json is no valid JSON: {error}", where="package.json", remedy="correct it") from None
    if not isinstance(found, dict):
        raise UsageError("package.json must be an object", where="package.json", remedy="correct it")
    return found


def tool(name: str, node: Path) -> list[str]:
    """How to start a package manager: as it is installed, else by corepack.

    Raises `PlatformError` when there is neither.
    """
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", ""), "/usr/local/bin:/usr/bin"])
    if found := shutil.which(name, path=path):
        return [found]
    if name != "npm" and (corepack := shutil.which("corepack", path=path)):
        return [corepack, name]
    raise PlatformError(f"{name} is missing", remedy=f"install {name} (`npm install --global {name}`)")


def _missing(ranges: str, where: str | None) -> AppError | PlatformError:
    available = ", ".join(one.version for one in nodes())
    if not available:
        return PlatformError("the app needs Node, and this machine has none", remedy="install Node 20 or later")
    return AppError(
        f"the app asks for Node {ranges}, and this machine has {available}",
        where=where,
        remedy=f"install Node {ranges}, change {where}, or try another: {OVERRIDE}={nodes()[0].parsed[0]} tolv up",
    )


def _candidates() -> Iterator[Path]:
    home = Path("~").expanduser()
    installs = (home / ".nvm/versions/node", home / ".local/share/mise/installs/node", home / ".nodenv/versions")
    directories = [Path(one) for one in os.environ.get("PATH", "").split(os.pathsep) if one.startswith("/")]
    directories += [Path("/usr/local/bin"), Path("/usr/bin")]
    directories += [one / "bin" for root in installs if root.is_dir() for one in sorted(root.iterdir())]
    for directory in dict.fromkeys(directories):
        path = directory / "node"
        if directory.name != "shims" and path.is_file() and os.access(path, os.X_OK):
            yield path


@functools.lru_cache(maxsize=64)
def _probe(path: Path, changed: int) -> str | None:
    del changed  # part of the key: an upgraded Node is asked again
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True, env={})
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().removeprefix("v") or None


def _wish(tree: Path, wanted: str | None) -> tuple[str, str | None]:
    if wanted:
        return wanted, "tolv.toml"
    for name in (".nvmrc", ".node-version"):
        path = tree / name
        text = path.read_text(errors="replace").split("#")[0].strip() if path.is_file() else ""
        if text and not text.startswith(("lts", "node", "stable")):
            return text, name
    engines = package_json(tree).get("engines")
    ranges = engines.get("node") if isinstance(engines, dict) else None
    return (str(ranges), "package.json") if ranges else ("*", None)
