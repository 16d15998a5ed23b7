"""Objects that live as long as their process, and what their methods keep."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.source import Source


@dataclass(frozen=True, slots=True)
class Kept:
    """An object that is made when its module is loaded, or a method that adds to a container of its object."""

    kind: Literal["made", "grows"]
    owner: str
    """The class."""
    name: str
    """The variable that holds the object; the method."""
    line: int
    attribute: str = ""
    """The container: `items` of `self.items`."""
    declared: int = 0


singletons: Look[Kept] = Look("singletons")

_MADE = {
    "python": re.compile(r"^(\w+)[ \t]*(?::[^=\n]{1,80})?=[ \t]*([A-Z]\w*)\(", re.MULTILINE),
    "javascript": re.compile(
        r"^(?:export\s+)?(?:const|let|var)\s+(\w+)\s*(?::[^=\n]{1,80})?=\s*new\s+([A-Z]\w*)\s*\(", re.MULTILINE
    ),
}
_STARTS = re.compile(
    r"\b(?:self|this)\.(\w+)\s*(?::[^=\n]{1,80})?=\s*(?:\{|\[|dict\(|set\(|list\(|(?:collections\.)?(?:defaultdict|deque|"
    r"OrderedDict)\(|new\s+(?:Map|Set)\b)"
)
_GROWS = re.compile(
    r"\b(?:self|this)\.(\w+)(?:\[[^\]\n]{1,120}\](?:\[[^\]\n]{1,120}\])?\s*(?:\+)?=(?!=)|"
    r"\.(?:append|add|update|insert|extend|setdefault|push|unshift|set)\()"
)


#: The same by bytes, each beginning with what is seldom: a file without them is neither decoded nor parsed.
_MAY_BE_MADE = {
    "python": re.compile(rb"=[ \t]*[A-Z]\w*\("),
    "javascript": re.compile(rb"=\s*new\s+[A-Z]"),
}
_CHANGED = (
    rb"(?:\[[^\]\n]{1,120}\](?:\[[^\]\n]{1,120}\])?\s*\+?=(?!=)|"
    rb"\.(?:append|add|update|insert|extend|setdefault|push|unshift|set)\()"
)
_MAY_GROW = {"python": re.compile(rb"self\.\w+" + _CHANGED), "javascript": re.compile(rb"this\.\w+" + _CHANGED)}


@singletons.reads("python", "javascript")
def _read(source: Source) -> Iterator[Kept]:
    if _MAY_BE_MADE[source.language].search(source.data):
        yield from _made(source, "\n".join(source.lines))
    if _MAY_GROW[source.language].search(source.data):
        yield from _growing(source)


def _made(source: Source, text: str) -> Iterator[Kept]:
    for match in _MADE[source.language].finditer(text):
        yield Kept("made", match[2], match[1], text.count("\n", 0, match.start()) + 1)


def _growing(source: Source) -> Iterator[Kept]:
    containers: dict[tuple[str, str], int] = {}
    methods = [one for one in source.functions() if one.scope.owner and not one.scope.function]
    for one in methods:
        if one.name in ("__init__", "constructor"):
            for number in range(one.line, one.end_line + 1):
                for match in _STARTS.finditer(source.lines[number - 1]):
                    containers[one.scope.owner or "", match[1]] = number
    for one in methods:
        if one.name in ("__init__", "constructor"):
            continue
        for number in range(one.line, one.end_line + 1):
            grown = _GROWS.search(source.lines[number - 1])
            declared = containers.get((one.scope.owner or "", grown[1])) if grown else None
            if grown and declared:
                yield Kept("grows", one.scope.owner or "", one.name, number, grown[1], declared)
