"""Health checks: a route that says whether the app is there, and one that says whether it is ready (HLT-01, HLT-04)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.browser import in_browser
from tolv.check.facts.health_tables import DATABASES, LIBRARIES, PLAIN_DATABASES, WEB
from tolv.check.look import Seen
from tolv.check.looks.answers import Answer, answers_of
from tolv.check.looks.asked import Asked, asked_of
from tolv.check.looks.health import Hint, hints, is_health_path, is_liveness_path, is_readiness_path
from tolv.check.looks.routes import routes
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Witness
from tolv.check.rule import ALL, rule
from tolv.check.unit import Unit

_SOURCE = "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/"
_PRODUCTION = ("prod", "admin")

#: Files that answer requests, by their names: a function `ping` of another need not be a route.
_ANSWERING = re.compile(r"controller|route|handler|api|view|server|urls|^app\b|^main\b|^index\b", re.IGNORECASE)
#: Lines by which a framework is told to answer for health by itself.
_BUILT_IN = {
    "ruby": re.compile(r"rails/health#show|rails_health_check|HealthCheck|OkComputer"),
    "php": re.compile(r"\bhealth:\s*['\"]|Health::checks|healthcheck", re.IGNORECASE),
}
#: What a handler calls that needs a backing service.
_ASKS_SERVICE = re.compile(
    r"\bSELECT\b|\.(?:execute|query|ping|Ping\w*|PingContext|authenticate|cursor|command|raw|scalar|admin|stats|"
    r"ensure_connection|active\?|\$queryRaw\w*|findOne|find_one|findFirst|countDocuments|isInitialized|info)\s*\(|"
    r"readyState|objects\.|verify!?\b|(?:check|test|ping|is|verify)_?(?:the_?)?(?:db|database|redis|postgres|mongo|"
    r"storage|store|dependenc\w+|services?)\b|(?:db|database|redis|postgres|mongo|cache|storage|broker)_?"
    r"(?:is_?)?(?:ok|ready|alive|connected|health\w*|check|status|up)|connection_pool|getConnection|->(?:exec|query|getDriver|isConnected)\(|Db::|DB::connection",
    re.IGNORECASE,
)


@rule(
    "HLT-01",
    severity="warning",
    materials=ALL,
    looks=(hints, routes),
    title="The service has no route that tells its health",
    why="A platform can only tell a process that answers from one that hangs by asking it. Without a route for that, "
    "requests go to instances that are not ready, and a process that is stuck is never replaced.",
    fix="Add a route such as GET /healthz that answers 200 without touching a backing service.",
    bad='@app.get("/items")\ndef items(): ...\n# and no other route',
    good='@app.get("/healthz")\ndef healthz():\n    return {"status": "ok"}',
    source=_SOURCE,
    probe="HLT-P1",
)
def has_a_health_route(unit: Unit) -> Iterator[Outcome]:
    """A route, a library, a function or a probe that names a health check."""
    shown = evidence(unit)
    if shown is not None:
        yield shown
        return
    answers = answers_of(unit)
    if not answers:
        yield _without_routes(unit)
        return
    blind = [one for one in unit.languages if one not in routes.readers and one != "javascript"]
    main = unit.languages[0]
    if blind and main in blind:
        yield CannotTell(f"routes in {main.capitalize()} are not followed")
        return
    several = "No route tells"
    if len(answers) > 1 and all(one.route.path is not None for one in answers):
        several = f"None of {len(answers)} routes tells"
    yield Finding(
        f"{several} whether the app is alive: who runs it cannot tell a process that hangs from one that works",
        unit.place(_where_routes_are(unit, answers)),
        fix=_fix(answers),
    )


def _where_routes_are(unit: Unit, answers: tuple[Answer, ...]) -> str:
    """The file in which a route would be added: that of all routes if there is one, else the one with the most."""
    for file in unit.named("config/routes.rb", "*/config/routes.rb", "routes/api.php", "routes/web.php"):
        return str(file.path)
    counts: dict[str, int] = {}
    for one in answers:
        counts[one.path] = counts.get(one.path, 0) + 1
    return max(counts, key=lambda path: (bool(_ANSWERING.search(path.rpartition("/")[2])), counts[path], path))


def evidence(unit: Unit) -> Witness | None:
    """What shows that the app answers for its health; None: nothing was seen."""
    for asked in asked_of(unit):
        if asked.path is not None:
            return Witness(f"its deploy asks {asked.path} for its health", asked.place)
        if asked.command:
            return Witness("its deploy runs a check of its health", asked.place)
    for one in answers_of(unit):
        if one.route.path is not None and is_health_path(one.route.path) and not _has_siblings(one, unit):
            method = "" if one.route.method == "*" else f"{one.route.method} "
            return Witness(
                f"{method}{_shown(one.route.path)} answers for its health", unit.place(one.path, one.route.line)
            )
    for name in LIBRARIES:
        if unit.uses(name):
            return Witness(f"{name} answers for its health")
    for file in unit.named("build.gradle", "build.gradle.kts"):
        if re.search(r"(?m)^\s*implementation\b[^\n]*\blibs\.[\w.]*actuator\b", unit.text(file.path) or ""):
            return Witness("the actuator, named by the catalogue of versions, answers for its health")
    for hint in _hints(unit):
        return Witness(f"{hint.what.text} answers for its health", unit.place(hint.path, hint.what.line))
    return _built_in(unit)


def _hints(unit: Unit) -> Iterator[Seen[Hint]]:
    pages = {one.route.path for one in answers_of(unit) if _has_siblings(one, unit)}
    for hint in unit.seen(hints, *_PRODUCTION):
        if hint.what.text in pages:
            continue
        sure = "/" in hint.what.text or "health" in hint.what.text.lower()
        if not in_browser(unit, hint.path) and (sure or _ANSWERING.search(hint.path.rpartition("/")[2])):
            yield hint


def _built_in(unit: Unit) -> Witness | None:
    for language, pattern in _BUILT_IN.items():
        if language not in unit.languages:
            continue
        names = ("config/routes.rb",) if language == "ruby" else ("bootstrap/app.php", "health*.php")
        for file in unit.named(*(f"*{name}" for name in names), *names):
            text = unit.text(file.path) or ""
            for number, line in enumerate(text.splitlines(), start=1):
                if pattern.search(line) and not line.lstrip().startswith(("#", "//")):
                    return Witness("the framework answers for its health", unit.place(file.path, number))
            if file.name.startswith("health"):
                return Witness(f"{file.name} answers for its health", unit.place(file.path))
    return None


def _has_siblings(one: Answer, unit: Unit) -> bool:
    """A `/status` that writes is a resource of the app's own, as is one that has members (`/status/:slug`)."""
    path = (one.route.path or "").rstrip("/$?")
    if "health" not in path and any(
        other.path == one.path and re.match(rf"{re.escape(path)}/[:<{{(\[*]", other.route.path or "")
        for other in answers_of(unit)
    ):
        return True
    return one.route.method not in ("*", "GET", "HEAD", "GET,HEAD", "HEAD,GET") and "health" not in (
        one.route.path or ""
    )


