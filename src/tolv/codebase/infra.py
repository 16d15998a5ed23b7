"""Small readers of what surrounds an app: Terraform, nginx, Heroku's app.json, Cloud Foundry's manifest.yml.

INI files, systemd units, `.properties`, Spring's YAML and TOML are in `settings`; supervisord's programs in
`start_follow`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tolv.codebase.dockerfile_syntax import Entry
from tolv.codebase.settings import (
    Setting,
    Settings,
    flattened,
    parse_ini,
    parse_json,
    parse_properties,
    parse_spring_yaml,
    parse_toml,
)
from tolv.codebase.start_follow import Program, procfile_entries, programs
from tolv.codebase.yamlfile import Node, parse_yaml

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Parser

__all__ = [
    "AppJson", "Block", "CloudFoundryApp", "Directive", "Nginx", "Program", "Setting", "Settings", "Terraform",
    "flattened", "parse_app_json", "parse_cloud_foundry", "parse_ini", "parse_json", "parse_nginx",
    "parse_properties", "parse_spring_yaml", "parse_terraform", "parse_toml", "procfile_entries", "programs",
    "systemd_environment",
]  # fmt: skip

_LARGEST = 2 << 20
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive of nginx: `listen 443 ssl;`."""

    name: str
    args: tuple[str, ...]
    line: int
    inside: tuple[str, ...] = ()
    """The blocks around it, outermost first: `("http", "server", "location /")`."""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A file of nginx."""

    directives: tuple[Directive, ...]
    """In order, blocks included: a block is a directive with what stands before its brace."""
    problem: str | None = None

    def named(self, *names: str) -> tuple[Directive, ...]:
        return tuple(one for one in self.directives if one.name in names)


def parse_nginx(text: str, path: str = "") -> Nginx:
    """Read nginx's configuration. Never raises."""
    if len(text) > _LARGEST:
        return Nginx((), "it is larger than 2 MiB")
    found: list[Directive] = []
    inside: list[str] = []
    words: list[str] = []
    start = 1
    for token, line in _nginx_tokens(text):
        if token not in ("{", "}", ";"):
            start = start if words else line
            words.append(token[1:-1] if len(token) > 1 and token[0] in "\"'" and token[-1] == token[0] else token)
            continue
        if words:
            found.append(Directive(words[0], tuple(words[1:]), start, tuple(inside)))
        if token == "{":
            inside.append(" ".join(words))
        elif token == "}" and not inside:
            return Nginx(tuple(found), f"line {line} closes what was not open")
        elif token == "}":
            inside.pop()
        words = []
        if len(inside) > 50 or len(found) > _MOST:
            return Nginx(
                tuple(found), "it is nested too deep" if len(inside) > 50 else f"it has more than {_MOST} lines"
            )
    return Nginx(tuple(found), "a block is not closed" if inside else None)


_NGINX_WORD = re.compile(r"(?:\$\{\w*\}|[^\s{};])+")
_NGINX_SKIP = re.compile(r"\s+|\#[^\n]*")


def _nginx_tokens(text: str) -> Iterator[tuple[str, int]]:
    """The words and marks with their lines; a quote that never closes is a character like others."""
    position, line = 0, 1
    open_ended: set[str] = set()
    while position < len(text):
        character = text[position]
        end = position + 1
        if match := _NGINX_SKIP.match(text, position):
            end = match.end()
        elif character in "{};":
            yield character, line
        elif character in "\"'" and character not in open_ended and (close := _closing(text, position)) is not None:
            end = close + 1
            yield text[position:end], line
        else:
            open_ended |= {character} & {'"', "'"}
            match = _NGINX_WORD.match(text, position)
            end = match.end() if match is not None else end
            yield text[position:end], line
        line += text.count("\n", position, end)
        position = end


def _closing(text: str, start: int) -> int | None:
    """Where the quote at `start` closes; None: nowhere."""
    position = start + 1
    while (position := text.find(text[start], position)) >= 0:
        before = position - 1
        while text[before] == "\\":
            before -= 1
        if (position - before) % 2:
            return position
        position += 1
    return None


