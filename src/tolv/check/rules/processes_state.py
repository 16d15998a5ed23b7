"""VI Processes: state that lives in the memory of one process (VI-01, VI-02)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.components import components_of
from tolv.check.look import Seen
from tolv.check.looks.reach import Requests, Way, requests_of, unfollowed
from tolv.check.looks.routes import routes
from tolv.check.looks.singletons import Kept, singletons
from tolv.check.looks.state import Change, changes
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit

_PRODUCTION = ("prod", "admin")

#: What is made of these is a container.
_CONTAINERS = frozenset(
    "HashMap ConcurrentHashMap LinkedHashMap TreeMap ArrayList LinkedList HashSet CopyOnWriteArrayList make new "
    "dict list set defaultdict deque OrderedDict Counter Map Set Array Object ChainMap WeakMap Queue".split()
)
#: Names of things that are no state of users: bookkeeping that each process may have for itself.
_OWN = re.compile(
    r"metric|stats?$|statistic|histogram|gauge|registr|handlers?$|hooks?$|plugins?$|logg|locks?$|warned|warnings|pool|"
    r"engine|executor|middleware|threads?$|futures?$|migration|blueprint|extension|routes?$|signals?$|template|schema|validator|models?$|tracker\b|profiler\b|inspector\b",
    re.IGNORECASE,
)
#: Names of copies of what is kept elsewhere.
CACHE = re.compile(r"cache|memo(?!ry)|memoi[sz]ed|compiled|_lru|lookup_table|\bloaded", re.IGNORECASE)
LIMITER = re.compile(r"rate_?limit|throttl|attempts|request_(times|log|counts?)|hits_?(by|per)|_bucket", re.IGNORECASE)
#: Names of what is open while somebody is connected: it cannot live elsewhere, but others cannot see it.
_LIVE = re.compile(
    r"conn(ection)?s?$|sockets?$|clients?$|peers$|subscri|listeners?$|rooms?$|channels?$|streams?$|waiters?$",
    re.IGNORECASE,
)
_PER_REQUEST = re.compile(r"\b(request|req|form|session|body|payload|user|username|args|params|data)\b")


def is_container(change: Change) -> bool:
    """Whether the name was declared as a container."""
    made = change.kind == "call" and change.text.rpartition(".")[2] in _CONTAINERS
    grown = change.how == "rebind" and re.search(r"=\s*append\(", change.written) is not None
    return change.kind == "container" or made or grown


def is_read_through(change: Change) -> bool:
    """Whether the change fills in what was looked for and not found."""
    last = re.escape(change.name.rpartition(".")[2])
    asked = rf"\bnot in\b.*\b{last}\b|\b{last}\b.*\b(is None|=== undefined|== null)|!\s*(\w+\.)*{last}\b|not .*{last}"
    return any(re.search(asked, guard) for guard in change.guards)


_QUEUE = re.compile(r"(?:^|\.)(?:\w*Queue|Channel|Subject|EventEmitter)$")


def hands_on(change: Change) -> bool:
    """Whether what is put there goes to somebody who waits for it: work of this process (IX-05), not state."""
    return _QUEUE.search(change.text) is not None


def is_remade(unit: Unit, seen: Seen[Change]) -> bool:
    """Whether the function looks the thing up by its key, and makes it anew where it is not there or of no more use:
    a copy that another process makes for itself."""
    change, source = seen.what, unit.source(seen.path)
    if source is None or _PER_REQUEST.search(change.written.partition("=")[2]):
        return False
    name = re.escape(change.name.rpartition(".")[2])
    if not re.search(
        rf"\b{name}\[[^\]]+\]\s*=(?!=)|\bdel\s+{name}\[|\b{name}\.(?:set|put|pop|delete|remove)\(", change.written
    ):
        return False
    around = [one for one in source.functions() if one.line <= change.line <= one.end_line]
    if not around:
        return False
    function = max(around, key=lambda one: one.line)
    body = "\n".join(source.lines[function.line - 1 : function.end_line])
    looked = re.search(rf"\b(\w+)\s*(?::[^=\n]{{1,60}})?:?=\s*{name}(?:\.get\(|\[)", body)
    kept = re.search(rf"\b{name}\[[^\]]+\]\s*=\s*([\w.]+)\s*(?:;|$)", body, re.MULTILINE)
    return bool(looked and kept and re.search(rf"\breturn\s+{looked[1]}\b", body) and looked[1] != kept[1])


def changed_by_requests(unit: Unit, requests: Requests) -> Iterator[tuple[Seen[Change], Way]]:
    """The changes of state that a handler makes, or what it calls."""
    for seen in unit.seen(changes, *_PRODUCTION):
        change = seen.what
        if seen.path.endswith(".java") and not _outlives_requests(change):
            continue
        way = requests.way_to(seen.path, change.line, change.function, change.owner)
        if way is not None:
            yield seen, way


_SINGLETON = re.compile(
    r"(Controller|Service|Component|Resource|Repository|Servlet|Endpoint|Registry|Manager|Bean)\w*$"
)


def _outlives_requests(change: Change) -> bool:
    """A static field, or one of a bean that the container makes once; other objects may live as long as a request."""
    return bool(re.search(r"\bstatic\b", change.declaration) or _SINGLETON.search(change.owner or ""))


def without_handlers(unit: Unit) -> Outcome:
    """What to say of an app in which no handler was found."""
    others = [one for one in unit.languages if one not in changes.readers]
    if others:
        return CannotTell(f"handlers in {others[0].capitalize()} are not followed", "VI-P2")
    served = next((one.name for one in unit.packages.declared if _SERVES.search(one.name)), None)
    if served is not None or any(start.prod and start.type == "web" for start in unit.starts):
        return CannotTell(f"no request handler was found, though {served or 'a web process'} may have some", "VI-P2")
    return NotApplicable("no request handler was found")


#: Distributions that serve requests, by their names.
_SERVES = re.compile(r"(?:^|[-_./@])(?:server|web|https?|wsgi|asgi|websockets?|sockets?)(?:$|[-_./])", re.IGNORECASE)


@rule(
    "VI-01",
    severity="error",
    materials=("python", "javascript", "go", "java", "ruby"),
    looks=(changes, routes, singletons),
    title="A request leaves state in the memory of one process",
    why="The next request may meet another process, or the same one restarted: what was kept is then not there.",
    fix="Keep it in a backing service (database, Redis), and read it from there.",
    bad='carts = {}\n\n@app.post("/cart/<id>")\ndef add(id):\n    carts[id] = request.json',
    good='@app.post("/cart/<id>")\ndef add(id):\n    redis.set(f"cart:{id}", request.data)',
    source="https://12factor.net/processes",
    probe="VI-P2",
)
def state_in_memory(unit: Unit) -> Iterator[Outcome]:
    requests = requests_of(unit)
    if not requests:
        yield without_handlers(unit)
        return
    by_name: dict[tuple[str, str], list[tuple[Seen[Change], Way]]] = {}
    for seen, way in changed_by_requests(unit, requests):
        change = seen.what
        if (
            not is_container(change)
            or (change.how == "rebind" and "append(" not in change.written)
            or _OWN.search(change.name)
        ):
            continue
        if CACHE.search(change.name) or LIMITER.search(change.name) or is_read_through(change):
            continue
        if hands_on(change) or is_remade(unit, seen):
            continue
        by_name.setdefault((seen.path, change.name), []).append((seen, way))
    found = False
    for group in by_name.values():
        seen, way = group[0]
        if not any(one.what.reads for one, _ in group):
            continue  # nobody reads it here
        found = True
        yield _state_finding(unit, group, seen, way)
    for finding in (*_objects(unit, requests), *_fields_of_components(unit)):
        found = True
        yield finding
    if not found:
        yield _handlers_change_nothing(unit, "keeps anything in a variable of the module")


def _objects(unit: Unit, requests: Requests) -> Iterator[Finding]:
    """Objects of the module whose methods add to a container, called by a handler."""
    seen = list(unit.seen(singletons, *_PRODUCTION))
    told: set[tuple[str, str]] = set()
    for one in seen:
        kept = one.what
        called = f"{kept.owner}.{kept.attribute}"
        if kept.kind != "grows" or (one.path, called) in told:
            continue
        if _OWN.search(kept.attribute) or CACHE.search(called) or LIMITER.search(called):
            continue
        names = {other.what.name for other in seen if other.what.kind == "made" and other.what.owner == kept.owner}
        way = next((way for name in sorted(names) for way in requests.way_by(name, {kept.name})), None)
        if way is None:
            continue
        told.add((one.path, called))
        live = bool(_LIVE.search(kept.attribute)) or not _is_asked(unit, requests, one, names)
        yield Finding(
            f"{called} lives in the memory of one process, and {way} adds to it: another process does not have it",
            unit.place(one.path, kept.line),
            "warning" if live else None,
            also=(unit.place(one.path, kept.declared),),
            subject=called,
            fix=f"Keep what {called} holds in a backing service (database, Redis).",
        )


def _is_asked(unit: Unit, requests: Requests, one: Seen[Kept], names: set[str]) -> bool:
    """Whether a handler calls a method that reads the container."""
    source, kept = unit.source(one.path), one.what
    if source is None:
        return False
    word = re.compile(rf"\b(?:self|this)\.{re.escape(kept.attribute)}\b")
    reading = {
        method.name
        for method in source.functions()
        if method.scope.owner == kept.owner
        and method.name not in ("__init__", "constructor")
        and any(word.search(line) for line in source.lines[method.line - 1 : method.end_line])
    }
    others = reading - {kept.name}
    return any(True for name in sorted(names) for _ in requests.way_by(name, others))


def _fields_of_components(unit: Unit) -> Iterator[Finding]:
    """Containers of the object that a server dispatches to, which a method that answers changes."""
    requests = requests_of(unit)
    for component in components_of(unit):
        for name, made, changed in component.kept():
            if _OWN.search(name) or CACHE.search(name) or LIMITER.search(name):
                continue
            ways = [(one, requests.way_to(one.path, one.what.line, None)) for one in changed]
            reached = [(one, way) for one, way in ways if way is not None]
            if not reached:
                continue
            seen, way = reached[0]
            others = [one for one, _ in reached[1:]] + [one for one in changed if one not in [it for it, _ in reached]]
            yield Finding(
                f"{name} lives in the memory of one process, and {way} changes it: another process, or this one "
                "restarted, does not have it",
                unit.place(seen.path, seen.what.line),
                "warning" if _LIVE.search(name) else None,
                also=tuple(unit.place(one.path, one.what.line) for one in [*others[:7], *made[:1]]),
                subject=name,
                fix=f"Keep what {name} holds in a backing service (database, Redis).",
            )


def _state_finding(unit: Unit, group: list[tuple[Seen[Change], Way]], seen: Seen[Change], way: Way) -> Finding:
    change = seen.what
    live = bool(_LIVE.search(change.name))
    severity: Severity | None = "warning" if live or not _is_answered_with(unit, group) else None
    what = "is a registry of what is connected to this process" if live else "lives in the memory of one process"
    return Finding(
        f"{change.name} {what}, and {way} changes it: another process, or this one restarted, does not have it",
        unit.place(seen.path, change.line, change.column),
        severity,
        also=tuple(unit.place(one.path, one.what.line) for one, _ in group[1:6])
        + (unit.place(seen.path, change.declared),),
        subject=change.name,
        fix=f"Keep what {change.name} (line {change.declared}) holds in a backing service (database, Redis).",
    )


def _is_answered_with(unit: Unit, group: list[tuple[Seen[Change], Way]]) -> bool:
    """Whether a request reads it too, as far as can be told: then users see what depends on the process they met."""
    requests = requests_of(unit)
    path = group[0][0].path
    source = unit.source(path)
    functions = source.functions() if source is not None else ()
    for row in {row for seen, _ in group for row in seen.what.reads}:
        around = [one for one in functions if one.line <= row <= one.end_line]
        function = max(around, key=lambda one: one.line) if around else None
        if requests.way_to(path, row, function.name if function else None, function.scope.owner if function else None):
            return True
    return False


@rule(
    "VI-02",
    severity="error",
    materials=("python", "javascript", "go", "java", "ruby"),
    looks=(changes, routes),
    title="A request changes a counter or value of the process",
    why="Each process counts for itself, and a restart begins anew: users see numbers that jump.",
    fix="Let a backing service count: `INCR` in Redis, an `UPDATE … SET n = n + 1`, a sequence.",
    bad='visits = 0\n\n@app.get("/")\ndef index():\n    global visits\n    visits += 1',
    good='@app.get("/")\ndef index():\n    visits = redis.incr("visits")',
    source="https://12factor.net/processes",
    probe="VI-P3",
)
def counter_in_memory(unit: Unit) -> Iterator[Outcome]:
    requests = requests_of(unit)
    if not requests:
        yield without_handlers(unit)
        return
    told: set[tuple[str, str]] = set()
    for seen, way in changed_by_requests(unit, requests):
        change = seen.what
        if (seen.path, change.name) in told or not _is_scalar_state(change):
            continue
        told.add((seen.path, change.name))
        yield Finding(
            f"{change.name} is a variable of the process, and {way} changes it: each process has its own value",
            unit.place(seen.path, change.line, change.column),
            None if change.how == "augment" or _PER_REQUEST.search(change.written.partition("=")[2]) else "warning",
            also=(unit.place(seen.path, change.declared),),
            subject=change.name,
        )
    if not told:
        yield _handlers_change_nothing(unit, "counts in a variable of the module")


def _is_scalar_state(change: Change) -> bool:
    last = change.name.rpartition(".")[2]
    if change.how not in ("augment", "rebind") or is_container(change) or _OWN.search(last) or CACHE.search(last):
        return False
    if change.how == "augment":
        return change.kind in ("literal", "unknown")
    value = change.written.partition("=")[2].strip().rstrip(";")
    if re.fullmatch(r"True|False|None|true|false|null|undefined|\d+|time\.time\(\)|Date\.now\(\)", value):
        return False  # a flag, set once
    if any(re.search(rf"\b{re.escape(last)}\b", guard) for guard in change.guards):
        return False  # made when first needed
    if change.kind not in ("literal", "unknown", "name"):
        return False
    return bool(change.reads) and bool(_PER_REQUEST.search(value))


def _handlers_change_nothing(unit: Unit, what: str) -> Outcome:
    if language := unfollowed(unit, changes):
        return CannotTell(f"what handlers in {language.capitalize()} keep is not followed", "VI-P2")
    seen = list(unit.seen(routes, *_PRODUCTION))
    place = unit.place(seen[0].path, seen[0].what.line) if seen else None
    count = len(seen) + len(requests_of(unit).of_objects)
    return Witness(f"none of {count} handlers {what}" if count != 1 else f"the one handler never {what}", place)
