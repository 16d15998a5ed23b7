"""Factor XI, what events say: their form, secrets in them, and what tells requests apart."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.look import Seen
from tolv.check.looks.leak_flows import Flow, flows
from tolv.check.looks.leaks import Leak, leaks
from tolv.check.looks.log_traits import LogTrait, Trait, log_traits
from tolv.check.looks.logging import log_sinks
from tolv.check.looks.services import serves_http
from tolv.check.model import Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit

_LOGS = "https://12factor.net/logs"
_PRODUCTION = ("prod", "admin", "migrations")


def _traits(unit: Unit, trait: Trait) -> list[Seen[LogTrait]]:
    return [one for one in unit.seen(log_traits, *_PRODUCTION) if one.what.trait == trait]


@rule(
    "XI-05",
    severity="note",
    materials=("python", "javascript"),
    looks=(log_traits, log_sinks),
    title="Events are plain text lines",
    why="Who searches the events of many instances needs their fields; a line that only people can read is parsed by "
    "patterns that break with its wording.",
    fix="Write one JSON object or key=value line an event, by a formatter (structlog, python-json-logger, pino, slog).",
    bad='logging.basicConfig(format="%(asctime)s %(message)s")',
    good="handler.setFormatter(JsonFormatter())",
    source=_LOGS,
    probe="XI-P4",
)
def plain_lines(unit: Unit) -> Iterator[Outcome]:
    if good := _traits(unit, "structured"):
        yield Witness(f"events have fields: {good[0].what.what}", unit.place(good[0].path, good[0].what.line))
    elif good_file := _structured_by_file(unit):
        yield Witness("events have fields, by a configuration file", good_file)
    elif not _traits(unit, "logs") and not serves_http(unit):
        yield NotApplicable("nothing logs")
    else:
        yield Finding(
            "events are plain lines: no formatter in the code writes them as JSON or with fields", _logging_place(unit)
        )


def _structured_by_file(unit: Unit) -> Place | None:
    """JSON by logback, Spring, nginx or a server's settings."""
    words = (
        "JsonFormatter",
        "jsonlogger",
        "LogstashEncoder",
        "JsonLayout",
        "JsonTemplateLayout",
        "EcsLayout",
        "EcsEncoder",
    )
    more = (
        "logging.structured.format.console",
        "escape=json",
        "JsonEncoder",
        "quarkus.log.console.json",
        "JSONFormatter",
    )
    for file in unit.named(
        *("logback*.xml", "log4j2*", "application*.properties", "application*.yml", "application*.yaml", "logging*.*"),
        *("log*.conf", "log*.json", "log*.yml", "log*.yaml", "nginx*.conf", "nginx*.erb", "log*.ini"),
    ):
        text = (
            (unit.text(file.path) or "") if file.context not in ("test", "docs", "dev") and file.size < 1 << 19 else ""
        )
        for number, line in enumerate(text.split("\n"), start=1):
            if any(word in line for word in (*words, *more)) and not line.lstrip().startswith(("#", "<!--")):
                return unit.place(file.path, number)
    return None


def _logging_place(unit: Unit) -> Place:
    """Where logging is set up, else the app as a whole."""
    seen = next(iter(unit.seen(log_sinks, "prod")), None)
    return unit.place(seen.path, seen.what.line) if seen is not None else unit.place(unit.root)


_SAID = {
    "secret": "{name} is logged",
    "headers": "whole request headers, cookies and authorization included, are logged",
    "sent": "whole headers, with what authorizes the request, are logged",
    "cookies": "the request's cookies are logged",
    "environment": "the whole environment, with its secrets, is logged",
    "settings": "the whole configuration, with its secrets, is logged",
    "body": "the whole body of requests is logged",
    "address": "{name} is logged with the secret in its query",
}


