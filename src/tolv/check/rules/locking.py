"""Factor II, dependencies: versions are fixed, by a lock or one by one, and said once."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import ALL, rule
from tolv.check.rules.image_steps import installed, steps
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
    if not mine or (posixpath.basename(manifest).startswith("requirements") and all(d.group == "dev" for d in mine)):
        return False
    if manifest.endswith((".gemspec", "requirements.in", ".in")) or language not in unit.languages:
        return False
    published = posixpath.basename(manifest) in ("setup.py", "setup.cfg", "pyproject.toml") and not unit.starts
    return not published or not any(d.group == "build" and d.path == manifest for d in unit.packages.declared)


def _locked(unit: Unit, manifest: str, language: str) -> Outcome:
    packages = unit.packages
    place = unit.place(manifest)
    mine = [one for one in packages.declared if one.path == manifest]
    if language == "java":
        loose = [one for one in mine if not _fixed(one)]
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
            yield _loose(unit, main or loose, "warning" if main else "note")
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
    moving = re.search(r"[+\[(,]|LATEST|RELEASE$|latest\.|-SNAPSHOT$", one.constraint)
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
_INSTALLERS = frozenset(("pip", "setuptools", "wheel", "npm", "corepack"))


def _steps_without_version(unit: Unit) -> Iterator[Finding]:
    """Packages that an image's build installs by name alone."""
    pinned = {name for lock in unit.packages.locks for name in lock.pinned}
    for dockerfile in unit.dockerfiles:
        for step in steps(dockerfile):
            found = installed(step.argv)
            if found is None or found[0] not in ("pip", "npm", "gem", "composer"):
                continue
            names = [one for one in found[1] if _bare(one, found[0], pinned)]
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


@rule(
    "II-08",
    severity="warning",
    materials=(*ALL, "manifests"),
    title="Nothing says which version of the language is meant, or two locks say different things",
    why="The app runs on whatever the next machine has; with two locks, which one counts depends on who installs.",
    fix="Say the version once, where the build reads it; keep one lock",
    bad="FROM python:slim, and no requires-python",
    good='requires-python = ">=3.12,<3.13"',
    source=_FACTOR,
    probe="X-P3",
)
def runtime_is_declared(unit: Unit) -> Iterator[Outcome]:
    """A version of the app's main language in any place that a build reads; no two locks that disagree."""
    yield from _two_locks(unit)
    packages = unit.packages
    language = next((one for one in unit.languages if packages.manifests_of(one)), None)
    if language is None:
        yield NotApplicable("no manifest of a language that is read")
        return
    said = next((one for one in packages.runtimes if one.language == language), None)
    if said is not None:
        yield Witness(f"{said.path} says {language} {said.text}", unit.place(said.path, said.line))
        return
    place = _in_an_image(unit, language) or _elsewhere(unit, language)
    if place is not None:
        yield place
        return
    manifest = packages.manifests_of(language)[0]
    can_say = posixpath.basename(manifest) in _SAYS_RUNTIME
    yield Finding(
        f"No file says which version of {language} the app is for",
        unit.place(manifest if can_say else unit.root),
        fix=_SAYS_RUNTIME.get(
            posixpath.basename(manifest), "Name it, for example in .python-version and in the image's tag"
        ),
        subject=language,
    )


_SAYS_RUNTIME = {
    "pyproject.toml": 'Add requires-python = ">=3.12,<3.13"',
    "package.json": 'Add "engines": {"node": "22.x"}',
    "build.gradle": "Add java { toolchain { languageVersion = JavaLanguageVersion.of(21) } }",
    "build.gradle.kts": "Add java { toolchain { languageVersion = JavaLanguageVersion.of(21) } }",
    "pom.xml": "Add <maven.compiler.release>21</maven.compiler.release>",
    "composer.json": 'Add "php": "^8.3" to require',
    "Gemfile": 'Add ruby "3.3.4"',
    "go.mod": "Add a go directive",
}
_RUNTIME_IMAGES = {
    "python": r"python|pypy|uvicorn-gunicorn[\w-]*",
    "javascript": r"node|bun|deno|nodejs[\w-]*",
    "java": r"[\w-]*(?:openjdk|temurin|corretto|jdk|jre|java|zulu|liberica|graalvm|tomcat|maven|gradle)[\w-]*",
    "ruby": r"ruby|jruby|rails",
    "php": r"php|[\w-]*php[\w-]*|frankenphp",
    "go": r"golang|go",
}


def _in_an_image(unit: Unit, language: str) -> Outcome | None:
    for dockerfile in unit.dockerfiles:
        for stage in dockerfile.stages:
            image = stage.image
            if image.is_stage or not re.fullmatch(_RUNTIME_IMAGES[language], image.base):
                continue
            if image.version or image.digest or image.has_variable or _names_version(image.base, image.tag or ""):
                return Witness(f"{dockerfile.path} builds on {image.text}", unit.place(dockerfile.path, stage.line))
    return None


def _names_version(name: str, tag: str) -> bool:
    """`java17-debian12`, `3-eclipse-temurin-21`; the number of an `alpine3.20` is not the language's."""
    return re.search(r"\d", name + re.sub(r"alpine[\d.]*|debian\d+|ubuntu[\d.]*", "", tag)) is not None


def _elsewhere(unit: Unit, language: str) -> Outcome | None:
    """Versions that a platform's own files give."""
    for file in unit.named(
        "tolv.toml", "project.toml", "render.yaml", "app.yaml", "manifest.yml", "*.nix", "vercel.json"
    ):
        for number, line in enumerate((unit.text(file.path) or "").split("\n"), start=1):
            code = line.split("#")[0]
            if re.search(_SAID.get(language, r"(?!)"), code, re.IGNORECASE):
                return Witness(f"{file.path} says which {language}", unit.place(file.path, number))
    return None


_SAID = {
    "python": r"python[\w\s\"'=:_-]*\d",
    "javascript": r"node(?:js)?[\w\s\"'=:_-]*\d",
    "java": r"(?:java|jdk|jre|jbp_config)[\w\s\"'=:{_-]*\d",
    "ruby": r"ruby[\w\s\"'=:_-]*\d",
    "php": r"php[\w\s\"'=:_-]*\d",
    "go": r"go[\w\s\"'=:_-]*\d",
}


def _two_locks(unit: Unit) -> Iterator[Finding]:
    """Locks of two tools beside each other; a list of pins only where it disagrees."""
    by_place: dict[tuple[str, str], list[Lock]] = {}
    for lock in unit.packages.locks:
        by_place.setdefault((posixpath.dirname(lock.path), lock.language), []).append(lock)
    for locks in by_place.values():
        whole = [one for one in locks if one.tool not in ("pip", "pip-compile", "pylock")]
        lists = [one for one in locks if one.tool in ("pip", "pip-compile") and posixpath.basename(one.path) == _LIST]
        for other in whole[1:]:
            if other.tool != whole[0].tool:
                message = f"{other.path} and {whole[0].path} both lock the same dependencies"
                yield Finding(message, unit.place(other.path), also=(unit.place(whole[0].path),))
        for other in lists if whole else ():
            differing = sorted(n for n, v in other.pinned.items() if whole[0].pinned.get(n, v) not in (v, ""))
            if differing:
                name = differing[0]
                versions = f"{other.pinned[name]} and {whole[0].pinned[name]}"
                message = f"{other.path} and {whole[0].path} disagree about {_some(differing)}: {name} is {versions}"
                yield Finding(message, unit.place(other.path), also=(unit.place(whole[0].path),))


_LIST = "requirements.txt"


def _some(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} packages"
