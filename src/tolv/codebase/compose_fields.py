"""The values of a compose service: builds, commands, variables, ports and mounts, in short and long form."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from tolv.codebase.dockerfile_syntax import Entry
from tolv.codebase.images import Image, expand, parse_image
from tolv.codebase.yamlfile import Node


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


def image(node: Node | None) -> Image | None:
    if node is None or node.kind != "scalar" or not node.value:
        return None
    return replace(parse_image(expand(node.value, {})), text=node.value)


def build(node: Node | None) -> Build | None:
    if node is None or node.is_null:
        return None
    if node.kind == "scalar":
        return Build(node.value, None, None, {}, node.line)
    args = {name: entry for name, entry in environment(node.get("args")).items() if entry is not None}
    return Build(node.text("context") or ".", node.text("dockerfile"), node.text("target"), args, node.line)


def command(node: Node | None) -> CommandLine | None:
    if node is None or node.is_null:
        return None
    if node.kind == "scalar":
        if node.value.startswith("[") and (words := _json_words(node.value)) is not None:
            return CommandLine(words, " ".join(words), node.line)
        return CommandLine(None, node.value, node.line)
    words = texts(node)
    return CommandLine(words, " ".join(words), node.line)


def _json_words(text: str) -> tuple[str, ...] | None:
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def environment(node: Node | None) -> dict[str, Entry | None]:
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
    for one in elements(node):
        name, sign, value = one.value.partition("=")
        if one.kind == "scalar" and name:
            found[name.strip()] = Entry(value, one.line) if sign else None
    return found


def env_files(node: Node | None) -> tuple[Entry, ...]:
    if node is None or node.is_null:
        return ()
    if node.kind == "scalar":
        return (Entry(node.value, node.line),)
    paths = [(one, one.text("path") if one.kind == "map" else one.value) for one in elements(node)]
    return tuple(Entry(path, one.line) for one, path in paths if path)


def port(node: Node) -> Port | None:
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


def volume(node: Node) -> Volume | None:
    if node.kind == "map":
        target = node.text("target")
        return None if target is None else Volume(node.text("source"), target, true(node.get("read_only")), node.line)
    if node.kind != "scalar" or not node.value:
        return None
    parts = _split(node.value)
    if len(parts) == 1:
        return Volume(None, parts[0], False, node.line)
    return Volume(parts[0], parts[1], "ro" in parts[2].split(",") if len(parts) > 2 else False, node.line)


def elements(node: Node | None) -> tuple[Node, ...]:
    return node.elements() if node is not None else ()


def texts(node: Node | None) -> tuple[str, ...]:
    return node.texts() if node is not None else ()


def entry(node: Node | None) -> Entry | None:
    return Entry(node.value, node.line) if node is not None and node.kind == "scalar" and not node.is_null else None


def true(node: Node | None) -> bool:
    return node is not None and node.is_true
