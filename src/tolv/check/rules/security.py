"""Security: what a container may do, and whether anybody watches the dependencies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.functions import is_function
from tolv.check.facts.values import is_placeholder
from tolv.check.looks.mentions import mentions
from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit
from tolv.codebase.compose import Compose
from tolv.codebase.dockerfile import Dockerfile
from tolv.codebase.images import Image
from tolv.codebase.kubernetes import Manifest, workloads

_DOCKER = "https://docs.docker.com/build/building/best-practices/#user"


@rule(
    "SEC-01",
    severity="warning",
    materials=("manifests",),
    looks=(mentions,),
    title="A container has more rights than the app needs",
    why="Who breaks into the app has the rights of its process: as root, or with the host's socket, those of the host.",
    fix="Make a user in the image and switch to it: USER app",
    bad='FROM python:3.12-slim\nCMD ["gunicorn", "shop:app"]',
    good='FROM python:3.12-slim\nRUN useradd app\nUSER app\nCMD ["gunicorn", "shop:app"]',
    source=_DOCKER,
    probe="SEC-P1",
)
def rights_of_containers(unit: Unit) -> Iterator[Outcome]:
    """SEC-01."""
    found = 0
    witness: Outcome | None = None
    for dockerfile in unit.dockerfiles:
        if dockerfile.context != "prod" or not _serves(unit, dockerfile):
            continue
        finding = _as_root(unit, dockerfile)
        if finding is not None:
            found += 1
            yield finding
        else:
            user = dockerfile.user
            line = user.line if user is not None else dockerfile.final.line if dockerfile.final is not None else None
            witness = witness or Witness("the container runs as an ordinary user", unit.place(dockerfile.path, line))
    for compose in unit.composes:
        for finding in _of_compose(unit, compose):
            found += 1
            yield finding
    for manifest in unit.kubernetes:
        for finding in _of_kubernetes(unit, manifest):
            found += 1
            yield finding
    if not found:
        yield witness or NotApplicable("nothing defines a container")


_BUILDERS = re.compile(
    r"(?i)(?:^|/)build(?:er)?[-_.][\w.-]*$|[-_.]base\.|"
    r"(?:^|/)(?:debian|rpm|deb|packag\w+/(?!docker)\w+|build(?:er)?|ci|test\w*|tools?|e2e|devcontainer)(?:/|$)|"
    r"(?:^|/)(?:builder|build|base|tests?)[._-][^/]*$|[._-]base\.dockerfile$|"
    r"[._-](?:build(?:er)?|tests?|ci|dev|debug|playwright|cypress|e2e|lint|docs)$"
)


def _serves(unit: Unit, dockerfile: Dockerfile) -> bool:
    """It makes an image in which the app runs, and does not only build or test something."""
    final = dockerfile.final
    if final is None or _BUILDERS.search(dockerfile.path) or is_function(unit, dockerfile):
        return False
    if _is_base(unit, dockerfile):
        return False
    if final.name and re.search(r"(?i)upload|artifact|export|\btests?\b|lint|\bdev", final.name):
        return False
    # Where another stage is what runs, the last one only packs or tests it.
    runs = any(one.keyword in ("CMD", "ENTRYPOINT") for stage in dockerfile.stages for one in stage.instructions)
    return dockerfile.command is not None or not runs


def _is_base(unit: Unit, dockerfile: Dockerfile) -> bool:
    """Whether it starts nothing, takes nothing of the app in, and another Dockerfile builds on an image that is called
    like its directory: only what is built on it runs."""
    steps = [one.keyword for stage in dockerfile.stages for one in stage.instructions]
    name = dockerfile.path.rpartition("/")[0].rpartition("/")[2]
    if dockerfile.command is not None or "CMD" in steps or "ENTRYPOINT" in steps or not name:
        return False
    return any(
        re.search(rf"(?:^|[/:_-]){re.escape(name)}(?:[:@_-]|$)", stage.image.text)
        for other in unit.dockerfiles
        if other.path != dockerfile.path
        for stage in other.stages
        if not stage.image.is_stage
    )


_UNPRIVILEGED = re.compile(
    r"(?i)public\.ecr\.aws/lambda/|nonroot|rootless|unprivileged|chainguard|cgr\.dev|bitnami/|/ubi\d/(?:python|nodejs|ruby|php|openjdk)"
)
_DROPPING = re.compile(
    r"(?i)^(?:.*/)?(?:nginx|httpd|caddy|haproxy|php|postgres|mysql|mariadb|redis|mongo|traefik|rabbitmq|openresty)$"
)
_DROPS = re.compile(
    r"\b(?:gosu|su-exec|setpriv|runuser|s6-setuidgid|chpst|setuidgid|setuser)\b|\bsu\s+(?:-|\w)|\bsudo\s+-u|"
    r"s6-svscan|/init\b|"
    r"--user[= ]|--uid[= ]|\bsetuid|(?m:^\s*uid\s*=\s*(?!root\b|0\b)\w)"
)


def _as_root(unit: Unit, dockerfile: Dockerfile) -> Finding | None:
    user, final, base = dockerfile.user, dockerfile.final, dockerfile.base
    if final is None:
        return None
    if user is not None and re.split(r"[:]", user.value)[0] not in ("root", "0", ""):
        return None
    if user is None and base is not None and is_placeholder(base.base):
        return None  # who builds it says on what
    if user is None and base is not None and (_UNPRIVILEGED.search(base.text) or _drops_itself(base.name, base.tag)):
        return None
    if any(_DROPS.search(text) for text in _startup(unit, dockerfile)) or _all_pods_are_ordinary(unit):
        return None
    if user is None and base is not None and not _is_root(base):
        return None
    what = f"USER {user.value}" if user is not None else "no USER"
    place = unit.place(dockerfile.path, user.line if user is not None else final.line)
    command = dockerfile.command
    also = (unit.place(dockerfile.path, command.line),) if command is not None else ()
    return Finding(f"{what}: the container runs as root", place, also=also, fix="Add a user, and USER before CMD")


_KEEP_ROOT = frozenset(("mcr.microsoft.com", "gcr.io", "registry.access.redhat.com", "public.ecr.aws"))


def _is_root(image: Image) -> bool:
    """Whether images of this name are known to leave root in place: those of systems and languages. Whoever publishes
    another may have set a user, or start what drops its rights."""
    official = "/" not in image.name.removeprefix("library/") and image.registry in (None, "docker.io")
    return official or image.registry in _KEEP_ROOT or image.has_variable


def _drops_itself(name: str, tag: str | None) -> bool:
    """Servers whose official image starts as root and gives its workers to an ordinary user."""
    if not _DROPPING.match(name):
        return False
    return not name.endswith("php") or bool(tag and re.search(r"fpm|apache", tag))


def _startup(unit: Unit, dockerfile: Dockerfile) -> Iterator[str]:
    """The texts that run before the app: the command, and the scripts on its way."""
    command = dockerfile.command
    if command is not None:
        yield command.text
    for start in unit.starts:
        if start.path == dockerfile.path:
            yield " ".join(start.wrappers)
            for path, _ in start.through:
                yield unit.text(path) or ""
            for word in start.argv[1:]:
                if word.endswith(".ini") and start.server == "uwsgi":
                    yield from (unit.text(file.path) or "" for file in unit.named(word.rpartition("/")[2]))
    words = command.text.split() if command is not None else []
    for word in words[:3]:
        name = word.rpartition("/")[2]
        if name.endswith(".sh") or "entrypoint" in name:
            for file in unit.named(name):
                yield unit.text(file.path) or ""


def _all_pods_are_ordinary(unit: Unit) -> bool:
    found = [one for manifest in unit.kubernetes for one in workloads(manifest)]
    return bool(found) and all(
        any(
            node is not None and (node.at("runAsNonRoot") is not None or (node.text("runAsUser") or "0") != "0")
            for node in (one.pod.at("securityContext"), *(each.node.at("securityContext") for each in one.containers))
        )
        for one in found
    )


_CAPABILITIES = frozenset("ALL SYS_ADMIN NET_ADMIN SYS_PTRACE SYS_MODULE DAC_READ_SEARCH SYS_RAWIO BPF".split())


def _of_compose(unit: Unit, compose: Compose) -> Iterator[Finding]:
    for service in compose.services:
        if service.privileged:
            message = f"{service.name} is privileged: it has the rights of the host"
            yield Finding(
                message, unit.place(compose.path, service.line), fix="Remove privileged: true", subject=service.name
            )
        for volume in service.volumes:
            if (volume.source or "").endswith("docker.sock"):
                severity: Severity = "note" if service.build is None or volume.read_only else "warning"
                message = f"{service.name} can start any container on the host, through the socket of Docker"
                yield Finding(message, unit.place(compose.path, volume.line), severity, "Do not mount the socket")
        capabilities = service.node.get("cap_add")
        dropped = service.node.get("cap_drop")
        if service.build is None and dropped is not None and "ALL" in dropped.texts():
            capabilities = None  # what a server of others' is left with, of all that it would have
        for node in capabilities.elements() if capabilities is not None else ():
            if node.value.upper().removeprefix("CAP_") in _CAPABILITIES:
                message = f"{service.name} gets the capability {node.value}"
                yield Finding(
                    message, unit.place(compose.path, node.line), fix="Remove the capability", subject=node.value
                )


def _of_kubernetes(unit: Unit, manifest: Manifest) -> Iterator[Finding]:
    if manifest.kind in ("Role", "ClusterRole") and "rbac.authorization" in manifest.api:
        for rule_node in (manifest.node.get("rules") or manifest.node).elements():
            verbs, resources = rule_node.get("verbs"), rule_node.get("resources")
            if verbs is not None and resources is not None and "*" in verbs.texts() and "*" in resources.texts():
                message = f"{manifest.kind} {manifest.name} may do everything with everything"
                yield Finding(message, unit.place(manifest.path, rule_node.line), fix="Name the verbs and resources")
    for workload in workloads(manifest):
        for volume in workload.volumes:
            if (volume.text("hostPath", "path") or "").endswith("docker.sock"):
                yield Finding(
                    f"{workload.name} can start any container on the node, through the socket of Docker",
                    unit.place(manifest.path, volume.line),
                    fix="Do not mount the socket",
                )
        for container in workload.containers:
            context = container.node.get("securityContext")
            privileged = context.get("privileged") if context is not None else None
            if privileged is not None and privileged.is_true:
                message = f"{container.name} is privileged: it has the rights of the node"
                yield Finding(message, unit.place(manifest.path, privileged.line), fix="Remove privileged: true")
            added = context.at("capabilities", "add") if context is not None else None
            for node in added.elements() if added is not None else ():
                if node.value.upper().removeprefix("CAP_") in _CAPABILITIES:
                    message = f"{container.name} gets the capability {node.value}"
                    yield Finding(
                        message, unit.place(manifest.path, node.line), fix="Remove the capability", subject=node.value
                    )


_AUDITS = re.compile(
    r"(?i)pip-audit|npm (?:run )?audit|yarn (?:npm )?audit|pnpm audit|\bsafety (?:check|scan)|\bsnyk\b|trivy|"
    r"grype|osv-scanner|"
    r"govulncheck|bundler-audit|bundle[ -]audit|bundle exec bundle-audit|composer audit|security-checker|"
    r"dependency-?check|"
    r"dependency-review|cargo audit|renovate|whitesource|dependency_scanning|dependency-scanning|nancy sleuth|audit-ci|"
    r"better-npm-audit|uv audit|poetry audit|ossf/scorecard|docker scout|anchore|clair|sonatype|jfrog xray|"
    r"retire\b|auditjs"
)
_WATCHERS = re.compile(
    r"(?i)(?:^|/)(?:renovate\.json5?|\.renovaterc(?:\.json5?)?|\.snyk|\.whitesource|\.pyup\.yml|\.trivyignore)$"
)
_PIPELINE = re.compile(
    r"(?:^|/)(?:\.github/(?:workflows/[^/]+\.ya?ml|dependabot\.ya?ml)|\.gitlab-ci\.ya?ml|\.circleci/[^/]+|"
    r"Jenkinsfile[^/]*|"
    r"azure-pipelines[^/]*|\.travis\.yml|bitbucket-pipelines\.yml|\.drone\.yml|cloudbuild\.ya?ml|\.buildkite/[^/]+|"
    r"\.pre-commit-config\.yaml|\.woodpecker[^/]*|\.gitlab/[^/]+\.ya?ml)$"
)


@rule(
    "SEC-05",
    severity="note",
    materials=("manifests",),
    title="Nothing audits the dependencies",
    why="A hole in a dependency is found after it was pinned, and nobody is told.",
    fix="Add .github/dependabot.yml for the package manager, or an audit (pip-audit, npm audit, govulncheck) to CI.",
    bad=".github/workflows/ci.yml without an audit",
    good=".github/dependabot.yml:  package-ecosystem: pip",
    source="https://owasp.org/Top10/A06_2021-Vulnerable_and_Outdated_Components/",
)
def dependencies_are_watched(unit: Unit) -> Iterator[Outcome]:
    """SEC-05."""
    if not unit.packages.declared:
        yield NotApplicable("it declares no dependencies")
        return
    files = unit.repository.files
    pipelines: list[str] = []
    for file in files:
        if _WATCHERS.search(file.path):
            yield Witness("the dependencies are watched", unit.place(file.path))
            return
        text = unit.repository.text(file.path) if file.size < 1 << 20 and _PIPELINE.search(file.path) else None
        if text is None:
            continue
        dependabot = file.name.startswith("dependabot")
        if _watches_packages(text) if dependabot else _AUDITS.search(_code(text)):
            yield Witness("the dependencies are audited", unit.place(file.path))
            return
        if not dependabot and file.context == "ci":
            pipelines.append(file.path)
    first = next((one for one in (*pipelines, *unit.packages.manifests)), "")
    yield Finding(
        "Nothing audits the dependencies: no Dependabot, no Renovate, no audit in CI",
        unit.place(first),
        also=tuple(unit.place(one) for one in pipelines[1:10]),
    )


def _watches_packages(text: str) -> bool:
    """A Dependabot that watches more than the actions of CI."""
    found = re.findall(r"package-ecosystem:\s*[\"']?([\w-]+)", text)
    return any(one not in ("github-actions", "docker", "gitsubmodule", "devcontainers") for one in found)


def _code(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
