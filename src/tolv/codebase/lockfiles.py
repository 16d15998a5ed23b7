"""The lockfiles of all package managers, as names and versions. Tolerant: what cannot be read is said, not raised.

Most are read line by line: a lock of a large app has megabytes, and only two facts of each package are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tolv.codebase.declared import LARGEST_LOCK, Lock, PackageLanguage, too_large
from tolv.codebase.node_packages import parse_json
from tolv.codebase.requirements import normalise

_Reader = Callable[[str], dict[str, str]]


class _Unreadable(ValueError):
    """Why a lock cannot be read."""


def read_lock(text: str | None, path: str) -> Lock | None:
    """The lock that a file of this name is; None if the name is no lock's. A text of None is one that is binary."""
    name = path.rpartition("/")[2]
    found = _BY_NAME.get(name)
    if found is None:
        return None
    tool, language, reader = found
    if text is None:
        return Lock(path, tool, language, problem="cannot be read as text")
    problem = too_large(text, LARGEST_LOCK)
    if problem:
        return Lock(path, tool, language, problem=problem)
    if text.startswith(("<<<<<<<", "version https://git-lfs")) or "\n<<<<<<< " in text:
        return Lock(path, tool, language, problem="a merge left its marker behind")
    try:
        pinned = reader(text)
    except (_Unreadable, AttributeError, TypeError, KeyError) as error:
        return Lock(path, tool, language, problem=str(error) if isinstance(error, _Unreadable) else "has another form")
    namespaces = _composer_namespaces(text) if tool == "composer" else {}
    return Lock(path, tool, language, pinned, namespaces)


def _toml_packages(text: str) -> dict[str, str]:
    """`uv.lock`, `poetry.lock`, `pdm.lock`, `pylock.toml`: `[[package]]` tables with a name and a version."""
    pinned: dict[str, str] = {}
    name, inside = "", False
    for line in text.split("\n"):
        if line.startswith("["):
            inside, name = line.strip() in ("[[package]]", "[[packages]]"), ""
        elif inside and line.startswith("name = "):
            name = normalise(line[7:].strip().strip("\"'"))
            pinned.setdefault(name, "")
        elif inside and name and line.startswith("version = "):
            pinned[name] = line[10:].strip().strip("\"'")
    return pinned


def _pipfile(text: str) -> dict[str, str]:
    data = _json(text)
    found: dict[str, str] = {}
    for section in ("default", "develop"):
        for name, one in (data.get(section) or {}).items():
            found.setdefault(normalise(name), str(one.get("version", "")).lstrip("="))
    return found


def _npm(text: str) -> dict[str, str]:
    data = _json(text)
    packages = data.get("packages")
    if isinstance(packages, dict):
        deepest = sorted(((k.count("node_modules/"), k) for k in packages if "node_modules/" in k), reverse=True)
        return {k.rpartition("node_modules/")[2]: str(packages[k].get("version", "")) for _, k in deepest}
    return _npm_nested(data)


def _npm_nested(of: dict[str, Any]) -> dict[str, str]:
    """The first format of npm: what only one package needs lies below that. The outermost version counts."""
    below = {name: one for name, one in (of.get("dependencies") or {}).items() if isinstance(one, dict)}
    found = {name: str(one.get("version", "")) for name, one in below.items()}
    for one in below.values():
        for name, version in _npm_nested(one).items():
            found.setdefault(name, version)
    return found


def _yarn(text: str) -> dict[str, str]:
    """Both Yarn's own format and the YAML of Yarn 2 and later."""
    pinned: dict[str, str] = {}
    names: set[str] = set()
    for line in text.split("\n"):
        if line and line[0] not in " #\t":
            entries = line.rstrip(":").replace('"', "").split(",")
            names = {match[1] for one in entries if (match := re.match(r"\s*(@?[^@\s]+)@", one))}
        elif names and (match := re.match(r'  version:? "?([^"\s]+)', line)):
            pinned.update(dict.fromkeys(names, match[1]))
            names = set()
    return pinned


