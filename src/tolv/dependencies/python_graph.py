"""What a manifest asks for, what a lock has, and the way from one to the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tolv.dependencies.markers import holds
from tolv.dependencies.python_requirements import normalise, requirement_name
from tolv.dependencies.versions import parse_version, satisfies
from tolv.errors import AppError

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """A dependency as a manifest or a locked package names it."""

    name: str
    ranges: str = ""
    marker: str | None = None
    extras: tuple[str, ...] = ()


def walk(
    packages: Sequence[Json],
    wishes: Iterable[Wish],
    environment: Mapping[str, str],
    edges: Callable[[Json, tuple[str, ...]], Iterable[Wish]],
) -> list[Json]:
    """The locked packages that `wishes` lead to where `environment` holds, each once, by name."""
    by_name: dict[str, list[Json]] = {}
    for one in packages:
        by_name.setdefault(normalise(one["name"]), []).append(one)
    found: dict[str, Json] = {}
    seen: set[tuple[str, tuple[str, ...]]] = set()
    queue = list(wishes)
    while queue:
        wish = queue.pop()
        name = normalise(wish.name)
        if (name, wish.extras) in seen or not holds(wish.marker, environment) or name not in by_name:
            continue
        seen.add((name, wish.extras))
        chosen = found.setdefault(name, _for_python(by_name[name], environment["python_full_version"]))
        queue += edges(chosen, wish.extras)
    return [found[name] for name in sorted(found)]


def _for_python(candidates: Sequence[Json], version: str) -> Json:
    """The one of several locked versions that is for this Python."""
    fitting = [
        one
        for one in candidates
        if satisfies(parse_version(version), str(one.get("python-versions") or one.get("requires_python") or "*"))
    ]
    return (fitting or candidates)[0]


def poetry_edges(package: Json, extras: tuple[str, ...]) -> Iterable[Wish]:
    """What a package of `poetry.lock` depends on, with these of its extras."""
    optional = {
        normalise(requirement_name(one.split(" ")[0]))
        for extra in extras
        for one in package.get("extras", {}).get(extra, ())
    }
    for name, several in package.get("dependencies", {}).items():
        for one in several if isinstance(several, list) else [several]:
            table: Json = one if isinstance(one, dict) else {"version": one}
            if table.get("optional"):
                if normalise(name) in optional:
                    yield Wish(name, extras=tuple(table.get("extras", ())))
            else:
                yield Wish(name, marker=table.get("markers"), extras=tuple(table.get("extras", ())))


def pdm_edges(package: Json, extras: tuple[str, ...]) -> Iterable[Wish]:
    """What a package of `pdm.lock` depends on; with extras it is a package of its own there."""
    return [wish_of(one) for one in package.get("dependencies", ())]


def poetry_wishes(manifest: Json) -> list[Wish]:
    """The main dependencies, as PEP 621 and as Poetry's own table have them."""
    wishes = [wish_of(one) for one in manifest.get("project", {}).get("dependencies", ())]
    for name, several in manifest.get("tool", {}).get("poetry", {}).get("dependencies", {}).items():
        if name.lower() == "python":
            continue
        for one in several if isinstance(several, list) else [several]:
            table: Json = one if isinstance(one, dict) else {"version": one}
            if not table.get("optional"):
                ranges = table.get("version", "") if len(several) == 1 or not isinstance(several, list) else ""
                wishes.append(Wish(name, str(ranges), table.get("markers"), tuple(table.get("extras", ()))))
    return wishes


def wish_of(requirement: str) -> Wish:
    """A PEP 508 requirement."""
    head, _, marker = requirement.partition(";")
    extras = re.search(r"\[([^\]]*)\]", head)
    name = requirement_name(head)
    rest = "" if "@" in head else re.sub(r"\[[^\]]*\]", "", head.strip())[len(name) :].strip(" ()")
    names = tuple(one.strip() for one in extras.group(1).split(",")) if extras else ()
    return Wish(name, rest, marker.strip() or None, names)


def check_against(locked: Mapping[str, str], wishes: Iterable[tuple[str, str]], lockfile: str, command: str) -> None:
    """Raises `AppError` when the lock lacks a package of the manifest, or has a version that it does not allow."""
    for name, ranges in wishes:
        version = locked.get(normalise(name))
        problem = None if version is not None else f"{lockfile} does not have {name}"
        try:
            if version and ranges and not satisfies(parse_version(version), ranges):
                problem = f"{lockfile} has {name} {version}, but the manifest asks for {ranges}"
        except ValueError:
            continue  # a range in a dialect of its own: the package is there, and that is all we can say
        if problem:
            raise AppError(problem, where=lockfile, remedy=f"run `{command}` and commit the result")
