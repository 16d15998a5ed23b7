"""Factor II, dependencies: versions are fixed, by a lock or one by one."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from tolv.check.facts.image_steps import installed, steps
from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import ALL, rule
from tolv.check.unit import Unit
from tolv.codebase.declared import Declared, Lock
from tolv.codebase.modules import pulled_in_by
from tolv.codebase.requirements import read_requirement

_FACTOR = "https://12factor.net/dependencies"

#: How a lock is made, by the manifest.
_LOCKING = {
    "pyproject.toml": "uv lock (or poetry lock, pdm lock)",
    "setup.py": "uv pip compile setup.py -o requirements.txt",
    "setup.cfg": "uv pip compile setup.cfg -o requirements.txt",
    "Pipfile": "pipenv lock",
    "package.json": "npm install",
    "go.mod": "go mod tidy",
    "Gemfile": "bundle lock",
    "gems.rb": "bundle lock",
    "composer.json": "composer update",
}
_LANGUAGES = ("python", "javascript", "go", "ruby", "php")


@rule(
    "II-02",
    severity="warning",
    materials=ALL,
    title="No lock fixes what an install brings",
    why="Two installs of one commit, a day apart, give two different apps; what is pulled in changes unseen.",
    fix="Lock, and commit the lock",
    bad="requirements.txt with django>=5,<6 and nothing else",
    good="requirements.in with django>=5,<6, and a requirements.txt that pip-compile made of it",
    source=_FACTOR,
    probe="II-P2",
)
def versions_are_locked(unit: Unit) -> Iterator[Outcome]:
    """A lock beside or above each manifest that lists dependencies of a deployed app."""
    asked = False
    for language in (*_LANGUAGES, "java"):
        for manifest in unit.packages.manifests_of(language):
            if unit.context(manifest) != "prod" or not _deployed(unit, manifest, language):
                continue
            asked = True
            yield _locked(unit, manifest, language)
    if not asked:
        yield NotApplicable("no manifest of a deployed app lists dependencies")


def _deployed(unit: Unit, manifest: str, language: str) -> bool:
    """It lists something that an install of the app brings, and is no library's."""
    mine = [one for one in unit.packages.declared if one.path == manifest and one.group in ("main", "dev", "optional")]
    if not mine or (_is_requirements(manifest) and all(d.group == "dev" for d in mine)):
        return False
    tools = posixpath.basename(manifest) == "package.json" and all(d.group == "dev" for d in mine)
    if tools and not re.search(r'"(?:build|start|prestart|postinstall)[\w:-]*"\s*:', unit.text(manifest) or ""):
        return False  # those of who works on it: no build and no start needs them
    if manifest.endswith((".gemspec", "requirements.in", ".in")) or language not in unit.languages:
        return False
    if posixpath.basename(manifest) in ("setup.py", "setup.cfg") and _has_list_beside(unit, manifest):
        return False  # it is for those who install the app as a package
    published = posixpath.basename(manifest) in ("setup.py", "setup.cfg", "pyproject.toml") and not unit.starts
    return not published or not any(d.group == "build" and d.path == manifest for d in unit.packages.declared)


def _has_list_beside(unit: Unit, manifest: str) -> bool:
    """Whether a requirements.txt of the app lies beside a manifest of a package."""
    beside = posixpath.join(posixpath.dirname(manifest), "requirements.txt")
    return any(one.path == beside for one in unit.packages.declared)


def _is_requirements(manifest: str) -> bool:
    return posixpath.basename(manifest).startswith("requirements") or manifest.endswith(".txt")


