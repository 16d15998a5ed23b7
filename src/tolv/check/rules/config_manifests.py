"""Factor III: secrets in what builds and deploys the app."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.facts.values import (
    is_placeholder,
    is_secret_name,
    is_service_name,
    is_signing_name,
    looks_secret,
    password_in_url,
)
from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.rules.config_leaks import holds_secrets, is_env_file
from tolv.check.unit import Unit
from tolv.codebase.compose import Compose, ComposeService
from tolv.codebase.dockerfile import Dockerfile
from tolv.codebase.kubernetes import Manifest, workloads
from tolv.codebase.yamlfile import Node, is_templated, parse_yaml


@dataclass(frozen=True, slots=True)
class Held:
    """A secret's name that gets a value in a manifest."""

    path: str
    line: int
    name: str
    severity: Severity | None
    """None: it comes from outside."""
    what: str
    fix: str


@rule(
    "III-10",
    severity="error",
    materials=("manifests",),
    title="A secret is a literal in what builds or deploys the app",
    why="An image keeps its variables and its history for all who can pull it; a manifest for all who can read it.",
    fix="Refer to a secret of the platform, or give the variable at deploy time.",
    bad="ENV SECRET_KEY=k3yb0ardc4t",
    good="docker run --env-file …  (or a secretKeyRef, a secret of CI)",
    source="https://12factor.net/config",
    everywhere=True,
)
def secrets_in_manifests(unit: Unit) -> Iterator[Outcome]:
    """III-10."""
    found = 0
    outside: Held | None = None
    for held in _held(unit):
        if held.severity is None:
            outside = outside or held
            continue
        severity = _for_context(held.severity, unit.context(held.path))
        if severity is not None:
            found += 1
            place = unit.place(held.path, held.line)
            yield Finding(f"{held.name} {held.what}", place, severity, held.fix, subject=held.name)
    if found:
        return
    if outside is not None:
        yield Witness(f"{outside.name} comes from outside", unit.place(outside.path, outside.line))
    else:
        yield NotApplicable("no manifest names a secret")


def _for_context(severity: Severity, context: str) -> Severity | None:
    if context in ("test", "docs"):
        return None
    if context == "ci":
        return "note"
    if context == "dev":
        return "note" if severity == "error" else None
    return severity


def _held(unit: Unit) -> Iterator[Held]:
    for dockerfile in unit.dockerfiles:
        yield from _in_dockerfile(unit, dockerfile)
    for compose in unit.composes:
        yield from _in_compose(compose)
    for manifest in unit.kubernetes:
        yield from _in_kubernetes(manifest)
    for file in unit.named("*.tf", "*.tfvars"):
        yield from _in_terraform(file.path, unit.text(file.path) or "")
    for file in unit.named("app.json", "render.yaml", "fly.toml", "manifest.yml", "serverless.yml", "serverless.yaml"):
        yield from _in_platform(file.path, unit.text(file.path) or "")
    for file in unit.files:
        if file.context == "ci" and file.name.endswith((".yml", ".yaml")):
            yield from _in_workflow(file.path, unit.text(file.path) or "")


def _is_real(name: str, value: str) -> bool:
    """It is a secret's value, and no reference, template, path, or word of its name."""
    if not value or is_templated(value) or value.startswith(("$", "%", "<", "/", "(", "{", "vault:", "arn:", "ssm:")):
        return False
    if (password := password_in_url(value)) is not None:
        return len(password) >= 4
    if not is_secret_name(name) or is_placeholder(value):
        return False
    return looks_secret(value, name)


_DOCKER_FIX = "Take it out of the image: give it when the container starts, or to one RUN with --mount=type=secret"


def _in_dockerfile(unit: Unit, dockerfile: Dockerfile) -> Iterator[Held]:
    final = {id(stage) for stage in dockerfile.chain()}
    for stage in dockerfile.stages:
        for one in stage.instructions:
            if one.keyword in ("ENV", "ARG"):
                for name, value in one.pairs():
                    if value is not None and _is_real(name, value.strip("\"'")) and not _for_build(name, value):
                        severity: Severity = "error" if id(stage) in final else "note"
                        what = f"is a literal in the image ({one.keyword}), for all who can pull it"
                        yield Held(dockerfile.path, one.line, name, severity, what, _DOCKER_FIX)
            elif one.keyword in ("COPY", "ADD") and "from" not in one.flags:
                for word in one.words[:-1]:
                    if is_env_file(word) and not re.search(r"(?i)test|\bci\b", word):
                        text = _copied(unit, dockerfile, word)
                        harmless = text is not None and not holds_secrets(text)
                        severity = "warning" if harmless or id(stage) not in final else "error"
                        what = "is copied into the image, with all that it sets"
                        yield Held(dockerfile.path, one.line, word, severity, what, _DOCKER_FIX)


