"""The routes of Python files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from tolv.check.looks.route import VERBS, Route, called_on, is_path
from tolv.check.source import Call, Function, Source, Value

_HOOKS = frozenset(
    {
        *("before_request", "after_request", "teardown_request", "before_app_request", "after_app_request"),
        *("context_processor", "middleware", "errorhandler", "app_errorhandler", "exception_handler"),
    }
)
#: A file without one of these declares no route.
WORDS = (
    *(
        "flask",
        "Flask",
        "fastapi",
        "starlette",
        "django",
        "aiohttp",
        "tornado",
        "sanic",
        "bottle",
        "falcon",
        "litestar",
    ),
    *("quart", "pyramid", "rest_framework", "flask_restful", "flask_restx", "robyn", "cherrypy", "Blueprint", "bp"),
    *("blueprint", "router", "routes", "route", "APIRouter", "urlpatterns", "websocket", "add_resource", "socketio"),
)


#: What a line with a route looks like: a decorator, a declaring call, a view by its parameters.
_SIGN = re.compile(
    rb"^[ \t]*@(?:[\w.()]+\.)?(?:\w*route|\w*request|get|post|put|patch|delete|head|options|trace|websocket|on|action"
    rb"|\w*errorhandler|exception_handler|context_processor|middleware|view_config|api_view)\b|\badd_\w+\s*\(|\burlpatterns\b"
    rb"|\b(?:Route|Mount|Application|URLSpec|path|re_path|url|register|add_handlers)\s*\(|\(\s*(?:self,\s*)?request\b",
    re.MULTILINE,
)


def python_routes(source: Source) -> Iterator[Route]:
    """The routes of Flask, FastAPI, Starlette, Django, aiohttp, Tornado and their like."""
    yield from _known(source)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def _known(source: Source) -> tuple[Route, ...]:
    """The routes of the file that is read just now: two looks ask for them, one after the other."""
    if _SIGN.search(source.data) is None:
        return ()
    return tuple(sorted(_all(source), key=lambda one: (one.line, one.column)))


def _all(source: Source) -> Iterator[Route]:
    functions = list(source.functions())
    framework = _framework(source)
    for function in functions:
        for decorator in function.decorators:
            yield from _decorated(source, function, decorator, framework)
    yield from _declared(source, functions, framework)
    if framework == "django":
        yield from _views(source, functions)


def _decorated(source: Source, function: Function, decorator: Call, framework: str) -> Iterator[Route]:
    last = decorator.last
    first = decorator.argument(0, "path", "rule", "uri")
    text = first.text if first is not None and first.kind in ("literal", "template") else None
    if last in ("before_request", "after_request", "teardown_request", "errorhandler", "exception_handler") or (
        last in _HOOKS and "." in decorator.name
    ):
        yield _route(source, function, decorator, "*", None, "hook", framework)
    elif last in ("websocket", "websocket_route") and text is not None:
        yield _route(source, function, decorator, "WS", text, "socket", framework)
    elif last == "on" and re.search(r"socket|sio", decorator.written, re.IGNORECASE):
        yield _route(source, function, decorator, "WS", None, "socket", framework)
    elif last in VERBS and (text is None or is_path(text)) and ("." in decorator.written or framework):
        if text is not None or (first is None and framework in ("litestar", "")):
            yield _route(source, function, decorator, last.upper(), text, "route", framework)
    elif last in ("route", "api_route") and (text is None or is_path(text)) and decorator.arguments:
        yield _route(source, function, decorator, _methods(decorator), text, "route", framework)
    elif last in ("view_config", "api_view", "action") and framework in ("pyramid", "django"):
        yield _route(source, function, decorator, _methods(decorator), None, "route", framework)


def _declared(source: Source, functions: list[Function], framework: str) -> Iterator[Route]:
    """Routes that a call declares: `path("x", views.x)`, `Route("/x", x)`, `app.router.add_get("/x", x)`."""
    for call in source.calls(
        "add_url_rule", "add_resource", "add_api_route", "add_route", "add_view", "Route", "Mount"
    ):
        at = 2 if call.last == "add_url_rule" else 0 if call.last == "add_resource" else 1
        handler = call.argument(at, "view_func", "endpoint", "route", "handler", "view", "resource")
        path = call.argument(1 if call.last == "add_resource" else 0, "rule", "path")
        if call.last != "Mount" and path is not None and is_path(path.text or ""):
            yield from _named(source, functions, call, _methods(call), path.text, handler, framework)
    for verb in sorted(VERBS):
        for call in source.calls(f"add_{verb}", *([f"aiohttp.web.{verb}"] if framework == "aiohttp" else [])):
            path = call.argument(0, "path")
            if path is not None and is_path(path.text or ""):
                yield from _named(source, functions, call, verb.upper(), path.text, call.argument(1), framework)
    for match in sorted(
        set(re.findall(rb"\.(add_\w{1,40}_resource)\(", source.data))
    ):  # what an app's own Api adds to it
        for call in source.calls(f".{match.decode()}"):
            path = call.argument(1)
            if path is not None and is_path(path.text or ""):
                yield from _named(source, functions, call, _methods(call), path.text, call.argument(0), framework)
    if framework == "django":
        for call in source.calls("path", "re_path", "url", "register"):
            path, handler = call.argument(0, "route", "regex", "prefix"), call.argument(1, "view", "viewset")
            if path is None or path.kind not in ("literal", "template") or handler is None:
                continue
            if call.last == "register" and (handler.kind != "name" or not path.is_text):
                continue
            if call.last != "register" and "django" not in call.name:
                continue
            if handler.kind == "call" and (handler.name or "").endswith("include"):
                continue
            yield from _named(source, functions, call, "*", path.text, handler, framework)
    if framework == "tornado":
        yield from _tornado(source, functions)


def _tornado(source: Source, functions: list[Function]) -> Iterator[Route]:
    for call in source.calls("Application", "add_handlers", "URLSpec"):
        holders = [call.arguments] if call.last == "URLSpec" else [one.parts for one in call.arguments[:2]]
        pairs = [pair.parts for parts in holders for pair in parts if pair.kind == "container"]
        for pair in [*pairs, *(holders if call.last == "URLSpec" else [])]:
            if len(pair) > 1 and pair[0].kind == "literal":
                yield from _named(source, functions, call, "*", pair[0].text, pair[1], "tornado")


def _named(
    source: Source,
    functions: list[Function],
    call: Call,
    method: str,
    path: str | None,
    handler: Value | None,
    framework: str,
) -> Iterator[Route]:
    """A route with a handler by name: a function, or a class whose methods answer."""
    name = _handler_name(handler)
    last = (name or "").rpartition(".")[2]
    own = [one for one in functions if one.name == last and not one.scope.names]
    methods = [one for one in functions if one.scope.owner == last and one.name in _METHODS and last]
    if name is None or name != last:
        own, methods = [], []  # of another module
    for one in methods:
        verb = one.name.upper() if one.name in VERBS else method
        yield _spanned(source, call, verb, path, name, one, framework)
    if not methods:
        yield _spanned(source, call, method, path, name, own[0] if own else None, framework)


#: Methods of a view class that answer requests.
_METHODS = frozenset(
    "get post put patch delete head options list create retrieve update partial_update destroy dispatch form_valid "
    "get_queryset get_context_data get_object perform_create perform_update on_message open prepare".split()
)


def _handler_name(value: Value | None) -> str | None:
    """The dotted name of a handler; `X.as_view()` is `X`."""
    if value is None:
        return None
    if value.kind == "name":
        return value.name
    if value.kind == "call" and value.name:
        head, _, last = value.name.rpartition(".")
        if last in ("as_view", "as_asgi"):
            return head
        inner = next((one for one in value.parts if one.kind in ("name", "call")), None)
        return _handler_name(inner) or value.name
    return None


def _views(source: Source, functions: list[Function]) -> Iterator[Route]:
    """Django's views by their form, as the URL that leads to them stands in another file."""
    if source.words.isdisjoint((b"render", b"HttpResponse", b"JsonResponse", b"Response", b"redirect", b"APIView")):
        return
    for one in functions:
        takes = one.parameters[:2]
        is_function = not one.scope.names and takes[:1] == ("request",) and not _is_job(one)
        is_method = bool(one.scope.owner) and takes == ("self", "request") and one.name in _METHODS
        if is_function or is_method:
            yield _view(source, one)


