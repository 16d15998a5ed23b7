"""Which code runs while a request waits: handlers, and what they call directly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from tolv.check.facts.components import components_of
from tolv.check.look import Look, Seen
from tolv.check.looks.mentions import mentions
from tolv.check.looks.routes import Route, routes
from tolv.check.unit import Unit
from tolv.codebase.context import LANGUAGE_BY_SUFFIX


@dataclass(frozen=True, slots=True)
class Way:
    """How a request gets to a piece of code."""

    path: str
    """The file of the handler."""
    route: Route
    direct: bool
    """The code is in the handler itself; else the handler calls it."""

    def __str__(self) -> str:
        method = "" if self.route.method == "*" else f"{self.route.method} "
        if self.route.path is not None:
            return f"{method}{self.route.path or '/'}"
        return f"the handler {self.route.handler}" if self.route.handler else "a request"


@dataclass(slots=True)
class Requests:
    """The handlers of an app."""

    spans: dict[str, list[Route]] = field(default_factory=dict)
    """By file, the routes whose handler stands in it."""
    named: dict[str, list[Seen[Route]]] = field(default_factory=dict)
    """By the last name of their handler, the routes whose handler is of another module."""
    called: dict[str, list[tuple[str, Seen[Route]]]] = field(default_factory=dict)
    """By the last part, what handlers call: the whole name, and the handler."""
    modules: dict[str, set[str]] = field(default_factory=dict)
    """By file, the last parts of the modules that it asks for."""
    methods: dict[str, list[tuple[int, int, Way]]] = field(default_factory=dict)
    """By file, the first and last lines of methods that a server dispatches to, or their siblings that those call."""

    def __bool__(self) -> bool:
        return bool(self.spans or self.named or self.methods)

    @property
    def of_objects(self) -> set[Route]:
        """The methods that a server calls by their names."""
        return {way.route for found in self.methods.values() for _, _, way in found}

    def way_to(self, path: str, line: int, function: str | None, owner: str | None = None) -> Way | None:
        """How a request gets to a line of a function; None: not that can be told within one call."""
        for route in self.spans.get(path, ()):
            if route.first is not None and route.first <= line <= (route.last or route.first):
                return Way(path, route, True)
        for name in (function, owner):
            for seen in self.named.get(name or "", ()):
                if _same_language(seen.path, path) and self._means(seen.what.handler or "", seen.path, path):
                    return Way(seen.path, seen.what, True)
        for first, last, way in self.methods.get(path, ()):
            if first <= line <= last:
                return way
        return next(self._calls_to(path, function, owner), None) if function else None

    def way_by(self, name: str, methods: set[str]) -> Iterator[Way]:
        """How requests get to the method of an object with this name: `store.add` of `store`, `add`."""
        for method in sorted(methods):
            for written, seen in self.called.get(method, ()):
                if written.rpartition(".")[0].rpartition(".")[2] == name:
                    yield Way(seen.path, seen.what, False)

    def _calls_to(self, path: str, function: str, owner: str | None) -> Iterator[Way]:
        name = owner if function in ("__init__", "__call__", "constructor") and owner else function
        for written, seen in self.called.get(name, ()):
            if seen.path == path:
                head = written.rpartition(".")[0]
                if not head or head in ("self", "this", "cls", owner or "self"):
                    yield Way(seen.path, seen.what, False)
            elif _same_language(seen.path, path) and self._means(written, seen.path, path):
                yield Way(seen.path, seen.what, False)

    def _means(self, name: str, here: str, path: str) -> bool:
        """Whether a name in the file `here` can mean something of the file `path`."""
        stem = stem_of(path)
        parts = [part for part in name.replace("/", ".").split(".") if part]
        if len(parts) > 1 and stem in (part.lower() for part in parts[:-1]):
            return True
        return stem in self.modules.get(here, ())


def _same_language(one: str, other: str) -> bool:
    """A handler in one language calls nothing in another."""
    return LANGUAGE_BY_SUFFIX.get(one[one.rfind(".") :]) == LANGUAGE_BY_SUFFIX.get(other[other.rfind(".") :])


def stem_of(path: str) -> str:
    """The name by which a module is asked for, lower case: `store` of `lib/store.py` and of `store/index.js`."""
    directory, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    if stem in ("__init__", "index", "mod"):
        stem = directory.rpartition("/")[2]
    return stem.lower()


def unfollowed(unit: Unit, look: Look[Any]) -> str | None:
    """The language of a handler that a look does not read; None: it reads all that answer requests."""
    for seen in unit.seen(routes, "prod", "admin"):
        suffix = seen.path[seen.path.rfind(".") :]
        language = LANGUAGE_BY_SUFFIX.get(suffix)
        if language is not None and language not in look.readers:
            return language
    return None


_KNOWN: WeakKeyDictionary[Unit, Requests] = WeakKeyDictionary()


def requests_of(unit: Unit) -> Requests:
    """The handlers of an app's production code."""
    known = _KNOWN.get(unit)
    if known is None:
        known = _KNOWN[unit] = _read(unit)
    return known


def _read(unit: Unit) -> Requests:
    found = Requests()
    for seen in unit.seen(routes, "prod", "admin", "migrations"):
        route = seen.what
        if route.first is not None:
            found.spans.setdefault(seen.path, []).append(route)
        elif route.handler:
            found.named.setdefault(route.handler.rpartition(".")[2], []).append(seen)
        for name in route.calls:
            found.called.setdefault(name.rpartition(".")[2], []).append((name, seen))
    for mention in unit.seen(mentions):
        if mention.path in found.spans:
            last = mention.what.module.rstrip("/").rpartition("/")[2]
            parts = [one.lower() for one in last.split(".") if one]
            found.modules.setdefault(mention.path, set()).update(parts[-2:])
    _dispatched(unit, found)
    return found


def _dispatched(unit: Unit, found: Requests) -> None:
    """Handlers that no route names: a server calls them by what they are called."""
    for component in components_of(unit):
        for method, root in component.answering():
            one = root.what
            route = Route("*", None, one.name, one.first, 1, one.first, one.last, "route", "", one.calls)
            way = Way(root.path, route, method is root)
            found.methods.setdefault(method.path, []).append((method.what.first, method.what.last, way))
