"""Factor I, codebase: copies of one app that should be deploys, apps that should be codebases of their own."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import Any

from tolv.check.facts.likeness import likeness, sample
from tolv.check.limits import LARGEST_SOURCE
from tolv.check.looks.mentions import mentions
from tolv.check.model import Finding, NotApplicable, Outcome, Place, Witness
from tolv.check.rule import ALL, repository_rule
from tolv.check.source import LANGUAGES
from tolv.check.unit import Repository, Unit

_FACTOR = "https://12factor.net/codebase"
_PRODUCTION = ("prod", "admin")

_AFFIX = r"(?:prod(?:uction)?|live|staging|stage|stg|test|testing|dev(?:elopment)?|qa|uat|old|new|copy|backup|bak|orig)"
_NAMED = re.compile(rf"(?:(?P<stem>.*?)[-_. ])?{_AFFIX}(?:[-_. ]?\d+)?|{_AFFIX}[-_. ](?P<rest>.+)", re.I)
#: Directories that are a process of one app rather than an app.
_PROCESSES = frozenset(
    ("web", "worker", "workers", "cron", "scheduler", "clock", "beat", "jobs", "consumer", "release")
)

#: Files of two trees that are compared.
_MOST_COMPARED = 300


@repository_rule(
    "I-02",
    severity="error",
    materials=ALL,
    title="The app is in the tree more than once, a copy for each environment",
    why="Copies drift: a fix in one is missing in the other, and no deploy is made from what was tried.",
    fix="Keep one tree; what differs between the deploys goes into their environment",
    bad="prod/app.py and staging/app.py, nearly the same",
    good="app.py, deployed twice with different variables",
    source=_FACTOR,
    everywhere=True,
)
def copied_trees(repository: Repository) -> Iterator[Outcome]:
    """Sibling directories whose names differ by an environment's, and whose code is for the most part the same."""
    trees = _trees(repository)
    found = False
    for first, second in _pairs(trees):
        same, of = _shared(trees[first], trees[second], repository)
        if of >= 3 and same >= 0.6 * of:
            found = True
            message = f"{second}/ is a copy of {first}/: {same} of {of} files of code are the same or nearly so"
            yield Finding(message, Place(second), also=(Place(first),), subject=f"{first} {second}")
    if not found:
        yield Witness("no two directories are copies of one app for two environments")


def _trees(repository: Repository) -> dict[str, dict[str, Any]]:
    """Directories up to three deep, each with the files of code below it by their path in it."""
    trees: dict[str, dict[str, Any]] = {}
    for file in repository.files:
        if file.language not in LANGUAGES or file.context in ("vendored", "generated", "migrations"):
            continue
        parts = file.path.split("/")
        for depth in range(1, min(len(parts), 4)):
            trees.setdefault("/".join(parts[:depth]), {})["/".join(parts[depth:])] = file
    return trees


