"""Every place that says which version of a language is meant, and whether two of them can be the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.check.unit import Unit
from tolv.codebase.images import Image
from tolv.codebase.yamlfile import Node, parse_yaml

Version = tuple[int, int]
Where = Literal["image", "file", "ci", "development"]

_TOP = (999, 999)
#: Languages whose first number alone is a version that code can tell.
_BY_MAJOR = ("javascript", "java")


@dataclass(frozen=True, slots=True)
class Stated:
    """A version, or a range of versions, that a place states."""

    language: str
    text: str
    path: str
    line: int
    where: Where
    ranges: tuple[tuple[Version, Version], ...]
    """Lowest and highest, each inclusive."""

    def meets(self, other: Stated) -> bool:
        """Some version is meant by both."""
        return any(low <= top and bottom <= high for low, high in self.ranges for bottom, top in other.ranges)


def stated(unit: Unit) -> list[Stated]:
    """All places of the unit, tests and documentation left out."""
    found = [*_files(unit), *_images(unit), *_workflows(unit)]
    return [one for one in found if one.ranges]


def ranges_of(text: str, language: str, *, least: bool = False) -> tuple[tuple[Version, Version], ...]:
    """The versions that a constraint allows; empty: it names none that can be told (`lts/*`, `latest`).

    `least`: a bare version is the lowest one (the `go` line of a go.mod).
    """
    if "=>" in text or len(text) > 200:
        return ()
    found = []
    for part in re.split(r"\|\|?", text):
        low, high, any_number = (0, 0), _TOP, False
        part = re.sub(r"(\d)\s+-\s+(\d)", r"\1,<=\2", part.strip())
        if "<=" in part and not re.match(r"[<>=~^!]", part):
            part = ">=" + part
        for operator, number in re.findall(r"([<>=~^!]*)\s*v?(?:[a-z]+-)?(\d+(?:\.(?:\d+|[x*]))*)", part):
            any_number = True
            numbers = [int(one) for one in number.split(".") if one.isdigit()]
            wide = len(numbers) == 1 or language in _BY_MAJOR
            if language == "java" and numbers[:1] == [1] and len(numbers) > 1:
                numbers, wide = [numbers[1]], True
            at = (numbers[0], numbers[1] if len(numbers) > 1 else 0)
            own_low, own_high = _bounds(operator, at, numbers, wide, least)
            low, high = max(low, own_low), min(high, own_high)
        if any_number and low <= high:
            found.append((low, high))
    return tuple(found)


def _bounds(operator: str, at: Version, numbers: list[int], wide: bool, least: bool) -> tuple[Version, Version]:
    major, minor = at
    if operator in (">=", ">") or (least and not operator):
        return at, _TOP
    if operator == "<":
        return (0, 0), (major, minor - 1) if minor else (major - 1, 999)
    if operator == "<=":
        return (0, 0), (major, 999 if wide else minor)
    if operator.startswith("!"):
        return (0, 0), _TOP
    if operator == "^":
        return at, (major, 999)
    if operator in ("~=", "~>") and len(numbers) == 2:
        return at, (major, 999)
    if wide:
        return (major, 0), (major, 999)
    return at, at


def _files(unit: Unit) -> Iterator[Stated]:
    for one in unit.packages.runtimes:
        if unit.context(one.path) in ("test", "docs"):
            continue
        least = one.path.endswith(("go.mod", "go.work"))
        ranges = ranges_of(one.text, one.language, least=least)
        yield Stated(one.language, one.text, one.path, one.line, "file", ranges)


_BASES = {
    "python": "python", "node": "javascript", "golang": "go", "ruby": "ruby", "php": "php", "openjdk": "java",
    "eclipse-temurin": "java", "amazoncorretto": "java", "go": "go", "java": "java", "typescript-node": "javascript",
    "javascript-node": "javascript",
}  # fmt: skip
#: Packages of distributions that carry their language's version in the name.
_PACKAGES = (
    (re.compile(r"(?<![\w.-])(?:libapache2-mod-)?php(\d)\.?(\d)(?:-(?:cli|fpm|common)|(?=[\s\\-]))"), "php"),
    (re.compile(r"(?<![\w.-])python(3\.\d+)(?:-(?:dev|venv|minimal))?(?=[\s\\]|$)"), "python"),
    (re.compile(r"(?<![\w.-])openjdk-?(\d+)-(?:jre|jdk)"), "java"),
    (re.compile(r"deb\.nodesource\.com/(?:setup_|node_)(\d+)\.x"), "javascript"),
)


def _images(unit: Unit) -> Iterator[Stated]:
    for dockerfile in unit.dockerfiles:
        if dockerfile.context == "test":
            continue
        where: Where = "development" if dockerfile.context == "dev" else "image"
        for stage in dockerfile.stages:
            found = _of_image(stage.image)
            if found is not None:
                yield Stated(
                    found[0], stage.image.text, dockerfile.path, stage.line, where, ranges_of(found[1], found[0])
                )
        for instruction in dockerfile.instructions:
            if instruction.keyword == "RUN":
                yield from _installed(unit, instruction.text, dockerfile.path, instruction.line, where)


def _of_image(image: Image) -> tuple[str, str] | None:
    """Language and version of an image of a runtime."""
    language = _BASES.get(image.base)
    tag = image.tag or ""
    if language is None or image.is_stage or "$" in tag:
        return None
    if image.registry == "mcr.microsoft.com":
        match = re.search(r"(?:^|-)(\d+\.\d+|\d{2})(?:-|$)", tag)
        return (language, match[1]) if match else None
    match = re.match(r"(\d+(?:\.\d+){0,2})", tag)
    return (language, match[1]) if match else None


def _installed(unit: Unit, text: str, path: str, line: int, where: Where) -> Iterator[Stated]:
    if not re.search(r"\b(?:apk|apt-get|apt|yum|dnf|curl|wget|microdnf)\b", text):
        return
    for pattern, language in _PACKAGES:
        match = pattern.search(text)
        if match:
            version = ".".join(match.groups())
            at = line_of(unit, path, line, match[0])
            yield Stated(language, match[0], path, at, where, ranges_of(version, language))


def line_of(unit: Unit, path: str, start: int, text: str) -> int:
    """The line, from `start`, on which a part of an instruction stands."""
    lines = (unit.text(path) or "").split("\n")
    return next((n for n in range(start, min(start + 80, len(lines) + 1)) if text in lines[n - 1]), start)


_SETUPS = {
    "python-version": "python", "node-version": "javascript", "go-version": "go", "ruby-version": "ruby",
    "java-version": "java", "php-version": "php",
}  # fmt: skip
_TRAVIS = {"python": "python", "node_js": "javascript", "go": "go", "rvm": "ruby", "jdk": "java", "php": "php"}
_TESTS = re.compile(r"\btests?\b|pytest|rspec|phpunit|jest|mocha|tox|nox|\bmvnw?\b|gradlew?\b|cypress", re.IGNORECASE)


def _workflows(unit: Unit) -> Iterator[Stated]:
    """One statement for each language and CI file: all versions that its jobs set up."""
    for file in unit.named(".github/workflows/*.y*ml", ".travis.yml", ".circleci/config.yml", ".gitlab-ci.yml"):
        text = unit.text(file.path) or ""
        if not _TESTS.search(text):
            continue
        versions: dict[str, list[tuple[str, int]]] = {}
        for document in parse_yaml(text, file.path).documents:
            for language, version, line in _set_up(document, file.name):
                versions.setdefault(language, []).append((version, line))
        for language, found in versions.items():
            ranges = [ranges_of(version, language) for version, _ in found]
            if all(ranges):
                texts = ", ".join(dict.fromkeys(version for version, _ in found))
                together = tuple(one for some in ranges for one in some)
                yield Stated(language, texts, file.path, found[0][1], "ci", together)


def _set_up(document: Node, name: str) -> Iterator[tuple[str, str, int]]:
    for node in document.walk():
        for key, value in node.items():
            language = _SETUPS.get(key)
            if language is not None:
                for one in value.elements() or (value,):
                    if one.kind == "scalar" and "${{" not in one.value:
                        yield language, one.value, one.line
                    elif "matrix." in one.value and not _is_setup_key(one.value):
                        yield from _of_matrix(document, one.value, language)
            elif key == "image" and value.kind == "scalar":
                found = _of_ci_image(value.value)
                if found is not None:
                    yield *found, value.line
    if name == ".travis.yml":
        for key, language in _TRAVIS.items():
            listed = document.get(key)
            for one in (listed.elements() or (listed,)) if listed is not None else ():
                if one.kind == "scalar":
                    yield language, one.value, one.line


def _is_setup_key(text: str) -> bool:
    """`${{ matrix.python-version }}`: the list itself has the key of a set-up, and is read as such."""
    match = re.search(r"matrix\.([\w-]+)", text)
    return match is not None and match[1] in _SETUPS


def _of_matrix(document: Node, text: str, language: str) -> Iterator[tuple[str, str, int]]:
    match = re.search(r"matrix\.([\w-]+)", text)
    for node in document.walk():
        values = node.at("matrix", match[1]) if match else None
        for one in values.elements() if values is not None else ():
            if one.kind == "scalar":
                yield language, one.value, one.line


def _of_ci_image(text: str) -> tuple[str, str] | None:
    name, _, tag = text.rpartition("/")[2].partition(":")
    language = {"openjdk": "java", **_BASES}.get(name)
    match = re.match(r"(\d+(?:\.\d+)*)", tag)
    return (language, match[1]) if language and match else None
