"""The objects that a server library dispatches to, put together from the modules that they are made of."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from tolv.check.look import Seen
from tolv.check.looks.components import Field, Handed, Method, fields, handed, methods
from tolv.check.looks.mentions import mentions
from tolv.check.unit import Unit

_PRODUCTION = ("prod", "admin")
#: Modules that one object may be mixed from.
_MOST_MODULES = 200


@dataclass(slots=True)
class Component:
    """One object that lives as long as its server."""

    path: str
    """The module that the server is given."""
    to: str
    """What it is given to, as written."""
    modules: set[str] = field(default_factory=set)
    """It, and those of the app that it is mixed from."""
    methods: dict[str, list[Seen[Method]]] = field(default_factory=dict)
    fields: list[Seen[Field]] = field(default_factory=list)

    def answering(self) -> Iterator[tuple[Seen[Method], Seen[Method]]]:
        """The methods that run while a request waits, each with the one that takes the request: it, or one that calls
        it through as many siblings as it takes, as a method of the same object is meant for certain."""
        listening = {name for group in self.methods.values() for one in group for name in one.what.listens}
        roots = [
            one
            for name, group in self.methods.items()
            for one in group
            if one.what.answers or name in listening
        ]  # fmt: skip
        known: set[tuple[str, int]] = set()
        left = [(one, one) for one in sorted(roots, key=lambda one: (one.path, one.what.first))]
        while left:
            method, root = left.pop(0)
            if (method.path, method.what.first) in known:
                continue
            known.add((method.path, method.what.first))
            yield method, root
            left += [(one, root) for name in method.what.calls for one in self.methods.get(name, ())]

    def kept(self) -> Iterator[tuple[str, list[Seen[Field]], list[Seen[Field]]]]:
        """Its containers: their name, where they are made, where else they are changed."""
        names = dict.fromkeys(one.what.name for one in self.fields if one.what.how == "made")
        for name in names:
            own = [one for one in self.fields if one.what.name == name]
            yield (
                name,
                [one for one in own if one.what.how == "made"],
                [one for one in own if one.what.how == "changed"],
            )


_KNOWN: WeakKeyDictionary[Unit, tuple[Component, ...]] = WeakKeyDictionary()


def components_of(unit: Unit) -> tuple[Component, ...]:
    """The objects of an app that a server dispatches requests to."""
    if unit not in _KNOWN:
        _KNOWN[unit] = tuple(_components(unit))
    return _KNOWN[unit]


def _components(unit: Unit) -> Iterator[Component]:
    given = list(unit.seen(handed, *_PRODUCTION))
    if not given:
        return
    paths = {file.path for file in unit.files}
    beside: dict[str, list[str]] = {}
    for mention in unit.seen(mentions, *_PRODUCTION):
        if mention.what.module.startswith(".") and (found := _found(mention.path, mention.what.module, paths)):
            beside.setdefault(mention.path, []).append(found)
    told: set[str] = set()
    for seen in given:
        path = _found(seen.path, seen.what.module, paths)
        if path is not None and path not in told:
            told.add(path)
            yield _component(unit, seen.what, path, beside)


def _component(unit: Unit, given: Handed, path: str, beside: dict[str, list[str]]) -> Component:
    result = Component(path, given.to)
    left = [path]
    while left and len(result.modules) < _MOST_MODULES:
        module = left.pop()
        if module not in result.modules:
            result.modules.add(module)
            left += beside.get(module, ())
    for method in unit.seen(methods, *_PRODUCTION):
        if method.path in result.modules:
            result.methods.setdefault(method.what.name, []).append(method)
    result.fields = [one for one in unit.seen(fields, *_PRODUCTION) if one.path in result.modules]
    return result


def _found(here: str, module: str, paths: set[str]) -> str | None:
    """The file that a relative module means."""
    base = posixpath.normpath(posixpath.join(posixpath.dirname(here), module))
    ends = ("", ".js", ".cjs", ".mjs", ".ts", "/index.js", "/index.ts")
    return next((base + end for end in ends if base + end in paths), None)
