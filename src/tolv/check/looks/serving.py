"""Which of the calls that listen are the app's own server in production, and what their ports are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from tolv.check.look import Seen
from tolv.check.looks.listens import Listen, listens
from tolv.check.looks.way import production_starts
from tolv.check.source import Value
from tolv.check.unit import Unit

#: What listens for something else than the app's HTTP, or is too general to say.
_OTHERS = frozenset({"net", "asyncio", "socketserver", "ServerSocket", "TCPServer", "eventlet"})
_SCRIPT_SERVERS = re.compile(
    r"(?:^|[./@])(?:express|http|https|http2|koa|fastify|restify|polka|hono|connect|hapi|@?nestjs|NestFactory|createServer"
    r"|feathers|sails|micro|apollo|uWS|Bun|Deno)(?:$|[./])"
)
_SCRIPT_NAMES = re.compile(
    r"(?:^|\.)(?:app|server|httpServer|httpsServer|http|https|api|fastify|srv|instance|web|webServer)$"
)
_BROWSER = re.compile(r"(?:^|/)(?:public|static|frontend|client|browser|webroot|assets|www)/")
#: Ports beside the app's: metrics, health, debugging.
_BESIDE = re.compile(
    r"(?i)metric|prometheus|health|debug|admin|pprof|inspect|internal|challenge|acme|redirect|actuator|monitor"
)


def served(unit: Unit) -> Iterator[Seen[Listen]]:
    """The calls by which the app itself listens in production."""
    starts = production_starts(unit)
    scripted = {one.entry for one in starts if one.server in ("python", "python3", "pypy") and one.entry}
    for seen in unit.seen(listens, "prod"):
        listen = seen.what
        if listen.server in _OTHERS or _BESIDE.search(
            " ".join((seen.path.rpartition("/")[2], listen.what, *listen.guards))
        ):
            continue
        if seen.path.endswith(".py") and not _runs(seen, scripted, declared=bool(starts)):
            continue
        if _is_script(seen.path) and not _is_server(seen):
            continue
        if re.search(r"\b(?:debug|DEBUG|isDev\w*|development)\b", " ".join(listen.guards)) and "not" not in " ".join(
            listen.guards
        ):
            continue
        yield seen


def _runs(seen: Seen[Listen], scripted: set[str], *, declared: bool) -> bool:
    """Of Python: what the start command runs as a script; of gunicorn its settings file."""
    if seen.what.what == "bind":
        return bool(re.search(r"gunicorn[\w.-]*\.py$", seen.path))
    return seen.path in scripted or not declared


def _is_script(path: str) -> bool:
    return path.endswith((".js", ".ts", ".mjs", ".cjs", ".mts", ".cts", ".jsx", ".tsx"))


def _is_server(seen: Seen[Listen]) -> bool:
    if _BROWSER.search(seen.path):
        return False
    owner = seen.what.what.rpartition(".")[0]
    return bool(_SCRIPT_SERVERS.search(seen.what.server) or _SCRIPT_NAMES.search(owner))


#: Ports of servers that no variable changes.
_DEFAULT_PORTS = {
    "flask": "5000",
    "uvicorn": "8000",
    "quart": "5000",
    "bottle": "8080",
    "sanic": "8000",
    "waitress": "8080",
}

PortKind = Literal["fixed", "environment", "passed", "random", "unknown"]


def port_kind(unit: Unit, seen: Seen[Listen]) -> tuple[PortKind, Value | None]:
    """Where the port of a call comes from."""
    value = seen.what.port
    if value is None:
        default = _DEFAULT_PORTS.get(seen.what.server)
        return ("fixed", Value("literal", default, "int")) if default else ("unknown", None)
    value = unit.resolve(value, seen.path)
    if next(value.envs(), None) is not None:
        return "environment", value
    if seen.what.by_parameter:
        return "passed", value
    if value.kind == "literal":
        text = value.text or ""
        return ("random", value) if text == "0" else ("fixed", value) if text.isdigit() else ("unknown", value)
    return "unknown", value
