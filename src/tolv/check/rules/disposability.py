"""IX Disposability: what an app does when it is told to stop (IX-01, IX-02)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.look import Seen
from tolv.check.looks.signals import Stop, stops
from tolv.check.looks.stage import for_development
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.source import Scope
from tolv.check.unit import Unit

#: Servers that finish their requests on TERM, and workers that finish their job.
_HANDLES = frozenset(
    "gunicorn uvicorn hypercorn daphne granian waitress waitress-serve uwsgi puma unicorn thin falcon iodine celery rq "
    "rqworker dramatiq huey sidekiq resque good_job apache2 nginx php-fpm caddy frankenphp rr passenger".split()
)
_SCRIPT_PATH = re.compile(r"(^|/)(bin|scripts?|tools?|examples?|mocks?|stubs?|fixtures|dev|hack)(/|\.|_)")


@rule(
    "IX-01",
    severity="error",
    materials=("python", "javascript", "go", "java"),
    looks=(stops,),
    title="Nothing handles the signal to stop",
    why="At TERM the process dies where it is: requests are cut in the middle, jobs are half done.",
    fix="On SIGTERM stop taking new work, finish what is open within the grace period, then exit.",
    bad="app.listen(process.env.PORT);",
    good='const server = app.listen(process.env.PORT);\nprocess.on("SIGTERM", () => server.close());',
    source="https://12factor.net/disposability",
    probe="IX-P2",
)
def nothing_handles_term(unit: Unit) -> Iterator[Outcome]:
    seen = list(unit.seen(stops, "prod"))
    handlers = [one for one in seen if one.what.kind in ("handler", "drain") and not one.what.ignores]
    handled = min(handlers, key=lambda one: bool(_SCRIPT_PATH.search(one.path)), default=None)
    found = False
    for one in seen:
        if one.what.kind not in ("server", "loop") or one.what.handled or _SCRIPT_PATH.search(one.path):
            continue
        if for_development(Scope(guards=one.what.guards)) and not _is_started(unit, one.path):
            continue
        if one.what.kind == "loop" and _is_within(unit, one.path):
            continue
        found = True
        if handled is None:
            yield _unhandled(unit, one)
    for outcome in _spring(unit):
        found = True
        yield outcome
    if handled is not None:
        yield _handles(unit, handled)
        return
    for start in unit.starts:
        if start.prod and start.server in _HANDLES:
            found = True
            yield Witness(f"{start.server} finishes what is open on TERM", unit.place(start.path, start.line))
    if not found:
        yield _nothing(unit)


def _is_within(unit: Unit, path: str) -> bool:
    """Whether a loop runs within a process whose server handles TERM, as nothing starts it by itself."""
    running = [one for one in unit.starts if one.prod and not one.release]
    return bool(running) and all(one.server in _HANDLES for one in running) and not _is_started(unit, path)


def _handles(unit: Unit, seen: Seen[Stop]) -> Outcome:
    """A handler is a witness where it runs in what is started; that of a helper beside the app says nothing."""
    if _SCRIPT_PATH.search(seen.path) or not any(start.prod for start in unit.starts):
        why = f"{seen.path} handles a stop, but whether that is what serves cannot be told by reading"
        return CannotTell(why, "IX-P2")
    return Witness(f"{seen.what.what} takes care of a stop", unit.place(seen.path, seen.what.line))


_BOOT = re.compile(
    r"org\.springframework\.boot['\")\s:]{0,40}(?:version\s{0,20}\(?|:)\s{0,20}['\"]?(\d+)\.(\d+)|"
    r"spring-boot[\w-]{0,40}['\"]?:(\d+)\.(\d+)|springBootVersion\s*=\s*['\"](\d+)\.(\d+)|"
    r"<artifactId>spring-boot-starter-parent</artifactId>\s*<version>(\d+)\.(\d+)"
)


def _spring(unit: Unit) -> Iterator[Outcome]:
    """Spring Boot drains only where it is told to; from 3.4 on it does so by itself."""
    if not any("spring-boot-starter-web" in one.name or one.name.endswith("starter-jetty")
               for one in unit.packages.declared):  # fmt: skip
        return
    files = unit.named("application*.yml", "application*.yaml", "application*.properties")
    main = [one for one in files if one.context == "prod" and "/test/" not in one.path]
    graceful = next((one for one in main if re.search(
        r"shutdown\s*[:=]\s*[\"']?graceful", unit.text(one.path) or "")), None)  # fmt: skip
    if graceful is not None:
        yield Witness("Spring finishes open requests on TERM", unit.place(graceful.path))
        return
    for build in unit.named("pom.xml", "build.gradle", "build.gradle.kts"):
        match = _BOOT.search(unit.text(build.path) or "")
        version = tuple(int(one) for one in match.groups() if one is not None) if match else ()
        if version >= (3, 4):
            yield Witness("Spring Boot from 3.4 on finishes open requests on TERM", unit.place(build.path))
            return
        if version:
            place = unit.place((main or [build])[0].path)
            fix = "Set `server.shutdown: graceful`, with `spring.lifecycle.timeout-per-shutdown-phase` below the grace."
            yield Finding("server.shutdown is not graceful: requests in flight are cut at TERM", place, "warning",
                          subject="spring", fix=fix)  # fmt: skip
            return


def _nothing(unit: Unit) -> Outcome:
    running = next((one for one in unit.starts if one.prod and not one.release), None)
    if running is None:
        return NotApplicable("no server and no worker of its own was found")
    return CannotTell(f"what {running.server or running.text[:40]} does on TERM is not in this code", "IX-P2")


def _is_started(unit: Unit, path: str) -> bool:
    return any(one.prod and one.entry == path for one in unit.starts)


def _unhandled(unit: Unit, seen: Seen[Stop]) -> Finding:
    one = seen.what
    place = unit.place(seen.path, one.line, one.column)
    if one.kind == "server":
        message = f"{one.what} serves, and nothing handles SIGTERM: requests in flight are cut"
        return Finding(message, place, "warning", subject="server")
    level: Severity | None = None if one.takes else "warning"
    lost = "what it has taken is lost" if one.takes else "it dies in the middle of its work"
    return Finding(f"the loop around {one.what} does not handle SIGTERM: {lost}", place, level, subject="loop")


@rule(
    "IX-02",
    severity="error",
    materials=("python", "javascript", "manifests"),
    looks=(stops,),
    title="The handler of the signal to stop drops the work",
    why="It exits before anything is finished, or ignores the signal until the platform kills the process.",
    fix="Close the listener, wait for what is open, close connections, then exit.",
    bad='process.on("SIGTERM", () => process.exit(0));',
    good='process.on("SIGTERM", () => server.close(() => process.exit(0)));',
    source="https://12factor.net/disposability",
    probe="IX-P2",
)
def drops_the_work(unit: Unit) -> Iterator[Outcome]:
    said = False
    for seen in unit.seen(stops, "prod"):
        one = seen.what
        if one.kind != "handler":
            continue
        said = True
        place = unit.place(seen.path, one.line, one.column)
        if one.ignores:
            yield Finding("SIGTERM is ignored: the process only stops when it is killed", place, subject="ignored")
        elif one.at_once and not _SCRIPT_PATH.search(seen.path):
            yield Finding("the handler of SIGTERM exits at once", place, "warning", subject="exit")
        else:
            yield _handles(unit, seen)
    for path, line in _trapped(unit):
        said = True
        yield Finding("the script ignores TERM, and so does what it starts", unit.place(path, line), subject="trap")
    if not said:
        yield NotApplicable("no handler of a signal was found")


_TRAP = re.compile(r"^\s*trap\s+(''|\"\"|:)\s+[^#\n]*\b(SIG)?TERM\b")


def _trapped(unit: Unit) -> Iterator[tuple[str, int]]:
    for file in unit.named("*.sh", "*entrypoint*", "*.bash"):
        if file.context != "prod" or file.language is not None:
            continue
        for number, line in enumerate((unit.text(file.path) or "").splitlines(), start=1):
            if _TRAP.match(line):
                yield file.path, number
