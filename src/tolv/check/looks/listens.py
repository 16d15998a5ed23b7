"""Where an app listens: the host and port that its code gives its server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Call, Source, Value


@dataclass(frozen=True, slots=True)
class Listen:
    """A call that makes a process listen."""

    what: str
    """The call as written: `app.run`."""
    server: str
    """What listens: `flask`, `uvicorn`, `http`."""
    host: Value | None
    """None: not given."""
    port: Value | None
    line: int
    column: int
    main: bool
    """Only where the file is what is started: `if __name__ == "__main__"`."""
    guards: tuple[str, ...]
    by_parameter: bool = False
    """The port is a parameter of the function around: callers may give another."""
    options: tuple[tuple[str, str], ...] = ()
    """Keywords with fixed values: `("debug", "true")`."""


listens: Look[Listen] = Look("listens")

#: Calls of Python that listen, and where host and port stand (None: keywords only), with the port's own default.
_PYTHON: dict[str, tuple[int | None, int | None]] = {
    "flask.Flask.run": (0, 1),
    "uvicorn.run": (None, None),
    "uvicorn.Config": (None, None),
    "hypercorn.run": (None, None),
    "waitress.serve": (None, None),
    "aiohttp.web.run_app": (None, None),
    "sanic.Sanic.run": (0, 1),
    "quart.Quart.run": (0, 1),
    "bottle.run": (None, None),
    "bottle.Bottle.run": (None, None),
    "flask_socketio.SocketIO.run": (1, 2),
    "socketserver.TCPServer": (-2, -2),
    "http.server.HTTPServer": (-2, -2),
    "http.server.ThreadingHTTPServer": (-2, -2),
    "wsgiref.simple_server.make_server": (0, 1),
    "gevent.pywsgi.WSGIServer": (-2, -2),
    "gevent.wsgi.WSGIServer": (-2, -2),
    "eventlet.listen": (-2, -2),
    "werkzeug.serving.run_simple": (0, 1),
    "tornado.web.Application.listen": (1, 0),
    "tornado.httpserver.HTTPServer.listen": (1, 0),
    "robyn.Robyn.start": (0, 1),
    "cheroot.wsgi.Server": (-2, -2),
    "mcp.server.fastmcp.FastMCP": (None, None),
    "asyncio.start_server": (1, 2),
}
_PYTHON_LASTS = {name.rpartition(".")[2] for name in _PYTHON}


@listens.reads("python", words=(*_PYTHON_LASTS, "bind"))
def _python(source: Source) -> Iterator[Listen]:
    for call in source.calls(*_PYTHON_LASTS):
        name = call.name
        known = _PYTHON.get(name)
        if known is None and name.endswith(".run") and _is_flask(call, source):
            name, known = "flask.Flask.run", _PYTHON["flask.Flask.run"]
        if known is None:
            known = next((where for full, where in _PYTHON.items() if full.endswith(f".{name}") and "." in name), None)
        if known is None:
            continue
        host_at, port_at = known
        if host_at == -2:
            host, port = _pair(call.argument(0, "listener", "server_address", "bind_addr", "addr"))
        else:
            host = call.argument(-1 if host_at is None else host_at, "host")
            port = call.argument(-1 if port_at is None else port_at, "port")
        server = name.partition(".")[0]
        if name == "waitress.serve" and (listen := call.keywords.get("listen")) is not None:
            host, port = _split(listen)
        yield _listen(call, server, host, port, source)
    for binding in source.bindings("bind"):
        if binding.name == "bind" and binding.how == "assign" and binding.scope.at_import:
            host, port = _split(binding.value)
            at = (binding.line, binding.column, False, binding.scope.guards)
            yield Listen("bind", "gunicorn", host, port, *at)


def _is_flask(call: Call, source: Source) -> bool:
    """`create_app().run()`, or an `app` that comes from another module, in a file about Flask or of its app."""
    owner = call.written.rpartition(".")[0]
    return bool(re.fullmatch(r"(?:\w*app|application|server|create_app\(\)|socketio)", owner)) and (
        b"flask" in source.words or bool({"host", "port", "debug"} & call.keywords.keys())
    )


def _pair(value: Value | None) -> tuple[Value | None, Value | None]:
    """Host and port of `("0.0.0.0", 8000)`."""
    if value is not None and value.kind == "container" and len(value.parts) >= 2:
        return value.parts[0], value.parts[1]
    if value is not None and value.kind in ("literal", "template", "env"):
        return _split(value)
    return None, value


def _split(value: Value) -> tuple[Value | None, Value | None]:
    """Host and port of `"0.0.0.0:8000"` or `":8000"`; of `f"0.0.0.0:{port}"` too."""
    text = value.text or ""
    host, colon, port = text.rpartition(":")
    at = (value.line, value.column)
    if value.kind == "literal" and colon and (port.isdigit() or not port):
        fixed = Value("literal", port, "int", (), *at) if port else None
        return Value("literal", host.strip("[]"), "str", (), *at), fixed
    if value.kind == "template" and colon:
        hole = value.parts[-1] if port == "{}" and value.parts else None
        if hole is None and port.isdigit():
            hole = Value("literal", port, "int", (), *at)
        return (Value("literal", host, "str", (), *at) if "{}" not in host else Value("unknown")), hole
    return None, value


def _listen(call: Call, server: str, host: Value | None, port: Value | None, source: Source | None = None) -> Listen:
    options = tuple(
        (key, one.text) for key, one in call.keywords.items() if one.kind == "literal" and one.text is not None
    )
    if source is not None and port is not None and port.kind == "name":
        port = _assigned(source, port)
    main = any("__main__" in one for one in call.scope.guards)
    passed = source is not None and port is not None and port.via is not None and _is_parameter(source, call, port.via)
    return Listen(call.written, server, host, port, call.line, call.column, main, call.scope.guards, passed, options)


def _assigned(source: Source, value: Value) -> Value:
    """What the file itself puts into a setting before it listens: `config.port = process.env.PORT || config.port`."""
    last = (value.name or "").rpartition(".")[2]
    for binding in source.bindings(last):
        if binding.name == last and binding.how == "assign" and next(binding.value.envs(), None) is not None:
            return binding.value
    return value


def _is_parameter(source: Source, call: Call, name: str) -> bool:
    function = call.scope.function
    return any(one.name == function and name in one.parameters for one in source.functions())


@listens.reads("javascript", words=("listen", "serve", "Server", "start"))
def _javascript(source: Source) -> Iterator[Listen]:
    for call in source.calls(".listen"):
        if "port" in call.keywords or "host" in call.keywords:
            yield _listen(call, _server_of(call), call.keywords.get("host"), call.keywords.get("port"), source)
            continue
        second = call.argument(1)
        names_host = second is not None and (second.is_text or second.kind in ("env", "name", "choice"))
        yield _listen(call, _server_of(call), second if names_host else None, call.argument(0), source)
    for call in source.calls(
        "Bun.serve", "Deno.serve", "hono.serve", "@hono/node-server.serve", "Hapi.server", "hapi.server"
    ):
        yield _listen(
            call, call.name.partition(".")[0], call.argument(-1, "hostname", "host"), call.argument(-1, "port")
        )


def _server_of(call: Call) -> str:
    return call.name.rpartition(".")[0] or call.written.rpartition(".")[0]


@listens.reads("go", words=("ListenAndServe", "ListenAndServeTLS", "Listen", "Run", "Start", "Server"))
def _go(source: Source) -> Iterator[Listen]:
    for call in source.calls("ListenAndServe", "ListenAndServeTLS"):
        if any(one.kind == "call" and (one.name or "").endswith(".HTTPHandler") for one in call.arguments):
            continue  # it answers who issues the certificates
        if call.name in ("net/http.ListenAndServe", "net/http.ListenAndServeTLS") and call.arguments:
            yield _listen(call, "http", *_split(call.arguments[0]))
        elif call.name.startswith("net/http."):
            yield _listen(call, "http.Server", None, None)
    for call in source.calls("http.Server", "net/http.Server"):
        if (address := call.keywords.get("Addr")) is not None:
            yield _listen(call, "http", *_split(address))
    for call in source.calls("net.Listen"):
        if len(call.arguments) > 1 and (call.arguments[0].text or "tcp").startswith("tcp"):
            yield _listen(call, "net", *_split(call.arguments[1]))
    for call in source.calls(".Run", ".Start", ".Listen"):
        framework = next((one for one in ("gin", "echo", "fiber", "iris") if f"/{one}" in call.name), None)
        if framework is not None:
            first = call.argument(0)
            host, port = _split(first) if first is not None else (None, None)
            yield _listen(call, framework, host, port)


@listens.reads("java", words=("ServerSocket", "HttpServer", "Javalin", "Server", "port", "listen"))
def _java(source: Source) -> Iterator[Listen]:
    for call in source.calls("InetSocketAddress", "ServerSocket", "Javalin.start", ".listen"):
        last = call.last
        if last == "InetSocketAddress" and b"HttpServer" in source.words:
            two = len(call.arguments) > 1
            yield _listen(call, "HttpServer", call.argument(0) if two else None, call.argument(1 if two else 0))
        elif last == "ServerSocket" and call.arguments:
            yield _listen(call, "ServerSocket", None, call.argument(0))
        elif last == "listen" and b"vertx" in source.words and call.arguments:
            yield _listen(call, "vertx", call.argument(1), call.argument(0))
        elif last == "start" and "avalin" in call.name and call.arguments:
            yield _listen(call, "javalin", None, call.argument(0))


@listens.reads("ruby", words=("port", "bind", "set", "TCPServer", "WEBrick"))
def _ruby(source: Source) -> Iterator[Listen]:
    for call in source.calls("TCPServer.new", "WEBrick::HTTPServer.new"):
        port = call.argument(-1, "Port") or (call.arguments[-1] if call.arguments else None)
        yield _listen(call, "webrick" if "WEBrick" in call.written else "TCPServer", None, port)
    if b"puma" in source.words or source.path.endswith("puma.rb"):
        for call in source.calls("port"):
            if call.written == "port" and call.arguments:
                yield _listen(call, "puma", call.argument(1), call.argument(0))
        for call in source.calls("bind"):
            if call.written == "bind" and call.arguments:
                yield _listen(call, "puma", *_split(call.arguments[0]))


@listens.reads("php", words=("Server", "SocketServer", "listen"))
def _php(source: Source) -> Iterator[Listen]:
    for call in source.calls("Server", "SocketServer", "HttpServer"):
        if re.search(r"(?i)swoole|workerman|react.*socket", call.name):
            two = len(call.arguments) > 1 and call.arguments[0].is_text and ":" not in (call.arguments[0].text or "")
            host, port = (call.arguments[0], call.arguments[1]) if two else _pair(call.argument(0))
            yield _listen(call, "swoole" if "woole" in call.name else "react", host, port)
