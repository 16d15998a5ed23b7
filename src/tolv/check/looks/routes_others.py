"""The routes of Go, Java, Ruby and PHP files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.looks.route import VERBS, Route, called_on, is_path
from tolv.check.source import Call, Function, Source, Value

GO_WORDS = ("HandleFunc", "Handle", "GET", "POST", "PUT", "PATCH", "DELETE", "Get", "Post", "Put", "Delete", "Any")
JAVA_WORDS = (
    *(
        "GetMapping",
        "PostMapping",
        "PutMapping",
        "PatchMapping",
        "DeleteMapping",
        "RequestMapping",
        "Path",
        "WebServlet",
    ),
    *("GET", "POST", "PUT", "DELETE", "Get", "Post", "Put", "Delete"),
)
RUBY_WORDS = ("routes", "sinatra", "Sinatra", "Grape", "Roda", "ApplicationController", "ActionController", "API")
PHP_WORDS = ("Route", "app", "router", "Controller", "BaseController", "AbstractController", "addRoute", "group")

_MOST = 2000


def _shown(source: Source, call: Call, method: str, path: str | None, handler: str | None, framework: str) -> Route:
    """A route whose handler is written in place, or has a name."""
    if handler is not None:
        return Route(method, path, handler, call.line, call.column, framework=framework)
    calls = called_on(source, call.line, call.end_line)
    where = (call.line, call.column, call.line, call.end_line)
    return Route(method, path, None, *where, "route", framework, calls)


def _of_function(source: Source, one: Function, method: str, path: str | None, framework: str, line: int = 0) -> Route:
    calls = called_on(source, one.line + 1, one.end_line)
    return Route(method, path, one.name, line or one.line, 1, one.line, one.end_line, "route", framework, calls)


_PATTERN = re.compile(r"(?:(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) )?(?:[\w.-]+)?(/\S*)")


def go_routes(source: Source) -> Iterator[Route]:
    """`net/http`, gorilla, chi, gin, echo and fiber."""
    functions: dict[str, Function] = {}
    for one in source.functions():
        functions.setdefault(one.name, one)
    verbs = [*(f".{verb.upper()}" for verb in VERBS), *(f".{verb.title()}" for verb in VERBS), ".Any", ".All"]
    for call in source.calls("HandleFunc", ".Handle", *verbs):
        first = call.argument(0)
        if first is None or first.kind not in ("literal", "template") or len(call.arguments) < 2:
            continue
        match = _PATTERN.fullmatch(first.text or "")
        if match is None or call.name.startswith(("net/http.Client", "http.Post", "net/http.Post")):
            continue
        method = match[1] or (call.last.upper() if call.last.lower() in VERBS else "*")
        handler = _name_of(call.arguments[-1])
        own = functions.get((handler or "").rpartition(".")[2])
        if own is None:
            yield _shown(source, call, method, match[2], handler, _go_framework(call.name))
        else:
            calls = called_on(source, own.line + 1, own.end_line)
            where = (call.line, call.column, own.line, own.end_line)
            yield Route(method, match[2], handler, *where, "route", _go_framework(call.name), calls)


def _go_framework(name: str) -> str:
    return next((one for one in ("gin", "echo", "fiber", "chi", "mux") if f"/{one}" in name), "net/http")


def _name_of(value: Value) -> str | None:
    if value.kind == "name":
        return value.name
    if value.kind == "call":
        inner = [one for one in value.parts if one.kind == "name"]
        return _name_of(inner[-1]) if inner else None
    return None


_MAPPINGS = {"GetMapping", "PostMapping", "PutMapping", "PatchMapping", "DeleteMapping", "RequestMapping"}
_RESOURCE = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
_MICRONAUT = {"Get", "Post", "Put", "Patch", "Delete"}


def java_routes(source: Source) -> Iterator[Route]:
    """Spring, JAX-RS and Micronaut, by their annotations."""
    functions = source.functions()
    spans = [(one.line, one.end_line) for one in functions]
    prefixes = [
        _text(call.argument(0, "value", "path"))
        for call in source.calls("RequestMapping", "Path", "Controller")
        if not any(first <= call.line <= last for first, last in spans)
    ]
    prefix = (prefixes[0] or "").strip("/") if len(prefixes) == 1 else ""
    for function in functions:
        verbs = [one for one in function.decorators if one.last in _MAPPINGS | _RESOURCE | _MICRONAUT]
        paths = [one for one in function.decorators if one.last == "Path"]
        for one in verbs:
            if one.last in _MICRONAUT and b"micronaut" not in source.words:
                continue
            given = _text(one.argument(0, "value", "path", "uri"))
            if given is None and paths:
                given = _text(paths[0].argument(0, "value"))
            path = "/" + "/".join(part for part in (prefix, (given or "").strip("/")) if part)
            method = one.last.removesuffix("Mapping").upper()
            if one.last == "RequestMapping":
                said = one.keywords.get("method")
                method = (said.name or "*").rpartition(".")[2] if said is not None and said.kind == "name" else "*"
            yield _of_function(
                source, function, method, path, "spring" if one.last in _MAPPINGS else "jax-rs", one.line
            )


def _text(value: Value | None) -> str | None:
    if value is None:
        return None
    if value.kind == "container" and value.parts:
        return _text(value.parts[0])
    return value.text if value.kind in ("literal", "template") else None


def ruby_routes(source: Source) -> Iterator[Route]:
    """Rails' routes and controllers, Sinatra, Grape."""
    if b"draw" in source.words and b"routes" in source.words:
        yield from _rails(source)
        return
    for function in source.functions():
        owner = function.scope.owner or ""
        if owner.endswith("Controller") and not function.scope.function:
            yield _of_function(source, function, "*", None, "rails")
    if not source.words.isdisjoint((b"sinatra", b"Sinatra", b"Grape", b"Roda")):
        for call in source.calls(*VERBS):
            path = call.argument(0)
            if call.written == call.last and path is not None and is_path(path.text or "-"):
                yield _shown(source, call, call.last.upper(), path.text, None, "sinatra")