def _locked(unit: Unit, manifest: str, language: str) -> Outcome:
    packages = unit.packages
    place = unit.place(manifest)
    mine = [one for one in packages.declared if one.path == manifest]
    if language == "java":
        loose = [one for one in mine if not _fixed(one)]
        if _is_managed_above(unit, manifest):
            loose = [one for one in loose if one.constraint]
        if not loose or _lock_for(packages.locks_of("java"), manifest):
            return Witness(f"{manifest} names exact versions", place)
        names = ", ".join(one.name for one in loose[:5])
        return Finding(
            f"{manifest} leaves the version of {names} open, and no lock fixes it",
            place,
            fix="Name exact versions, or let Gradle lock them (dependencyLocking)",
        )
    lock = _lock_for(packages.locks_of(language), manifest)
    if lock is None:
        how = next(
            (how for name, how in _LOCKING.items() if manifest.endswith(name)), "pip-compile (or uv pip compile)"
        )
        return Finding(
            f"{manifest} lists {_count(mine)}, and no lock fixes them and what they bring along",
            place,
            fix=f"Lock with {how}, and commit the lock",
        )
    missing = _left_out(lock)
    if missing:
        one, brought = missing
        return Finding(
            f"{lock.path} pins {one}, but not {', '.join(brought)}, which it brings along",
            unit.place(lock.path),
            fix="Let pip-compile (or uv pip compile) write it from the direct requirements",
        )
    return Witness(f"{lock.path} fixes what {manifest} lists", unit.place(lock.path))


_FOR_ALL = re.compile(r"\b(?:subprojects|allprojects|configure)\b")
_MANAGES = re.compile(r"\b(?:mavenBom|enforcedPlatform|platform)\b|\bdependencyManagement\s*\{")


def _is_managed_above(unit: Unit, manifest: str) -> bool:
    """Whether a Gradle build above gives its projects the versions that they leave out, by lists of them (BOMs)."""
    directory, name = posixpath.split(manifest)
    while directory and name.startswith("build.gradle"):
        directory = posixpath.dirname(directory)
        for one in ("build.gradle", "build.gradle.kts"):
            text = unit.repository.text(posixpath.join(directory, one)) or ""
            if _FOR_ALL.search(text) and _MANAGES.search(text):
                return True
    return False


def _lock_for(locks: Sequence[Lock], manifest: str) -> Lock | None:
    """The lock beside a manifest, or in a directory above it."""
    directory = posixpath.dirname(manifest)
    near = [one for one in locks if _above(posixpath.dirname(one.path), directory)]
    near.sort(key=lambda one: (one.tool == "pip", one.path != manifest, -len(posixpath.dirname(one.path))))
    if posixpath.basename(manifest).startswith("requirements"):
        near = [one for one in near if one.path == manifest or one.tool not in ("pip", "pip-compile")] or near
    return near[0] if near else None


def _above(directory: str, other: str) -> bool:
    return not directory or f"{other}/".startswith(f"{directory}/")


def _left_out(lock: Lock) -> tuple[str, list[str]] | None:
    """Of a list that pins everything it names: a package whose own are not there, which only a pinned freeze has."""
    if lock.tool != "pip":
        return None
    for name in sorted(lock.pinned):
        brought = [one for one in pulled_in_by(name) if one not in lock.pinned]
        if len(brought) >= 2 or (brought and len(lock.pinned) == 1):
            return name, brought
    return None


def _count(declared: Sequence[Declared]) -> str:
    number = len([one for one in declared if one.group != "build"])
    return "1 dependency" if number == 1 else f"{number} dependencies"


@rule(
    "II-03",
    severity="warning",
    materials=("manifests",),
    title="A dependency may be of any version",
    why="The next release of somebody else's package is in the next build, whatever it breaks.",
    fix="Give it a version with an upper bound, or a lock",
    bad="requests",
    good="requests>=2.32,<3",
    source=_FACTOR,
    probe="II-P2",
)
def versions_are_bounded(unit: Unit) -> Iterator[Outcome]:
    """Direct dependencies without upper bound that no lock resolves, one finding for each manifest and build step."""
    packages = unit.packages
    found = False
    for manifest in packages.manifests:
        language = packages.languages[manifest]
        locks = [
            one for one in packages.locks_of(language) if _above(posixpath.dirname(one.path), _directory(manifest))
        ]
        entries = [d for d in packages.declared if d.path == manifest and d.group in ("main", "dev") and not d.indirect]
        loose = [d for d in entries if _open(d) and not _resolved(d, locks)]
        main = [d for d in loose if d.group == "main"]
        if loose:
            found = True
            package = posixpath.basename(manifest) in ("setup.py", "setup.cfg") and _has_list_beside(unit, manifest)
            yield _loose(unit, main or loose, "warning" if main and not package else "note")
    for finding in _steps_without_version(unit):
        found = True
        yield finding
    if not found and packages.manifests:
        yield Witness("every direct dependency is bounded or locked")
    elif not found:
        yield NotApplicable("there is no manifest")


