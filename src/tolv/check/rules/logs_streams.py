"""Factor XI, the stream itself: servers that are told to log to files, and output that stays in a buffer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.look import Seen
from tolv.check.looks.log_files import is_stream
from tolv.check.looks.log_traits import LogTrait, log_traits
from tolv.check.looks.server_logs import server_logs
from tolv.check.looks.way import production_starts
from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit
from tolv.codebase.start import Start

_LOGS = "https://12factor.net/logs"
_FLAGS: dict[str, tuple[str, ...]] = {
    "gunicorn": ("--access-logfile", "--error-logfile", "--log-file"),
    "celery": ("--logfile", "-f"),
    "uwsgi": ("--logto", "--logto2", "--daemonize"),
    "pm2": ("--log", "-l", "--output", "-o", "--error", "-e"),
    "forever": ("-l", "-o", "-e"),
    "rq": (),
    "supervisord": ("--logfile", "-l"),
    "daphne": ("--access-log",),
    "unicorn": (),
    "thin": ("--log", "-l"),
    "sidekiq": ("--logfile", "-L"),
    "nginx": (),
    "uvicorn": (),
}


@rule(
    "XI-03",
    severity="warning",
    materials=("manifests", "python"),
    looks=(server_logs,),
    title="A server is started with a log file",
    why="The events that the platform should see end in a file of one instance, which fills its disk and dies with it.",
    fix="Give the server `-` or /dev/stdout as its log.",
    bad="web: gunicorn --access-logfile /var/log/access.log app:app",
    good="web: gunicorn --access-logfile - app:app",
    source=_LOGS,
    probe="XI-P2",
)
def server_log_file(unit: Unit) -> Iterator[Outcome]:
    found = [*_by_start(unit), *_by_nginx(unit), *_by_supervisor(unit), *_by_systemd(unit), *_by_cron(unit)]
    found += _by_code(unit)
    yield from found
    if found:
        return
    starts = production_starts(unit)
    if starts:
        path, line = starts[0].place
        yield Witness("what is started keeps its log on the standard streams", unit.place(path, line))
    else:
        yield NotApplicable("nothing says how the app is started")


def _by_start(unit: Unit) -> Iterator[Finding]:
    for start in production_starts(unit):
        path, line = start.place
        for flag in _FLAGS.get(start.server or "", ()):
            value = start.option(flag)
            if value and not is_stream(value) and not value.startswith("$"):
                yield Finding(f"{start.server} writes its log to the file {value}", unit.place(path, line))
                break
        else:
            yield from _redirected(unit, start, path, line)


def _redirected(unit: Unit, start: Start, path: str, line: int) -> Iterator[Finding]:
    for redirect in start.command.redirects:
        match = re.match(r"(?:1|&)?>{1,2}\|?\s*([^&\s].*)", redirect)
        if match is None or (is_stream(match[1]) and match[1] != "/dev/null"):
            continue
        if match[1] == "/dev/null":
            yield Finding(f"what {start.type} writes to stdout is thrown away", unit.place(path, line), "note")
        else:
            yield Finding(f"what {start.type} writes to stdout goes to the file {match[1]}", unit.place(path, line))
        return


_NGINX = ("nginx*.conf*", "*.nginx", "*/nginx/*", "*/sites-available/*", "*/sites-enabled/*", "nginx/*", "*nginx.conf*")
_DIRECTIVE = re.compile(r"^\s*(access_log|error_log)\s+([^\s;]+)")
_LINKED = re.compile(r"/var/log/nginx/(?:access|error)\.log|/usr/local/openresty/nginx/logs/(?:access|error)\.log")


def _by_nginx(unit: Unit) -> Iterator[Finding]:
    for file in unit.named(*_NGINX):
        text = unit.text(file.path) or ""
        if file.size > 1 << 19 or file.language or ("server" not in text and "_log" not in text):
            continue
        lines = []
        for number, line in enumerate(text.split("\n"), start=1):
            match = _DIRECTIVE.match(line)
            if match and _is_file(match[2], unit, heroku=file.name.endswith(".erb")):
                lines.append((number, match[1], match[2]))
        if lines:
            number, what, path = lines[0]
            also = tuple(unit.place(file.path, one) for one, _, _ in lines[1:])
            yield Finding(f"nginx writes its {what} to the file {path}", unit.place(file.path, number), also=also)


def _is_file(target: str, unit: Unit, *, heroku: bool) -> bool:
    """Whether nginx's log is a file: the official image links its own to the streams, a buildpack follows its own."""
    if is_stream(target) or target in ("stderr", "off") or target.startswith(("syslog:", "$", "memory:")):
        return False
    if heroku and target.startswith("logs/"):
        return False
    return not (_LINKED.fullmatch(target) and _links_nginx(unit))