def _rails(source: Source) -> Iterator[Route]:
    for number, call in enumerate(source.calls(*VERBS, "root", "match", "resources", "resource")):
        if number >= _MOST:
            return
        if call.written != call.last:
            continue
        first, to = call.argument(0), call.keywords.get("to")
        path = first.text if first is not None and first.kind in ("literal", "template") else None
        handler = to.text if to is not None and to.kind == "literal" else None
        if path is None and len(call.keywords) == 1:
            path, value = next(iter(call.keywords.items()))
            handler = value.text
        if call.last == "root":
            path, handler = "/", handler or path
        if path is not None:
            path = path if path.startswith("/") else f"/{path}"
            method = call.last.upper() if call.last in VERBS else "*"
            name = handler.replace("#", ".") if handler else path.strip("/")
            yield Route(method, path, name, call.line, call.column, framework="rails")


_RESOURCES = (".resource", ".apiResource")


def php_routes(source: Source) -> Iterator[Route]:
    """Laravel, Slim, Symfony's attributes, and the methods of controllers."""
    for call in source.calls(*(f".{verb}" for verb in (*VERBS, "any", "match")), ".map", ".addRoute", *_RESOURCES):
        receiver = call.written.rpartition(".")[0].replace("$", "").lower()
        if not re.search(r"(^|[\w\\>:-])*(route|router|app|group)$", receiver) or not call.arguments:
            continue
        texts = [one.text for one in call.arguments[:2] if one.kind in ("literal", "template")]
        path = next((text for text in texts if text and (text.startswith("/") or len(texts) == 1)), None)
        if path is None or len(call.arguments) < 2:
            continue
        method = call.last.upper() if call.last in VERBS else "*"
        last = call.arguments[-1]
        name = ".".join(part.text or part.name or "" for part in last.parts) if last.kind == "container" else None
        handler = name or last.name or (last.text if last.kind == "literal" else None)
        path = path if path.startswith("/") else f"/{path}"
        yield _shown(source, call, method, path, handler, "php")
        if f".{call.last}" in _RESOURCES:
            yield _shown(source, call, method, f"{path}/{{id}}", handler, "php")
    for function in source.functions():
        attribute = next((one for one in function.decorators if one.last == "Route"), None)
        if attribute is not None:
            yield _of_function(source, function, "*", _text(attribute.argument(0, "path")), "symfony", attribute.line)
        elif (function.scope.owner or "").endswith("Controller") and function.name[:2] != "__":
            yield _of_function(source, function, "*", None, "php")
