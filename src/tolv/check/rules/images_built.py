"""Factor V, artefacts: tagged, traceable, built once, and of this checkout."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.image_steps import steps
from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit
from tolv.codebase.dockerfile import Dockerfile, Stage
from tolv.codebase.images import Image
from tolv.codebase.kubernetes import workloads
from tolv.codebase.workflows import Step, Workflow

_STAGES = "https://12factor.net/build-release-run"
_MOVING = (
    "latest",
    "master",
    "main",
    "stable",
    "edge",
    "nightly",
    "dev",
    "develop",
    "head",
    "HEAD",
    "staging",
    "production",
    "prod",
)

#: Images of services that an app attaches, which are no app's own.
_BACKING = re.compile(
    r"postgres\w*|pgvector|postgis|pgbouncer|timescaledb[\w-]*|redis[\w-]*|valkey|mysql[\w-]*|mariadb[\w-]*|mongo[\w-]*|rabbitmq|memcached"
    r"|nginx[\w-]*|caddy|traefik|haproxy|envoy|elasticsearch|opensearch[\w-]*|kibana|logstash|fluentd?|fluent-bit|kafka[\w-]*|cp-\w+"
    r"|zookeeper|minio|mc|nats|etcd|consul|vault|influxdb|grafana|prometheus|loki|promtail|tempo|alertmanager|cadvisor|node-exporter"
    r"|clickhouse[\w-]*|cassandra|neo4j|keycloak|mailhog|mailpit|maildev|adminer|phpmyadmin|pgadmin4|redis-commander|mongo-express"
    r"|jaeger[\w-]*|all-in-one|otel[\w-]*|opentelemetry[\w-]*|localstack|dynamodb-local|busybox|alpine|debian|ubuntu|curl|python|node"
    r"|golang|ruby|php|openjdk|eclipse-temurin|watchtower|portainer|certbot|cloudflared|selenium[\w-]*|standalone-\w+|wait-for[\w-]*"
    r"|flower|metabase|sonarqube|registry|docker|dind|pause|zipkin|meilisearch|typesense|solr|couchdb|cockroach|surrealdb|qdrant"
    r"|weaviate|chroma|milvus|ollama|tika|gotenberg|imgproxy|browserless|chrome|letsencrypt[\w-]*|swagger-ui|autoheal|ofelia"
)


@rule(
    "V-03",
    severity="warning",
    materials=("manifests",),
    title="The app's own image is deployed by a tag that moves",
    why="What runs depends on when the image was pulled: two instances may differ, and a rollback brings back nothing.",
    fix="Tag the image with the commit or version, and deploy that tag or the digest.",
    bad="image: acme/shop:latest",
    good="image: acme/shop:${VERSION}",
    source=_STAGES,
    probe="V-P3",
    everywhere=True,
)
def moving_tag(unit: Unit) -> Iterator[Outcome]:
    found = False
    fixed: Witness | None = None
    # Skaffold and Kustomize put a registry and a tag on plain names.
    tools = ("skaffold.yaml", "skaffold.yml", "kustomization.yaml", "kustomization.yml")
    replaced = any(file.name in tools for file in unit.repository.files)
    owners = _owners(unit)
    for path, line, image, context in _deployed(unit):
        if context in ("test", "docs") or _BACKING.fullmatch(image.base) or image.digest or "{{" in image.text:
            continue
        place = unit.place(path, line)
        if image.tag is None and image.registry is None and "/" not in image.name and replaced:
            continue
        if image.tag is None and image.has_variable and "$" in image.text.rpartition("/")[2]:
            continue
        if _is_set(unit, image.text):
            continue
        if image.tag is None or image.tag in _MOVING:
            found = True
            how = f"by the tag {image.tag}, which moves" if image.tag else "without a tag"
            example = re.search(r"(?:^|/)(?:contrib|community|extras?)/", path)
            helper = re.search(r"(?i)(?:^|[-_])(?:tests?|mock|fake|dev|local)(?:[-_]|$)", image.base) is not None
            others = helper or (bool(owners) and image.name.rpartition("/")[0] not in owners)
            severity: Severity = "note" if context == "dev" or example or others else "warning"
            yield Finding(f"{image.text} is deployed {how}", place, severity)
        elif "$" not in image.tag:
            fixed = fixed or Witness(f"{image.text} is deployed by its tag", place)
    for finding in _pushed_only_latest(unit):
        found = True
        yield finding
    if found:
        return
    yield fixed or NotApplicable("no manifest names an image of the app")


_TAG_VARIABLE = re.compile(r":\$\{(\w+):?-[^}]*\}$")


def _is_set(unit: Unit, image: str) -> bool:
    """Whether a pipeline sets the variable that gives the tag, `${TAG:-latest}`: what moves is the default."""
    variable = _TAG_VARIABLE.search(image)
    if variable is None:
        return False
    said = re.compile(rf"(?<![\w$]){re.escape(variable[1])}(?:=|:\s)\s*[\"']?[\w.-]*\$")
    return any(said.search(unit.text(one.path) or "") for one in unit.workflows)


def _deployed(unit: Unit) -> Iterator[tuple[str, int, Image, str]]:
    """The images that compose files and Kubernetes run."""
    for compose in unit.composes:
        for service in compose.services:
            # With `build`, a plain name is what the image is called on this host.
            local = service.build is not None and service.image is not None and service.image.tag is None
            if service.image is not None and not local:
                yield compose.path, service.image_line, service.image, compose.context
    for manifest in unit.kubernetes:
        for workload in workloads(manifest):
            for container in workload.containers:
                if container.image is not None:
                    yield manifest.path, container.image_line, container.image, manifest.context


def _owners(unit: Unit) -> set[str]:
    """Whose images in registries are the app's, where some bear its name: those of others it only attaches."""
    app = re.sub(r"[^a-z0-9]", "", str(getattr(unit, "name", "")).lower())
    own = [
        image.name
        for _, _, image, _ in _deployed(unit)
        if len(app) > 3 and app in re.sub(r"[^a-z0-9]", "", image.base.lower())
    ]
    return {one.rpartition("/")[0] for one in own}


