"""Compose files: the services, with what rules ask of them, each with its line.

Follows the Compose Specification: short and long forms, `extends` and `<<` within the file, `x-` extensions left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from tolv.codebase import compose_fields as fields
from tolv.codebase.compose_fields import Build, CommandLine, Port, Volume
from tolv.codebase.context import Context
from tolv.codebase.dockerfile_syntax import Entry
from tolv.codebase.images import Image
from tolv.codebase.yamlfile import Node, parse_yaml


@dataclass(frozen=True, slots=True)
class ComposeService:
    """One service."""

    name: str
    node: Node
    line: int
    image: Image | None
    """With the defaults of its variables; its `text` is as written."""
    image_line: int
    build: Build | None
    command: CommandLine | None
    entrypoint: CommandLine | None
    environment: dict[str, Entry | None]
    """None: taken over from whoever runs compose."""
    env_file: tuple[Entry, ...]
    ports: tuple[Port, ...]
    expose: tuple[Entry, ...]
    volumes: tuple[Volume, ...]
    depends_on: tuple[str, ...]
    replicas: Entry | None
    healthcheck: Node | None
    """None too where it is disabled."""
    init: bool
    stop_grace: Entry | None
    """`stop_grace_period` as written: `1m30s`."""
    stop_signal: Entry | None
    user: Entry | None
    privileged: bool
    restart: str | None
    profiles: tuple[str, ...]
    """Empty: it starts by default."""


@dataclass(frozen=True, slots=True)
class Compose:
    """A compose file."""

    path: str
    services: tuple[ComposeService, ...]
    context: Context = "prod"
    problem: str | None = None
    volumes: tuple[str, ...] = ()
    """Names of the volumes that it declares."""
    include: tuple[str, ...] = ()
    """Paths of other files that it includes, as written."""
    secrets: tuple[str, ...] = ()
    document: Node | None = None

    def service(self, name: str) -> ComposeService | None:
        return next((one for one in self.services if one.name == name), None)


def parse_compose(text: str, path: str = "compose.yaml", context: Context = "prod") -> Compose:
    """Read a compose file. Never raises; `problem` says what could not be read."""
    file = parse_yaml(text, path)
    root = file.first
    if root is None or root.kind != "map":
        return Compose(path, (), context, file.problem or (None if root is None else "it is no map of services"))
    services = root.get("services")
    lines = {key.value: key.line for key, _ in (services or root).pairs()}
    found: tuple[tuple[str, Node], ...] = ()
    if services is not None:
        found = services.items()
    elif root.get("version") is None:  # the first format had services at the top
        found = tuple((k, v) for k, v in root.items() if v.get("image") is not None or v.get("build") is not None)
    return Compose(
        path=path,
        services=tuple(
            _service(name, node, services, lines.get(name, node.line)) for name, node in found if node.kind == "map"
        ),
        context=context,
        problem=file.problem,
        volumes=tuple(name for name, _ in _items(root.get("volumes"))),
        include=_include(root.get("include")),
        secrets=tuple(name for name, _ in _items(root.get("secrets"))),
        document=root,
    )


def is_compose_name(name: str) -> bool:
    """Whether a base name is that of a compose file: `compose.yaml`, `docker-compose.prod.yml`."""
    lower = name.lower()
    if not lower.endswith((".yml", ".yaml")):
        return False
    stem = lower.rpartition(".")[0]
    return (
        stem in ("compose", "docker-compose", "docker-stack")
        or stem.startswith(
            ("compose.", "docker-compose.", "docker-compose-", "docker-compose_", "compose-", "docker-stack.")
        )
        or stem.endswith((".compose", "-compose", ".docker-compose"))
    )


def is_compose(text: str) -> bool:
    """Whether a YAML text of another name (`production.yml`) is a compose file: it has services with images."""
    if "services:" not in text or ("image:" not in text and "build:" not in text):
        return False
    root = parse_yaml(text).first
    services = root.get("services") if root is not None else None
    jobs = root is not None and (root.get("jobs") is not None or root.get("on") is not None)
    return (
        services is not None
        and not jobs
        and any(one.get("image") is not None or one.get("build") is not None for _, one in services.items())
    )


def _service(name: str, node: Node, services: Node | None, line: int) -> ComposeService:
    own = _extended(node, services)
    image = own.at("image")
    check = own.at("healthcheck")
    disabled = check is not None and (
        fields.true(check.get("disable")) or "NONE" in fields.texts(check.get("test"))[:1]
    )
    replicas = own.at("deploy", "replicas") or own.at("scale")
    return ComposeService(
        name=name,
        node=node,
        line=line,
        image=fields.image(image),
        image_line=image.line if image is not None else node.line,
        build=fields.build(own.at("build")),
        command=fields.command(own.at("command")),
        entrypoint=fields.command(own.at("entrypoint")),
        environment=fields.environment(own.at("environment")),
        env_file=fields.env_files(own.at("env_file")),
        ports=tuple(port for one in fields.elements(own.at("ports")) if (port := fields.port(one)) is not None),
        expose=tuple(Entry(one.value.removesuffix("/tcp"), one.line) for one in fields.elements(own.at("expose"))),
        volumes=tuple(
            volume for one in fields.elements(own.at("volumes")) if (volume := fields.volume(one)) is not None
        ),
        depends_on=_names(own.at("depends_on")),
        replicas=fields.entry(replicas),
        healthcheck=None if disabled else check,
        init=fields.true(own.at("init")),
        stop_grace=fields.entry(own.at("stop_grace_period")),
        stop_signal=fields.entry(own.at("stop_signal")),
        user=fields.entry(own.at("user")),
        privileged=fields.true(own.at("privileged")),
        restart=own.text("restart"),
        profiles=fields.texts(own.at("profiles")),
    )


@dataclass(frozen=True, slots=True)
class _Own:
    """A service's map, and those of the services that it extends: the nearest has the word."""

    nodes: tuple[Node, ...]

    def at(self, *path: str | int) -> Node | None:
        return next((one for node in self.nodes if (one := node.at(*path)) is not None), None)

    def text(self, *path: str | int) -> str | None:
        return next((one for node in self.nodes if (one := node.text(*path)) is not None), None)


def _extended(node: Node, services: Node | None) -> _Own:
    """With what it extends in the same file (another file's is not looked at)."""
    nodes = [node]
    while len(nodes) < 10:
        extends = nodes[-1].get("extends")
        if extends is None or extends.get("file") is not None or services is None:
            break
        name = extends.text("service") if extends.kind == "map" else extends.value
        base = services.get(name or "")
        if base is None or base.kind != "map" or base in nodes:
            break
        nodes.append(base)
    return _Own(tuple(nodes))


def _include(node: Node | None) -> tuple[str, ...]:
    paths = (one.text("path") if one.kind == "map" else one.value for one in fields.elements(node))
    return tuple(path for path in paths if path)


def _names(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ()
    return tuple(name for name, _ in node.items()) if node.kind == "map" else fields.texts(node)


def _items(node: Node | None) -> tuple[tuple[str, Node], ...]:
    return node.items() if node is not None else ()
