"""Kubernetes manifests and Helm templates: objects, and the containers of what runs, each with its line.

Helm templates and Jinja files are read as far as they stand fixed; `problem` says that the rest was not evaluated.
OpenShift's DeploymentConfig and Knative's Service are workloads too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.codebase.context import Context
from tolv.codebase.dockerfile_syntax import Entry
from tolv.codebase.images import Image, parse_image
from tolv.codebase.yamlfile import Node, parse_yaml

_WORKLOADS = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Job", "CronJob", "DeploymentConfig"}
    | {"ReplicationController", "Rollout", "PodTemplate"}
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of a file."""

    path: str
    kind: str
    name: str
    """`metadata.name`; `''`: it has none."""
    node: Node
    line: int
    context: Context = "prod"
    problem: str | None = None
    """Why the file could not be read in full."""
    api: str = ""
    """`apps/v1`."""


@dataclass(frozen=True, slots=True)
class EnvVar:
    """A variable of a container."""

    name: str
    value: str | None
    """None: it comes from elsewhere."""
    source: str | None
    """`secretKeyRef`, `configMapKeyRef`, `fieldRef`, `resourceFieldRef`; None: `value` is the value."""
    line: int


@dataclass(frozen=True, slots=True)
class Probe:
    """A readiness, liveness or startup probe."""

    kind: Literal["readiness", "liveness", "startup"]
    http_path: str | None
    port: str | None
    """A number or a port's name."""
    command: tuple[str, ...]
    """Of an `exec` probe."""
    node: Node
    line: int


