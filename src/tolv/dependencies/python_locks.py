"""The lockfiles of Python's package managers, read into what uv can install: pinned requirements with hashes.

uv reads `uv.lock` and `pylock.toml` itself; the other three are converted here, the main group only. Markers, extras,
direct URLs and git references are carried over as they stand, and hashes are demanded wherever the lock has them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tolv.dependencies.markers import marker_environment
from tolv.dependencies.python_graph import check_against, pdm_edges, poetry_edges, poetry_wishes, walk, wish_of
from tolv.dependencies.python_requirements import normalise
from tolv.dependencies.python_runtime import read_toml
from tolv.errors import AppError, UsageError

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lock:
    """A lockfile as a plan needs it."""

    names: frozenset[str]
    requirements: Callable[[str], list[str]] | None
    """Writes requirements for a Python version; None when uv reads the file itself."""
    local: bool = False
    """It names paths of the tree."""
    wheels: tuple[tuple[str, ...], ...] = ()
    """For each package that has wheels, their file names."""

    def misfits(self, minor: str) -> int:
        """How many packages have wheels, but none for Python `minor` on this platform."""
        return sum(not any(wheel_fits(name, minor) for name in names) for names in self.wheels)


def wheel_fits(filename: str, minor: str) -> bool:
    """Whether a wheel's tags name CPython `minor` (or any) and Linux (or any)."""
    python, abi, platform = filename.removesuffix(".whl").split("-")[-3:]
    if platform != "any" and "linux" not in platform:
        return False
    tag = "cp" + minor.replace(".", "")
    older = [int(one[3:]) for one in python.split(".") if one.startswith("cp3") and one[3:].isdigit()]
    return tag in python.split(".") or "py3" in python or (abi == "abi3" and min(older) <= int(minor.split(".")[1]))


def read_uv(path: Path) -> Lock:
    """`uv.lock`: uv installs from it, we only look at it."""
    packages = _parsed(path).get("package", [])
    project = read_toml(path.with_name("pyproject.toml")).get("project", {})
    wishes = [wish_of(one) for one in project.get("dependencies", ())]
    roots = [one.get("metadata", {}).get("requires-dist", []) for one in packages if _is_root(one)]
    locked = [(normalise(one["name"]), _clauses(one.get("specifier", ""))) for one in (roots[0] if roots else [])]
    for wish in wishes:
        if (normalise(wish.name), _clauses(wish.ranges)) not in locked:
            raise AppError(
                f"uv.lock is older than pyproject.toml: it does not know {wish.name}{wish.ranges}",
                where="uv.lock",
                remedy="run `uv lock` and commit the result",
            )
    others = [one for one in packages if not _is_root(one)]
    wheels = [[_basename(wheel) for wheel in one.get("wheels", ())] for one in others]
    local = any({"virtual", "editable", "directory", "path"} & one.get("source", {}).keys() for one in others)
    return Lock(_names(others), None, local, _some(wheels))


def read_pylock(path: Path) -> Lock:
    """`pylock.toml` (PEP 751): uv installs from it."""
    packages = _parsed(path).get("packages", [])
    wheels = [[_basename(wheel) for wheel in one.get("wheels", ())] for one in packages]
    return Lock(_names(packages), None, any("directory" in one for one in packages), _some(wheels))


def read_pipfile(path: Path) -> Lock:
    """`Pipfile.lock`: its `default` section."""
    packages: Json = _parsed(path).get("default", {})
    manifest = read_toml(path.with_name("Pipfile")).get("packages", {})
    locked = {normalise(name): str(one.get("version", "")).lstrip("=") for name, one in packages.items()}
    check_against(locked, [(name, _version_of(wish)) for name, wish in manifest.items()], path.name, "pipenv lock")

    def requirements(version: str) -> list[str]:
        return [
            _line(
                name,
                str(one.get("version", "")).lstrip("="),
                one.get("hashes", ()),
                marker=one.get("markers"),
                extras=one.get("extras", ()),
                url=_pipfile_url(one),
            )
            for name, one in sorted(packages.items())
        ]

    local = any("path" in one for one in packages.values())
    return Lock(frozenset(locked), requirements, local)


def read_poetry(path: Path) -> Lock:
    """`poetry.lock`, of Poetry 1 (the main group is found by walking from pyproject.toml) and of Poetry 2 (it says)."""
    data = _parsed(path)
    packages: list[Json] = data.get("package", [])
    old_files = data.get("metadata", {}).get("files", {})
    files = {id(one): one.get("files") or old_files.get(one["name"], []) for one in packages}
    wishes = poetry_wishes(read_toml(path.with_name("pyproject.toml")))
    locked = {normalise(one["name"]): one["version"] for one in packages}
    check_against(locked, [(one.name, one.ranges) for one in wishes], path.name, "poetry lock")

    def requirements(version: str) -> list[str]:
        environment = marker_environment(version)
        if packages and all("groups" in one for one in packages):
            chosen = [(one, _poetry_marker(one)) for one in packages if "main" in one["groups"]]
            chosen = [(one, marker) for one, marker in chosen if not one.get("optional")]
        else:
            chosen = [(one, None) for one in walk(packages, wishes, environment, poetry_edges)]
        return [
            _line(one["name"], one["version"], [f["hash"] for f in files[id(one)]], marker=marker, url=_poetry_url(one))
            for one, marker in chosen
        ]

    main = [one for one in packages if one.get("category", "main") == "main" and "main" in one.get("groups", ["main"])]
    wheels = [[str(f["file"]) for f in files[id(one)] if str(f["file"]).endswith(".whl")] for one in main]
    local = any(one.get("source", {}).get("type") in ("directory", "file") for one in main)
    return Lock(_names(main), requirements, local, _some(wheels))


