"""What can be found of how an app is used: its routes, health, description and commands, by reading its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tolv.codebase.context import classify
from tolv.codebase.inference.files import Files, name_of
from tolv.codebase.model import App
from tolv.codebase.yamlfile import parse_yaml
from tolv.prove.discovery.javascript_routes import SUFFIXES, javascript_routes
from tolv.prove.discovery.openapi import routes_of
from tolv.prove.discovery.propose import Proposal, propose
from tolv.prove.discovery.python_routes import PythonTree
from tolv.prove.discovery.route import Route

_SPECS = ("openapi", "swagger")
_BELOW = ("", "docs/", "doc/", "api/", "spec/", "static/")
#: Bytes of a description that are read.
_LARGEST_SPEC = 4 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """What was found."""

    routes: tuple[Route, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    """At most one for each key of `[prove]`."""

    def proposal(self, name: str) -> Proposal | None:
        return next((one for one in self.proposals if one.name == name), None)


def discover(root: Path, app: App) -> Found:
    """Look through the files of an app; nothing is run, and nothing below `root` is left."""
    files = Files(root)
    spec, described = _described(files)
    routes = described or tuple(_coded(files))
    return Found(routes, _chosen(app, files, spec, routes))


def _chosen(app: App, files: Files, spec: Proposal | None, routes: tuple[Route, ...]) -> tuple[Proposal, ...]:
    """One proposal for each key: what the app declares comes before what was guessed."""
    said = [*_declared(app, files), *([spec] if spec else []), *propose(routes)]
    if not any(one.name == "read" for one in said):
        said.append(Proposal("read", "GET /"))
    chosen: dict[str, Proposal] = {}
    for one in said:
        chosen.setdefault(one.name, one)
    return tuple(chosen.values())


def _declared(app: App, files: Files) -> Iterator[Proposal]:
    web = app.process("web")
    if web is not None and web.health:
        name = "ready" if "ready" in web.health.lower() else "health"
        yield Proposal(name, f"GET {web.health}", "tolv.toml")
    if files.text("manage.py") is not None:
        yield Proposal("one_off", "python manage.py check", "manage.py")
        if app.release_command is None:
            yield Proposal("prepare", "python manage.py migrate --noinput", "manage.py")
    elif files.text("alembic.ini") is not None:
        yield Proposal("one_off", "alembic current", "alembic.ini")
        if app.release_command is None:
            yield Proposal("prepare", "alembic upgrade head", "alembic.ini")
    elif files.text("bin/rails") is not None:
        yield Proposal("one_off", "bin/rails runner true", "bin/rails")
        if app.release_command is None:
            yield Proposal("prepare", "bin/rails db:migrate", "bin/rails")


def _described(files: Files) -> tuple[Proposal | None, tuple[Route, ...]]:
    """The description that lies among the files, or the route at which a framework gives one."""
    for path in (f"{below}{name}.{end}" for below in _BELOW for name in _SPECS for end in ("json", "yaml", "yml")):
        text = files.text(path, _LARGEST_SPEC)
        spec = _parsed(text, path) if text else None
        if isinstance(spec, dict) and ("openapi" in spec or "swagger" in spec):
            return Proposal("spec", path, path), tuple(routes_of(spec, path))
    return next(_served(files), None), ()


def _served(files: Files) -> Iterator[Proposal]:
    """FastAPI describes itself, unless it is told not to."""
    for path in _sources(files, (".py",)):
        text = files.text(path) or ""
        if "FastAPI(" in text and "openapi_url" not in text:
            yield Proposal("spec", "/openapi.json", path)


def _coded(files: Files) -> Iterator[Route]:
    tree = PythonTree()
    for path in _sources(files, (".py",)):
        tree.add(path, files.text(path) or "")
    yield from tree.routes()
    yield from javascript_routes({path: files.text(path) or "" for path in _sources(files, SUFFIXES)})


def _sources(files: Files, suffixes: tuple[str, ...]) -> list[str]:
    return [path for path in files.paths if name_of(path).endswith(suffixes) and classify(path) == "prod"]


def _parsed(text: str, path: str) -> Any:
    """What a file of JSON or YAML holds; None: it is neither."""
    if not path.endswith(".json"):
        documents = parse_yaml(text, path).documents
        return documents[0].plain() if documents else None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
