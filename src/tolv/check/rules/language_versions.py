"""Factor II, dependencies: the version of the language, and which lock counts, are said once."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from tolv.check.facts.browser import serves_nothing
from tolv.check.model import Finding, NotApplicable, Outcome, Witness
from tolv.check.rule import ALL, rule
from tolv.check.unit import Unit
from tolv.codebase.declared import Lock

_FACTOR = "https://12factor.net/dependencies"


_SHOWN = {"python": "Python", "javascript": "Node.js", "go": "Go", "ruby": "Ruby", "php": "PHP", "java": "Java"}


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
    built = [one for one in unit.languages if _is_built_of(unit, one)]
    if len(built) > 1 and serves_nothing(unit):
        built = [one for one in built if one != "javascript"]
    language = next(iter(built), None)
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
        f"No file says which version of {_SHOWN.get(language, language)} the app is for",
        unit.place(manifest if can_say else unit.root),
        fix=_SAYS_RUNTIME.get(
            posixpath.basename(manifest), "Name it, for example in .python-version and in the image's tag"
        ),
        subject=language,
    )


def _is_built_of(unit: Unit, language: str) -> bool:
    """Whether the app itself depends on packages of a language: what only a build of assets needs does not count."""
    entries = unit.packages.of(language, "main")
    return bool(unit.packages.manifests_of(language)) and (bool(entries) or language == "go")


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


#: How a build step installs a language, with its version.
_INSTALLED = {
    "python": re.compile(r"\bpython-?[23]\.\d+|\bpython==?3\.\d+|PYTHON_VERSION[= ]\"?\d|\bpyenv install\D{0,4}\d"),
    "javascript": re.compile(r"(?:setup|node)_\d+\.x|NODE_(?:VERSION|MAJOR)[= ]\"?v?\d|\bnodejs=\d|nvm install v?\d"),
    "java": re.compile(r"\bopenjdk-?\d+|\bjava-\d+|\btemurin-\d+|JAVA_VERSION[= ]\"?\d"),
    "ruby": re.compile(r"\bruby-?\d\.\d|RUBY_VERSION[= ]\"?\d|rbenv install\D{0,4}\d"),
    "php": re.compile(r"\bphp-?\d\.?\d|PHP_VERSION[= ]\"?\d"),
    "go": re.compile(r"\bgo1\.\d+|GO(?:LANG)?_VERSION[= ]\"?\d|\bgolang-1\.\d"),
}


def _in_an_image(unit: Unit, language: str) -> Outcome | None:
    for dockerfile in unit.dockerfiles:
        for stage in dockerfile.stages:
            image = stage.image
            if image.is_stage or not re.fullmatch(_RUNTIME_IMAGES[language], image.base):
                continue
            if image.version or image.digest or image.has_variable or _names_version(image.base, image.tag or ""):
                return Witness(f"{dockerfile.path} builds on {image.text}", unit.place(dockerfile.path, stage.line))
        for stage in dockerfile.stages:
            for one in stage.instructions:
                if one.keyword in ("RUN", "ENV", "ARG") and _INSTALLED[language].search(one.text):
                    place = unit.place(dockerfile.path, one.line)
                    return Witness(f"{dockerfile.path} installs {_SHOWN[language]} by its version", place)
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
    "python": r"python[\w\s\"'=:_<>~^-]*\d",
    "javascript": r"node(?:js)?[\w\s\"'=:_<>~^-]*\d",
    "java": r"(?:java|jdk|jre|jbp_config)[\w\s\"'=:{_<>~^-]*\d",
    "ruby": r"ruby[\w\s\"'=:_<>~^-]*\d",
    "php": r"php[\w\s\"'=:_<>~^-]*\d",
    "go": r"go[\w\s\"'=:_<>~^-]*\d",
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
