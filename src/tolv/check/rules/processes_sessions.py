"""VI Processes: sessions and caches that only one process has (VI-03, VI-06)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.looks.of_names import bindings_look, calls_look, settled
from tolv.check.looks.reach import requests_of
from tolv.check.looks.routes import routes
from tolv.check.looks.stage import for_development
from tolv.check.looks.state import changes
from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.rules.processes_state import CACHE, LIMITER, changed_by_requests, is_container, is_read_through
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
    },
    javascript=("session", "memorystore", "MemoryStore", "cookieSession"),
)

_LOCAL_SESSION = re.compile(r"^(filesystem|file|cachelib|memory|simple|ram|.*backends\.file|.*InMemory.*)$", re.I)


@rule(
    "VI-03",
    severity="error",
    materials=("python", "javascript"),
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
    said = False
    for seen in unit.seen(session_settings):
        for outcome in _session_setting(unit, seen.path, seen.what):
            said = True
            yield outcome
    for call in unit.seen(session_calls):
        for outcome in _session_call(unit, call.path, call.what):
            said = True
            yield outcome
    if not said:
        yield NotApplicable("no session that a server keeps was found")


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


def _is_nothing(value: Value) -> bool:
    return (value.kind == "literal" and value.name == "null") or (value.kind == "name" and value.name == "undefined")


cache_settings = bindings_look("cache settings", {"python": ("cache_type", "backend", "ratelimit_storage")})
cache_calls = calls_look(
    "local caches",
    {
        "python": (
            *("flask_limiter.Limiter", "slowapi.Limiter", "InMemoryBackend", "SimpleMemoryCache", "SimpleCache"),
            *("FileSystemCache", "flask_caching.Cache", "MemoryStorage", "Limiter"),
        ),
        "javascript": (
            *("express-rate-limit", "express-rate-limit.rateLimit", "express-rate-limit.default", "connect-ratelimit"),
            *("node-cache", "rate-limiter-flexible.RateLimiterMemory", "RateLimiterMemory", "memory-cache.put"),
            *("koa-ratelimit", "express-slow-down"),
        ),
    },
    javascript=(
        "ratelimit",
        "rateLimit",
        "rate",
        "NodeCache",
        "node",
        "RateLimiterMemory",
        "put",
        "slowDown",
        "RateLimit",
    ),
)
_LOCAL_CACHE = re.compile(r"^(simple|simplecache|filesystem|filesystemcache|.*LocMemCache|.*FileBasedCache)$", re.I)


@rule(
    "VI-06",
    severity="warning",
    materials=("python", "javascript"),
    looks=(cache_settings, cache_calls, changes, routes),
    title="A cache or limiter that only one process knows",
    why="With two processes each has its own copy: a change is seen by one of them, and a limit of 10 a minute is 20.",
    fix="Give it a shared store, such as Redis, by its URL from the environment.",
    bad="limiter = Limiter(get_remote_address, app=app)",
    good='limiter = Limiter(get_remote_address, app=app, storage_uri=os.environ["REDIS_URL"])',
    source="https://12factor.net/processes",
    probe="VI-P3",
)
def local_caches(unit: Unit) -> Iterator[Outcome]:
    said = False
    for outcome in (*_cache_settings(unit), *_cache_calls(unit), *_cache_variables(unit)):
        said = True
        yield outcome
    if not said:
        yield NotApplicable("no cache and no limiter was found")


def _cache_settings(unit: Unit) -> Iterator[Outcome]:
    for seen in unit.seen(cache_settings):
        one = seen.what
        text, open_to_change = settled(unit.resolve(one.value, seen.path))
        if text is None or for_development(one.scope) or one.name.upper() not in ("CACHE_TYPE", "BACKEND"):
            continue
        if _LOCAL_CACHE.match(text):
            message = f"the cache {text.rpartition('.')[2]} is known to one process alone"
            message += " unless a variable says otherwise" if open_to_change else ""
            yield Finding(message, unit.place(seen.path, one.line, one.column), subject=one.name)
        elif re.search(r"redis|memcache", text, re.IGNORECASE):
            yield Witness("the cache is a shared one", unit.place(seen.path, one.line))


def _cache_calls(unit: Unit) -> Iterator[Outcome]:
    shared = any("ratelimit_storage" in one.what.name.lower() for one in unit.seen(cache_settings))
    for seen in unit.seen(cache_calls):
        call, place = seen.what, unit.place(seen.path, seen.what.line, seen.what.column)
        if for_development(call.scope):
            continue
        name = call.name
        if re.search(r"(flask_limiter|slowapi)(\.\w+)*\.Limiter$", name):
            uri = call.keywords.get("storage_uri")
            if shared or (uri is not None and not (uri.text or "").startswith("memory:")):
                yield Witness("the limiter counts in a shared store", place)
            elif uri is None or uri.kind == "literal":
                yield Finding("the rate limiter counts in the memory of one process", place, subject="limiter")
        elif re.search(r"rate-?limit|slow-down|RateLimiterMemory", name, re.IGNORECASE):
            if {"store", "db", "redis"} & set(call.keywords) and "Memory" not in name:
                yield Witness("the limiter counts in a shared store", place)
            else:
                yield Finding("the rate limiter counts in the memory of one process", place, subject="limiter")
        elif re.search(r"(cachelib|fastapi_cache|aiocache|werkzeug)[\w.]*\.\w+$", name):
            yield Finding(
                f"{name.rpartition('.')[2]} is a cache that one process alone knows", place, subject="session"
            )
        elif name in ("node-cache", "memory-cache.put"):
            timed = bool({"stdTTL", "ttl"} & set(call.keywords)) or len(call.arguments) > 2
            level: Severity | None = "note" if timed else None
            yield Finding("a cache in memory is known to one process alone", place, level, subject=name)


def _cache_variables(unit: Unit) -> Iterator[Outcome]:
    """Module-level dicts that serve as caches, written by a handler."""
    told: set[tuple[str, str]] = set()
    for seen, way in changed_by_requests(unit, requests_of(unit)):
        change = seen.what
        if not is_container(change) or change.how in ("rebind", "delete") or (seen.path, change.name) in told:
            continue
        limiter, filled = bool(LIMITER.search(change.name)), is_read_through(change)
        if not (limiter or CACHE.search(change.name)) or not change.reads:
            continue
        told.add((seen.path, change.name))
        what = "counts in the memory of one process" if limiter else "is a cache that one process alone knows"
        # One that is filled from what it misses is right for as long as the source does not change.
        level: Severity | None = "note" if (filled or change.lookups) and not limiter else None
        place = unit.place(seen.path, change.line, change.column)
        also = (unit.place(seen.path, change.declared),)
        yield Finding(f"{change.name} {what}; {way} changes it", place, level, also=also, subject=change.name)