@rule(
    "XI-06",
    severity="error",
    materials=("python", "javascript", "go", "php"),
    looks=(leaks, flows, log_traits),
    title="A secret or personal data is logged",
    why="Logs are read by more people and kept longer than any secret may be: whoever reads them can use it.",
    fix="Log an id of the thing instead, or mask the value before it gets to the log.",
    bad='logger.info("login %s with %s", user.name, password)',
    good='logger.info("login %s", user.name)',
    source=_LOGS,
    probe="III-P4",
)
def logged_secret(unit: Unit) -> Iterator[Outcome]:
    redacted = bool(_traits(unit, "redacts"))
    found = False
    generators = _generators(unit)
    for seen in unit.seen(leaks):
        if seen.what.printed and seen.path.rpartition("/")[2] in generators:
            continue
        severity = _leak_severity(unit, seen, redacted)
        if severity is not None:
            found = True
            leak = seen.what
            place = Place(seen.path, leak.line, leak.column, leak.end_line)
            name = leak.name.rpartition(".")[2] if leak.what == "secret" else leak.name
            yield Finding(_SAID[leak.what].format(name=name), place, severity, subject=leak.name)
    for finding in _flows(unit, redacted):
        found = True
        yield finding
    if not found and (_traits(unit, "logs") or _traits(unit, "prints")):
        yield Witness("no call that logs is given a secret, headers or the environment")
    elif not found:
        yield NotApplicable("nothing logs")


def _flows(unit: Unit, redacted: bool) -> Iterator[Finding]:
    """Secrets that get to the log over a name or a function."""
    seen = [one for one in unit.seen(flows, *_PRODUCTION) if not (one.what.printed and _is_command(one.path))]
    asked: dict[str, list[Seen[Flow]]] = {}
    passed: dict[str, set[int]] = {}
    for one in seen:
        if one.what.kind == "asked":
            asked.setdefault(one.what.function, []).append(one)
        elif one.what.kind == "passed":
            passed.setdefault(one.what.function, set()).add(one.what.given)
    for one in seen:
        flow = one.what
        place = unit.place(one.path, flow.line)
        severity = _flow_severity(flow, redacted)
        if flow.kind == "logged":
            message = f"{flow.name} is logged, which holds {_WHOLE[flow.what]}"
            yield Finding(message, place, severity, also=(unit.place(one.path, flow.given),), subject=flow.name)
        elif flow.kind == "kept":
            yield Finding(f"{flow.function} keeps {_WHOLE[flow.what]}", place, severity, subject=flow.function)
        elif flow.kind == "returned" and (calls := asked.get(flow.function)):
            also = tuple(unit.place(call.path, call.what.line) for call in calls[:5])
            message = f"{flow.function} returns {_WHOLE[flow.what]}, and what it returns is logged"
            yield Finding(message, place, severity, also=also, subject=flow.function)
        elif flow.kind == "asked" and flow.name and flow.given in passed.get(flow.function, ()):
            yield Finding(f"{flow.name} is logged, as {flow.function} returns what it is given", place, severity,
                          subject=flow.name)  # fmt: skip


_WHOLE = {
    "headers": "whole request headers, cookies and authorization included",
    "environment": "the whole environment, with its secrets",
    "secret": "a secret",
}


def _flow_severity(flow: Flow, redacted: bool) -> Severity:
    if redacted or any(_DEVELOPING.search(one) for one in flow.guards):
        return "note"
    if flow.what not in _CERTAIN or any(_DEBUGGING.search(one) for one in flow.guards):
        return "warning"
    return "error"


def _generators(unit: Unit) -> set[str]:
    """Programs whose output a script keeps in a file: what they print is no log."""
    found: set[str] = set()
    for file in unit.named("*.sh", "Dockerfile*", "Makefile", "package.json"):
        if file.size < 1 << 18 and (text := unit.text(file.path)):
            found.update(_GENERATED.findall(text))
    return found


_GENERATED = re.compile(r"([\w.-]+\.(?:js|mjs|ts|py|rb|php))\s*>{1,2}\s*[\w./\"'$]")


#: A condition that only holds while the app is worked on.
_DEVELOPING = re.compile(r"^(?!not\b|!)\W*[\w.]*\b(?:is_?dev\w*|dev_?mode)\b|={2,3}\s*['\"](?:dev\w*|local)['\"]", re.I)
#: A switch that may be on in production too, to look into something there.
_DEBUGGING = re.compile(r"^(?!not\b|!)\W*[\w.]*\bdebug\b", re.I)


