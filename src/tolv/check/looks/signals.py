"""Servers and loops that an app runs itself, and what it does when it is told to stop."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.source import Call, Function, Source, Value


@dataclass(frozen=True, slots=True)
class Stop:
    """One place that matters for a stop."""

    kind: Literal["server", "loop", "handler", "drain"]
    """`handler`: of TERM; `drain`: a call that finishes what is open."""
    what: str
    line: int
    column: int
    function: str | None
    guards: tuple[str, ...]
    at_once: bool = False
    """A handler that exits before anything else."""
    ignores: bool = False
    """A handler that does nothing at all."""
    takes: bool = False
    """A loop that takes work off a queue, so that a killed one loses it."""
    handled: bool = False
    """The library handles TERM by itself."""


stops: Look[Stop] = Look("stops")

_EXIT = re.compile(r"\b(?:sys\.exit|os\._exit|process\.exit)\s*\(|(?<![.\w])(?:exit|quit)\s*\(")
_CLEANS = re.compile(
    r"clos|shut_?down|drain|stop|finish|flush|disconnect|\.end\(|await|cleanup|clean_up|terminate|cancel|join\(|save|"
    r"kill\(|destroy|quit\(\)|release|event|\.set\(|setTimeout",
    re.IGNORECASE,
)


def _stop(call: Call, kind: Literal["server", "loop", "handler", "drain"], what: str, **more: bool) -> Stop:
    names = [n for n, k in zip(call.scope.names, call.scope.kinds, strict=True) if k == "function"]
    return Stop(kind, what, call.line, call.column, names[-1] if names else None, call.scope.guards, **more)


_POPS = ("blpop", "brpop", "brpoplpush", "receive_message", "receive_messages", "poll", "get_message", "xreadgroup")


#: What is polled until it is done: connections and processes; queues are not.
_WAITED_FOR = re.compile(
    r"(?:\w*_)?(?:conn(?:ection)?|sock(?:et)?|proc(?:ess)?|popen|p|task|job|e?poll(?:er)?|future|operation|pipe|child)",
    re.IGNORECASE,
)


@stops.reads(
    "python",
    words=(*_POPS, "signal", "serve_forever", "add_signal_handler", "start_consuming", "IOLoop", "SIGTERM"),
)
def _python(source: Source) -> Iterator[Stop]:
    functions = source.functions()
    for call in source.calls("signal.signal", "add_signal_handler"):
        which = call.argument(0, "sig", "signalnum")
        if which is not None and "SIGTERM" in f"{which.name} {which.text}" and "signal" in call.name:
            yield _handler(source, functions, call, call.argument(1, "callback", "handler"))
    if b"SIGTERM" in source.words and re.search(rb"for \w+ in [(\[][^\n]*SIGTERM", source.data):
        for call in source.calls("signal.signal", "add_signal_handler"):
            which = call.argument(0, "sig", "signalnum")
            if which is not None and "SIG" not in f"{which.name} {which.text}":  # the loop's, not another by its name
                yield _handler(source, functions, call, call.argument(1, "callback", "handler"))
    for call in source.calls(".serve_forever"):
        yield _stop(call, "server", call.name, handled="asyncio" in call.name)
    for call in source.calls(".start_consuming"):
        yield _stop(call, "loop", call.written, takes=b"auto_ack" in source.words)
    for name in _POPS:
        for call in source.calls(f".{name}"):
            receiver = call.written.rpartition(".")[0].rpartition(".")[2]
            if name == "poll" and _WAITED_FOR.fullmatch(receiver):
                continue
            if any(re.match(r"(True|1)$", guard) for guard in call.scope.guards):
                yield _stop(call, "loop", call.written, takes=name in ("blpop", "brpop", "lpop"))


def _handler(source: Source, functions: Sequence[Function], call: Call, given: Value | None) -> Stop:
    name = (given.name or "") if given is not None else ""
    last = name.rpartition(".")[2]
    if last in ("SIG_IGN",):
        return _stop(call, "handler", "SIG_IGN", ignores=True)
    own = next((one for one in functions if one.name == last), None)
    if own is not None:
        body = source.lines[own.line : own.end_line]
    else:
        body = source.lines[call.line - 1 : call.end_line]
    return _stop(call, "handler", last or "a handler", at_once=_exits_at_once(body))


def _exits_at_once(body: Sequence[str]) -> bool:
    """Whether it exits, and nothing before that cleans up."""
    text = "\n".join(line for line in body if not line.lstrip().startswith(("#", "//", '"""', "'''", "*")))
    text = re.sub(r"(log(ger|ging)?|console)\.\w+\([^\n]*|print\([^\n]*", "", text)
    match = _EXIT.search(text)
    return match is not None and not _CLEANS.search(
        re.sub(r"process\.(on|once)\([^,]*,|signal\.\w+\(?", "", text[: match.start()])
    )


