"""Factor V, what gets into a release: the context of an image, and mounts over it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from tolv.check.facts.attached import engine_of_image
from tolv.check.looks.way import production_starts
from tolv.check.model import Finding, NotApplicable, Outcome, Witness
from tolv.check.rule import rule
from tolv.check.rules.build_release_run import is_data
from tolv.check.unit import Unit


@rule(
    "V-09",
    severity="warning",
    materials=("manifests",),
    title="The image or its container takes in what no build chose",
    why="Code that is mounted over an image makes the release whatever lies on the host; a context copied whole puts "
    "the history, and secrets of whoever builds, into the image.",
    fix="Copy what is needed, list .git and .env in .dockerignore, and mount no code.",
    bad="COPY . .   (without .dockerignore)",
    good="COPY src/ src/",
    source="https://12factor.net/build-release-run",
    probe="V-P1",
)
def unchosen_content(unit: Unit) -> Iterator[Outcome]:
    found = False
    copied: Witness | None = None
    started = {one.path for one in production_starts(unit)}
    for dockerfile in unit.dockerfiles:
        # An image that nothing starts builds packages, or runs tests.
        if dockerfile.context != "prod" or dockerfile.path not in started:
            continue
        whole = next(
            (one for one in dockerfile.effective() if one.keyword in ("COPY", "ADD") and _copies_all(one.text)), None
        )
        if whole is None:
            copied = copied or Witness("the image takes only named paths", unit.place(dockerfile.path))
            continue
        finding = _unignored(unit, dockerfile.path, whole.line)
        if finding is not None:
            found = True
            yield finding
        else:
            copied = copied or Witness(
                "what must not enter the image is ignored", unit.place(dockerfile.path, whole.line)
            )
    for finding in (*_mounted(unit), *_host_paths(unit)):
        found = True
        yield finding
    if found:
        return
    if copied is not None:
        yield copied
    else:
        yield NotApplicable("no image is built here")


def _copies_all(text: str) -> bool:
    words = [word for word in re.sub(r"[\[\]\",]", " ", text).split() if not word.startswith("--")]
    return "--from" not in text and len(words) >= 2 and any(word in (".", "./", "./*", "*") for word in words[:-1])


def _unignored(unit: Unit, path: str, line: int) -> Finding | None:
    """What the ignore file beside a Dockerfile, or at the top, lets into the image."""
    candidates = (f"{path}.dockerignore", posixpath.join(posixpath.dirname(path), ".dockerignore"), ".dockerignore")
    ignore = next((one for one in candidates if unit.text(one) is not None), None)
    below = posixpath.dirname(path)
    if below and (ignore is None or posixpath.dirname(ignore) == below):
        # The context of a Dockerfile in a directory is that directory, as a rule: there is no history in it.
        if not _keeps_env(unit, below) or (ignore is not None and _ignored(".env", _patterns(unit, ignore))):
            return None
        message = "the whole context is copied, and nothing keeps its .env out"
        return Finding(message, unit.place(ignore or path, None if ignore else line), fix="Add .env to .dockerignore.")
    if ignore is None:
        message = "the whole context is copied and there is no .dockerignore, so that .git and .env enter the image"
        return Finding(message, unit.place(path, line), fix="Add a .dockerignore with .git and .env.")
    patterns = _patterns(unit, ignore)
    if not _ignored(".git", patterns):
        return Finding(
            "the whole context is copied, and .dockerignore lets .git in", unit.place(ignore), fix="Add .git to it."
        )
    if not _ignored(".env", patterns) and _keeps_env(unit):
        return Finding(
            "the whole context is copied, and .dockerignore lets .env in", unit.place(ignore), fix="Add .env to it."
        )
    return None


def _patterns(unit: Unit, ignore: str) -> list[str]:
    patterns = [raw.strip() for raw in (unit.text(ignore) or "").split("\n")]
    return [one.lstrip("/") for one in patterns if one and not one.startswith("#")]


def _keeps_env(unit: Unit, below: str = "") -> bool:
    """The app reads a local .env, so that whoever builds has one."""
    return unit.uses(
        "dotenv", "python-dotenv", "python-decouple", "django-environ", "environs", "dotenv-rails", "vlucas/phpdotenv"
    ) or any(file.name.startswith(".env") for file in unit.files)


def _ignored(name: str, patterns: list[str]) -> bool:
    state = False
    for pattern in patterns:
        negated = pattern.startswith("!")
        plain = pattern.lstrip("!").rstrip("/").removesuffix("/**").removeprefix("**/").removesuffix("/*")
        if posixpath.normpath(plain or ".") in (name, "*", ".*", f"{name}*", "**", f"*{name}") or (
            plain == ".git*" and name == ".git"
        ):
            state = not negated
    return state


_PRODUCTION_COMPOSE = re.compile(r"(?i)(?:^|[./_-])(?:prod|production|deploy|release|live|staging)(?:[./_-]|$)")


def _mounted(unit: Unit) -> Iterator[Finding]:
    """Code that a compose file for production mounts."""
    for compose in unit.composes:
        if compose.context != "prod" or not _PRODUCTION_COMPOSE.search(compose.path):
            continue
        for service in compose.services:
            if service.image is not None and engine_of_image(service.image.text) is not None:
                continue  # its data
            for volume in service.volumes:
                source = volume.source or ""
                if volume.is_bind and not is_data(source) and _holds_code(unit, compose.path, source):
                    message = f"the service {service.name} runs the code of the host: {source} is mounted"
                    yield Finding(message, unit.place(compose.path, volume.line))
                    break


def _holds_code(unit: Unit, path: str, source: str) -> bool:
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), source))
    prefix = "" if inside == "." else f"{inside}/"
    return any(file.language and file.path.startswith(prefix) for file in unit.files)


def _host_paths(unit: Unit) -> Iterator[Finding]:
    """Code that a Kubernetes workload takes from its node."""
    for manifest in unit.kubernetes:
        if manifest.context != "prod" or manifest.kind not in ("Deployment", "StatefulSet", "ReplicaSet", "Pod"):
            continue
        text = unit.text(manifest.path) or ""
        for number, line in enumerate(text.split("\n"), start=1):
            match = _NODE_PATH.match(line)
            if match and "hostPath" in "\n".join(text.split("\n")[max(0, number - 4) : number]):
                yield Finding(
                    f"the pod runs code of its node: {match[1]} is mounted", unit.place(manifest.path, number)
                )


_NODE_PATH = re.compile(
    r"\s*(?:-\s*)?path:\s*[\"']?(/(?:app|code|src|srv|opt|home|usr/src|workspace|var/www)\b[^\"'\s]*)"
)
