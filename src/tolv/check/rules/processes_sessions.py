"""VI Processes: sessions that only one process has (VI-03)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tolv.check.facts.copies_run import worse_in_several
from tolv.check.looks.of_names import bindings_look, calls_look, settled
from tolv.check.looks.stage import for_development
from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.source import Binding, Call, Value
from tolv.check.unit import Unit

_PRODUCTION = ("prod", "admin")

session_settings = bindings_look(
    "session settings", {"python": ("session_type", "session_engine", "session_cookie_name")}
)
session_calls = calls_look(
    "session stores",
    {
        "python": (
            *("InMemoryBackend", "InMemorySessionInterface", "InMemoryStore", "SessionMiddleware", "RedisStorage"),
            *("EncryptedCookieStorage", "FilesystemSessionInterface"),
        ),
        "javascript": (
            *("express-session", "session-file-store", "express-session.MemoryStore", "MemoryStore", "memorystore"),
            *("cookie-session", "koa-generic-session", "@fastify/session", "fastify-session"),
        ),
        "go": ("NewFilesystemStore", "NewCookieStore", "memstore.NewStore", "memstore.New", "NewRediStore"),
        "java": (".setAttribute",),
        "ruby": ("session_store", "use"),
        "php": ("ini_set", "session_start", "session_set_save_handler", "session_save_path", "session_module_name"),
    },
    javascript=("session", "memorystore", "MemoryStore", "cookieSession"),
    java=("HttpSession", "getSession"),
    ruby=("session_store", "Session"),
)

_LOCAL_SESSION = re.compile(r"^(filesystem|file|cachelib|memory|simple|ram|.*backends\.file|.*InMemory.*)$", re.I)


@rule(
    "VI-03",
    severity="warning",
    materials=("python", "javascript", "go", "java", "ruby", "php"),
    looks=(session_settings, session_calls),
    title="Sessions are kept where only one process finds them",
    why="The next request of a user may be answered by another process, which does not know the session: users are "
    "logged out at random, and all of them by each deploy.",
    fix="Keep sessions in a shared store (Redis, the database), or in a signed cookie.",
    bad='SESSION_TYPE = "filesystem"',
    good='SESSION_TYPE = "redis"\nSESSION_REDIS = Redis.from_url(os.environ["REDIS_URL"])',
    source="https://12factor.net/processes",
    probe="VI-P1",
)
def local_sessions(unit: Unit) -> Iterator[Outcome]:
    """An error where several copies are deployed: one alone loses its sessions by a deploy only."""
    yield from worse_in_several(unit, _sessions(unit))


def _sessions(unit: Unit) -> Iterator[Outcome]:
    said = False
    for seen in unit.seen(session_settings):
        for outcome in _session_setting(unit, seen.path, seen.what):
            said = True
            yield outcome
    lowered: set[str] = set()
    for call in unit.seen(session_calls):
        for outcome in _session_call(unit, call.path, call.what):
            said = True
            if isinstance(outcome, Finding) and _is_chosen(unit, call.path):
                if call.path in lowered:
                    continue
                lowered.add(call.path)
                outcome = replace(
                    outcome, severity="warning", message=f"{outcome.message} where no other store is chosen"
                )
            yield outcome
    for outcome in (*_php_sessions(unit), *_java_sessions(unit), *_laravel_sessions(unit)):
        said = True
        yield outcome
    if not said:
        yield NotApplicable("no session that a server keeps was found")


_SHARED = re.compile(
    rb"connect-(?:redis|mongo|mongodb-session|pg-simple|memcached|session-sequelize|session-knex|typeorm)|express-mysql-session"
    rb"|\b(?:Redis|Mongo|MongoDB|Sequelize|Knex|PG|Pg|MySQL|Prisma|Typeorm|Firestore|DynamoDB)(?:Session)?Store\b"
)


def _is_chosen(unit: Unit, path: str) -> bool:
    """Whether the same file makes a store that all processes share, so that a setting says which it is."""
    source = unit.source(path)
    return path.endswith((".js", ".ts", ".mjs", ".cjs")) and source is not None and bool(_SHARED.search(source.data))


def _session_setting(unit: Unit, path: str, one: Binding) -> Iterator[Outcome]:
    if one.name.upper() not in ("SESSION_TYPE", "SESSION_ENGINE") or for_development(one.scope):
        return
    value = unit.resolve(one.value, path)
    text, open_to_change = settled(value)
    if text is None:
        return
    if not _LOCAL_SESSION.match(text):
        yield Witness(f"sessions are kept in {text.rpartition('.')[2]}", unit.place(path, one.line))
        return
    where = "in the memory of one process" if "memory" in text.lower() else "in files of one machine"
    yield Finding(
        f"{one.name} is {text}: sessions live {where}"
        + (" unless a variable says otherwise" if open_to_change else ""),
        unit.place(path, one.line, one.column),
        "warning" if open_to_change else None,
        subject=one.name,
    )


def _session_call(unit: Unit, path: str, call: Call) -> Iterator[Outcome]:
    if for_development(call.scope):
        return
    name, place = call.name, unit.place(path, call.line, call.column)
    if name.endswith(("SessionMiddleware", "EncryptedCookieStorage", "cookie-session", "RedisStorage")):
        yield Witness("sessions travel in a signed cookie or live in a store", place)
    elif re.search(r"InMemory|MemoryStore$|^memorystore$", name):
        yield Finding("sessions live in the memory of one process", place, subject="session")
    elif name in ("session-file-store",):
        yield Finding("sessions live in files of one machine", place, subject="session")
    elif path.endswith(".go"):
        yield from _go_session(unit, path, call)
    elif path.endswith((".rb", ".ru")):
        yield from _ruby_session(unit, path, call)
    elif name in ("express-session", "koa-generic-session", "@fastify/session", "fastify-session"):
        yield from _session_middleware(unit, path, call)


def _session_middleware(unit: Unit, path: str, call: Call) -> Iterator[Outcome]:
    """`session({ … })`: without a store it keeps sessions in memory."""
    store = call.keywords.get("store")
    place = unit.place(path, call.line, call.column)
    if store is None:
        if not call.keywords:
            return  # its options are made elsewhere
        yield Finding("sessions without a store live in the memory of one process", place, subject="session")
    elif store.kind == "choice" and any(_is_nothing(part) for part in store.parts):
        message = "sessions live in the memory of one process unless a store is configured"
        yield Finding(message, place, "warning", subject="session")
    elif "memorystore" in f"{store.name}".lower():
        yield Finding("sessions live in the memory of one process", place, subject="session")
    else:
        yield Witness("sessions are kept in a store", place)


def _go_session(unit: Unit, path: str, call: Call) -> Iterator[Outcome]:
    place = unit.place(path, call.line, call.column)
    if call.last == "NewFilesystemStore" and "sessions" in call.name:
        yield Finding("sessions live in files of one machine", place, subject="session")
    elif "memstore" in call.name:
        yield Finding("sessions live in the memory of one process", place, subject="session")
    elif "sessions" in call.name or "cookie" in call.name:
        yield Witness("sessions travel in a signed cookie or live in a store", place)


def _ruby_session(unit: Unit, path: str, call: Call) -> Iterator[Outcome]:
    """`config.session_store :cache_store`, `use Rack::Session::Pool`."""
    first = call.argument(0)
    named = first is not None and first.kind == "name"
    text = ((first.name if named else first.text) or "").lstrip(":") if first is not None else ""
    place = unit.place(path, call.line, call.column)
    if call.last == "use":
        if re.search(r"Session\W+Pool", text):
            yield Finding("sessions live in the memory of one process", place, subject="session")
        elif re.search(r"Session\W+Cookie", text):
            yield Witness("sessions travel in a signed cookie", place)
    elif text == "file_store":
        yield Finding("sessions live in files of one machine", place, subject="session")
    elif text == "cache_store":
        production = unit.named("production.rb")
        local = next(
            (one for one in production if re.search(r"^\s*config\.cache_store\s*=\s*:(memory|file|null)_store",
                                                    unit.text(one.path) or "", re.MULTILINE)),
            None,
        )  # fmt: skip
        if local is not None:
            also = (unit.place(local.path),)
            yield Finding("sessions live in a cache that one process alone knows", place, also=also, subject="session")
        else:
            yield Witness("sessions live in the cache store", place)
    elif text:
        yield Witness(f"sessions are kept by {text}", place)


def _php_sessions(unit: Unit) -> Iterator[Outcome]:
    """PHP keeps sessions in files unless a handler is set."""
    calls = [one for one in unit.seen(session_calls, "prod") if one.path.endswith((".php", ".phtml", ".inc"))]
    own = next((one for one in calls if one.what.last == "session_set_save_handler"), None)
    for one in calls:
        texts = [value.text for value in one.what.arguments[:2]]
        if one.what.last == "ini_set" and texts[:1] == ["session.save_handler"] and len(texts) > 1:
            if texts[1] != "files":
                yield Witness(f"sessions are kept by {texts[1]}", unit.place(one.path, one.what.line))
                return
            yield _php_finding(unit, one.path, one.what)
            return
    started = next((one for one in calls if one.what.last == "session_start"), None)
    if own is not None:
        yield Witness("the app keeps sessions by a handler of its own", unit.place(own.path, own.what.line))
    elif started is not None and not _ini_handler(unit):
        yield _php_finding(unit, started.path, started.what)


def _php_finding(unit: Unit, path: str, call: Call) -> Finding:
    fix = "Set `session.save_handler = redis` and `session.save_path` from the environment, or a handler of your own."
    place = unit.place(path, call.line, call.column)
    return Finding("PHP keeps these sessions in files of one machine", place, subject="session", fix=fix)


def _ini_handler(unit: Unit) -> bool:
    """An ini file, or the image, sets another handler."""
    for file in unit.named("*.ini", "*Dockerfile*", "*.conf", ".htaccess", "*.sh"):
        if re.search(r"session\.save_handler\W+(?!files)\w+", unit.text(file.path) or ""):
            return True
    return False


_SET_ATTRIBUTE = re.compile(
    r"HttpSession\.setAttribute$|getSession\([^)]*\)\.setAttribute$|(^|\.)session\.setAttribute$"
)


def _java_sessions(unit: Unit) -> Iterator[Outcome]:
    """`session.setAttribute`, where no Spring Session puts it into a store."""
    if any("spring-session" in one.name for one in unit.packages.declared):
        return
    fix = "Add spring-session with a shared store, or keep the value in a backing service."
    for one in unit.seen(session_calls, "prod"):
        names = (one.what.name, one.what.written)
        if one.path.endswith(".java") and any(_SET_ATTRIBUTE.search(name) for name in names):
            place = unit.place(one.path, one.what.line, one.what.column)
            yield Finding("the session lives in the memory of one process", place, subject="session", fix=fix)


_DRIVER = re.compile(r"""['"]driver['"]\s*=>\s*(env\(\s*['"]SESSION_DRIVER['"]\s*,\s*)?['"](\w+)['"]""")


def _laravel_sessions(unit: Unit) -> Iterator[Outcome]:
    for file in unit.named("config/session.php", "*/config/session.php"):
        text = unit.text(file.path) or ""
        match = _DRIVER.search(text)
        if match is None or file.context != "prod":
            continue
        place = unit.place(file.path, text.count("\n", 0, match.start()) + 1)
        if _starts_no_session(unit):
            return
        if match[2] in ("file", "array"):
            where = "in files of one machine" if match[2] == "file" else "in the memory of one process"
            level: Severity | None = "warning" if match[1] else None
            if match[1] and _template_says(unit, "SESSION_DRIVER") not in (None, "file", "array"):
                level = "note"  # who deploys by the template has another
            unless = " unless a variable says otherwise" if match[1] else ""
            yield Finding(f"sessions live {where}{unless}", place, level, subject="session")
        else:
            yield Witness(f"sessions are kept by {match[2]}", place)


def _starts_no_session(unit: Unit) -> bool:
    """The HTTP kernel lists its middleware, and what starts a session is not among it."""
    for file in unit.named("app/Http/Kernel.php", "*/app/Http/Kernel.php"):
        lines = (unit.text(file.path) or "").splitlines()
        return not any("StartSession" in line and not line.lstrip().startswith(("//", "#", "*")) for line in lines)
    return False


def _template_says(unit: Unit, name: str) -> str | None:
    """The value that a template of the environment gives a variable."""
    for file in unit.named(".env.example", ".env.dist", ".env.sample", ".env.template", ".env.production"):
        if match := re.search(rf"(?m)^\s*{name}\s*=\s*[\"']?(\w+)", unit.text(file.path) or ""):
            return match[1]
    return None


def _is_nothing(value: Value) -> bool:
    return (value.kind == "literal" and value.name == "null") or (value.kind == "name" and value.name == "undefined")
