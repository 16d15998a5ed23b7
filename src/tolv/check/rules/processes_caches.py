"""VI Processes: caches and limiters that only one process knows (VI-06)."""

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
from tolv.check.unit import Unit

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
        if _LOCAL_CACHE.match(text) and not _is_another(unit, seen.path, one.line):
            # Files are shared by the processes of a machine, not by machines.
            who = "machine" if re.search(r"file", text, re.IGNORECASE) else "process"
            message = f"the cache {text.rpartition('.')[2]} is known to one {who} alone"
            message += " unless a variable says otherwise" if open_to_change else ""
            yield Finding(message, unit.place(seen.path, one.line, one.column), subject=one.name)
        elif re.search(r"redis|memcache", text, re.IGNORECASE):
            yield Witness("the cache is a shared one", unit.place(seen.path, one.line))


def _is_another(unit: Unit, path: str, line: int) -> bool:
    """Whether it stands in one of Django's caches that has a name of its own, beside the default one."""
    source = unit.source(path)
    above = reversed(source.lines[max(line - 4, 0) : line - 1]) if source is not None else ()
    opening = next((one for one in above if one.rstrip().endswith("{")), "")
    named = re.match(r"\s*[\"']([\w-]+)[\"']\s*:\s*\{", opening)
    return named is not None and named[1] != "default"


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