def _copied(unit: Unit, dockerfile: Dockerfile, word: str) -> str | None:
    """The text of a file that is copied, if the tree has it."""
    above = dockerfile.path.rpartition("/")[0]
    names = (word.removeprefix("./"), f"{above}/{word.removeprefix('./')}")
    return next((unit.text(file.path) for file in unit.files if file.path in names), None)


def _for_build(name: str, value: str) -> bool:
    """Only there so that a build step does not fail: its value says so."""
    return bool(
        re.search(r"(?i)build|dummy|temp|collectstatic|not-?(?:a-?)?(?:real|secret|used)|unused|precompile", value)
    )


_BACKING = re.compile(
    r"(?i)postgres|mysql|mariadb|mongo|redis|rabbitmq|minio|elasticsearch|opensearch|influx|mssql|oracle|couch|keycloak|"
    r"percona|timescale|pgvector|postgis|cockroach|clickhouse|neo4j|cassandra|valkey|adminer|pgadmin|phpmyadmin|mailhog"
)


def _in_compose(compose: Compose) -> Iterator[Held]:
    own = {service.name: service for service in compose.services if _is_backing(service)}
    known = {entry.value for service in own.values() for entry in service.environment.values() if entry is not None}
    for service in compose.services:
        for name, entry in service.environment.items():
            if entry is None:
                continue
            default = re.fullmatch(r"\$\{\w+:?-([^}]+)\}", entry.value.strip())
            value = default[1] if default else entry.value
            if not _is_real(name, value):
                if is_secret_name(name) and "$" in entry.value:
                    yield Held(compose.path, entry.line, name, None, "", "")
                continue
            severity = _of_compose(compose, service, own, name, value, known, has_default=default is not None)
            if severity is not None:
                what = "is a literal in the compose file"
                fix = f"Write {name}: ${{{name}:?}} and give it in the environment of compose"
                yield Held(compose.path, entry.line, name, severity, what, fix)


def _of_compose(
    compose: Compose,
    service: ComposeService,
    own: dict[str, ComposeService],
    name: str,
    value: str,
    known: set[str],
    *,
    has_default: bool,
) -> Severity | None:
    """How bad it is in a compose file; None: the credentials of a service that the same file starts, for itself."""
    production = re.search(r"(?i)prod|deploy|live|stag", compose.path.rpartition("/")[2]) is not None
    if service.name in own:
        return "note" if production or service.ports else None
    host = re.search(r"@([\w.-]+)", value) if password_in_url(value) is not None else None
    if host is not None and host[1] in own:
        return "note" if production or own[host[1]].ports else None
    if value in known or (host is not None and password_in_url(value) in known):
        return "note" if production else None
    if has_default:
        return "note"
    if is_service_name(name) and not is_signing_name(name) and own and not production:
        return None
    others = [entry.value for other, entry in service.environment.items() if entry is not None and other != name]
    if value in others and not is_signing_name(name):
        return "note"  # the name of the user or the database once more: what a trial starts with
    sample = re.search(r"(?i)(?:^|/)(?:contrib|examples?|samples?|demo)/", compose.path) is not None
    if sample or re.search(r"(?i)test|example|sample|demo|local|\bdev", value):
        return "note"
    return "error" if production else "warning"


def _is_backing(service: ComposeService) -> bool:
    return service.image is not None and service.build is None and _BACKING.search(service.image.text) is not None


_KUBERNETES_FIX = "Keep it in a Secret that is not in the repository, and refer to it by secretKeyRef"


def _in_kubernetes(manifest: Manifest) -> Iterator[Held]:
    if manifest.kind == "ConfigMap":
        for name, node in _scalars(manifest.node.at("data")):
            if _is_real(name, node.value):
                what = "is a literal in a ConfigMap, which is no place for secrets"
                yield Held(manifest.path, node.line, name, "error", what, _KUBERNETES_FIX)
    elif manifest.kind == "Secret":
        yield from _in_secret(manifest)
    for workload in workloads(manifest):
        for container in workload.containers:
            for variable in container.env:
                if variable.value is not None and _is_real(variable.name, variable.value):
                    what = f"is a literal in the {workload.kind} {workload.name}"
                    yield Held(manifest.path, variable.line, variable.name, "error", what, _KUBERNETES_FIX)
                elif variable.value is None and is_secret_name(variable.name):
                    yield Held(manifest.path, variable.line, variable.name, None, "", "")


