"""Factor VII, one port: app, image, compose file, Kubernetes and health checks name the same."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from tolv.check.looks.listens import listens
from tolv.check.looks.serving import port_kind, served
from tolv.check.looks.start_ports import bound, default_port
from tolv.check.looks.way import production_starts
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit
from tolv.codebase.compose import Compose, ComposeService
from tolv.codebase.dockerfile import Dockerfile
from tolv.codebase.kubernetes import Manifest, Workload, workloads
from tolv.codebase.start import Start
from tolv.codebase.yamlfile import Node


@rule(
    "VII-05",
    severity="error",
    materials=("manifests",),
    looks=(listens,),
    title="Two places disagree on the app's port",
    why="What routes to the app, or asks for its health, knocks where nobody listens.",
    fix="Name the port that the app listens on, or give it the other as PORT.",
    bad="EXPOSE 8080\nCMD gunicorn -b 0.0.0.0:5000 app:app",
    good="EXPOSE 5000\nCMD gunicorn -b 0.0.0.0:5000 app:app",
    source="https://12factor.net/port-binding",
    probe="VII-P1",
)
def ports_disagree(unit: Unit) -> Iterator[Outcome]:
    found, compared = False, None
    unknown = False
    for dockerfile in unit.dockerfiles:
        if dockerfile.context not in ("prod", "dev"):
            continue
        port = _port_of_image(unit, dockerfile)
        if port is None:
            unknown = unknown or bool(dockerfile.exposed)
            continue
        for outcome in (
            *_exposed(unit, dockerfile, port),
            *_checked(unit, dockerfile, port),
            *_mapped(unit, dockerfile),
        ):
            if isinstance(outcome, Finding):
                found = True
                yield outcome
            elif compared is None:
                compared = outcome
    for finding in _by_kubernetes(unit):
        found = True
        yield finding
    if found:
        return
    if compared is not None:
        yield compared
    elif unknown:
        yield CannotTell("the port that the app listens on is not in its command", "VII-P1")
    else:
        yield NotApplicable("no two places name a port")


def _port_of_image(unit: Unit, dockerfile: Dockerfile) -> str | None:
    """The one port that a container of the image listens on, if it can be told."""
    starts = [one for one in production_starts(unit) if one.origin == "Dockerfile" and one.path == dockerfile.path]
    if len(starts) != 1:
        return None
    env = {name: entry.value for name, entry in dockerfile.env.items()}
    return _port_of(unit, starts[0], env)


def _port_of(unit: Unit, start: Start, env: dict[str, str]) -> str | None:
    """The port of a start with these variables."""
    env = dict(start.env) | env
    said = bound(start)
    if said is not None and said.port is not None:
        return said.port
    if said is not None and said.by:
        words = " ".join(start.argv)
        told = {port for text in re.findall(r"\$\{[^}]*\}|\$\w+", words) if (port := default_port(text, env))}
        return told.pop() if len(told) == 1 else None
    if start.server == "gunicorn":
        return env.get("PORT") if env.get("PORT", "").isdigit() else None
    if start.entry is None:
        return None
    ports: set[str | None] = set()
    for seen in served(unit):
        kind, value = port_kind(unit, seen)
        if kind == "fixed" and value is not None:
            ports.add(value.text)
        elif kind == "environment" and value is not None:
            read = next(value.envs())
            default = read.default
            given = env.get(read.name or "")
            ports.add(given or (default.text if default is not None and default.kind == "literal" else None))
        else:
            ports.add(None)
    port = ports.pop() if len(ports) == 1 else None
    return port if port is not None and port.isdigit() else None


def _exposed(unit: Unit, dockerfile: Dockerfile, port: str) -> Iterator[Finding | Witness]:
    exposed = [one for one in dockerfile.exposed if one.value.isdigit()]
    if not exposed or len(exposed) != len(dockerfile.exposed):
        return
    place = unit.place(dockerfile.path, exposed[0].line)
    if all(one.value != port for one in exposed):
        names = ", ".join(one.value for one in exposed)
        yield Finding(f"EXPOSE names port {names}, but the app listens on {port}", place, fix=f"EXPOSE {port}")
    else:
        yield Witness(f"EXPOSE and the app agree on port {port}", place)


def _checked(unit: Unit, dockerfile: Dockerfile, port: str) -> Iterator[Finding | Witness]:
    check = dockerfile.last("HEALTHCHECK")
    match = re.search(r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]):(\d+)", check.text) if check is not None else None
    if check is None or match is None:
        return
    place = unit.place(dockerfile.path, check.line)
    if match[1] != port:
        yield Finding(f"HEALTHCHECK asks port {match[1]}, but the app listens on {port}", place)
    else:
        yield Witness(f"HEALTHCHECK and the app agree on port {port}", place)


def _mapped(unit: Unit, dockerfile: Dockerfile) -> Iterator[Finding | Witness]:
    """The ports of compose services that are built of a Dockerfile."""
    for compose in unit.composes:
        if compose.context in ("test", "docs"):
            continue
        for service in compose.services:
            if not service.ports or not _is_built_of(compose, service, dockerfile):
                continue
            port = _port_of_service(unit, compose, service, dockerfile)
            targets = [one for one in service.ports if one.target.isdigit()]
            if port is None or len(targets) != len(service.ports):
                continue
            place = unit.place(compose.path, targets[0].line)
            if all(one.target != port for one in targets):
                message = f"the service {service.name} maps to port {targets[0].target}, but the app listens on {port}"
                yield Finding(message, place)
            else:
                yield Witness(f"the service {service.name} maps to the app's port {port}", place)


def _is_built_of(compose: Compose, service: ComposeService, dockerfile: Dockerfile) -> bool:
    if service.build is None or service.build.target:
        return False
    context = posixpath.normpath(posixpath.join(posixpath.dirname(compose.path), service.build.context))
    named = posixpath.normpath(posixpath.join(context, service.build.dockerfile or "Dockerfile"))
    return named == dockerfile.path


def _port_of_service(unit: Unit, compose: Compose, service: ComposeService, dockerfile: Dockerfile) -> str | None:
    env = {name: entry.value for name, entry in dockerfile.env.items()}
    for name, entry in service.environment.items():
        if entry is None or "$" in entry.value:
            env.pop(name, None)
            if entry is None:
                return None
            told = default_port(entry.value, {})
            if told is None and name == "PORT":
                return None
            env[name] = told or entry.value
        else:
            env[name] = entry.value
    if service.env_file:
        return None
    if service.command is not None or service.entrypoint is not None:
        own = [
            one
            for one in unit.starts
            if one.origin == "compose" and one.path == compose.path and one.type == service.name
        ]
    else:
        own = [one for one in unit.starts if one.origin == "Dockerfile" and one.path == dockerfile.path]
    return _port_of(unit, own[0], env) if len(own) == 1 else None


def _by_kubernetes(unit: Unit) -> Iterator[Finding]:
    pods: list[Workload] = []
    for manifest in unit.kubernetes:
        if manifest.context in ("test", "docs"):
            continue
        for workload in workloads(manifest):
            pods.append(workload)
            yield from _probes(unit, workload)
    for manifest in unit.kubernetes:
        if manifest.kind == "Service" and manifest.context not in ("test", "docs"):
            yield from _service(unit, manifest, pods)


def _probes(unit: Unit, workload: Workload) -> Iterator[Finding]:
    for container in workload.containers:
        names = {one.name for one in container.ports if one.name}
        for probe in container.probes:
            if probe.port is None or "{{" in probe.port or probe.port.isdigit() or "$" in probe.port:
                continue
            if probe.port not in names:
                message = (
                    f"the {probe.kind} probe asks the port {probe.port}, which container {container.name} does not name"
                )
                yield Finding(message, unit.place(workload.manifest.path, probe.line))


def _service(unit: Unit, manifest: Manifest, pods: list[Workload]) -> Iterator[Finding]:
    """A Service whose target no container of its pods has."""
    selector = manifest.node.at("spec", "selector")
    ports = manifest.node.at("spec", "ports")
    if selector is None or ports is None or not selector.items():
        return
    chosen = [one for one in pods if _is_chosen(selector, one)]
    if not chosen:
        return
    containers = [container for one in chosen for container in one.containers if not container.init]
    if any(not one.ports for one in containers):
        return
    known = {value for one in containers for port in one.ports for value in (port.number, port.name) if value}
    if any("{{" in one or "$" in one for one in known):
        return  # a template fills it in
    for port in ports.elements():
        target = port.get("targetPort") or port.get("port")
        if target is not None and target.kind == "scalar" and _is_plain(target) and target.value not in known:
            have = ", ".join(sorted(known))
            message = f"the Service {manifest.name} sends to port {target.value}, but its pods have {have}"
            yield Finding(message, unit.place(manifest.path, target.line))


def _is_plain(node: Node) -> bool:
    return bool(re.fullmatch(r"[\w-]+", node.value))


def _is_chosen(selector: Node, workload: Workload) -> bool:
    labels = workload.manifest.node.at("spec", "template", "metadata", "labels")
    if labels is None:
        return False
    return all((found := labels.get(key)) is not None and found.value == value.value for key, value in selector.items())