def _is_job(function: Function) -> bool:
    return any(one.last in ("task", "shared_task", "receiver", "job", "actor") for one in function.decorators)


def _view(source: Source, one: Function) -> Route:
    verb = one.name.upper() if one.name in VERBS else "*"
    owner = f"{one.scope.owner}.{one.name}" if one.scope.owner else one.name
    called = called_on(source, one.line, one.end_line)
    return Route(verb, None, owner, one.line, 1, one.line, one.end_line, "route", "django", called)


def _route(
    source: Source,
    function: Function,
    decorator: Call,
    method: str,
    path: str | None,
    kind: Literal["route", "hook", "socket"],
    framework: str,
) -> Route:
    return Route(
        method,
        path,
        function.name,
        decorator.line,
        decorator.column,
        function.line,
        function.end_line,
        kind,
        framework,
        called_on(source, function.line + 1, function.end_line),
    )


def _spanned(
    source: Source, call: Call, method: str, path: str | None, name: str | None, own: Function | None, framework: str
) -> Route:
    if own is None:
        return Route(method, path, name, call.line, call.column, framework=framework)
    called = called_on(source, own.line + 1, own.end_line)
    return Route(method, path, name, call.line, call.column, own.line, own.end_line, "route", framework, called)


def _methods(call: Call) -> str:
    given = call.keywords.get("methods") or call.keywords.get("method") or call.keywords.get("request_method")
    if given is None:
        return "*"
    found = [one.text for one in (given.parts if given.kind == "container" else (given,)) if one.kind == "literal"]
    return ",".join(one.upper() for one in found if one) or "*"


def _framework(source: Source) -> str:
    """The framework that a Python file imports."""
    tops = {one.module.partition(".")[0] for one in source.imports()}
    if "rest_framework" in tops or "ninja" in tops:
        return "django"
    known = ("fastapi", "flask", "django", "starlette", "aiohttp", "tornado", "sanic", "bottle", "litestar", "quart")
    return next((one for one in (*known, "pyramid", "falcon", "flask_restful", "flask_restx") if one in tops), "")
