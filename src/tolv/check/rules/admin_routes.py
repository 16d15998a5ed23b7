"""Factor XII: admin work that anybody can start with a request."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.looks.admin_routes import java_routes
from tolv.check.looks.route import Route
from tolv.check.looks.routes import routes
from tolv.check.model import Finding, NotApplicable, Outcome, Place, Severity
from tolv.check.rule import rule
from tolv.check.unit import Unit

_STRONG = re.compile(
    r"(?:^|\.)(?:drop_all|create_all|flushall|flushdb|flushAll|dropDatabase|drop_database|call_command|runMigrations|"
    r"run_migrations|os\._exit|process\.exit|System\.exit|Runtime\.halt|halt|runMigration|migrate\.latest|reset_db|resetDb|"
    r"resetDatabase|reset_database|init_db|initDb|seedDatabase|seed_db|seed_database)$|^(?:sys\.exit|exit)$"
)
_WEAK = re.compile(
    r"(?:^|\.)(?:sync|migrate|upgrade|truncate|deleteMany|delete_many|exec|execSync|system|seed\w*|kill|reboot|"
    r"shutdown|clear|flush|drop\w*|subprocess\.\w+)$"
)
_PATH = re.compile(
    r"(?:^|[/_-])(?:migrat\w*|install|reset(?:[-_]?(?:db|database|data|all))?|seed\w*|flush|purge|wipe|shutdown|kill|"
    r"restart|reboot|clear[-_]?(?:cache|db|database|data)|drop[-_]?\w*|init[-_]?db|create[-_]?(?:tables|db)|crash|"
    r"fill[-_]?heap)(?:$|[/_-])",
    re.IGNORECASE,
)
_HARM = re.compile(r"fill[-_]?heap|crash|kill", re.IGNORECASE)
_GUARD = re.compile(
    r"auth|login|permission|is_?admin|require_?admin|admin_?(?:required|only)|current_?user|Depends\(|Security\(|roles?\b|"
    r"authori[sz]e|protect|secret|token|api_?key|guard|session|PreAuthorize|Secured|verify|allowed|abort\(40|"
    r"\b40[13]\b|forbidden",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"debug|NODE_ENV|TESTING|FLASK_ENV|APP_ENV|environment|@Profile|is_dev|isDev", re.IGNORECASE)
_LOCKS = re.compile(r"already|installed|exists|is_?setup|first_?run|count\(|COUNT\(", re.IGNORECASE)
_GLOBAL = re.compile(
    r"(?:app|router|server|api)\.use\([^)\n]*(?:auth|jwt|passport|protect|login|session[^)]*required)|before_request|"
    r"dependencies\s*=\s*\[|LoginRequiredMiddleware|DEFAULT_PERMISSION_CLASSES|EnableWebSecurity|SecurityFilterChain|"
    r"addHook\(['\"](?:onRequest|preHandler)|AuthenticationMiddleware|JWTManager\(.*required",
    re.IGNORECASE,
)


@rule(
    "XII-07",
    severity="warning",
    materials=("python", "javascript", "java"),
    looks=(routes, java_routes),
    title="Anybody can start admin work by a request",
    why="A crawler or a stranger migrates, empties or stops the app, as often as they like.",
    fix="Make it a command that runs as a one-off process; remove the route.",
    bad='@app.route("/reset") def reset(): db.drop_all(); db.create_all()',
    good='@app.cli.command("reset") def reset(): …',
    source="https://12factor.net/admin-processes",
)
def admin_by_request(unit: Unit) -> Iterator[Outcome]:
    """Routes whose handler migrates, resets or stops the app, and that ask nobody who they are."""
    any_route: Place | None = None
    found = False
    guarded = _guarded(unit)
    for seen in (*unit.seen(routes, "prod"), *unit.seen(java_routes, "prod")):
        route = seen.what
        any_route = any_route or Place(seen.path, route.line)
        work = _work(unit, seen.path, route)
        if work is None or route.kind == "hook":
            continue
        text = _text(unit, seen.path, route)
        if _GUARD.search(text) or _ASIDE.search(text) or guarded or _file_guards(unit, seen.path):
            continue
        found = True
        severity: Severity | None = "note" if _LOCKS.search(text) else None
        where = route.path or route.handler or "this route"
        yield Finding(
            f"a request to {where} {work}, and nobody is asked who they are",
            Place(seen.path, route.line),
            severity,
            f"take {where} out of the web process, and make it a command that runs as a one-off",
            subject=where,
        )
    if any_route is None:
        yield NotApplicable("it answers no HTTP requests that can be seen")
    elif not found:
        yield NotApplicable("no route runs admin work")


def _work(unit: Unit, path: str, route: Route) -> str | None:
    """What admin work a request starts."""
    if route.first is None or (route.last or 0) - route.first > 120:
        return None
    strong = next((one for one in route.calls if _STRONG.search(one)), None)
    named = bool(route.path) and _PATH.search(route.path or "") is not None
    if strong is not None and (named or not re.search(r"(?:^|\.)(?:exit|halt)$", strong)):
        return f"runs {strong}()"
    if named:
        weak = next((one for one in route.calls if _WEAK.search(one)), None)
        if weak is not None:
            return f"runs {weak}()"
        text = _text(unit, path, route)
        if _HARM.search(route.path or "") and re.search(r"while\s*\(true\)|while True|for\s*\(;;\)", text):
            return "keeps the process busy until it dies"
    return None


def _text(unit: Unit, path: str, route: Route) -> str:
    """The handler with its decorators, without the path itself: `/admin/reset` guards nothing."""
    source = unit.source(path)
    if source is None:
        return ""
    first = max(min(route.line, route.first or route.line) - 3, 1)
    lines = source.lines[first - 1 : max(route.last or route.line, route.line)]
    # A decorator of the function before is none of this one's.
    start = next((n for n in range(min(2, len(lines) - 1), -1, -1) if not lines[n].strip()), -1) + 1 if lines else 0
    text = "\n".join(lines[start:])
    return text.replace(route.path, "") if route.path else text


def _file_guards(unit: Unit, path: str) -> bool:
    return _GLOBAL.search(unit.text(path) or "") is not None


def _guarded(unit: Unit) -> bool:
    """A filter before every route asks who it is: in the file that makes the app, or by a framework's settings."""
    candidates = unit.named("settings.py", "app.py", "main.py", "server.js", "app.js", "index.js", "*Security*.java",
                            "app.ts", "server.ts", "main.ts", "__init__.py")  # fmt: skip
    return any(_GLOBAL.search(unit.text(file.path) or "") for file in candidates if file.context == "prod")