@dataclass(frozen=True, slots=True)
class Block:
    """A block of Terraform: `resource "aws_db_instance" "main" { … }`."""

    type: str
    labels: tuple[str, ...]
    attributes: dict[str, Entry]
    """As written; a text without its quotes."""
    literals: frozenset[str]
    """The attributes that are a literal: a text without `${…}`, a number, a boolean."""
    blocks: tuple[Block, ...]
    line: int
    end_line: int

    def walk(self) -> Iterator[Block]:
        """Itself and all blocks within."""
        rest = [self]
        while rest:
            one = rest.pop()
            yield one
            rest.extend(reversed(one.blocks))


@dataclass(frozen=True, slots=True)
class Terraform:
    """A `.tf` or `.tfvars` file."""

    path: str
    blocks: tuple[Block, ...]
    attributes: dict[str, Entry]
    """At the top: those of a `.tfvars`."""
    problem: str | None = None

    def named(self, type: str, label: str | None = None) -> tuple[Block, ...]:
        """The blocks of a type, and of a first label."""
        return tuple(one for one in self.blocks if one.type == type and (label is None or one.labels[:1] == (label,)))


def parse_terraform(text: str, path: str = "") -> Terraform:
    """Read HCL. Never raises; `problem` says what could not be read."""
    if len(text) > _LARGEST // 2:
        return Terraform(path, (), {}, "it is larger than 1 MiB")
    root = _hcl().parse(text.encode("utf-8", "replace")).root_node
    body = next((child for child in root.children if child.type == "body"), None)
    if body is None:
        return Terraform(path, (), {}, "it is not HCL" if text.strip() and root.has_error else None)
    attributes, _, blocks = _body(body, 0)
    return Terraform(path, blocks, attributes, "a part of it is not HCL" if root.has_error else None)


@lru_cache(maxsize=1)
def _hcl() -> Parser:
    import tree_sitter_hcl
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_hcl.language()))


def _body(body: Syntax, depth: int) -> tuple[dict[str, Entry], frozenset[str], tuple[Block, ...]]:
    attributes: dict[str, Entry] = {}
    literals: set[str] = set()
    blocks: list[Block] = []
    for child in body.children:
        if child.type == "attribute":
            parts = [one for one in child.children if one.is_named]
            if len(parts) < 2:
                continue
            name = _hcl_text(parts[0])
            value, literal = _hcl_value(parts[-1])
            attributes[name] = Entry(value, child.start_point[0] + 1)
            literals |= {name} if literal else set()
        elif child.type == "block" and depth < 50:
            words = [_hcl_text(one).strip('"') for one in child.children if one.type in ("identifier", "string_lit")]
            inner = next((one for one in child.children if one.type == "body"), None)
            own, said, below = _body(inner, depth + 1) if inner is not None else ({}, frozenset[str](), ())
            first, last = child.start_point[0] + 1, child.end_point[0] + 1
            blocks.append(Block(words[0] if words else "", tuple(words[1:]), own, said, below, first, last))
    return attributes, frozenset(literals), tuple(blocks)


def _hcl_value(node: Syntax) -> tuple[str, bool]:
    """The text of a value, and whether it is a literal."""
    text = _hcl_text(node)
    inner = node
    while inner.child_count == 1 and inner.type in ("expression", "literal_value", "template_expr"):
        inner = inner.children[0]
    if inner.type in ("string_lit", "quoted_template", "heredoc_template"):
        return text.strip().strip('"'), "${" not in text and "%{" not in text
    return text, inner.type in ("numeric_lit", "bool_lit", "null_lit")


def _hcl_text(node: Syntax) -> str:
    return (node.text or b"").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class AppVariable:
    """A variable that app.json asks for."""

    name: str
    value: str | None
    """Its default."""
    generated: bool
    """The platform makes a secret of its own."""
    required: bool
    line: int


