"""Compose files: the services, with what rules ask of them, each with its line.

Follows the Compose Specification: short and long forms, `extends` and `<<` within the file, `x-` extensions left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from tolv.codebase.context import Context
from tolv.codebase.dockerfile_syntax import Entry
from tolv.codebase.images import Image, expand, parse_image
from tolv.codebase.yamlfile import Node, parse_yaml


@dataclass(frozen=True, slots=True)
class Build:
    """What a service's image is built of."""

    context: str
    """As written, `.` by default."""
    dockerfile: str | None
    target: str | None
    args: dict[str, Entry]
    line: int


@dataclass(frozen=True, slots=True)
class CommandLine:
    """`command` or `entrypoint`: words, or a text that compose splits into words without a shell."""

    argv: tuple[str, ...] | None
    """The list form; None: `text` is split."""
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Port:
    """One published or exposed port."""

    published: str | None
    """On the host, without the address; None: any."""
    target: str
    """In the container, without `/tcp`; may hold variables."""
    host: str | None
    """The address that it is bound to."""
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Volume:
    """One mount."""

    source: str | None
    """A path (`./src`), a volume's name, or None: anonymous."""
    target: str
    read_only: bool
    line: int

    @property
    def is_bind(self) -> bool:
        """It mounts a path of the host, not a volume."""
        return self.source is not None and self.source.startswith((".", "/", "~", "$PWD", "${PWD"))


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
    disabled = check is not None and (_true(check.get("disable")) or "NONE" in _texts(check.get("test"))[:1])
    replicas = own.at("deploy", "replicas") or own.at("scale")
    return ComposeService(
        name=name,
        node=node,
        line=line,
        image=_image(image),
        image_line=image.line if image is not None else node.line,
        build=_build(own.at("build")),
        command=_command(own.at("command")),
        entrypoint=_command(own.at("entrypoint")),
        environment=_environment(own.at("environment")),
        env_file=_env_files(own.at("env_file")),
        ports=tuple(port for one in _elements(own.at("ports")) if (port := _port(one)) is not None),
        expose=tuple(Entry(one.value.removesuffix("/tcp"), one.line) for one in _elements(own.at("expose"))),
        volumes=tuple(volume for one in _elements(own.at("volumes")) if (volume := _volume(one)) is not None),
        depends_on=_names(own.at("depends_on")),
        replicas=_entry(replicas),
        healthcheck=None if disabled else check,
        init=_true(own.at("init")),
        stop_grace=_entry(own.at("stop_grace_period")),
        stop_signal=_entry(own.at("stop_signal")),
        user=_entry(own.at("user")),
        privileged=_true(own.at("privileged")),
        restart=own.text("restart"),
        profiles=_texts(own.at("profiles")),
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


def _image(node: Node | None) -> Image | None:
    if node is None or node.kind != "scalar" or not node.value:
        return None
    return replace(parse_image(expand(node.value, {})), text=node.value)


def _build(node: Node | None) -> Build | None:
    if node is None or node.is_null:
        return None
    if node.kind == "scalar":
        return Build(node.value, None, None, {}, node.line)
    args = {name: entry for name, entry in _environment(node.get("args")).items() if entry is not None}
    return Build(node.text("context") or ".", node.text("dockerfile"), node.text("target"), args, node.line)


def _command(node: Node | None) -> CommandLine | None:
    if node is None or node.is_null:
        return None
    if node.kind == "scalar":
        if node.value.startswith("[") and (words := _json_words(node.value)) is not None:
            return CommandLine(words, " ".join(words), node.line)
        return CommandLine(None, node.value, node.line)
    words = _texts(node)
    return CommandLine(words, " ".join(words), node.line)


def _json_words(text: str) -> tuple[str, ...] | None:
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _environment(node: Node | None) -> dict[str, Entry | None]:
    """Of a map, or a list of `NAME=value`."""
    if node is None:
        return {}
    if node.kind == "map":
        lines = {key.value: key.line for key, _ in node.pairs()}
        return {
            name: None if value.is_null else Entry(value.value, lines.get(name, value.line))
            for name, value in node.items()
            if value.kind == "scalar"
        }
    found: dict[str, Entry | None] = {}
    for one in _elements(node):
        name, sign, value = one.value.partition("=")
        if one.kind == "scalar" and name:
            found[name.strip()] = Entry(value, one.line) if sign else None
    return found


def _env_files(node: Node | None) -> tuple[Entry, ...]:
    if node is None or node.is_null:
        return ()
    if node.kind == "scalar":
        return (Entry(node.value, node.line),)
    paths = [(one, one.text("path") if one.kind == "map" else one.value) for one in _elements(node)]
    return tuple(Entry(path, one.line) for one, path in paths if path)


def _port(node: Node) -> Port | None:
    """`8080:80`, `127.0.0.1:8080:80/udp`, or a map with `target` and `published`."""
    if node.kind == "map":
        target = node.text("target")
        published = node.text("published")
        return None if target is None else Port(published, target, node.text("host_ip"), target, node.line)
    if node.kind != "scalar" or not node.value.strip():
        return None
    parts = _split(node.value.strip().removesuffix("/tcp"))
    target = parts.pop()
    published = parts.pop() if parts else None
    return Port(published or None, target, ":".join(parts) or None, node.value, node.line)


def _split(text: str) -> list[str]:
    """At the colons that are not within `${…}`."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if character == ":" and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _volume(node: Node) -> Volume | None:
    if node.kind == "map":
        target = node.text("target")
        return None if target is None else Volume(node.text("source"), target, _true(node.get("read_only")), node.line)
    if node.kind != "scalar" or not node.value:
        return None
    parts = _split(node.value)
    if len(parts) == 1:
        return Volume(None, parts[0], False, node.line)
    return Volume(parts[0], parts[1], "ro" in parts[2].split(",") if len(parts) > 2 else False, node.line)


def _include(node: Node | None) -> tuple[str, ...]:
    paths = (one.text("path") if one.kind == "map" else one.value for one in _elements(node))
    return tuple(path for path in paths if path)


def _names(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ()
    return tuple(name for name, _ in node.items()) if node.kind == "map" else _texts(node)


def _items(node: Node | None) -> tuple[tuple[str, Node], ...]:
    return node.items() if node is not None else ()


def _elements(node: Node | None) -> tuple[Node, ...]:
    return node.elements() if node is not None else ()


def _texts(node: Node | None) -> tuple[str, ...]:
    return node.texts() if node is not None else ()


def _entry(node: Node | None) -> Entry | None:
    return Entry(node.value, node.line) if node is not None and node.kind == "scalar" and not node.is_null else None


def _true(node: Node | None) -> bool:
    return node is not None and node.is_true