def _directory(path: str) -> str:
    return posixpath.dirname(path)


def _loose(unit: Unit, loose: Sequence[Declared], severity: Severity) -> Finding:
    first = min(loose, key=lambda one: one.line)
    names = ", ".join(one.name for one in loose[:6]) + (f" and {len(loose) - 6} more" if len(loose) > 6 else "")
    return Finding(
        f"{names} may be of any version, and no lock says which",
        unit.place(first.path, first.line),
        severity=severity,
        also=tuple(unit.place(one.path, one.line) for one in loose if one is not first)[:20],
    )


def _resolved(one: Declared, locks: Sequence[Lock]) -> bool:
    return any(lock.problem or one.name in lock.pinned or not lock.pinned for lock in locks)


def _fixed(one: Declared) -> bool:
    """A Java dependency whose version is exact, or given by something whose version is."""
    moving = re.search(r"[+\[(,]|^LATEST$|^RELEASE$|latest\.|-SNAPSHOT$", one.constraint)
    return one.managed or (bool(one.constraint) and not moving)


def _open(one: Declared) -> bool:
    """Whether a constraint has no upper end."""
    if one.managed or one.source is not None or not one.name:
        return False
    text = one.constraint.strip()
    if one.language == "java":
        return bool(text) and not _fixed(one) and not text.startswith("$")
    if one.language == "go":
        return False
    if one.language == "php" and one.name.startswith(("ext-", "lib-", "composer-")):
        return False
    if text in ("", "*", "x", "latest", "next", ">=0", "dev-master", "dev-main", "@dev", "@stable"):
        return True
    alternatives = re.split(r"\s*\|\|?\s*", text)
    return any(_has_no_end(one) for one in alternatives)


def _has_no_end(clause: str) -> bool:
    parts = [part for part in re.split(r",|\s+(?=[<>=^~!\d])", clause.strip()) if part.strip()]
    if any(re.match(r"\s*(?:<|==|~|\^|=|v?\d)", part) or " - " in clause for part in parts):
        return False
    return any(part.strip().startswith((">", "!=")) for part in parts)


#: What installs other things, and is brought to its newest before.
_INSTALLERS = frozenset(("pip", "setuptools", "wheel", "npm", "corepack", "bundler"))


def _steps_without_version(unit: Unit) -> Iterator[Finding]:
    """Packages that an image's build installs by name alone."""
    pinned = {name for lock in unit.packages.locks for name in lock.pinned}
    # A package that the manifest bounds keeps to that when it is named again.
    bounded = {one.name for one in unit.packages.declared if one.language == "javascript" and not _open(one)}
    for dockerfile in unit.dockerfiles:
        for step in steps(dockerfile):
            found = installed(step.argv)
            if found is None or found[0] not in ("pip", "npm", "gem", "composer"):
                continue
            known = pinned | bounded if found[0] == "npm" and "-g" not in step.argv else pinned
            names = [one for one in found[1] if _bare(one, found[0], known)]
            if names:
                yield Finding(
                    f"The image installs {', '.join(names)} in whatever version there is",
                    unit.place(dockerfile.path, step.line),
                    fix="Declare it in the manifest, or give it a version here",
                    subject=names[0],
                )


def _bare(word: str, installer: str, pinned: set[str]) -> bool:
    if (
        "$" in word
        or word.startswith((".", "/", "git+", "http", "file:"))
        or word.endswith((".whl", ".tgz", ".gz", ".zip"))
    ):
        return False
    if installer == "pip":
        found = read_requirement(word)
        if found is None or not found.name or found.name in _INSTALLERS or found.source:
            return False
        return not found.constraint and found.name not in pinned
    name, at, version = word[1:].partition("@")
    name = word[0] + name
    if installer == "composer":
        return ":" not in word and word not in pinned
    return name not in _INSTALLERS and name not in pinned and (not at or version in ("latest", "next", "*"))
