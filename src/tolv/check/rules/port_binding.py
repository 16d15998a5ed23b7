"""Factor VII, what an app binds: a port that it is given, on all interfaces."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.look import Seen
from tolv.check.looks.listens import Listen, listens
from tolv.check.looks.serving import port_kind, served
from tolv.check.looks.start_ports import Bound, bound
from tolv.check.looks.way import for_developers, production_starts
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.source import Value
from tolv.check.unit import Unit
from tolv.codebase.start import Start

_BINDING = "https://12factor.net/port-binding"
_CONTAINERS = ("Dockerfile", "compose", "kubernetes")
_LOOPBACK = re.compile(r"localhost|127(?:\.\d+){3}|\[?::1\]?")


def _contained(unit: Unit) -> bool:
    """Production runs in containers, as far as the files say: each has its own ports."""
    starts = production_starts(unit)
    return bool(starts) and all(one.origin in _CONTAINERS for one in starts)


def _web(unit: Unit) -> list[tuple[Start, Bound]]:
    """The starts whose command says what is bound."""
    return [(one, said) for one in production_starts(unit) if (said := bound(one)) is not None]


@rule(
    "VII-01",
    severity="error",
    materials=("python", "javascript", "go", "java", "ruby", "php", "manifests"),
    looks=(listens,),
    title="The port is fixed",
    why="The platform assigns the port; an app that takes its own cannot be routed to, nor run twice on one host.",
    fix="Read PORT from the environment, with a default for development.",
    bad='app.run(host="0.0.0.0", port=5000)',
    good='app.run(host="0.0.0.0", port=int(os.environ.get("PORT", 5000)))',
    source=_BINDING,
    probe="VII-P1",
)
def fixed_port(unit: Unit) -> Iterator[Outcome]:
    found = False
    witness: Witness | None = None
    unknown: str | None = None
    for start, said in _web(unit):
        path, line = start.place
        if said.port is not None and not for_developers(unit, start):
            found = True
            # That a package has a script says nothing of whether a platform runs it.
            lesser = (*_CONTAINERS, "systemd", "supervisord", "package.json", "convention")
            severity: Severity = "error" if start.origin not in lesser else "warning"
            how = said.by or "its own default, as its command names none"
            message = f"{start.server} always listens on port {said.port}, by {how}"
            fix = f"Give {start.server} the port by $PORT, in a command that a shell expands."
            yield Finding(message, unit.place(path, line), severity, fix)
        elif said.env:
            witness = witness or Witness(f"{start.server} takes its port from the environment", unit.place(path, line))
    for seen in served(unit):
        kind, value = port_kind(unit, seen)
        place = unit.place(seen.path, seen.what.line, seen.what.column)
        if kind == "fixed" and value is not None:
            found = True
            yield Finding(_fixed(seen, value), place, _code_severity(unit, seen), _code_fix(seen, value))
        elif kind in ("environment", "random"):
            witness = witness or Witness(f"{seen.what.what} takes its port from the environment", place)
        else:
            unknown = unknown or f"the port of {seen.what.what} ({place}) is not in the code that calls it"
    for finding in (*_nginx_ports(unit), *_spring_ports(unit)):
        found = found or finding.severity != "note"
        yield finding
    if found:
        return
    if witness is not None:
        yield witness
    elif unknown is not None:
        yield CannotTell(unknown, "VII-P1")
    elif not production_starts(unit) and not any(unit.seen(listens, "prod")):
        yield NotApplicable("nothing listens")
    else:
        yield CannotTell("no command and no call says which port is bound", "VII-P1")


def _fixed(seen: Seen[Listen], value: Value) -> str:
    return f"{seen.what.what} always listens on port {value.text}"


def _code_severity(unit: Unit, seen: Seen[Listen]) -> Severity:
    starts = production_starts(unit)
    if seen.what.what == "bind" and not any(
        one.server == "gunicorn" and one.origin not in (*_CONTAINERS, "systemd", "supervisord") for one in starts
    ):
        return "warning"  # settings that no platform is seen to start with
    return "warning" if _contained(unit) or not production_starts(unit) else "error"


def _code_fix(seen: Seen[Listen], value: Value) -> str:
    if seen.path.endswith(".py"):
        return f'Write int(os.environ.get("PORT", {value.text})).'
    if seen.path.endswith(".go"):
        return 'Read os.Getenv("PORT").'
    if seen.path.endswith(".rb"):
        return f'Write ENV.fetch("PORT", {value.text}).'
    if seen.path.endswith(".java"):
        return 'Read System.getenv("PORT").'
    return f"Write process.env.PORT || {value.text}." if seen.path.endswith(("js", "ts")) else "Read PORT."


_LISTEN = re.compile(r"^\s*listen\s+(?:(?P<host>[\w.*\[\]:]+):)?(?P<port>\d+)\b(?P<rest>[^;]*)")


def nginx_files(unit: Unit) -> list[str]:
    """Configuration files of an nginx that production starts, or whose image is the app's."""
    started = any(one.server in ("nginx", "openresty") for one in production_starts(unit))
    based = any(
        dockerfile.context == "prod"
        and dockerfile.base is not None
        and (dockerfile.base.name or "").endswith(("nginx", "openresty"))
        for dockerfile in unit.dockerfiles
    )
    if not (started or based):
        return []
    named = unit.named("nginx*.conf*", "*/nginx/*.conf*", "nginx/*.conf*", "*/nginx/*/*.conf*", "*.nginx")
    copied = " ".join(
        one.text
        for dockerfile in unit.dockerfiles
        for stage in dockerfile.stages
        for one in stage.instructions
        if one.keyword in ("COPY", "ADD")
    )
    return [one.path for one in named if one.context == "prod" and _is_copied(one.path, copied)]


