"""Security: routes without the guard that those beside them have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from tolv.check.looks.guards import Guarded, guarded_routes
from tolv.check.model import Finding, NotApplicable, Outcome, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit

_PUBLIC = re.compile(
    r"(?i)log-?_?in|log-?_?out|sign-?_?(?:in|up|out)|register|regist|auth|token|session|password|reset|forgot|verify|confirm|activate|"
    r"webhook|hook|callback|oauth|health|ping|status|ready|live|metrics|contact|public|search|subscribe|captcha|csrf|feedback|^/?$|setup|install"
)


@rule(
    "SEC-04",
    severity="note",
    materials=("python", "javascript"),
    looks=(guarded_routes,),
    title="A route that changes something lacks the guard of its siblings",
    why="Who knows the address can use it without logging in.",
    fix="Add the guard, or say in a comment why everybody may.",
    bad='@app.post("/orders")\ndef add_order(): …   # its siblings have @login_required',
    good='@app.post("/orders")\n@login_required\ndef add_order(): …',
    source="https://owasp.org/Top10/A01_2021-Broken_Access_Control/",
    probe="SEC-P2",
)
def unguarded_routes(unit: Unit) -> Iterator[Outcome]:
    """SEC-04."""
    by_file: dict[str, list[Guarded]] = {}
    for one in unit.seen(guarded_routes, "prod"):
        by_file.setdefault(one.path, []).append(one.what)
    found = 0
    witness: Outcome | None = None
    for path, routes in by_file.items():
        guarded = [one for one in routes if one.guards]
        if witness is None and guarded:
            witness = Witness(f"{len(guarded)} of {len(routes)} routes have a guard", unit.place(path, guarded[0].line))
        for route, guard in [*_without(routes), *_weaker(routes)]:
            found += 1
            message = f"{route.method} {route.path} lacks the guard {guard} that its siblings have"
            yield Finding(message, unit.place(path, route.line, route.column), subject=f"{route.method} {route.path}")
    if not found:
        yield witness or NotApplicable("no route has a guard to compare with")


def _changes(route: Guarded) -> bool:
    """It changes something, and is not also the page that shows it."""
    methods = route.method.upper().split(",")
    return "GET" not in methods and any(method in ("POST", "PUT", "PATCH", "DELETE") for method in methods)


def _without(routes: list[Guarded]) -> Iterator[tuple[Guarded, str]]:
    """Those that change something without any guard, where most that do have one."""
    changing = [one for one in routes if _changes(one) and not _PUBLIC.search(one.path)]
    bare = [one for one in changing if not one.guards]
    if not bare or any(one.whole for one in changing) or len(changing) - len(bare) < max(3, 3 * len(bare)):
        return
    common = Counter(guard for one in changing for guard in one.guards).most_common(1)[0][0]
    for one in bare:
        yield one, common


def _weaker(routes: list[Guarded]) -> Iterator[tuple[Guarded, str]]:
    """Routes for administrators that ask for less than the others for administrators do."""
    admin = [one for one in routes if re.search(r"(?i)(?:^|/)admin(?:/|$)", one.path)]
    strong = [one for one in admin if any("admin" in guard for guard in one.guards)]
    if len(strong) < 2 or any(one.whole for one in admin):
        return
    name = next(guard for guard in strong[0].guards if "admin" in guard)
    for one in admin:
        if one not in strong and _changes(one):
            yield one, name