@dataclass(frozen=True, slots=True)
class ContainerPort:
    """A port that a container declares."""

    number: str
    name: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a workload."""

    name: str
    image: Image | None
    image_line: int
    command: tuple[str, ...]
    """Replaces the image's ENTRYPOINT; empty: it does not."""
    args: tuple[str, ...]
    """Replaces the image's CMD."""
    command_line: int
    env: tuple[EnvVar, ...]
    env_from: tuple[tuple[str, str, int], ...]
    """`secretRef` or `configMapRef`, the name and the line."""
    ports: tuple[ContainerPort, ...]
    probes: tuple[Probe, ...]
    mounts: tuple[tuple[str, str, int], ...]
    """Volume, path in the container, line."""
    pre_stop: Node | None
    init: bool
    """It runs before the others, to its end (or beside them, as a sidecar)."""
    node: Node
    line: int

    def probe(self, kind: str) -> Probe | None:
        return next((one for one in self.probes if one.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that runs pods."""

    kind: str
    name: str
    replicas: Entry | None
    """As written; None: the default, 1."""
    strategy: Entry | None
    """`Recreate`, `RollingUpdate`, `OnDelete`; None: the default."""
    containers: tuple[Container, ...]
    """Init containers first."""
    grace: Entry | None
    """`terminationGracePeriodSeconds`; None: 30."""
    volumes: tuple[Node, ...]
    """Those of the pod, and the claim templates of a StatefulSet."""
    pod: Node
    """The pod's spec."""
    manifest: Manifest
    line: int
    schedule: Entry | None = None
    """Of a CronJob."""


def parse_kubernetes(text: str, path: str = "", context: Context = "prod") -> tuple[Manifest, ...]:
    """The objects of a file, those of a `List` too. Never raises.

    A file that holds none, but could have (a template that does not parse), gives one Manifest of kind `''` with the
    problem.
    """
    file = parse_yaml(text, path, templates=True)
    found = tuple(
        Manifest(path, kind, node.text("metadata", "name") or "", node, line, context, file.problem, api)
        for document in file.documents
        for node, kind, api, line in _objects(document)
    )
    if not found and file.problem is not None:
        return (Manifest(path, "", "", Node("map", "", 1, 1), 1, context, file.problem),)
    return found


def is_kubernetes(text: str) -> bool:
    """Whether a text may hold Kubernetes objects, by its words."""
    return "apiVersion:" in text and "kind:" in text


def workloads(manifest: Manifest) -> tuple[Workload, ...]:
    """What an object runs: none or one."""
    node, kind = manifest.node, manifest.kind
    if kind == "Service" and "serving.knative.dev" in manifest.api:
        kind = "KnativeService"
    elif kind not in _WORKLOADS:
        return ()
    spec = node.get("spec") or (node.get("template") if kind == "PodTemplate" else None)
    if kind == "CronJob" and spec is not None:
        spec = spec.at("jobTemplate", "spec") or spec
    pod = spec if kind == "Pod" else spec.at("template", "spec") if spec is not None else None
    if spec is None or pod is None or pod.kind != "map":
        return ()
    strategy = spec.at("strategy", "type") or spec.at("updateStrategy", "type")
    claims = spec.at("volumeClaimTemplates")
    return (
        Workload(
            kind=kind,
            name=manifest.name,
            replicas=_entry(spec.get("replicas")),
            strategy=_entry(strategy),
            containers=tuple(_containers(pod)),
            grace=_entry(pod.get("terminationGracePeriodSeconds")),
            volumes=(*_elements(pod.get("volumes")), *_elements(claims)),
            pod=pod,
            manifest=manifest,
            line=manifest.line,
            schedule=_entry(node.at("spec", "schedule")),
        ),
    )


def _objects(document: Node) -> Iterator[tuple[Node, str, str, int]]:
    """The objects of a document, with kind, API and line; those within a List or an OpenShift Template."""
    kind, api = document.text("kind"), document.text("apiVersion")
    if document.kind != "map" or kind is None or api is None:
        return
    within = "items" if kind.endswith("List") or kind == "List" else "objects" if kind == "Template" else None
    if within is None or document.get(within) is None:
        yield document, kind, api, document.line
        return
    for one in _elements(document.get(within)):
        inner, inner_api = one.text("kind"), one.text("apiVersion")
        if inner is not None and inner_api is not None:
            yield one, inner, inner_api, one.line


def _containers(pod: Node) -> Iterator[Container]:
    for key, init in (("initContainers", True), ("containers", False)):
        for node in _elements(pod.get(key)):
            if node.kind == "map":
                yield _container(node, init)


def _container(node: Node, init: bool) -> Container:
    image = node.get("image")
    command, args = node.get("command"), node.get("args")
    said = command or args
    return Container(
        name=node.text("name") or "",
        image=parse_image(image.value) if image is not None and image.kind == "scalar" and image.value else None,
        image_line=image.line if image is not None else node.line,
        command=_texts(command),
        args=_texts(args),
        command_line=said.line if said is not None else node.line,
        env=tuple(_env(node.get("env"))),
        env_from=tuple(_env_from(node.get("envFrom"))),
        ports=tuple(
            ContainerPort(number, one.text("name"), one.line)
            for one in _elements(node.get("ports"))
            if (number := one.text("containerPort")) is not None
        ),
        probes=tuple(_probes(node)),
        mounts=tuple(
            (one.text("name") or "", one.text("mountPath") or "", one.line)
            for one in _elements(node.get("volumeMounts"))
        ),
        pre_stop=node.at("lifecycle", "preStop"),
        init=init,
        node=node,
        line=node.line,
    )


def _env(node: Node | None) -> Iterator[EnvVar]:
    for one in _elements(node):
        name = one.text("name")
        if name is None:
            continue
        source = one.get("valueFrom")
        value = one.get("value")
        if source is not None:
            yield EnvVar(name, None, next((key for key, _ in source.items()), "valueFrom"), one.line)
        elif value is not None and value.kind == "scalar":
            yield EnvVar(name, value.value, None, value.line)
        else:
            yield EnvVar(name, None, None, one.line)


def _env_from(node: Node | None) -> Iterator[tuple[str, str, int]]:
    for one in _elements(node):
        for key in ("secretRef", "configMapRef"):
            if (reference := one.get(key)) is not None:
                yield key, reference.text("name") or "", one.line


def _probes(node: Node) -> Iterator[Probe]:
    kinds: tuple[Literal["readiness", "liveness", "startup"], ...] = ("readiness", "liveness", "startup")
    for kind in kinds:
        probe = node.get(f"{kind}Probe")
        if probe is None or probe.kind != "map":
            continue
        port = probe.text("httpGet", "port") or probe.text("tcpSocket", "port") or probe.text("grpc", "port")
        command = _texts(probe.at("exec", "command"))
        yield Probe(kind, probe.text("httpGet", "path"), port, command, probe, probe.line)


def _elements(node: Node | None) -> tuple[Node, ...]:
    return node.elements() if node is not None else ()


def _texts(node: Node | None) -> tuple[str, ...]:
    return node.texts() if node is not None else ()


def _entry(node: Node | None) -> Entry | None:
    return Entry(node.value, node.line) if node is not None and node.kind == "scalar" and not node.is_null else None
