"""Small readers of what surrounds an app, in one place: Heroku's app.json and Cloud Foundry's manifest here, the others
from `settings`, `nginx`, `terraform` and `start_follow`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.codebase.dockerfile_syntax import Entry
from tolv.codebase.nginx import Directive, Nginx, parse_nginx
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
from tolv.codebase.terraform import Block, Terraform, parse_terraform
from tolv.codebase.yamlfile import Node, parse_yaml

__all__ = [
    "AppJson", "Block", "CloudFoundryApp", "Directive", "Nginx", "Program", "Setting", "Settings", "Terraform",
    "flattened", "parse_app_json", "parse_cloud_foundry", "parse_ini", "parse_json", "parse_nginx",
    "parse_properties", "parse_spring_yaml", "parse_terraform", "parse_toml", "procfile_entries", "programs",
    "systemd_environment",
]  # fmt: skip


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