@dataclass(frozen=True, slots=True)
class AppJson:
    """Heroku's app.json."""

    path: str
    env: dict[str, AppVariable]
    addons: tuple[Entry, ...]
    """Plans: `heroku-postgresql:mini`."""
    scripts: dict[str, Entry]
    buildpacks: tuple[str, ...]
    formation: dict[str, Entry]
    """Quantities by process type."""
    problem: str | None = None
    document: Node | None = None


def parse_app_json(text: str, path: str = "app.json") -> AppJson:
    """Read an app.json. Never raises."""
    file = parse_yaml(text, path)
    root = file.first
    if root is None or root.kind != "map":
        return AppJson(path, {}, (), {}, (), {}, file.problem or "it is no map")
    addons = ((one, one.text("plan") if one.kind == "map" else one.value) for one in _elements(root.get("addons")))
    formation = {name: Entry(node.text("quantity") or "", node.line) for name, node in _items(root.get("formation"))}
    return AppJson(
        path=path,
        env={name: _app_variable(name, node) for name, node in _items(root.get("env"))},
        addons=tuple(Entry(plan, one.line) for one, plan in addons if plan),
        scripts={name: Entry(node.value, node.line) for name, node in _items(root.get("scripts")) if node.value},
        buildpacks=tuple(one.text("url") or one.value for one in _elements(root.get("buildpacks"))),
        formation=formation,
        problem=file.problem,
        document=root,
    )


def _app_variable(name: str, node: Node) -> AppVariable:
    if node.kind == "scalar":
        return AppVariable(name, None if node.is_null else node.value, False, True, node.line)
    required = node.get("required")
    return AppVariable(
        name, node.text("value"), node.text("generator") is not None, required is None or required.is_true, node.line
    )


@dataclass(frozen=True, slots=True)
class CloudFoundryApp:
    """An application of a Cloud Foundry manifest."""

    name: str
    command: Entry | None
    instances: Entry | None
    services: tuple[str, ...]
    env: dict[str, Entry]
    health: Entry | None
    """`health-check-type`."""
    buildpacks: tuple[str, ...]
    path: str | None
    line: int
    node: Node


def parse_cloud_foundry(text: str, path: str = "manifest.yml") -> tuple[CloudFoundryApp, ...]:
    """The applications of a manifest; none where it is another's. Never raises."""
    root = parse_yaml(text, path, templates=True).first
    return tuple(
        CloudFoundryApp(
            name=app.text("name") or "",
            command=_entry(app.get("command")),
            instances=_entry(app.get("instances")),
            services=tuple(one.text("name") or one.value for one in _elements(app.get("services"))),
            env={name: Entry(node.value, node.line) for name, node in _items(app.get("env")) if node.kind == "scalar"},
            health=_entry(app.get("health-check-type")),
            buildpacks=tuple(app.at("buildpacks").texts() if app.get("buildpacks") else ()),  # type: ignore[union-attr]
            path=app.text("path"),
            line=app.line,
            node=app,
        )
        for app in _elements(root.get("applications") if root is not None else None)
        if app.kind == "map"
    )


def systemd_environment(unit: Settings) -> Iterator[Setting]:
    """The variables of a unit's `Environment=` lines, each as a setting of its own."""
    for one in unit.all("Service.Environment"):
        for match in _ASSIGNMENTS.finditer(one.value):
            yield Setting(match[1] or match[3], match[2] if match[1] else match[4], one.path, one.line)


_ASSIGNMENTS = re.compile(r'"(\w+)=([^"]*)"|(\w+)=([^\s"]*)')


def _items(node: Node | None) -> tuple[tuple[str, Node], ...]:
    return node.items() if node is not None else ()


def _elements(node: Node | None) -> tuple[Node, ...]:
    return node.elements() if node is not None else ()


def _entry(node: Node | None) -> Entry | None:
    return Entry(node.value, node.line) if node is not None and node.kind == "scalar" and not node.is_null else None