_TAGGED = re.compile(r"docker (?:buildx )?build\b|docker tag\b|docker push\b")


def _pushed_only_latest(unit: Unit) -> Iterator[Finding]:
    """A pipeline that publishes no tag but `latest`, where no other publishes one that stays."""
    if any(_publishes_versions(workflow) for workflow in unit.workflows):
        return
    for workflow in unit.workflows:
        moving: tuple[int, str] | None = None
        for _, line, tag in _tags(workflow):
            moving = moving or (line, tag)
        if moving is not None:
            message = f"the pipeline publishes {moving[1]} and no tag that stays"
            yield Finding(message, unit.place(workflow.path, moving[0]))


def _publishes_versions(workflow: Workflow) -> bool:
    return any(
        (not re.search(r":(?:latest|main|master|stable)$", tag) and ":" in tag.rpartition("/")[2])
        or "metadata-action" in (step.uses or "")
        or ("$" in tag and ":" not in tag.replace("::", ""))
        for step, _, tag in _tags(workflow)
    )


def _tags(workflow: Workflow) -> Iterator[tuple[Step, int, str]]:
    """The tags that images get or are pushed by, as written, where the workflow pushes at all."""
    found: list[tuple[Step, int, str]] = []
    pushes = False
    for step in workflow.steps:
        if "build-push-action" in (step.uses or ""):
            push = step.with_.get("push")
            pushes = pushes or (push is not None and push.value.lower() != "false")
            tags = step.with_.get("tags")
            if tags is not None:
                found += [(step, tags.line, one.strip()) for one in re.split(r"[\n,]", tags.value) if one.strip()]
        if "metadata-action" in (step.uses or ""):
            found.append((step, step.line, "by:metadata"))
        if step.run is None:
            continue
        for command in step.script().commands:
            if command.program in ("docker", "podman", "buildah") and command.argv[1:2] in (("push",), ("image",)):
                pushes = True
                if len(command.argv) > 2 and not command.argv[-1].startswith("-"):
                    found.append((step, command.line, command.argv[-1]))
            elif command.program in ("docker", "podman") and {"build", "buildx"} & set(command.argv[1:3]):
                pushes = pushes or "--push" in command.argv
                found += [(step, command.line, tag) for tag in _options(command.argv, "-t", "--tag")]
            elif command.program in ("docker", "podman") and command.argv[1:2] == ("tag",):
                found.append((step, command.line, command.argv[-1]))
    if pushes:
        yield from found


def _options(argv: tuple[str, ...], *names: str) -> Iterator[str]:
    for at, word in enumerate(argv):
        name, sign, value = word.partition("=")
        if word in names and at + 1 < len(argv):
            yield argv[at + 1]
        elif sign and name in names:
            yield value


