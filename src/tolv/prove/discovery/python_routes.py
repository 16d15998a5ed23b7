"""The routes that Python code declares: decorators of Flask, FastAPI and their like, and Django's `urlpatterns`.

A light reading: what is put together at run time is not seen, and nothing is claimed that is not written there.
"""

from __future__ import annotations

import ast
import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tolv.prove.discovery.python_file import PythonFile
from tolv.prove.discovery.route import Route, form_body, json_body, normal, sample

_METHODS = frozenset(("get", "post", "put", "patch", "delete"))
_TYPES = {"int": "integer", "float": "number", "bool": "boolean"}
#: Routers on routers that are followed.
_DEEPEST = 8
#: Where Flask and Django keep what a form has sent.
_FORMS, _FILES = ("form", "POST"), ("files", "FILES")


@dataclass(slots=True)
class PythonTree:
    """What the files of an app say together: where routers are mounted, and which fields its models have."""

    files: list[PythonFile] = field(default_factory=list)
    mounts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By router or blueprint (`app.api.bp`): what it is mounted on, and its prefix there."""
    prefixes: dict[str, str] = field(default_factory=dict)
    """By router or blueprint: the prefix that it was made with."""
    included: dict[str, str] = field(default_factory=dict)
    """By module of Django's routes: the prefix below which they are."""
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By class: its fields, each with a sample."""

    def add(self, path: str, text: str) -> None:
        """Take a file; one that does not parse is left out."""
        try:
            with warnings.catch_warnings(action="ignore"):
                file = PythonFile.parse(path, text)
            for node in ast.walk(file.tree):
                if isinstance(node, ast.Call):
                    self._mount(file, node)
                elif isinstance(node, ast.Assign):
                    self._prefix(file, node)
                elif isinstance(node, ast.ClassDef):
                    self._model(node)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        self.files.append(file)

    def routes(self) -> Iterator[Route]:
        """All routes of all files."""
        for file in self.files:
            with contextlib.suppress(RecursionError):
                yield from list(self._decorated(file))
                yield from list(self._patterns(file)) if file.path.endswith("urls.py") else ()

    def _below(self, router: str) -> str:
        """The path below which a router's routes are, from the app's root."""
        found = self.prefixes.get(router, "")
        for _ in range(_DEEPEST):
            if router not in self.mounts:
                break
            owner, prefix = self.mounts[router]
            found = f"{self.prefixes.get(owner, '')}/{prefix}/{found}"
            router = owner
        return found.rstrip("/")

    def _mount(self, file: PythonFile, call: ast.Call) -> None:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in ("include_router", "register_blueprint") and call.args and isinstance(call.func, ast.Attribute):
            prefix = _text(_keyword(call, "prefix") or _keyword(call, "url_prefix")) or ""
            self.mounts[file.full(call.args[0])] = (file.full(call.func.value), prefix)
        elif name == "path" and len(call.args) >= 2 and isinstance(call.args[1], ast.Call):
            inner, prefix = call.args[1], _text(call.args[0]) or ""
            module = _text(inner.args[0]) if getattr(inner.func, "id", "") == "include" and inner.args else None
            if prefix and module:
                self.included[module] = prefix

    def _prefix(self, file: PythonFile, node: ast.Assign) -> None:
        if isinstance(node.value, ast.Call):
            prefix = _text(_keyword(node.value, "prefix") or _keyword(node.value, "url_prefix"))
            if prefix and prefix.startswith("/"):
                self.prefixes[file.full(node.targets[0])] = prefix

    def _model(self, node: ast.ClassDef) -> None:
        fields = {
            one.target.id: sample(one.target.id, _TYPES.get(ast.unparse(one.annotation), "string"))
            for one in node.body
            if isinstance(one, ast.AnnAssign)
            and isinstance(one.target, ast.Name)
            and one.value is None
            and ast.unparse(one.annotation) in ("str", "int", "float", "bool", "EmailStr", "HttpUrl")
        }
        bases = {ast.unparse(one).rpartition(".")[2] for one in node.bases}
        if fields and (bases & {"BaseModel", "SQLModel", "Schema", "Struct"} or bases & self.models.keys()):
            self.models[node.name] = {**(self.models.get(next(iter(bases & self.models.keys()), "")) or {}), **fields}

    def _decorated(self, file: PythonFile) -> Iterator[Route]:
        for node in ast.walk(file.tree):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for one in node.decorator_list:
                if not isinstance(one, ast.Call) or not isinstance(one.func, ast.Attribute):
                    continue
                rule = _text(one.args[0]) if one.args else _text(_keyword(one, "path") or _keyword(one, "rule"))
                if rule is None or (rule and not rule.startswith("/")):
                    continue
                path = normal(self._below(file.full(one.func.value)), rule)
                for method in _methods(one):
                    body, field_ = self._body(node) if method not in ("GET", "DELETE") else (None, None)
                    yield Route(method, path, f"{file.path}:{one.lineno}", body, field_)

    def _patterns(self, file: PythonFile) -> Iterator[Route]:
        mounted = next((prefix for name, prefix in self.included.items() if file.module.endswith(name)), "")
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "path" and len(node.args) >= 2:
                rule, view = _text(node.args[0]), ast.unparse(node.args[1])
                if rule is not None and not view.startswith("include(") and not view.endswith(".urls"):
                    yield Route("GET", normal(mounted, rule), f"{file.path}:{node.lineno}")

    def _body(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str | None, str | None]:
        """What a function reads of its request: a body, and the field of a file."""
        forms, files = [], []
        arguments = [*function.args.args, *function.args.kwonlyargs]
        defaults = dict(zip(reversed(function.args.args), reversed(function.args.defaults), strict=False))
        for one in arguments:
            type_ = ast.unparse(one.annotation) if one.annotation else ""
            default = ast.unparse(defaults[one]) if one in defaults else ""
            if type_.rpartition(".")[2] in self.models:
                return json_body(self.models[type_.rpartition(".")[2]]), None
            if "UploadFile" in type_:
                files.append(one.arg)
            elif "Form(" in default or "Form(" in type_:
                forms.append(one.arg)
        jsons, variables = dict[str, Any](), set[str]()
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_json(node.value):
                variables.add(node.targets[0].id)
            owner, name = _read(node)
            if owner is None or name is None:
                continue
            if isinstance(owner, ast.Attribute) and owner.attr in _FORMS:
                forms.append(name)
            elif isinstance(owner, ast.Attribute) and owner.attr in _FILES:
                files.append(name)
            elif _is_json(owner) or (isinstance(owner, ast.Name) and owner.id in variables):
                jsons[name] = sample(name)
        body = form_body(dict.fromkeys(forms)) or (json_body(jsons) if not files else None)
        return body, files[0] if files else None


def _methods(call: ast.Call) -> tuple[str, ...]:
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr in _METHODS:
        return (call.func.attr.upper(),)
    if call.func.attr not in ("route", "api_route"):
        return ()
    given = _keyword(call, "methods")
    names = [_text(one) for one in given.elts] if isinstance(given, (ast.List, ast.Tuple, ast.Set)) else ["GET"]
    return tuple(name.upper() for name in names if name and name.lower() in _METHODS)


def _read(node: ast.AST) -> tuple[ast.expr | None, str | None]:
    """`owner["name"]` and `owner.get("name")`."""
    if isinstance(node, ast.Subscript):
        return node.value, _text(node.slice)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        return node.func.value, _text(node.args[0])
    return None, None


def _is_json(node: ast.expr) -> bool:
    """`request.json`, `request.get_json()`, `await request.json()`, `json.loads(request.body)`."""
    text = ast.unparse(node).removeprefix("await ").removeprefix("(await ")
    return text.startswith(("request.json", "request.get_json(", "json.loads(request."))


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _text(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
