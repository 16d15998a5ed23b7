"""The Procfile: one process type a line, `name: command`.

Strict, as a line that is skipped in silence is a process that never runs: what is neither an entry, a comment nor blank
is an error.
"""

from __future__ import annotations

import re

from tolv.errors import UsageError

_ENTRY = re.compile(r"([A-Za-z0-9_-]{1,63}):(.*)")
_MERGE_MARKER = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def parse_procfile(text: str, where: str) -> tuple[tuple[str, str, int], ...]:
    """The entries in order, each as name, command and line number.

    `where` names the file in errors. Lines that start with `#` and blank lines are skipped; Windows line ends and a
    byte order mark are put up with. Raises `UsageError` for any other line that is not `name: command`, for a name that
    is given twice, an empty command, and what a merge left behind.
    """
    lines: dict[str, int] = {}
    entries = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, command = _entry(raw.rstrip(), f"{where}:{number}")
        if name in lines:
            raise UsageError(
                f"the process type {name} is given twice: in line {lines[name]} and in line {number}",
                where=f"{where}:{number}",
                remedy="remove or rename one of them",
            )
        lines[name] = number
        entries.append((name, command, number))
    return tuple(entries)


def _entry(line: str, where: str) -> tuple[str, str]:
    if _MERGE_MARKER.match(line):
        raise UsageError(
            "a merge left its marker behind", where=where, remedy="resolve the merge and commit the result"
        )
    match = _ENTRY.fullmatch(line)
    if match is None or _CONTROL.search(line):
        raise UsageError(
            f"this is not a line of a Procfile: {line[:80]!r}",
            where=where,
            remedy="write `name: command`, the name from letters, digits, - and _ (63 at most); # starts a comment",
        )
    name, command = match[1], match[2].strip()
    if not command:
        raise UsageError(
            f"the process type {name} has no command",
            where=where,
            remedy=f"write `{name}: command`, or remove the line",
        )
    return name, command