def _without_routes(unit: Unit) -> Outcome:
    if unit.uses(*WEB) or any(type == "web" for type, _, _ in unit.procfile):
        return CannotTell("it answers HTTP requests, but its routes were not understood")
    return NotApplicable("it answers no HTTP requests")


def _fix(answers: tuple[Answer, ...]) -> str:
    framework = answers[0].route.framework
    if framework in ("flask", "fastapi"):
        return 'Add `@app.get("/healthz")` with a function that returns {"status": "ok"} and asks no database.'
    if framework == "django":
        return 'Add `path("healthz", lambda request: HttpResponse("ok"))` to the URLs.'
    if framework == "express":
        return 'Add `app.get("/healthz", (req, res) => res.sendStatus(200))` before the middleware that needs a user.'
    return "Add a route such as GET /healthz that answers 200 without asking a backing service."


def _shown(path: str) -> str:
    path = path.strip("^$?")
    return path if path.startswith("/") or " " in path else f"/{path}"


@rule(
    "HLT-04",
    severity="note",
    materials=("python", "javascript"),
    looks=(hints, routes),
    title="The only health check says nothing of the database that every request needs",
    why="While the database is away, or not migrated yet, the check still says that all is well, and requests are sent "
    "to an instance that can only answer 500.",
    fix="Keep this one as liveness, and add a second route for readiness that asks the database with a short timeout.",
    bad='@app.get("/health")\ndef health():\n    return "ok"   # and nothing else, in front of a database',
    good='@app.get("/readyz")\ndef ready():\n    db.session.execute(text("SELECT 1"))\n    return "ok"',
    source=_SOURCE,
    probe="HLT-P2",
)
def readiness_is_real(unit: Unit) -> Iterator[Outcome]:
    """One health route that is constant, or only the front page, in an app with a database."""
    if not needs_database(unit):
        yield NotApplicable("it needs no database to answer")
        return
    found = health_answers(unit)
    real = [one for one in found if is_readiness_path(one.route.path or "") or asks_service(one)]
    if real:
        one = real[0]
        yield Witness(f"{_shown(one.route.path or '')} tells whether it is ready", unit.place(one.path, one.route.line))
        return
    named = [hint for hint in _hints(unit) if is_readiness_path(hint.what.text)]
    if named or any(unit.uses(name) for name in LIBRARIES):
        yield Witness("a library or a route of its own tells whether it is ready")
        return
    # What a handler waits for may well ask the database.
    constant = [one for one in found if one.text and not re.search(r"\bawait\b|\.then\(", one.text)]
    fronts = [one for one in asked_of(unit) if one.path == "/" and one.context == "prod"]
    if len(found) == 1 and constant:
        one = constant[0]
        yield Finding(
            f"{_shown(one.route.path or '')} answers the same whether or not the database is there, and no other route "
            "tells whether the app is ready",
            unit.place(one.path, one.route.line),
        )
    elif not found and fronts and not list(_hints(unit)):
        yield Finding(
            "The check asks the front page, which says nothing of the store that the app needs", fronts[0].place
        )
    elif found:
        yield CannotTell(f"whether {_shown(found[0].route.path or '')} looks at the database was not understood")
    else:
        yield NotApplicable("it has no health check")


