"""Which code a browser runs: by its path, by the package that it is part of, or because it says so itself."""

from __future__ import annotations

import posixpath
import re
from weakref import WeakKeyDictionary

from tolv.check.facts.needs import reached
from tolv.check.unit import Unit
from tolv.codebase.context import LANGUAGE_BY_SUFFIX

_PATH = re.compile(
    r"(?:^|/)(?:public|static|htdocs|assets|www|frontend|client|browser|webroot|web/js|dist|app/javascript"
    r"|resources/(?:assets/)?(?:js|ts)|src-ui|web-?ui)/"
)
#: Packages that draw pages.
_DRAWS = frozenset(
    "react react-dom preact vue svelte @angular/core solid-js lit ember-source backbone knockout jquery alpinejs"
    " react-scripts @vue/cli-service @ember/test-helpers".split()
)
#: Packages with which an app of phones is built: it draws by itself, and no deploy of a server runs it.
_PHONE = frozenset("react-native expo @capacitor/core @ionic/react @ionic/angular cordova nativescript".split())
#: Packages with which a program of its own answers requests, asks a database or runs pages on a server.
_SERVES = frozenset(
    "express koa fastify hapi @hapi/hapi restify polka connect hono elysia sails loopback @nestjs/core @adonisjs/core"
    " next nuxt @sveltejs/kit @remix-run/node @remix-run/server-runtime @react-router/node @react-router/serve astro"
    " gatsby @tanstack/react-start @tanstack/start @solidjs/start blitz meteor socket.io ws apollo-server"
    " @apollo/server graphql-yoga @trpc/server electron pg mysql mysql2 mongodb mongoose sequelize typeorm knex prisma"
    " @prisma/client better-sqlite3 redis ioredis bull bullmq nodemailer http-server serve keystone @keystone-6/core"
    " @strapi/strapi parse-server @feathersjs/feathers aws-lambda serverless firebase-functions".split()
)

_KNOWN: WeakKeyDictionary[Unit, dict[str, tuple[bool, bool]]] = WeakKeyDictionary()


def in_browser(unit: Unit, path: str) -> bool:
    """Whether a file's code runs in a browser."""
    if _PATH.search(path):
        return True
    return _is_script(path) and (
        _drawing(unit, path) or _says_so(unit, path) or _is_never_served(unit, path) or _needs_window(unit, path)
    )


def is_for_phones(unit: Unit, path: str) -> bool:
    """Whether a file belongs to a package of which an app for phones is built."""
    return _is_script(path) and _nearest(unit, path)[1]


def serves_nothing(unit: Unit) -> bool:
    """Whether no package of JavaScript in an app has anything to do with a server: they make what a browser gets."""
    return all(
        one.name not in _SERVES for one in unit.packages.of("javascript", "main") if one.path.endswith("package.json")
    )


def is_browser_script(unit: Unit, path: str) -> bool:
    """Whether a file is JavaScript that a browser runs."""
    return _is_script(path) and in_browser(unit, path)


def is_browser_line(unit: Unit, path: str, line: int | None) -> bool:
    """Whether a browser runs a line of a file that a server may draw: it is inside of what a component of React hands
    on, an effect or a handler of events, and a server calls the component alone."""
    source = unit.source(path) if line is not None and _is_script(path) else None
    if source is None or line is None or source.words.isdisjoint(_HOOKS):
        return False
    scopes = (one.scope for one in source.calls() if one.line <= line <= one.end_line)
    functions = (
        [name for name, kind in zip(one.names, one.kinds, strict=True) if kind == "function"] for one in scopes
    )
    innermost = max(functions, key=len, default=[])
    return any(_COMPONENT.match(name) for name in innermost[:-1])


#: What only a component, or a hook of one, calls; the first two are left out by a server.
_HOOKS = frozenset((b"useEffect", b"useLayoutEffect", b"useState", b"useCallback", b"useReducer", b"useRef"))
_COMPONENT = re.compile(r"^[A-Z]\w*$|^use[A-Z]\w*$")


def _is_script(path: str) -> bool:
    return LANGUAGE_BY_SUFFIX.get(path[path.rfind(".") :]) == "javascript"


def _drawing(unit: Unit, path: str) -> bool:
    """Whether the nearest package above a file draws pages and serves nothing."""
    draws, phones = _nearest(unit, path)
    return draws or phones


def _nearest(unit: Unit, path: str) -> tuple[bool, bool]:
    """Of the nearest package above a file, whether it only draws pages, and whether it is an app for phones."""
    packages = _packages(unit)
    directory = posixpath.dirname(path)
    while directory not in packages:
        if not directory:
            return False, False
        directory = posixpath.dirname(directory)
    return packages[directory]


def _packages(unit: Unit) -> dict[str, tuple[bool, bool]]:
    """The directories of the packages of JavaScript, and of each what `_nearest` says."""
    known = _KNOWN.get(unit)
    if known is None:
        declared: dict[str, set[str]] = {
            posixpath.dirname(path): set()
            for path in unit.packages.manifests_of("javascript")
            if posixpath.basename(path) == "package.json"
        }
        for one in unit.packages.of("javascript"):
            if posixpath.dirname(one.path) in declared:
                declared[posixpath.dirname(one.path)].add(one.name)
        known = {
            directory: (
                not _DRAWS.isdisjoint(names) and _SERVES.isdisjoint(names),
                not _PHONE.isdisjoint(names) and names.isdisjoint(_SERVES - {"ws", "socket.io"}),
            )
            for directory, names in declared.items()
        }
        _KNOWN[unit] = known
    return known


#: What only a browser has.
_GLOBALS = re.compile(
    rb"\b(?:window|document|navigator|localStorage|sessionStorage|location)\.[a-z]\w*"
    rb"|\bnew (?:XMLHttpRequest|FileReader|Notification)\b"
)


_WINDOW = re.compile(rb"(?<![\w.'\"`$-])window\.[a-z]\w*")
#: What looks whether there is one, or has one made.
_ASKS = re.compile(
    rb"typeof window|globalThis|global\.window|jsdom|puppeteer|playwright|\.evaluate\(|dangerouslySet|<script"
)


def _needs_window(unit: Unit, path: str) -> bool:
    """Whether a file of a framework whose pages run on both sides uses a browser's window without a look whether there
    is one: on the server it would fail."""
    source = unit.source(path) if unit.uses("next") or unit.uses("nuxt") else None
    return source is not None and _WINDOW.search(source.data) is not None and _ASKS.search(source.data) is None


def _is_never_served(unit: Unit, path: str) -> bool:
    """Whether a file uses what only a browser has, or asks for such a file beside it, and no start leads to it."""
    source = unit.source(path)
    if source is None or _GLOBALS.search(source.data) is None:
        return False
    started = _STARTED.get(unit)
    if started is None:
        started = _STARTED[unit] = reached(unit)
    return bool(started) and path not in started


_STARTED: WeakKeyDictionary[Unit, frozenset[str]] = WeakKeyDictionary()


def _says_so(unit: Unit, path: str) -> bool:
    source = unit.source(path)
    return source is not None and re.search(rb"^['\"]use client['\"]", source.data[:2000], re.MULTILINE) is not None
