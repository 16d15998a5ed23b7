"""Factor X: the runtime, the image and the time between development and production."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tolv.check.facts.runtime_versions import Stated, line_of, stated
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import repository_rule, rule
from tolv.check.unit import Repository, Unit
from tolv.codebase.dockerfile import Dockerfile
from tolv.codebase.history import Branch

_SOURCE = "https://12factor.net/dev-prod-parity"
_SHOWN = {"python": "Python", "javascript": "Node", "go": "Go", "ruby": "Ruby", "php": "PHP", "java": "Java"}


@rule(
    "X-03",
    severity="warning",
    materials=("manifests",),
    everywhere=True,
    title="The runtime has another version elsewhere",
    why="Syntax, libraries and defaults differ between versions: the code is tried on one and runs on the other.",
    fix="Write one version in the image, the version file and CI; let CI read the version file.",
    bad="Dockerfile: FROM python:3.9    .python-version: 3.12",
    good="FROM python:3.12 in the Dockerfile, 3.12 in .python-version",
    source=_SOURCE,
    probe="X-P3",
)
def runtime_drift(unit: Unit) -> Iterator[Outcome]:
    """The versions of each language in images, version files, manifests and CI."""
    every = [one for one in stated(unit) if one.language in _languages(unit)]
    drifted = False
    for language in dict.fromkeys(one.language for one in every):
        own = [one for one in every if one.language == language]
        reference = _reference(own)
        said: set[str] = set()
        for one in own:
            if one is reference or one.meets(reference) or one.path == reference.path or one.path in said:
                continue
            if one.where == reference.where == "image" or (one.where == "ci" and _is_tested(own, reference)):
                continue
            if (one.where == "ci" and _is_anothers(unit, one)) or _is_level(one, reference):
                continue
            drifted = True
            said.add(one.path)
            # An image that is not what a version file asks for is the one to be changed.
            declared = one.where == "file" and reference.where == "image"
            yield _drift(reference, one) if declared else _drift(one, reference)
        if not said and len({one.path for one in own}) > 1:
            yield Witness(f"{_SHOWN[language]} has one version in image, files and CI",
                          Place(reference.path, reference.line))  # fmt: skip
    for finding in _undeclared(unit, every):
        drifted = True
        yield finding
    if not every:
        yield NotApplicable("nothing says which version of a runtime is meant")
    elif not drifted and len({one.path for one in every}) == 1:
        yield CannotTell(f"only {every[0].path} says which runtime is meant")


def _languages(unit: Unit) -> set[str]:
    """The languages of the app: by its code and by its manifests."""
    return {*unit.languages[:3], *unit.packages.languages.values()}


def _reference(own: Sequence[Stated]) -> Stated:
    """What production runs: the last image, else the version file, else whatever is exact."""
    order = {"image": 0, "file": 1, "ci": 2, "development": 3}
    exact = [one for one in own if len(one.ranges) == 1 and one.ranges[0][1][0] < 999]
    images = [one for one in own if one.where == "image"]
    if images:
        return images[-1]
    return min(exact or own, key=lambda one: order[one.where])


def _is_tested(own: Sequence[Stated], reference: Stated) -> bool:
    """Some pipeline runs on the version of production: the others may try what else there is."""
    return any(one.where == "ci" and one.meets(reference) for one in own)


def _is_level(one: Stated, reference: Stated) -> bool:
    """Whether it is the level that a build of Java compiles to, which any later runtime runs."""
    built = one.language == "java" and one.path.endswith(("pom.xml", ".gradle", ".kts", ".toml"))
    return built and bool(one.ranges and reference.ranges) and one.ranges[0][0] < reference.ranges[0][0]


def _is_anothers(unit: Unit, one: Stated) -> bool:
    """A pipeline of the whole codebase states the version of another app's image: it may be that app's."""
    others = (other for other in unit.repository.units if other.root != unit.root)
    return any(
        each.where == "image" and each.language == one.language and one.meets(each)
        for other in others
        for each in stated(other)
        if other.root and each.path.startswith(f"{other.root}/")
    )


def _drift(one: Stated, reference: Stated) -> Finding:
    name = _SHOWN[one.language]
    return Finding(
        f"{name} is {one.text} here, and {reference.text} in {reference.path}",
        Place(one.path, one.line),
        None,
        f"use the {name} of {reference.path} here too",
        also=(Place(reference.path, reference.line),),
        subject=one.language,
    )


_UNVERSIONED = re.compile(r"(?<![\w./-])nodejs(?![\w./=~<>-])")


def _undeclared(unit: Unit, every: Sequence[Stated]) -> Iterator[Finding]:
    """A version file says which Node is meant, and the image takes the distribution's, whatever that is."""
    declared = next((one for one in every if one.language == "javascript" and one.where == "file"), None)
    if declared is None:
        return
    for dockerfile in unit.dockerfiles:
        if dockerfile.context != "prod" or any(
            one.language == "javascript" and one.path == dockerfile.path for one in every
        ):
            continue
        for instruction in dockerfile.instructions:
            if instruction.keyword != "RUN" or "nodesource" in instruction.text:
                continue
            match = _UNVERSIONED.search(instruction.text)
            if match and re.search(r"\b(?:apt-get|apt|apk|yum|dnf)\b", instruction.text[: match.start()]):
                yield Finding(
                    f"the image takes the distribution's Node, while {declared.path} asks for {declared.text}",
                    Place(dockerfile.path, line_of(unit, dockerfile.path, instruction.line, "nodejs")),
                    # Which version that is, the image's tag alone does not say: it may be one of those.
                    "note" if re.search(r"[<>^~*]", declared.text) else None,
                    f"copy it from the image node:{declared.text.lstrip('v')}, or install that version",
                    also=(Place(declared.path, declared.line),),
                    subject="nodejs",
                )
                return