def health_answers(unit: Unit) -> tuple[Answer, ...]:
    """The routes that answer for health, by their names or because a probe asks for them."""
    asked = {one.path.rstrip("/") for one in asked_of(unit) if one.path}
    found = []
    for one in answers_of(unit):
        path = one.route.path
        if path is None or one.route.method not in ("*", "GET", "HEAD", "GET,HEAD", "HEAD,GET"):
            continue
        named = is_health_path(path) and not _has_siblings(one, unit)
        if named or (path.rstrip("/") and path.rstrip("/") in asked):
            found.append(one)
    return tuple(found)


def asks_service(one: Answer) -> bool:
    """Whether a handler asks a backing service, as far as its text tells."""
    return bool(_ASKS_SERVICE.search(one.text))


def asking_line(one: Answer) -> int:
    """The line on which a handler asks a backing service."""
    match = _ASKS_SERVICE.search(one.text)
    return (one.first or one.route.line) + (one.text.count("\n", 0, match.start()) if match is not None else 0)


def needs_database(unit: Unit) -> bool:
    """Whether the app keeps its data in a database, or in a store beside it."""
    return unit.uses(*DATABASES) or (unit.uses("django") and unit.uses(*PLAIN_DATABASES))


def liveness_routes(unit: Unit) -> tuple[Answer, ...]:
    """Those that only ask whether the process is alive."""
    return tuple(one for one in health_answers(unit) if is_liveness_path(one.route.path or ""))


def asked_for(asked: Asked, answers: tuple[Answer, ...]) -> Answer | None:
    """The route that a probe's path leads to."""
    path = (asked.path or "").partition("?")[0].rstrip("/")
    if not path:
        return None
    for one in answers:
        own = "/" + (one.route.path or "").strip("^$/?")
        if own == path or (len(own) > 1 and path.endswith(own)):
            return one
    return None
