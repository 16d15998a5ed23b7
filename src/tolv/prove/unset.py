"""Variables that a process which did not start says to be missing, as far as its output tells. No I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

#: What says that something is missing: of Python, Node, Ruby, Go, Java, and of those who write it themselves.
_SAYS = re.compile(
    r"""\bKeyError\b | \bmissing\b | \b(?:un|not\ |isn't\ )(?:set|defined|found|provided|configured|specified)\b
    | \brequired?\b | \b(?:must|to)\ be\ (?:set|defined|provided|configured|specified)\b | \bis\ empty\b
    | \bplease\ (?:set|define|provide)\b | \bset\ the\ \w+\ environment\ variable\b | \bNotPresent\b
    | \bCould\ not\ resolve\ placeholder\b""",
    re.IGNORECASE | re.VERBOSE,
)
_WORD = r"[A-Z][A-Z0-9_]*[A-Z0-9]"
#: A name with an underscore is one wherever it stands; one without only where a name would.
_NAMES = re.compile(
    rf"""(?:(?<![\w./-])|(?<=env\.))(?:
    ([A-Z][A-Z0-9]*_{_WORD}|[A-Z][A-Z0-9]*_[A-Z0-9])
    | (?<=['"`{{])({_WORD})(?=['"`}}])
    | ({_WORD})(?=\ (?:is|was|must|has|not|needs|isn't)\b)
    | (?:(?<=env\ )|(?<=env:\ )|(?<=variable\ )|(?<=variable:\ )|(?<=env\.)|(?<=issing\ )|(?<=issing:\ ))({_WORD})
    )(?![\w./-])""",
    re.VERBOSE,
)
#: How pydantic names a field that nothing fills, on a line of its own before the one that says so.
_FIELD = re.compile(r"^([a-z][a-z0-9_]*)\n\s+[Ff]ield required\b", re.MULTILINE)
#: Levels of a log, and what else stands in capitals.
_NO_NAMES = frozenset("ERROR ERR WARN WARNING INFO DEBUG FATAL CRITICAL TRACE NOTICE HTTP HTTPS URL PORT UTC".split())
#: Lines of the output that are read: the last.
_LINES = 80


def unset(lines: Iterable[str], given: Collection[str], known: Iterable[str] = ()) -> tuple[str, ...]:
    """The names, in the order in which they are told, of those that were not `given`. `known`: names of the app's
    template, which count on a line that says that something is missing, however they stand there."""
    last = list(lines)[-_LINES:]
    known = tuple(known)
    told = [name for line in last if _SAYS.search(line) for name in _named(line, known)]
    told += [found.upper() for found in _FIELD.findall("\n".join(last))]
    return tuple(dict.fromkeys(name for name in told if name not in given and name not in _NO_NAMES))


def _named(line: str, known: Iterable[str]) -> Iterator[str]:
    words = {name: re.search(rf"\b{re.escape(name)}\b", line) for name in known}
    found = [(match.start(), next(filter(None, match.groups()))) for match in _NAMES.finditer(line)]
    found += [(match.start(), name) for name, match in words.items() if match]
    return (name for _, name in sorted(found))