def _pairs(trees: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Siblings that are called one thing but for an environment: `app` and `app-old`, `prod` and `staging`."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path in sorted(trees):
        above, name = posixpath.split(path)
        match = _NAMED.fullmatch(name)
        stem = (match["stem"] or match["rest"] or "") if match else name
        groups.setdefault((above, stem.lower()), []).append(path)
    for (_, stem), members in groups.items():
        if len(members) > 1 and (stem or not _only_tests(members)):
            yield from combinations(members[:5], 2)


def _only_tests(members: Sequence[str]) -> bool:
    return all(posixpath.basename(one).lower() in ("test", "tests", "testing") for one in members)


def _shared(one: Mapping[str, Any], other: Mapping[str, Any], repository: Repository) -> tuple[int, int]:
    """How many files of the smaller tree are in the other too, and how many it has."""
    smaller, larger = sorted((one, other), key=len)
    same = 0
    for name, file in islice(smaller.items(), _MOST_COMPARED):
        if name in larger:
            texts = repository.text(file.path), repository.text(larger[name].path)
            if texts[0] is not None and texts[1] is not None and texts[0].strip():
                same += texts[0] == texts[1] or _alike(texts[0], texts[1])
    return same, min(len(smaller), _MOST_COMPARED)


def _alike(one: str, other: str) -> bool:
    lines = [{line.strip() for line in text.split("\n") if line.strip()} for text in (one, other)]
    common = len(lines[0] & lines[1])
    return (
        common >= 0.8 * max(len(lines[0]), len(lines[1]))
        or likeness(sample(one.split("\n")), sample(other.split("\n"))) >= 0.8
    )


@repository_rule(
    "I-04",
    severity="warning",
    materials=("python", "javascript", "ruby", "php", "manifests"),
    looks=(mentions,),
    title="Several apps are one codebase",
    why="They cannot be built, released and rolled back one by one while they share a manifest or each other's inside.",
    fix="Give each app a manifest of its own and what they share a package, or make them members of a workspace",
    bad='require("../../billing/src/models/invoice") in the app shop',
    good='require("@company/invoices"), a package that both depend on',
    source=_FACTOR,
)
def entangled_apps(repository: Repository) -> Iterator[Outcome]:
    """Apps without a manifest of their own, and imports that lead from one app into another."""
    apps = [unit for unit in repository.units if unit.root]
    found = [one for unit in repository.units for one in _without_manifests(unit)]
    found += _across(apps, [unit.root for unit in apps])
    yield from found
    if len(apps) < 2 and not found:
        yield NotApplicable("there is one app")
    elif not found:
        yield Witness(f"{len(apps)} apps with a manifest each, none imports another's inside")


def _without_manifests(unit: Unit) -> Iterator[Finding]:
    """Directories of a unit that start each on its own and have code, but only one manifest above them all."""
    packages = unit.packages
    listing = {posixpath.dirname(path) for path in packages.manifests}
    above = next((path for path in packages.manifests if posixpath.dirname(path) == unit.root), None)
    if above is None or packages.workspaces or packages.languages.get(above) in ("go", "java"):
        return
    started: dict[str, str] = {}
    for file in unit.named("Procfile", "Dockerfile"):
        below = not unit.root or file.directory.startswith(f"{unit.root}/")
        if file.context == "prod" and below and file.directory != unit.root and file.directory not in listing:
            started.setdefault(file.directory, file.path)
    language = packages.languages.get(above)
    apps = [one for one in sorted(started) if _code_below(unit, one, language) >= 3]
    named = [one for one in apps if posixpath.basename(one).lower() not in _PROCESSES]
    if len(apps) > 1 and named:
        roots = ", ".join(apps)
        also = tuple(unit.place(started[one]) for one in apps)
        yield Finding(f"{roots} start on their own, but share the one manifest {above}", unit.place(above), also=also)


def _code_below(unit: Unit, directory: str, language: str | None) -> int:
    below = (file for file in unit.files if file.path.startswith(f"{directory}/"))
    return sum(file.language == language and file.context in _PRODUCTION for file in below)


def _across(apps: Sequence[Unit], roots: Sequence[str]) -> Iterator[Finding]:
    for unit in apps if len(apps) > 1 else ():
        found: dict[str, list[Place]] = {}
        for path, line, reached in _paths_imported(unit, [one for one in roots if one != unit.root]):
            other = next((one for one in roots if one != unit.root and f"{reached}/".startswith(f"{one}/")), None)
            if other is not None and not unit.root.startswith(f"{other}/"):
                found.setdefault(other, []).append(unit.place(path, line))
        for other, places in found.items():
            message = f"The app {unit.root} imports from inside the app {other}"
            yield Finding(message, places[0], also=tuple(places[1:6]), subject=other)


def _paths_imported(unit: Unit, others: Sequence[str]) -> Iterator[tuple[str, int, str]]:
    """Files of the app that may import another app's, each with a line and the path that its import leads to."""
    names = {posixpath.basename(one) for one in others}
    for file in unit.files:
        if file.language not in ("python", "javascript", "ruby", "php") or file.context not in _PRODUCTION:
            continue
        text = unit.text(file.path) or ""
        if not file.path.startswith(f"{unit.root}/") or not any(name in text for name in names):
            continue
        for one in unit.imports(file.path):
            if not one.typing:
                yield file.path, one.line, _leads_to(file.language, file.path, one.module)


def _leads_to(language: str, path: str, module: str) -> str:
    if language == "python":
        return module.replace(".", "/") if not module.startswith(".") else ""
    if language == "javascript" and not module.startswith("."):
        return ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), module.lstrip("/")))


@repository_rule(
    "I-05",
    severity="note",
    materials=ALL,
    title="Two apps carry the same module",
    why="What several apps share is a library with versions; a copy is fixed in one of them only.",
    fix="Make a package of it that both depend on",
    bad="billing/retry.py and shop/retry.py, the same 80 lines",
    good="a package retry that both manifests name",
    source=_FACTOR,
)
def shared_by_copy(repository: Repository) -> Iterator[Outcome]:
    """Modules of at least forty lines of code that stand in two apps, nearly the same."""
    apps = [unit for unit in repository.units if unit.root]
    if len(apps) < 2:
        yield NotApplicable("there is one app")
        return
    index: dict[int, list[tuple[str, str]]] = {}
    samples = {}
    for unit in apps:
        for path in _modules(unit):
            taken = sample((unit.text(path) or "").split("\n"))
            if taken.lines >= 40:
                samples[path] = taken
                for one in taken.hashes:
                    index.setdefault(one, []).append((unit.root, path))
    found = sorted(_copies(index, samples))
    for first, second in found[:20]:
        lines = min(samples[first].lines, samples[second].lines)
        yield Finding(f"{second} is nearly the same {lines} lines as {first}", Place(second), also=(Place(first),))
    if not found:
        yield Witness(f"no module of {len(apps)} apps is a copy of another's")


def _modules(unit: Unit) -> Iterator[str]:
    """The files of an app's own code."""
    for file in unit.files:
        own = file.path.startswith(f"{unit.root}/") and file.context in _PRODUCTION
        if own and file.language is not None and file.size <= LARGEST_SOURCE:
            yield file.path


def _copies(index: Mapping[int, Sequence[tuple[str, str]]], samples: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Pairs of files of two apps that share a hash, and are alike; hashes that very many files have say nothing."""
    tried: set[tuple[str, str]] = set()
    for places in index.values():
        if 2 <= len(places) <= 8:
            for (root, path), (other_root, other) in combinations(sorted(places), 2):
                if root != other_root:
                    tried.add((path, other))
    return {pair for pair in tried if likeness(samples[pair[0]], samples[pair[1]]) >= 0.8}