def _in_secret(manifest: Manifest) -> Iterator[Held]:
    """A Secret that is in the tree is encoded, not encrypted."""
    for name, node in _scalars(manifest.node.at("stringData")):
        if node.value and not is_placeholder(node.value) and _is_secret_of(name, node.value):
            yield Held(manifest.path, node.line, name, "error", "is in the tree, in a Secret", _KUBERNETES_FIX)
    for name, node in _scalars(manifest.node.at("data")):
        try:
            value = base64.b64decode(node.value, validate=True).decode()
        except (binascii.Error, ValueError):
            continue
        if value.strip() and not is_placeholder(value.strip()) and is_secret_name(name):
            what = "is in the tree, in a Secret: encoded, not encrypted"
            yield Held(manifest.path, node.line, name, "error", what, _KUBERNETES_FIX)


def _is_secret_of(name: str, value: str) -> bool:
    """A Secret may hold settings too: what is a secret says so by its name, or is as random as only one is."""
    if not is_secret_name(name) and not is_signing_name(name) and password_in_url(value) is None:
        return len(value) >= 16 and _is_random(value) and _is_real("password", value)
    return _is_real("password", value)


def _scalars(node: Node | None) -> Iterator[tuple[str, Node]]:
    for name, value in node.items() if node is not None else ():
        if value.kind == "scalar":
            yield name, value


_TF_BLOCK = re.compile(r"""\s*variable\s+"([\w-]+)"\s*\{""")
_TF_VALUE = re.compile(r"""\s*"?([\w-]+)"?\s*[=:]\s*"([^"\n]*)"\s*,?\s*(?:#.*)?$""")


def _in_terraform(path: str, text: str) -> Iterator[Held]:
    variable = None
    for row, line in enumerate(text.splitlines()[:20_000], 1):
        if match := _TF_BLOCK.match(line):
            variable = match[1]
        elif line.startswith("}"):
            variable = None
        elif match := _TF_VALUE.match(line[:2000]):
            name = variable if variable is not None and match[1] == "default" else match[1]
            if variable is not None and match[1] != "default":
                continue
            if is_secret_name(name) and not match[2].startswith(("data.", "var.")) and _is_real(name, match[2]):
                fix = "Declare the variable without default and as sensitive, and give it by TF_VAR_… or a store"
                yield Held(path, row, name, "error", "is a literal in Terraform, and in its state", fix)


def _in_platform(path: str, text: str) -> Iterator[Held]:
    """What a platform's manifest sets: maps of variables, and lists of `key` and `value`."""
    fix = "Leave the value out, and set it with the platform's own command for secrets"
    if path.endswith(".toml"):
        for row, line in enumerate(text.splitlines(), 1):
            match = _TF_VALUE.match(line[:2000])
            if match and _is_real(match[1], match[2]):
                yield Held(path, row, match[1], "error", "is a literal in the platform's manifest", fix)
        return
    if not re.search(r"(?i)secret|passw|token|key", text) or len(text) > 1 << 20:
        return
    for document in parse_yaml(text.replace("\t", "  "), path).documents:
        for name, node in _variables(document):
            if _is_real(name, node.value):
                yield Held(path, node.line, name, "error", "is a literal in the platform's manifest", fix)


def _variables(document: Node) -> Iterator[tuple[str, Node]]:
    """What a map of variables, or a list of them, sets anywhere in a document."""
    for node in document.walk():
        name, value = node.get("key") or node.get("name"), node.get("value")
        if name is not None and value is not None and name.kind == value.kind == "scalar":
            yield name.value, value
        for key in ("env", "environment", "variables", "envVars"):
            for variable, given in (node.get(key) or node).items() if node.get(key) is not None else ():
                inner = given.get("value") if given.kind == "map" else given
                if inner is not None and inner.kind == "scalar" and not inner.is_null:
                    yield variable, inner


def _in_workflow(path: str, text: str) -> Iterator[Held]:
    """CI: only what is plainly a real secret, as its jobs have throw-away services of their own."""
    if not re.search(r"(?i)secret|passw|token|key", text) or len(text) > 1 << 20:
        return
    fix = "Keep it in the secrets of CI"
    for document in parse_yaml(text, path).documents:
        for name, node in _variables(document):
            value = node.value
            if password_in_url(value) is None and _is_real(name, value) and len(value) >= 20 and _is_random(value):
                yield Held(path, node.line, name, "note", "is a literal in CI", fix)


def _is_random(value: str) -> bool:
    """Digits and letters of both cases, as a generator gives them."""
    return (
        any(one.isdigit() for one in value)
        and any(one.islower() for one in value)
        and any(one.isupper() for one in value)
        and not re.search(r"(?i)test|dummy|secret|password|key", value)
    )