@rule(
    "X-06",
    severity="warning",
    materials=("manifests",),
    everywhere=True,
    title="Development runs in an image of another system",
    why="C libraries, certificates, locales and package versions differ: what works in the one image breaks in the "
    "other.",
    fix="Make both from one Dockerfile, with a stage for development on top of the same base.",
    bad="Dockerfile: FROM python:3.12-alpine    Dockerfile.dev: FROM ubuntu:22.04",
    good="FROM python:3.12-slim AS base … FROM base AS dev … FROM base",
    source=_SOURCE,
)
def another_image(unit: Unit) -> Iterator[Outcome]:
    """The bases of Dockerfiles for development and for production."""
    development = [one for one in unit.dockerfiles if _is_development(one) and one.base is not None]
    production = [one for one in unit.dockerfiles if one.context == "prod" and not _is_development(one)]
    known = [one for one in production if _system(one) is not None]
    if not production and not development:
        yield NotApplicable("no image is built")
        return
    if not development:
        yield Witness("one Dockerfile makes every image", Place(production[0].path, None))
        return
    if not known:
        return
    for one in development:
        system = _system(one)
        if system is None or any(_system(other) == system for other in known):
            if system is not None:
                yield Witness(f"development and production both run on {system}", Place(one.path, None))
            continue
        other = known[0]
        severity: Severity | None = (
            "note" if one.base is not None and one.base.registry == "mcr.microsoft.com" else None
        )
        yield Finding(
            f"development runs on {system}, production on {_system(other)} ({other.path})",
            Place(one.path, one.stages[0].line),
            severity,
            f"make it a stage of {other.path}, on the same base",
            also=(Place(other.path, other.stages[-1].line),),
        )


def _is_development(one: Dockerfile) -> bool:
    return one.context == "dev" or re.search(r"(?:^|[./-])(?:dev|development|local)(?:[./-]|$)", one.path) is not None


_SYSTEMS = (
    (r"alpine", "Alpine"),
    (r"ubuntu|focal|jammy|noble|bionic", "Ubuntu"),
    (r"centos|rocky|alma|ubi|rhel|fedora|amazonlinux|oraclelinux", "a Red Hat relative"),
    (r"debian|slim|bookworm|bullseye|buster|stretch|trixie|jessie", "Debian"),
)
_ON_DEBIAN = frozenset("python node golang ruby php openjdk perl rust buildpack-deps gradle maven".split())


