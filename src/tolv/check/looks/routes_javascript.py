"""The routes of JavaScript and TypeScript files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from tolv.check.looks.route import VERBS, Route, called_on, is_path
from tolv.check.source import Call, Function, Source, Value

#: A file without one of these declares no route.
WORDS = (
    *("express", "koa", "fastify", "Router", "router", "createServer", "listen", "app", "hono", "Hono", "restify"),
    *("Controller", "Get", "Post", "Put", "Patch", "Delete", "hapi", "server", "routes", "polka", "Elysia"),
)

#: Receivers of `.get("/path", …)` that route; a client's `.get` has another.
_ROUTER = re.compile(
    r"(^|[._$])(\w*(app|router|routes?|server|api|fastify|express|koa|hono|restify|instance|r))$", re.I
)
#: Clients whose `.get` asks, and tests that do.
_CLIENT = re.compile(
    r"axios|superagent|request|fetch|got\b|\$http|jquery|cache|redis|client|agent|nock|chai|supertest", re.I
)
_DECORATORS = {"Get", "Post", "Put", "Patch", "Delete", "Head", "Options", "All"}


def javascript_routes(source: Source) -> Iterator[Route]:
    """The routes of Express, Koa, Fastify, NestJS, Hono, raw `http` and their like."""
    if {b"window", b"document"} <= source.words and source.words.isdisjoint((b"express", b"fastify", b"koa", b"hono")):
        return  # it runs in a browser, where `api.post("/x", …)` asks
    functions = list(source.functions())
    yield from _routed(source, functions)
    yield from _chained(source, functions)
    yield from _objects(source, functions)
    yield from _raw(source, functions)
    if not source.words.isdisjoint(one.encode() for one in _DECORATORS):
        yield from _nest(source, functions)


def _routed(source: Source, functions: list[Function]) -> Iterator[Route]:
    """`app.get("/x", handler)`, `router.use(handler)`."""
    for call in source.calls(*(f".{verb}" for verb in sorted({*VERBS, "del", "all", "use", "opts"}))):
        receiver = call.written.rpartition(".")[0]
        if not _ROUTER.search(receiver) or _CLIENT.search(receiver) or _CLIENT.search(call.name.rpartition(".")[0]):
            continue
        first = call.argument(0)
        path = first.text if first is not None and first.kind in ("literal", "template") else None
        if call.last == "use":
            if path is None and call.arguments and call.arguments[-1].kind in ("name", "unknown"):
                yield from _handled(source, functions, call, "*", None, "hook")
        elif path is not None and is_path(path) and path and len(call.arguments) + bool(call.keywords) > 1:
            method = {"all": "*", "del": "DELETE", "opts": "OPTIONS"}.get(call.last, call.last.upper())
            yield from _handled(source, functions, call, method, path, "route")


def _chained(source: Source, functions: list[Function]) -> Iterator[Route]:
    """`router.route("/x").get(handler)`: one route, whatever is chained to it."""
    for call in source.calls(".route"):
        first = call.argument(0)
        if first is not None and first.is_text and is_path(first.text or "") and len(call.arguments) == 1:
            yield from _handled(source, functions, call, "*", first.text, "route")


def _objects(source: Source, functions: list[Function]) -> Iterator[Route]:
    """`fastify.route({ method, url, handler })`, hapi's `server.route({ method, path, handler })`."""
    for call in source.calls(".route"):
        path = call.keywords.get("url") or call.keywords.get("path")
        if path is not None and path.kind in ("literal", "template") and is_path(path.text or ""):
            method = call.keywords.get("method")
            verb = (method.text or "*").upper() if method is not None and method.is_text else "*"
            yield from _handled(source, functions, call, verb, path.text, "route", call.keywords.get("handler"))


def _raw(source: Source, functions: list[Function]) -> Iterator[Route]:
    for call in source.calls("createServer"):
        if call.arguments and "http" in call.name and "net." not in call.name.replace("http.", ""):
            yield from _handled(source, functions, call, "*", None, "route")


def _nest(source: Source, functions: list[Function]) -> Iterator[Route]:
    controllers = list(source.calls("Controller"))
    prefix = ""
    if len(controllers) == 1:
        given = controllers[0].argument(0, "path")
        prefix = (given.text or "").strip("/") if given is not None and given.is_text else ""
    for function in functions:
        for one in function.decorators:
            if one.last not in _DECORATORS:
                continue
            given = one.argument(0)
            own = (given.text or "").strip("/") if given is not None and given.is_text else ""
            path = "/" + "/".join(part for part in (prefix, own) if part)
            method = "*" if one.last == "All" else one.last.upper()
            calls = called_on(source, function.line + 1, function.end_line)
            where = (one.line, one.column, function.line, function.end_line)
            yield Route(method, path, function.name, *where, "route", "nestjs", calls)


def _handled(
    source: Source,
    functions: list[Function],
    call: Call,
    method: str,
    path: str | None,
    kind: Literal["route", "hook"],
    given: Value | None = None,
) -> Iterator[Route]:
    """A route with its handler: the last argument. One that is written in place spans the call."""
    handler = given or (call.arguments[-1] if call.arguments else None)
    name = _name_of(handler)
    framework = _framework(source, call)
    if name is None:
        calls = called_on(source, call.line, call.end_line)
        yield Route(method, path, None, call.line, call.column, call.line, call.end_line, kind, framework, calls)
        return
    last = name.rpartition(".")[2]
    own = [one for one in functions if one.name == last]
    if len(own) != 1 or name.startswith("."):
        yield Route(method, path, name, call.line, call.column, None, None, kind, framework)
        return
    calls = called_on(source, own[0].line, own[0].end_line)
    yield Route(method, path, name, call.line, call.column, own[0].line, own[0].end_line, kind, framework, calls)


def _name_of(value: Value | None) -> str | None:
    """The name of a handler; `asyncHandler(show)`, `this.show.bind(this)` are `show`."""
    if value is None:
        return None
    if value.kind == "name":
        return value.name
    if value.kind == "call":
        if (value.name or "").endswith(".bind"):
            return (value.name or "").removesuffix(".bind")
        inner = [one for one in value.parts if one.kind in ("name", "unknown")]
        return _name_of(inner[-1]) if inner else None
    return None


def _framework(source: Source, call: Call) -> str:
    base = call.name.partition(".")[0]
    known = ("express", "fastify", "koa", "hono", "restify", "hapi", "http", "polka")
    return next((one for one in known if one in base.lower()), "")
