"""Modules of settings that are only defaults: something is laid over all that they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from tolv.check.unit import Unit

_FROM = re.compile(r"\.from_object\(\s*[\"']([\w.]+)[\"']")
_OVER = re.compile(r"\.from_(?:envvar|pyfile|prefixed_env|file|mapping)\(")
#: Names of files that make an app, or load its settings.
_LOADING = re.compile(r"app|config|settings|factory|main|__init__|create|wsgi|run|server|core")
_KNOWN: WeakKeyDictionary[Unit, frozenset[str]] = WeakKeyDictionary()


def only_defaults(unit: Unit) -> frozenset[str]:
    """The modules of Flask's settings over which a file that a deploy brings, or the environment, is laid later."""
    known = _KNOWN.get(unit)
    if known is None:
        known = _KNOWN[unit] = frozenset(_found(unit))
    return known


def _found(unit: Unit) -> set[str]:
    names: set[str] = set()
    for file in unit.files:
        if file.language == "python" and file.context == "prod" and _LOADING.search(file.name):
            source = unit.source(file.path)
            if source is not None and b"from_object" in source.words:
                names |= _modules(source.lines)
    ends = tuple(f"{one.replace('.', '/')}.py" for one in names)
    return {file.path for file in unit.files if ends and f"/{file.path}".endswith(tuple(f"/{one}" for one in ends))}


def _modules(lines: Sequence[str]) -> set[str]:
    """Those that one file loads, with something laid over them below."""
    found: set[str] = set()
    waiting: set[str] = set()
    for line in lines:
        if _OVER.search(line):
            found |= waiting
        waiting |= set(_FROM.findall(line))
    return found
