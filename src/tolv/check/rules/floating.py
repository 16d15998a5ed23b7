"""Factor II, dependencies: what a build takes in from elsewhere does not move."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tolv.check.facts.image_steps import Step, installed, steps
from tolv.check.facts.values import is_placeholder
from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit
from tolv.codebase.declared import Declared
from tolv.codebase.dockerfile import Dockerfile
from tolv.codebase.images import Image, parse_image

#: Images that are a service rather than an app: what a compose file or a Kubernetes manifest takes as it is.
_SERVICES = re.compile(
    r"postgres\w*|pgvector|postgis|timescaledb[\w-]*|redis[\w-]*|valkey|mysql|mariadb|mongo|rabbitmq|memcached|nginx|caddy"
    r"|traefik|haproxy|elasticsearch|opensearch|kafka|zookeeper|minio|nats|etcd|consul|vault|influxdb|grafana|prometheus"
    r"|clickhouse[\w-]*|cassandra|neo4j|keycloak|mailhog|mailpit|adminer|phpmyadmin|jaeger[\w-]*|localstack"
)
#: Tags of an operating system that move from one release to the next.
_MOVING_SYSTEMS = frozenset(
    ("sid", "unstable", "testing", "stable", "rolling", "devel", "edge", "rawhide", "lts", "latest")
)
#: Words of the names of Dockerfiles that no deploy is made of.
_FOR_TESTS = frozenset(("playwright", "cypress", "e2e", "test", "tests", "ci", "lint"))
_SYSTEMS = frozenset(
    ("debian", "ubuntu", "alpine", "fedora", "centos", "rockylinux", "almalinux", "busybox", "archlinux")
)


@rule(
    "II-09",
    severity="warning",
    materials=("manifests",),
    title="What the build takes in can change under its name",
    why="The same commit builds into another app next week, and nobody can say when or why it changed.",
    fix="Name a version, or better a digest or commit",
    bad="FROM python:latest",
    good="FROM python:3.12.4-slim-bookworm",
    source="https://12factor.net/dependencies",
    probe="II-P2",
)
def inputs_are_fixed(unit: Unit) -> Iterator[Outcome]:
    """Images, downloads and dependencies of version control without version, commit or digest."""
    found = [*_bases(unit), *_steps(unit), *_services(unit), *_declared(unit)]
    yield from found
    if not found and (unit.dockerfiles or unit.packages.manifests):
        yield Witness("every image and every dependency names a version or a commit")
    elif not found:
        yield NotApplicable("nothing is taken in")


def _bases(unit: Unit) -> Iterator[Finding]:
    for dockerfile in _of_the_app(unit):
        for stage in dockerfile.stages:
            said = _moves(stage.image)
            if said is not None:
                what, severity = said
                place = unit.place(dockerfile.path, stage.line)
                yield Finding(f"The image is built on {stage.image.text}, {what}", place, severity=severity)


def _of_the_app(unit: Unit) -> Iterator[Dockerfile]:
    """The images that are not only for tests."""
    for dockerfile in unit.dockerfiles:
        words = re.split(r"[^a-z0-9]+", dockerfile.path.rpartition("/")[2].lower())
        if dockerfile.context != "test" and _FOR_TESTS.isdisjoint(words):
            yield dockerfile


def _moves(image: Image) -> tuple[str, Severity] | None:
    """Why a reference is not always the same image; None: it is, or that cannot be told."""
    if image.is_stage or image.is_scratch or image.digest or image.has_variable:
        return None
    if is_placeholder(image.base):
        return None  # who builds it says on what
    if image.tag is None:
        return "without a tag", "warning"
    if image.tag in ("latest", "nightly", "master", "main", "head", "HEAD"):
        return f"whose tag {image.tag} moves", "warning"
    if image.base in _SYSTEMS:
        return ("a moving channel", "note") if image.tag.partition("-")[0] in _MOVING_SYSTEMS else None
    # The number in `alpine3.20` or `debian12` is the system's, not that of what the image is for.
    if image.version or re.search(r"\d", re.sub(r"(?:alpine|debian|ubuntu)-?[\d.]*", "", image.tag)):
        return None
    return "whose tag names only a variant", "note"


def _steps(unit: Unit) -> Iterator[Finding]:
    for dockerfile in _of_the_app(unit):
        found = list(steps(dockerfile))
        for step in found:
            what = _taken(step, found)
            if what is not None:
                place = unit.place(dockerfile.path, step.line)
                yield Finding(f"The image's build {what}", place, subject=step.argv[0])


def _taken(step: Step, among: list[Step]) -> str | None:
    """What a command of a build takes in that moves."""
    argv = step.argv
    if argv[:2] == ("git", "clone"):
        later = any(one.argv[:2] in (("git", "checkout"), ("git", "reset")) for one in among if one.line >= step.line)
        fixed = any(word in ("-b", "--branch", "--revision") or word.startswith("--branch=") for word in argv)
        return None if later or fixed or any("$" in word for word in argv) else "clones the tip of a repository"
    named = installed(argv)
    if named is not None and named[0] == "npm -g":
        loose = [one for one in named[1] if re.fullmatch(r"@?[^@$]+(?:@(?:latest|next))?", one) and one != "npm"]
        return f"installs {', '.join(loose)} in whatever version there is" if loose else None
    if named is not None and named[0] == "go":
        loose = [one for one in named[1] if one.endswith(("@latest", "@master", "@main"))]
        return f"installs {', '.join(loose)}" if loose else None
    if named is not None and named[0] == "pip":
        loose = [one for one in named[1] if one.startswith("git+") and "@" not in one.rpartition("/")[2]]
        return f"installs the tip of {', '.join(loose)}" if loose else None
    if argv[0] in ("curl", "wget"):
        return _downloaded(step, among)
    return None


def _downloaded(step: Step, among: list[Step]) -> str | None:
    """`curl … | sh` of an address without a version."""
    address = next((word.strip("\"'") for word in step.argv if "://" in word), "")
    piped = False
    for one in among[among.index(step) + 1 :]:
        if one.command.joined_by != "|" or one.line < step.line:
            break
        piped = piped or one.argv[0] in ("sh", "bash", "ash", "python", "python3", "node", "perl", "php")
    versioned = re.search(r"\d+\.\d+|\$|[0-9a-f]{40}|/v\d+\b|setup_\d+", address)
    if address and piped and not versioned:
        return f"runs what {address} gives today"
    if address and re.search(r"/releases/latest/|/latest/download/|[/-]latest\.(?:tar|zip|tgz)", address):
        return f"downloads {address}, whatever that is today"
    return None


def _services(unit: Unit) -> Iterator[Finding]:
    for compose in unit.composes:
        for service in _each(compose.services):
            image = service.image
            if image is None or service.build is not None:
                continue
            image = parse_image(image) if isinstance(image, str) else image
            said = _moves(image) if _SERVICES.fullmatch(image.base) else None
            if said is not None:
                place = unit.place(compose.path, _line_of(service))
                yield Finding(f"The service runs {image.text}, {said[0]}", place, severity="note")


def _each(services: Any) -> Iterator[Any]:
    yield from services.values() if hasattr(services, "values") else services


def _line_of(service: Any) -> int:
    """The line of the image, where the reader knows it."""
    node = getattr(service, "node", None)
    image = node.get("image") if node is not None else None
    return int(image.line if image is not None else service.line)


def _declared(unit: Unit) -> Iterator[Finding]:
    for one in unit.packages.declared:
        if one.source is None or one.group == "optional":
            continue
        if one.source.kind == "vcs" and not one.source.fixed:
            yield _from_version_control(unit, one)
        elif one.source.kind == "path" and _outside(one):
            message = f"{one.name or 'A dependency'} is taken from {one.source.text}, outside the repository"
            yield Finding(message, unit.place(one.path, one.line), subject=one.name)


def _from_version_control(unit: Unit, one: Declared) -> Finding:
    assert one.source is not None
    reference = one.source.reference
    locked = any(one.name in lock.pinned for lock in unit.packages.locks_of(one.language))
    tagged = reference is not None and re.match(r"(?:semver:|v?\d+\.)", reference) is not None
    severity: Severity | None = "note" if one.group != "main" or locked or tagged else None
    at = f"at {reference}, which can move" if reference else "at the tip of its default branch"
    return Finding(
        f"{one.name or one.source.text} is taken from version control {at}",
        unit.place(one.path, one.line),
        severity=severity,
        fix="Name the full commit",
        subject=one.name,
    )


def _outside(one: Declared) -> bool:
    """Whether a path leads out of the repository: more steps up than the manifest is deep."""
    text = one.source.text if one.source else ""
    bare = re.sub(r"^(?:file:|link:|portal:)(?://)?", "", text)
    if bare.startswith(("/", "~")):
        return True
    depth = one.path.count("/")
    for part in bare.split("/"):
        depth += -1 if part == ".." else 1 if part not in ("", ".") else 0
        if depth < 0:
            return True
    return False