def _links_nginx(unit: Unit) -> bool:
    for dockerfile in unit.dockerfiles:
        for stage in dockerfile.stages:
            if re.search(r"(?:^|/)(?:nginx|openresty|nginx-unprivileged)$", stage.image.name or ""):
                return True
            if any("/dev/std" in one.text and "ln " in one.text for one in stage.instructions):
                return True
    services = [service for compose in unit.composes for service in compose.services]
    return any(one.image is not None and (one.image.name or "").endswith(("nginx", "openresty")) for one in services)


def _by_supervisor(unit: Unit) -> Iterator[Finding]:
    """Programs whose output supervisord keeps; without `stdout_logfile` too, where the whole of its file is here."""
    for file in unit.named("supervisor*.conf", "supervisord*", "*/supervisor/*", "*/supervisor.d/*", "supervisor*.ini"):
        text = unit.text(file.path) or ""
        if "[program:" not in text or file.size > 1 << 18:
            continue
        whole = "[supervisord]" in text
        for line, options in _programs(text):
            target = options.get("stdout_logfile")
            if target is None and whole:
                message = "supervisord keeps the program's output in rotated files of its own"
                yield Finding(message, unit.place(file.path, line))
                break
            if target and not is_stream(target.split()[0]) and target.upper() != "NONE":
                yield Finding(f"supervisord keeps the program's output in {target}", unit.place(file.path, line))
                break