#: Images of backing services: nothing of the app runs on their system.
_STORES = re.compile(
    r"postgres|postgis|pgvector|timescale|mysql|mariadb|mongo|redis|valkey|rabbitmq|elasticsearch|opensearch|minio"
)


def _system(one: Dockerfile) -> str | None:
    """The family of the image's system; None: it cannot be told, or it has none (scratch, distroless)."""
    base = one.base
    if base is None or base.is_scratch or "distroless" in base.text or "$" in base.text or _STORES.match(base.base):
        return None
    for pattern, name in _SYSTEMS:
        if re.search(pattern, f"{base.base}:{base.tag or ''}"):
            return name
    return "Debian" if base.base in _ON_DEBIAN and base.registry is None else None


#: What makes a gap: days and commits that wait together.
_DAYS, _COMMITS = 90, 50
_LIVE = ("production", "prod", "live", "deploy", "stable", "release", "master-production")
_DEPLOYS = re.compile(
    r"build-push-action|push: true|docker push|heroku|flyctl deploy|kubectl (?:apply|set)|gcloud (?:app|run) deploy|"
    r"cf push|\bdeploy\b|helm upgrade|serverless deploy|publish",
    re.IGNORECASE,
)


@repository_rule(
    "X-07",
    severity="note",
    materials=("git",),
    title="What is released is far behind what is developed",
    why="The longer changes wait, the more of them go out together, and the further the author is from the code.",
    fix="Release small and often: deploy each change that passes, or cut a release every week.",
    bad="the last tag: eleven months and 214 commits ago",
    good="the last tag: four days and 9 commits ago",
    source=_SOURCE,
)
def time_gap(repository: Repository) -> Iterator[Outcome]:
    """From the newest tag, or the branch of production, to the default branch."""
    history = repository.history
    if not history.exists:
        yield CannotTell("there is no history to measure by")
        return
    branch = history.default_branch
    if branch is None or history.shallow:
        yield CannotTell("the history is not complete, so that releases cannot be compared")
        return
    released = _released(repository, branch)
    if released is None:
        yield CannotTell("neither a tag nor a branch of production says what is released")
        return
    gap = history.divergence(branch, released)
    if gap is None or gap.behind:
        return  # the release has commits of its own: a branch of releases
    days = max(branch.time - released.time, 0) // 86_400
    if days > _DAYS and gap.ahead > _COMMITS:
        if _deploys_every_push(repository):
            yield CannotTell(f"{released.name} is {gap.ahead} commits behind, but CI deploys what is pushed")
            return
        yield Finding(
            f"{released.name} is {gap.ahead} commits and {days} days behind {branch.name}",
            Place(""),
            None,
            "release what is on the default branch, and make that a habit: each change, or each week",
            subject=released.name,
        )
    else:
        yield Witness(f"{released.name} is {gap.ahead} commits and {days} days behind {branch.name}")


def _released(repository: Repository, branch: Branch) -> Branch | None:
    branches: tuple[Branch, ...] = repository.history.branches
    live = next((one for one in branches if one.name in _LIVE and one.name != branch.name), None)
    if live is not None:
        return live
    tags = [tag for tag in repository.history.tags if re.search(r"\d", tag.name)]
    if not tags:
        return None
    ref = f"refs/tags/{tags[0].name}"
    return Branch(tags[0].name, ref, f"{ref}^0", tags[0].time, False)


def _deploys_every_push(repository: Repository) -> bool:
    """A workflow that runs on each push to a branch has a step that deploys or publishes."""
    for file in repository.files:
        if not re.search(r"\.github/workflows/.+\.ya?ml$|\.gitlab-ci\.yml$|\.circleci/config\.yml$", file.path):
            continue
        text = repository.text(file.path) or ""
        on_push = re.search(r"(?m)^\s*(?:on:\s*\[?.*\bpush\b|push:)", text) or ".github" not in file.path
        only_tags = re.search(r"(?m)^\s*tags:", text) and not re.search(r"(?m)^\s*branches:", text)
        if on_push and not only_tags and _DEPLOYS.search(text):
            return True
    return False
