"""A route, and what its readers share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tolv.check.source import Source

VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})

_CALLED = re.compile(r"(?<![\w.])([A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)\s*\(")
_MOST_CALLS = 200


@dataclass(frozen=True, slots=True)
class Route:
    """One route, hook or socket event."""

    method: str
    """`GET`, `POST` …; `*`: any, or not said; several are joined by a comma."""
    path: str | None
    """As written, without the prefix of a router; None: it has none, or it is computed."""
    handler: str | None
    """The function's or class's name, dotted where it is of another module; None: it has no name."""
    line: int
    """Of the declaration."""
    column: int
    first: int | None = None
    """First line of the handler, if it stands in this file."""
    last: int | None = None
    kind: Literal["route", "hook", "socket"] = "route"
    """`hook`: it runs with every request; `socket`: an event of a websocket."""
    framework: str = ""
    calls: tuple[str, ...] = ()
    """Names that are called in the handler, dotted as written, without repeats."""


def called_on(source: Source, first: int, last: int) -> tuple[str, ...]:
    """What is called on these lines, as far as the text tells."""
    text = "\n".join(source.lines[first - 1 : last])
    return tuple(dict.fromkeys(match[1] for match in _CALLED.finditer(text)))[:_MOST_CALLS]


def is_path(text: str) -> bool:
    """Whether a text can be the path of a route."""
    return text == "" or text.startswith(("/", "<", "{", "^", "*", ":"))
