"""Every place of a tree that says which version of a language is meant: version files, manifests, images and CI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tolv.codebase.context import classify
from tolv.codebase.dockerfile import parse_dockerfile
from tolv.codebase.images import Image, parse_image
from tolv.codebase.inference.files import Files
from tolv.codebase.packages import is_package_file, read_packages
from tolv.codebase.workflows import parse_workflow, workflow_kind
from tolv.codebase.yamlfile import Node

#: Languages, each with the images that bring it and the setting of a CI step that chooses its version.
_IMAGES = {
    "python": "python",
    "node": "javascript",
    "golang": "go",
    "ruby": "ruby",
    "php": "php",
    **dict.fromkeys(("openjdk", "eclipse-temurin", "amazoncorretto"), "java"),
}
_SETTINGS = {
    "python-version": "python",
    "node-version": "javascript",
    "go-version": "go",
    "ruby-version": "ruby",
    "java-version": "java",
    "php-version": "php",
}
_DOCKERFILE = re.compile(r"(?:^|/)(?:\w+\.)?(?:Dockerfile|Containerfile)(?:\.\w+)?$")
_CI = (".github/workflows", ".gitlab-ci.yml", ".circleci/config.yml", ".travis.yml")


@dataclass(frozen=True, slots=True)
class Statement:
    """A place, with the versions that it names: any one of them is meant."""

    language: str
    versions: tuple[str, ...]
    """As written: `3.12.1`, `>=18 <21`."""
    path: str

    def __str__(self) -> str:
        return f"{self.path} says {' or '.join(self.versions)}"


def stated_runtimes(tree: Path) -> tuple[Statement, ...]:
    """All statements of an app; those of tests, examples and development images are left out."""
    files = Files(tree)
    packages = read_packages([path for path in files.near(0) if is_package_file(path)], files.text)
    found = [Statement(one.language, (one.text,), one.path) for one in packages.runtimes]
    for path in files.near(1):
        if _DOCKERFILE.search(path) and classify(path) == "prod":
            found += _of_dockerfile(files.text(path) or "", path)
    for path in _workflows(tree):
        found += _of_workflow(files.text(path) or "", path)
    return tuple(found)


def _of_dockerfile(text: str, path: str) -> Iterator[Statement]:
    """The last image of each language: those before it only build."""
    last = {}
    for stage in parse_dockerfile(text, path).stages:
        if (found := _of_image(stage.image)) is not None:
            last[found[0]] = found[1]
    yield from (Statement(language, (version,), path) for language, version in last.items())


def _of_image(image: Image) -> tuple[str, str] | None:
    language = _IMAGES.get(image.base)
    if language is None or image.is_stage or "$" in (image.tag or "") or not image.version:
        return None
    return language, ".".join(map(str, image.version[:3]))


def _workflows(tree: Path) -> Iterator[str]:
    for name in _CI:
        place = tree / name
        if place.is_file():
            yield name
        elif place.is_dir():
            yield from sorted(f"{name}/{one.name}" for one in place.iterdir() if one.suffix in (".yml", ".yaml"))


def _of_workflow(text: str, path: str) -> Iterator[Statement]:
    """One for each language: all versions that a file's jobs set up. None where one of them is computed."""
    kind = workflow_kind(path)
    workflow = parse_workflow(text, path, kind) if kind else None
    found: dict[str, list[str]] = {}
    for job in workflow.jobs if workflow else ():
        for step in job.steps:
            for name, language in _SETTINGS.items():
                if (entry := step.with_.get(name)) is not None:
                    found.setdefault(language, []).extend(_resolved(entry.value, job.matrix or {}))
        if job.container is not None and (of := _of_image(job.container.image)) is not None:
            found.setdefault(of[0], []).append(of[1])
    if workflow is not None and kind == "gitlab" and workflow.document is not None:
        image = _text(workflow.document.get("image"))
        if image and (of := _of_image(parse_image(image))) is not None:
            found.setdefault(of[0], []).append(of[1])
    for language, versions in found.items():
        if all(versions):
            yield Statement(language, tuple(dict.fromkeys(versions)), path)


def _text(node: Node | None) -> str | None:
    if node is None:
        return None
    return node.value if node.kind == "scalar" else node.text("name")


def _resolved(text: str, matrix: dict[str, tuple[str, ...]]) -> list[str]:
    """A setting's versions; an empty one for what cannot be told."""
    match = re.search(r"matrix\.([\w-]+)", text)
    if match:
        return list(matrix.get(match[1], ("",)))
    return [""] if "${{" in text else text.split("\n")