def _pnpm(text: str) -> dict[str, str]:
    """Keys of `packages:`: `/express@4.18.2:`, `express@4.18.2(peer@1):`, `/express/4.18.2:`."""
    pinned: dict[str, str] = {}
    inside = False
    for line in text.split("\n"):
        if line and line[0] != " ":
            inside = line.startswith(("packages:", "snapshots:"))
        elif inside and line.startswith("  ") and not line.startswith("   ") and line.rstrip().endswith(":"):
            key = line.strip().rstrip(":").strip("'\"").lstrip("/").partition("(")[0]
            name, _, version = key.rpartition("@") if "@" in key[1:] else key.rpartition("/")
            if name:
                pinned[name] = version
    return pinned


def _bun(text: str) -> dict[str, str]:
    return {
        m[1]: m[2] for m in re.finditer(r'^\s+"[^"\n]+": \["((?:@[^"@\n]+/)?[^"@\n]+)@([^"\n]*)"', text, re.MULTILINE)
    }


def _go(text: str) -> dict[str, str]:
    words = (line.split() for line in text.split("\n"))
    return {one[0]: one[1].removesuffix("/go.mod") for one in words if len(one) == 3}


def _bundler(text: str) -> dict[str, str]:
    return {m[1]: m[2] for m in re.finditer(r"^ {4}([A-Za-z0-9._-]+) \(([^)\s]+)\)$", text, re.MULTILINE)}


def _composer(text: str) -> dict[str, str]:
    return {str(one["name"]).lower(): str(one.get("version", "")) for one in _composer_packages(_json(text))}


def _composer_namespaces(text: str) -> dict[str, str]:
    """Namespace prefixes, each with the package that loads them."""
    found: dict[str, str] = {}
    for one in _composer_packages(_json(text)):
        autoload = one.get("autoload")
        for kind in ("psr-4", "psr-0"):
            prefixes = autoload.get(kind) if isinstance(autoload, dict) else None
            for prefix in prefixes if isinstance(prefixes, dict) else ():
                if prefix.strip("\\_"):
                    found.setdefault(prefix.strip("\\_"), str(one.get("name", "")).lower())
    return found


def _composer_packages(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for section in ("packages", "packages-dev"):
        listed = data.get(section)
        yield from (
            one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, dict) and "name" in one
        )


def _gradle(text: str) -> dict[str, str]:
    """`gradle.lockfile`: `group:artifact:version=configurations`."""
    return {m[1]: m[2] for m in re.finditer(r"^([^:#\s]+:[^:\s]+):([^=\s]+)=", text, re.MULTILINE)}


def _json(text: str) -> dict[str, Any]:
    data, problem = parse_json(text, LARGEST_LOCK)
    if problem:
        raise _Unreadable(problem)
    return data


def _no_names(text: str) -> dict[str, str]:
    return {}


_BY_NAME: dict[str, tuple[str, PackageLanguage, _Reader]] = {
    "uv.lock": ("uv", "python", _toml_packages),
    "poetry.lock": ("poetry", "python", _toml_packages),
    "pdm.lock": ("pdm", "python", _toml_packages),
    "pylock.toml": ("pylock", "python", _toml_packages),
    "Pipfile.lock": ("pipenv", "python", _pipfile),
    "package-lock.json": ("npm", "javascript", _npm),
    "npm-shrinkwrap.json": ("npm", "javascript", _npm),
    "yarn.lock": ("yarn", "javascript", _yarn),
    "pnpm-lock.yaml": ("pnpm", "javascript", _pnpm),
    "bun.lock": ("bun", "javascript", _bun),
    "bun.lockb": ("bun", "javascript", _no_names),
    "go.sum": ("go", "go", _go),
    "Gemfile.lock": ("bundler", "ruby", _bundler),
    "gems.locked": ("bundler", "ruby", _bundler),
    "composer.lock": ("composer", "php", _composer),
    "gradle.lockfile": ("gradle", "java", _gradle),
}

#: The names that lockfiles have.
LOCK_NAMES = frozenset(_BY_NAME)