def _is_copied(path: str, copied: str) -> bool:
    parts = path.split("/")
    above = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
    return any(re.search(rf"(?<![\w./-])(?:\./)?{re.escape(one)}(?![\w.-])", copied) for one in above) or bool(
        re.search(r"(?<!\S)\./?(?!\S)", copied)
    )


def _nginx_ports(unit: Unit) -> Iterator[Finding]:
    for path in nginx_files(unit):
        for number, line in enumerate((unit.text(path) or "").split("\n"), start=1):
            if match := _LISTEN.match(line):
                message = f"nginx always listens on port {match['port']}"
                yield Finding(
                    message,
                    unit.place(path, number),
                    "warning",
                    "Put ${PORT} there, and fill it in by envsubst at start.",
                )
                break


def _spring_ports(unit: Unit) -> Iterator[Finding]:
    """`server.port` of Spring: SERVER_PORT overrides it, PORT does not."""
    for file in unit.named("application.properties", "application.yml", "application.yaml", "application-prod*.*"):
        if file.context != "prod":
            continue
        above = ""
        for number, line in enumerate((unit.text(file.path) or "").split("\n"), start=1):
            if re.match(r"\w", line):
                above = line.split(":")[0].strip()
            match = re.match(r"server\.port\s*[=:]\s*(\d+)\s*$", line)
            if match is None and above == "server":
                match = re.match(r"\s+port:\s*(\d+)\s*$", line)
            if match and match[1] != "0":
                message = f"server.port is {match[1]} unless SERVER_PORT says otherwise; PORT is not read"
                yield Finding(message, unit.place(file.path, number), "note", f"Write ${{PORT:{match[1]}}}.")


@rule(
    "VII-02",
    severity="error",
    materials=("python", "javascript", "manifests"),
    looks=(listens,),
    title="The app binds the loopback interface only",
    why="Nothing outside of its own host or container can reach it: neither the router nor a health check.",
    fix="Bind 0.0.0.0 (or ::).",
    bad="CMD uvicorn --port $PORT app:app",
    good="CMD uvicorn --host 0.0.0.0 --port $PORT app:app",
    source=_BINDING,
    probe="VII-P2",
)
def loopback(unit: Unit) -> Iterator[Outcome]:
    found = False
    good: Witness | None = None
    for start, said in _web(unit):
        path, line = start.place
        if said.loopback and said.host is not None:
            found = True
            hidden = start.origin in ("supervisord", "systemd") or _behind_proxy(unit, start)
            by = "by default, as its command names no host" if said.host not in start.text else f"as {said.host}"
            message = f"{start.server} binds the loopback interface only, {by}"
            fix = f"Bind 0.0.0.0 in the command of {start.server}."
            yield Finding(message, unit.place(path, line), "warning" if hidden else "error", fix)
        elif said.known or said.env:
            good = good or Witness(f"{start.server} binds all interfaces", unit.place(path, line))
    # A port that the system picks is nobody's address: what listens there serves the process itself.
    calls = [(seen, _host(unit, seen)) for seen in served(unit) if port_kind(unit, seen)[0] != "random"]
    outward = any(host not in ("loopback", "unknown") for _, host in calls)
    for seen, host in calls:
        place = unit.place(seen.path, seen.what.line, seen.what.column)
        if host == "loopback" and not outward:
            found = True
            what = "by default" if seen.what.host is None else "only"
            beaten = seen.path.endswith("gunicorn.conf.py")  # the command, or GUNICORN_CMD_ARGS, beats it
            severity: Severity = "error" if production_starts(unit) and not beaten else "warning"
            yield Finding(f"{seen.what.what} binds the loopback interface {what}", place, severity)
        elif host == "all":
            good = good or Witness(f"{seen.what.what} binds all interfaces", place)
    if found:
        return
    if good is not None:
        yield good
    elif not production_starts(unit) and not calls:
        yield NotApplicable("nothing listens")
    else:
        yield CannotTell("no command and no call says which interface is bound", "VII-P2")


def _behind_proxy(unit: Unit, start: Start) -> bool:
    """nginx or another proxy is started beside it, in the same container."""
    same = [one for one in production_starts(unit) if one.path == start.path and one is not start]
    return any(one.server in ("nginx", "caddy", "haproxy", "httpd", "apache2", "envoy", "openresty") for one in same)


def _host(unit: Unit, seen: Seen[Listen]) -> str:
    """`loopback`, `all`, or `unknown` where a variable or another file says."""
    value = seen.what.host
    if value is None:
        # Flask and its like bind the loopback interface unless they are told.
        return "loopback" if seen.what.server in ("flask", "quart", "uvicorn", "bottle", "sanic") else "all"
    value = unit.resolve(value, seen.path)
    if value.kind == "literal":
        return "loopback" if _LOOPBACK.fullmatch(value.text or "") else "all"
    return "unknown"