_VERSIONED = re.compile(
    r"(?i)version|revision|git_?sha|\w_sha\b|commit|\bsha\b|build_?(?:id|number|date)|github\.(?:sha|ref)|CI_COMMIT"
    r"|git describe|rev-parse|release"
)


@rule(
    "V-04",
    severity="note",
    materials=("manifests",),
    title="The image does not say which commit it is of",
    why="Of a running container nobody can tell which code it runs, nor which one to go back to.",
    fix="Pass the commit as a build argument, keep it as org.opencontainers.image.revision, and tag the image with it.",
    bad="docker build -t shop .",
    good="docker build --build-arg REVISION=$(git rev-parse HEAD) -t shop:$(git rev-parse --short HEAD) .",
    source=_STAGES,
    probe="I-P2",
)
def untraceable_image(unit: Unit) -> Iterator[Outcome]:
    images = [one for one in unit.dockerfiles if one.context == "prod"]
    if not images:
        yield NotApplicable("no image is built here")
        return
    for dockerfile in images:
        for stage in dockerfile.stages:
            for one in stage.instructions:
                if one.keyword in ("LABEL", "ARG") and re.search(
                    r"(?i)(?:^|[\s._])(?:\w*_)?(?:version|revision|sha|commit|build_?id)\b", one.text
                ):
                    yield Witness("the image is given its version", unit.place(dockerfile.path, one.line))
                    return
    for workflow in unit.workflows:
        for _, line, tag in _tags(workflow):
            if tag == "by:metadata" or _VERSIONED.search(tag):
                yield Witness("the pipeline tags images with the commit or version", unit.place(workflow.path, line))
                return
    if any(
        file.name in ("Procfile", "app.json", "fly.toml", "heroku.yml") and file.context == "prod"
        for file in unit.files
    ):
        yield Witness("the platform numbers its releases")
        return
    for file in unit.named("Makefile", "*.sh", "Justfile", "Taskfile.yml"):
        text = unit.text(file.path) or ""
        if re.search(r"docker (?:buildx )?build", text) and _VERSIONED.search(text):
            yield Witness("the image is built with its version", unit.place(file.path))
            return
    yield Finding("nothing puts a version or commit on the image", unit.place(images[0].path))


_ENVIRONMENT = re.compile(
    r"(?i)(?:(?:app|node|rails|django|flask|build|deploy|target|react_app|vite|next_public)_?)?"
    r"(?:env|environment|stage|configuration|mode|profile)"
)
_PER_ENVIRONMENT = re.compile(
    r"(?i)\bbuild[:_-](?:prod|production|staging|stage|stg|dev|qa|uat)\w*"
    r"|--(?:configuration|mode|env)[ =](?:prod|production|staging|stage|qa|uat)\b"
)


@rule(
    "V-05",
    severity="warning",
    materials=("manifests",),
    title="Each environment has a build of its own",
    why="What was tested in staging is not what runs in production: it was built again, with other settings.",
    fix="Build once, without an environment in it; give the settings at run time and promote the same artefact.",
    bad="docker build --build-arg ENV=production -t shop:production .",
    good="docker build -t shop:$SHA .",
    source=_STAGES,
    probe="I-P1",
    everywhere=True,
)
def build_per_environment(unit: Unit) -> Iterator[Outcome]:
    found = False
    for dockerfile in unit.dockerfiles:
        if dockerfile.context == "prod":
            for finding in _chosen_by_argument(unit, dockerfile):
                found = True
                yield finding
    for workflow in unit.workflows:
        for finding in _built_again(unit, workflow):
            found = True
            yield finding
    if found:
        return
    if any(one.context == "prod" for one in unit.dockerfiles):
        path = next(one.path for one in unit.dockerfiles if one.context == "prod")
        yield Witness("no build argument chooses an environment", unit.place(path))
    else:
        yield NotApplicable("no image is built here")


def _chosen_by_argument(unit: Unit, dockerfile: Dockerfile) -> Iterator[Finding]:
    """An ARG for the environment that chooses which files are copied or which build is run."""
    for stage in dockerfile.stages:
        names = [
            name
            for one in stage.instructions
            if one.keyword == "ARG"
            for name, _ in one.pairs()
            if _ENVIRONMENT.fullmatch(name)
        ]
        for one in stage.instructions:
            used = next((name for name in names if re.search(rf"\$\{{?{name}\b", one.text)), None)
            if used is None:
                continue
            if one.keyword in ("COPY", "ADD") or (
                one.keyword == "RUN"
                and re.search(
                    rf"build[:_-]\$|--(?:configuration|mode|env)[ =]\$|(?:cp|mv|ln) [^&|]*\$\{{?{used}", one.text
                )
            ):
                message = f"the build argument {used} chooses what the image is made of"
                yield Finding(message, unit.place(dockerfile.path, one.line))
                return