def read_pdm(path: Path) -> Lock:
    """`pdm.lock`: the default group, which it says itself, or which is found by walking from pyproject.toml."""
    data = _parsed(path)
    packages: list[Json] = data.get("package", [])
    old_files = data.get("metadata", {}).get("files", {})
    files = {id(one): one.get("files") or old_files.get(f"{one['name']} {one['version']}", []) for one in packages}
    project = read_toml(path.with_name("pyproject.toml")).get("project", {})
    wishes = [wish_of(one) for one in project.get("dependencies", ())]
    locked = {normalise(one["name"]): str(one.get("version", "")) for one in packages}
    check_against(locked, [(one.name, one.ranges) for one in wishes], path.name, "pdm lock")

    def requirements(version: str) -> list[str]:
        plain = [one for one in packages if not one.get("extras")]
        if plain and all("groups" in one for one in plain):
            chosen = [one for one in plain if "default" in one["groups"]]
        else:
            chosen = walk(plain, wishes, marker_environment(version), pdm_edges)
        return [
            _line(
                one["name"],
                str(one.get("version", "")),
                [str(f["hash"]) for f in files[id(one)]],
                marker=one.get("marker") or one.get("markers"),
                url=one.get("url") or _git_url(one.get("git"), one.get("revision")),
            )
            for one in chosen
        ]

    main = [one for one in packages if "default" in one.get("groups", ["default"])]
    wheels = [[str(f["file"]) for f in files[id(one)] if str(f.get("file", "")).endswith(".whl")] for one in main]
    return Lock(_names(main), requirements, any("path" in one for one in main), _some(wheels))


def _line(
    name: str,
    version: str,
    hashes: Iterable[str],
    *,
    marker: str | None = None,
    extras: Iterable[str] = (),
    url: str | None = None,
) -> str:
    """One line of requirements."""
    brackets = f"[{','.join(extras)}]" if extras else ""
    pin = f" @ {url}" if url else f"=={version}"
    digests = "" if url and url.startswith("git+") else "".join(f" --hash={one}" for one in sorted(set(hashes)))
    return f"{name}{brackets}{pin}{f' ; {marker}' if marker else ''}{digests}"


def _poetry_marker(package: Json) -> str | None:
    markers = package.get("markers")
    if isinstance(markers, Mapping):
        markers = markers.get("main")
    return str(markers) if markers else None


def _poetry_url(package: Json) -> str | None:
    source = package.get("source", {})
    if source.get("type") == "git":
        return _git_url(source["url"], source.get("resolved_reference") or source.get("reference"))
    if source.get("type") in ("url", "directory", "file"):
        return str(source["url"]) if "://" in source["url"] else f"./{source['url']}"
    return None


def _pipfile_url(package: Json) -> str | None:
    found = _git_url(package.get("git"), package.get("ref")) or package.get("file") or package.get("path")
    return str(found) if found else None


def _git_url(url: str | None, reference: str | None) -> str | None:
    return f"git+{url}@{reference}" if url and reference else None


def _version_of(wish: Any) -> str:
    found = wish.get("version", "") if isinstance(wish, Mapping) else wish
    return "" if found == "*" else str(found)


def _clauses(specifier: str) -> tuple[str, ...]:
    """The clauses of a version specifier, however it is spaced and ordered."""
    return tuple(sorted(specifier.replace(" ", "").split(",")))


def _is_root(package: Json) -> bool:
    """Whether uv locked the project itself."""
    source = package.get("source", {})
    return "." in (source.get("virtual"), source.get("editable"))


def _basename(wheel: Json) -> str:
    places = (str(wheel[key]) for key in ("filename", "name", "url", "path") if wheel.get(key))
    return next(places, "").rpartition("/")[2]


def _names(packages: Iterable[Json]) -> frozenset[str]:
    return frozenset(normalise(str(one["name"])) for one in packages)


def _some(wheels: Iterable[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(names) for names in wheels if names)


def _parsed(path: Path) -> dict[str, Any]:
    """A lockfile's content.

    Raises `UsageError` for one that cannot be read, such as one with merge markers.
    """
    if path.suffix == ".toml" or path.name != "Pipfile.lock":
        return read_toml(path)
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path.name} is no valid JSON: {error}", where=path.name, remedy="lock again") from None
    return found