#: What is raised for a token that is none, or no longer.
_REJECTED = re.compile(
    r"(?i)except\b.*(?:BadSignature|BadData|SignatureExpired|Invalid\w*Token|InvalidSignature|JWTError|Expired\w*)"
)


_REFUSING = re.compile(
    r"(?i)\b(?:invalid|bad|wrong|unknown|expired|mismatch\w*|rejected|unrecogni[sz]ed|does not match)\b"
)


def _says_rejected(unit: Unit, seen: Seen[Leak]) -> bool:
    """The message says that the token is none. A password that was mistyped is nearly one."""
    source, leak = unit.source(seen.path), seen.what
    if source is None or "pass" in leak.name.lower() or leak.what != "secret":
        return False
    return _REFUSING.search("\n".join(source.lines[leak.line - 3 : leak.end_line])) is not None


_TOKEN = re.compile(r"(?i)(?:^|_|[a-z])(?:token|jwt)$")


#: What a token says, once it is no text any more.
_CLAIMS = "(?:id|sub|exp|iat|jti|email|roles?|scope|user_?id|user_?name|uid)"


def _is_decoded(unit: Unit, seen: Seen[Leak]) -> bool:
    """Whether the code reads claims of what it logs as a token: it has been decoded, and is no text that lets in."""
    source, leak = unit.source(seen.path), seen.what
    if (
        source is None
        or leak.what != "secret"
        or not re.fullmatch(r"\$?\w+", leak.name)
        or not _TOKEN.search(leak.name)
    ):
        return False
    claim = re.compile(rf"(?<![\w.]){re.escape(leak.name)}(?:[?!]?\.|->){_CLAIMS}\b(?!\()", re.IGNORECASE)
    return any(claim.search(line) for line in source.lines)


def _leak_severity(unit: Unit, seen: Seen[Leak], redacted: bool) -> Severity | None:
    leak = seen.what
    context = unit.context(seen.path)
    shown = leak.printed and (
        _is_program(unit, seen.path)
        or context in ("admin", "migrations")
        or _is_command(seen.path)
        or "__main__" in " ".join(leak.guards)
    )
    if shown:
        # What a command prints is its answer to who called it.
        return None
    if redacted or any(_DEVELOPING.search(one) for one in leak.guards):
        return "note"
    if leak.what == "body" and (_is_report(unit, seen) or _is_refused(unit, seen)):
        return "note"
    if leak.what in ("body", "sent") or any(_DEBUGGING.search(one) for one in leak.guards):
        return "warning"
    if _is_decoded(unit, seen):
        return None  # what a token says, and not the token
    if any(_REJECTED.search(one) for one in leak.guards) or _says_rejected(unit, seen):
        return "warning" if _PASSWORD.search(leak.name) else "note"  # what nobody is let in with
    if leak.name.lower().endswith("token") and _is_of_device(unit, seen):
        return "note"  # it says where messages go, and lets nobody in
    return "error" if leak.what in _CERTAIN or _PASSWORD.search(leak.name) else "warning"


_OF_PEOPLE = re.compile(
    r"(?i)auth(?!or)|login|user|account|session|passw|regist|sign-?(?:in|up)|payment|patient|profile"
)


def _is_refused(unit: Unit, seen: Seen[Leak]) -> bool:
    """Whether the line says that the body is none that is taken, in code that deals with things, not with people."""
    source, line = unit.source(seen.path), seen.what.line
    if source is None or line > len(source.lines) or _OF_PEOPLE.search(seen.path.rpartition("/")[2]):
        return False
    said = source.lines[line - 1]
    return re.search(r"(?i)\binvalid\b|\bno valid\b|\bmissing\b|\bunsupported\b", said) is not None


_REPORT = re.compile(r"(?i)\bcsp\b|violation|-report\b|report-(?:uri|to)")


