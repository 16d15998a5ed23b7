"""`Procfile`: the web process, where the tree leaves no doubt about it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

from tolv.check.fixes import Change
from tolv.check.fixes.tree import Tree, below
from tolv.check.model import Report

_RULES = frozenset({"V-02", "VII-04", "VIII-01"})
_ENTRIES = ("wsgi.py", "asgi.py", "app.py", "main.py", "application.py", "server.py")
_FACTORIES = {"Flask": "gunicorn", "FastAPI": "uvicorn", "Starlette": "uvicorn"}


def procfile(report: Report, tree: Tree) -> Iterator[Change]:
    """For each unit without a declared start: `web`, from `package.json` or a server that is a dependency."""
    for unit in dict.fromkeys(one.unit for one in report.findings if one.rule in _RULES):
        path = below(unit, "Procfile")
        if tree.exists(path) or tree.exists(below(unit, "Dockerfile")):
            continue
        commands = [one for one in (_node(tree, unit), _python(tree, unit)) if one]
        if len(commands) == 1:
            yield Change(path, None, f"web: {commands[0]}\n", "declare the web process; try it with `tolv up`")


def _node(tree: Tree, unit: str) -> str | None:
    try:
        manifest = json.loads(tree.read(below(unit, "package.json")) or "")
    except (ValueError, RecursionError):
        return None
    scripts = manifest.get("scripts") if isinstance(manifest, dict) else None
    return "npm start" if isinstance(scripts, dict) and isinstance(scripts.get("start"), str) else None


def _python(tree: Tree, unit: str) -> str | None:
    files = (*tree.named(unit, "requirements*.txt", "pyproject.toml", "Pipfile", "setup.py", "setup.cfg"),)
    declared = "\n".join(tree.read(path) or "" for path in files)
    found = set(_django(tree, unit, declared)) or set(_applications(tree, unit, declared))
    return found.pop() if len(found) == 1 else None


def _django(tree: Tree, unit: str, declared: str) -> Iterator[str]:
    if tree.exists(below(unit, "manage.py")) and _has(declared, "gunicorn"):
        for directory in tree.named(unit, "[a-z]*"):
            if directory.rpartition("/")[2].isidentifier() and tree.exists(below(directory, "wsgi.py")):
                yield f"gunicorn {directory.rpartition('/')[2]}.wsgi"


def _applications(tree: Tree, unit: str, declared: str) -> Iterator[str]:
    for path in tree.named(unit, *_ENTRIES):
        for name, factory in _bindings(tree.read(path) or ""):
            server, module = _FACTORIES[factory], path.rpartition("/")[2].removesuffix(".py")
            if _has(declared, server):
                # gunicorn listens on PORT by itself.
                listens = " --host 0.0.0.0 --port $PORT" if server == "uvicorn" else ""
                yield f"{server} {module}:{name}{listens}"


def _bindings(text: str) -> Iterator[tuple[str, str]]:
    """The names that a module binds to an application, without running it."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for one in body:
        if isinstance(one, ast.Assign) and isinstance(one.value, ast.Call):
            called = one.value.func
            factory = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if factory in _FACTORIES and isinstance(one.targets[0], ast.Name):
                yield one.targets[0].id, factory


def _has(declared: str, name: str) -> bool:
    return re.search(rf"(?im)(^|['\"\s]){name}(\[|[=<>~!;'\",\s]|$)", declared) is not None