def _built_again(unit: Unit, workflow: Workflow) -> Iterator[Finding]:
    """Builds for two environments in one pipeline, that differ in arguments or scripts."""
    builds: dict[str, int] = {}
    for step in workflow.steps:
        arguments = step.with_.get("build-args")
        for match in re.finditer(r"(?im)^\s*(\w+)=(\w+)", arguments.value if arguments is not None else ""):
            if _ENVIRONMENT.fullmatch(match[1]) and arguments is not None:
                builds.setdefault(match[2].lower(), arguments.line)
        for command in step.script().commands if step.run else ():
            text = " ".join(command.argv)
            for option in _options(command.argv, "--build-arg"):
                name, _, value = option.partition("=")
                if _ENVIRONMENT.fullmatch(name) and value and "$" not in value:
                    builds.setdefault(value.lower(), command.line)
            if (named := _PER_ENVIRONMENT.search(text)) is not None:
                builds.setdefault(named[0].lower(), command.line)
    if len(builds) > 1:
        lines = sorted(builds.values())
        names = ", ".join(builds)
        also = tuple(unit.place(workflow.path, line) for line in lines[1:])
        yield Finding(
            f"the pipeline builds again for each environment: {names}", unit.place(workflow.path, lines[0]), also=also
        )


@rule(
    "V-10",
    severity="warning",
    materials=("manifests",),
    title="The image is not built of this checkout",
    why="It installs a published package or clones another ref: what is reviewed and tested here is not what it runs.",
    fix="COPY the checkout and build that; let the pipeline say which commit it is.",
    bad="RUN pip install shop",
    good="COPY . .\nRUN pip install .",
    source=_STAGES,
    probe="V-P3",
)
def other_source(unit: Unit) -> Iterator[Outcome]:
    names = _own_names(unit)
    found = False
    images = [one for one in unit.dockerfiles if one.context == "prod"]
    for dockerfile in images:
        for step in steps(dockerfile):
            if step.stage not in _shipped(dockerfile):
                continue
            if what := _foreign(step.argv, names):
                found = True
                message = f"the image is built of {what}, not of this checkout"
                yield Finding(message, unit.place(dockerfile.path, step.line))
                break
    if found:
        return
    if images:
        yield Witness("the image is built of the checkout", unit.place(images[0].path))
    else:
        yield NotApplicable("no image is built here")


def _shipped(dockerfile: Dockerfile) -> list[Stage]:
    """The stages that the final image is built on or copies from."""
    names = {
        word.removeprefix("--from=").lower()
        for one in dockerfile.effective()
        for word in one.text.split()
        if word.startswith("--from=")
    }
    others = [one for at, one in enumerate(dockerfile.stages) if one.name in names or str(at) in names]
    return [*dockerfile.chain(), *others, *(one for other in others for one in dockerfile.chain(other))]


def _own_names(unit: Unit) -> set[str]:
    """What the app is called, in registries and as a repository."""
    return {one.name.lower() for one in unit.packages.own if len(one.name) > 2}


def _foreign(argv: tuple[str, ...], names: set[str]) -> str | None:
    program, rest = argv[0].rpartition("/")[2], argv[1:]
    operands = [one for one in rest if not one.startswith("-")]
    if program == "git" and operands[:1] == ["clone"] and len(operands) > 1:
        name = operands[1].rstrip("/").removesuffix(".git").rpartition("/")[2].lower()
        return f"a clone of {operands[1]}" if any(name == one.rpartition("/")[2] for one in names) else None
    installs = (program in ("pip", "pip3", "npm", "yarn", "gem", "uv", "pipx", "go", "cargo", "pnpm")) and bool(
        {"install", "i", "add", "tool", "global"} & set(operands[:3])
    )
    if not installs:
        return None
    for one in operands[1:]:
        plain = re.split(r"[=<>~\[!]|(?<=.)@", one)[0].lower()
        if plain in names and not one.startswith((".", "/")):
            return f"the published package {one}"
    return None