def _programs(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The program sections, each with its line and options."""
    line = 0
    options: dict[str, str] | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        stripped = raw.strip()
        if stripped.startswith("["):
            if options is not None:
                yield line, options
            line, options = number, ({} if stripped.startswith("[program:") else None)
        elif options is not None and "=" in stripped and not stripped.startswith((";", "#")):
            key, _, value = stripped.partition("=")
            options[key.strip()] = value.split(" ;")[0].strip()
    if options is not None:
        yield line, options


def _by_systemd(unit: Unit) -> Iterator[Finding]:
    for file in unit.named("*.service"):
        for number, line in enumerate((unit.text(file.path) or "").split("\n"), start=1):
            match = re.match(r"\s*Standard(?:Output|Error)=(?:file|append|truncate):(\S+)", line)
            if match and not is_stream(match[1]):
                yield Finding(f"systemd keeps the output in the file {match[1]}", unit.place(file.path, number))
                break


def _by_cron(unit: Unit) -> Iterator[Finding]:
    """Jobs whose output is thrown away, or kept in a file."""
    for file in unit.named("crontab*", "*/crontabs/*", "*/cron.d/*", "*.cron", "*.crontab"):
        if file.language or file.size > 1 << 16:
            continue
        for number, line in enumerate((unit.text(file.path) or "").split("\n"), start=1):
            if not re.match(r"\s*(?:@\w+|[\d*/,-]+\s+[\d*/,-]+\s)", line):
                continue
            match = re.search(r"(?<![\d&])1?>{1,2}\s*([/\w.~-]+)", line)
            if match and not is_stream(match[1]):
                yield Finding(f"the job's output goes to the file {match[1]}", unit.place(file.path, number))
            elif match and match[1] == "/dev/null":
                yield Finding("the job's output is thrown away", unit.place(file.path, number), "note")


def _by_code(unit: Unit) -> list[Finding]:
    """Configuration files of servers that are code: `gunicorn.conf.py`, `puma.rb`, `ecosystem.config.js`."""
    found = []
    for seen in unit.seen(server_logs):
        if not _FILES.search(seen.path) or any(
            "dev" in one.lower() or "debug" in one.lower() for one in seen.what.guards
        ):
            continue
        target = unit.resolve(seen.what.target, seen.path)
        if (
            target.kind in ("literal", "template")
            and target.text
            and not is_stream(target.text)
            and target.name != "null"
        ):
            message = f"{seen.what.name} is the file {target.text}"
            found.append(Finding(message, unit.place(seen.path, seen.what.line, seen.what.column)))
    return found


_FILES = re.compile(r"(?:^|/)(?:\w*gunicorn[\w.-]*\.py|puma[\w.-]*\.rb|unicorn[\w.-]*\.rb|ecosystem[\w.-]*\.c?js)$")


@rule(
    "XI-04",
    severity="warning",
    materials=("python",),
    looks=(log_traits,),
    title="What the app prints may stay in a buffer",
    why="stdout is no terminal in a container, so that Python keeps what is printed in a buffer: events come late, and "
    "those before a crash never.",
    fix="Set PYTHONUNBUFFERED=1 in the image, or log instead of printing.",
    bad='CMD ["python", "worker.py"]',
    good="ENV PYTHONUNBUFFERED=1",
    source=_LOGS,
    probe="XI-P3",
)
def buffered_output(unit: Unit) -> Iterator[Outcome]:
    if "python" not in unit.languages:
        yield NotApplicable("there is no Python")
        return
    prints = [one for one in _of(unit, "prints") if one.path.endswith(".py") and not _is_tool(unit, one)]
    if not prints:
        yield Witness("nothing that runs in production prints")
        return
    if flushed := _of(unit, "flushes"):
        yield Witness("stdout is flushed by line", unit.place(flushed[0].path, flushed[0].what.line))
        return
    starts = [one for one in production_starts(unit) if one.server in _PYTHON_SERVERS]
    bare = [one for one in starts if not _is_unbuffered(unit, one)]
    if not bare:
        if starts:
            yield Witness("PYTHONUNBUFFERED is set", unit.place(starts[0].path, starts[0].line))
        else:
            yield NotApplicable("nothing says how the app is started")
        return
    start = next((one for one in bare if one.origin in ("Dockerfile", "compose", "kubernetes")), bare[0])
    contained = start.origin in ("Dockerfile", "compose", "kubernetes")
    severity: Severity = "warning" if contained else "note"
    first = prints[0]
    message = f"{first.path}:{first.what.line} prints, and nothing unbuffers the stdout of {start.type}"
    also = (unit.place(first.path, first.what.line),)
    yield Finding(message, unit.place(start.path, start.line), severity, also=also)


_PYTHON_SERVERS = frozenset(
    "python python3 gunicorn uvicorn hypercorn celery rq flask fastapi waitress-serve daphne uwsgi granian huey "
    "dramatiq".split()
)


def _is_unbuffered(unit: Unit, start: Start) -> bool:
    if any(name == "PYTHONUNBUFFERED" and value for name, value in start.env):
        return True
    if (start.server or "").startswith("python") and any(
        re.fullmatch(r"-[a-zA-Z]*u[a-zA-Z]*", one) for one in start.argv[1:3]
    ):
        return True
    # An environment file, or a manifest beside, may say it for all.
    named = unit.named(
        "Dockerfile*", "*compose*.y*ml", "*.env", ".env*", "Procfile", "*.service", "fly.toml", "*.sh", "app.json"
    )
    return any("PYTHONUNBUFFERED" in (unit.text(one.path) or "") for one in named if one.size < 1 << 18)


def _is_tool(unit: Unit, seen: Seen[LogTrait]) -> bool:
    """A file that people run by hand: what it prints is its answer."""
    name = seen.path.rpartition("/")[2]
    if name in ("setup.py", "manage.py", "cli.py", "__main__.py") or "/commands/" in seen.path or "/cli/" in seen.path:
        return True
    text = unit.text(seen.path) or ""
    if re.search(r"^if __name__ ==", text, re.M) and not any(start.entry == seen.path for start in unit.starts):
        return True
    return bool(
        re.search(r"^(?:import|from) (?:argparse|click|typer|fire)\b|@\w+\.cli\.command|@\w+\.command\(", text, re.M)
    )


def _of(unit: Unit, trait: str) -> list[Seen[LogTrait]]:
    return [one for one in unit.seen(log_traits, "prod") if one.what.trait == trait]