_LIBRARIES = (
    *("http-terminator", "http-graceful-shutdown", "stoppable", "lightship", "close-with-grace", "@godaddy/terminus"),
    *(
        "fastify-graceful-shutdown",
        "node-graceful-shutdown",
        "async-exit-hook",
        "exit-hook",
        "graceful-shutdown",
        "pm2",
    ),
    *("express-graceful-shutdown", "server-destroy", "@fastify/graceful-shutdown", "signal-exit"),
)
_SERVER = re.compile(
    r"(^|\.)(express|http|https|http2|koa|fastify|restify|hapi|polka|hono|connect|createServer|app|server|httpServer|"
    r"httpsServer|NestFactory\.create)(\.(default|createServer|Server|application|http))*\.listen$|createServer.*\.listen$",
    re.IGNORECASE,
)


@stops.reads("javascript", words=("listen", "SIGTERM", "enableShutdownHooks"))
def _javascript(source: Source) -> Iterator[Stop]:
    functions = source.functions()
    for call in source.calls("process.on", "process.once", ".addListener"):
        which = call.argument(0)
        if which is not None and (which.text == "SIGTERM" or (which.kind == "name" and b"SIGTERM" in source.words)):
            yield _script_handler(source, functions, call)
    for call in source.calls(".enableShutdownHooks"):
        yield _stop(call, "drain", "enableShutdownHooks")
    modules = {one.module for one in source.imports()}
    if modules & set(_LIBRARIES):
        first = next(one for one in source.imports() if one.module in _LIBRARIES)
        yield Stop("drain", first.module, first.line, 1, None, ())
    for call in source.calls(".listen"):
        port = call.argument(0)
        text = port.text if port is not None and port.is_text else None
        by_name = bool(_SERVER.search(call.name) or _SERVER.search(call.written))
        if by_name and (text is None or text.isdigit() or "/" in text):
            yield _stop(call, "server", call.written.replace("\n", " ")[:60])


def _script_handler(source: Source, functions: Sequence[Function], call: Call) -> Stop:
    given = call.argument(1)
    last = (given.name or "").rpartition(".")[2] if given is not None and given.kind == "name" else ""
    own = next((one for one in functions if one.name == last and last), None)
    first, end = (own.line, own.end_line) if own is not None else (call.line, call.end_line)
    body = "\n".join(source.lines[first - 1 : end])
    empty = bool(re.search(r"=>\s*\{\s*\}|function\s*\(\w*\)\s*\{\s*\}", body))
    known = own is not None or not last
    return _stop(
        call, "handler", last or "a handler", at_once=known and _exits_at_once(body.split("\n")), ignores=empty
    )


@stops.reads("go", words=("ListenAndServe", "ListenAndServeTLS", "Shutdown", "Notify", "NotifyContext", "Run", "Start"))
def _go(source: Source) -> Iterator[Stop]:
    for call in source.calls("ListenAndServe", "ListenAndServeTLS"):
        if "http" in call.name or "erver" in call.written:
            yield _stop(call, "server", call.written)
    for call in source.calls(".Run", ".Start"):
        if re.search(r"gin-gonic/gin|labstack/echo|gofiber/fiber", call.name):
            yield _stop(call, "server", call.written)
    for call in source.calls(".Shutdown", "signal.Notify", "signal.NotifyContext", "GracefulStop"):
        yield _stop(call, "drain", call.written)