def _is_report(unit: Unit, seen: Seen[Leak]) -> bool:
    """Whether what is logged is what a browser reports by itself: a page's policy that something broke."""
    source, line = unit.source(seen.path), seen.what.line
    return source is not None and _REPORT.search("\n".join(source.lines[max(0, line - 4) : line])) is not None


_DEVICES = re.compile(r"(?i)(?:device|push|registration)_?token|\b(?:fcm|apns|firebase)\b|(?:^|/)push\b")


def _is_of_device(unit: Unit, seen: Seen[Leak]) -> bool:
    """Whether a token is the address of a device that gets messages, as the line or the file's name says."""
    source = unit.source(seen.path)
    line = source.lines[seen.what.line - 1] if source is not None and seen.what.line <= len(source.lines) else ""
    return _DEVICES.search(line) is not None or _DEVICES.search(seen.path) is not None


#: What is a secret whatever it is called. Where a name alone says so a reader is to judge: a token may be decoded,
#: refused, a word of a grammar, or the address of a device.
_CERTAIN = ("headers", "environment", "address")
_PASSWORD = re.compile(r"(?i)pass(?:word|wd|phrase)")


def _is_program(unit: Unit, path: str) -> bool:
    """Whether a file of Python takes its arguments from a command line."""
    source = unit.source(path) if path.endswith(".py") else None
    return source is not None and bool(source.words & {b"typer", b"argparse", b"click", b"ArgumentParser"})


def _is_command(path: str) -> bool:
    parts = path.lower().split("/")
    if {"bin", "scripts"} & set(parts[:-1]) and parts[-1].partition(".")[0] not in ("www", "server", "start"):
        return True
    return parts[-1].startswith(("cli.", "setup.", "manage.", "seed", "create_")) or bool(
        {"cli", "commands", "cmd", "console"} & set(parts)
    )


@rule(
    "XI-07",
    severity="note",
    materials=("python", "javascript"),
    looks=(log_traits,),
    title="No event says which request it belongs to",
    why="With many requests at once, in many instances, the lines of one cannot be told from those of the others.",
    fix="Take X-Request-ID (or make one) in a middleware, and put it into each event.",
    bad='logger.info("saved order")',
    good='logger.info("saved order", extra={"request_id": g.request_id})',
    source=_LOGS,
    probe="XI-P4",
)
def no_request_id(unit: Unit) -> Iterator[Outcome]:
    if not serves_http(unit):
        yield NotApplicable("nothing answers HTTP")
        return
    if unit.uses(*_TRACERS):
        yield Witness("a tracer gives each request an id")
    elif good := _traits(unit, "request id"):
        yield Witness(f"requests have an id: {good[0].what.what}", unit.place(good[0].path, good[0].what.line))
    elif not _traits(unit, "logs"):
        yield NotApplicable("nothing logs")
    else:
        yield Finding("no request or correlation id is read, made or logged anywhere", unit.place(unit.root))


_TRACERS = (
    *(
        "asgi-correlation-id",
        "django-log-request-id",
        "django-guid",
        "opentelemetry-sdk",
        "opentelemetry-distro",
        "ddtrace",
    ),
    *(
        "@opentelemetry/sdk-node",
        "@opentelemetry/api",
        "dd-trace",
        "express-request-id",
        "cls-rtracer",
        "newrelic",
        "fastify",
    ),
    *(
        "elastic-apm",
        "elastic-apm-node",
        "go.opentelemetry.io/otel",
        "io.micrometer:micrometer-tracing",
        "opentelemetry-api",
    ),
    *("org.springframework.cloud:spring-cloud-starter-sleuth", "io.micrometer:micrometer-tracing-bridge-otel"),
    *(
        "opentelemetry-instrumentation-flask",
        "opentelemetry-instrumentation-fastapi",
        "opentelemetry-instrumentation-django",
    ),
    *(
        "flask-log-request-id",
        "fastapi-correlation-id",
        "starlette-context",
        "elastic-apm",
        "newrelic",
        "opentelemetry-sdk",
    ),
)
