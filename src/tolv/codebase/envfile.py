"""The `.env` format: names and values as text.

The dialect. `KEY=value`, one a line, with an optional `export ` before it. A value in single quotes is literal. A
value in double quotes knows `\\n`, `\\t`, `\\r`, `\\\\`, `\\"` and `\\$`; any other backslash is itself. Both may go
over several lines. A value without quotes ends at the line's end or before a comment. `#` starts a comment at the
start of a line, or after white space outside quotes. `$` is a dollar sign: nothing is expanded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tolv.codebase.text import read_text
from tolv.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_START = re.compile(rf"[ \t]*(?:export[ \t]+)?({_NAME.pattern})[ \t]*=")
_OPENING = re.compile(r"[ \t]*(['\"])")
_SINGLE = re.compile(r"'([^'\0]*)'")
_DOUBLE = re.compile(r'"((?:[^"\\\0]++|\\[^\0])*+)"')
_TRAIL = re.compile(r"[ \t]*(?:(?<=[ \t])#([^\n]*?))?\r?(?=\n|\Z)")
_COMMENT = re.compile(r"[ \t]+#")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "$": "$"}
_ESCAPED = str.maketrans({character: f"\\{letter}" for letter, character in _ESCAPES.items()})
_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")
_LITERAL = re.compile(r"[^'\\\x00-\x1f\x7f]+")


class EnvLine(NamedTuple):
    """One assignment, with what surrounds it."""

    name: str
    value: str
    quoted: bool
    above: str
    """The comment lines straight above it, joined by newlines."""
    behind: str
    """The comment behind it."""
    line: int
    """Where it starts, from 1."""


def parse_env(text: str, where: str) -> dict[str, str]:
    """The variables of a `.env` file. The inverse of `format_env`.

    `where` names the file in errors. Raises `UsageError`, with the line, for a line that is none of the dialect's, for
    a quote that never closes, and for a name that is given twice.
    """
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for one in env_lines(text, where):
        if one.name in values:
            raise UsageError(
                f"{one.name} is given twice: in line {lines[one.name]} and in line {one.line}",
                where=f"{where}:{one.line}",
                remedy="remove one of them",
            )
        values[one.name], lines[one.name] = one.value, one.line
    return values


def read_env(path: Path) -> dict[str, str]:
    """The variables of the `.env` file at `path`; none if there is no such file. Raises `UsageError` as `parse_env`."""
    return parse_env(read_text(path) or "", str(path))


def format_env(values: Mapping[str, str]) -> str:
    """A `.env` file with these variables, one a line, quoted where needed. `parse_env` gives the same values back.

    Raises `UsageError` for a name that no variable may have and for a value with a NUL, which none can hold.
    """
    lines = []
    for name, value in values.items():
        if not _NAME.fullmatch(name) or "\0" in value:
            raise UsageError(f"{name!r} cannot be written as a variable", remedy="use letters, digits and _; no NUL")
        lines.append(f"{name}={_quoted(value)}\n")
    return "".join(lines)


def env_lines(text: str, where: str) -> list[EnvLine]:
    """The assignments in order, repeated names included. Raises `UsageError` as `parse_env` does."""
    text = text.removeprefix("\ufeff")
    found: list[EnvLine] = []
    comments: list[str] = []
    position, number = 0, 1
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end].strip()
        if not line or line.startswith("#"):
            comments = [*comments, line[1:].strip()] if line else []
        else:
            one, end = _assignment(text, position, end, f"{where}:{number}")
            found.append(one._replace(line=number, above="\n".join(comments)))
            comments = []
        number += text.count("\n", position, end) + 1
        position = end + 1
    return found


def _assignment(text: str, position: int, end: int, where: str) -> tuple[EnvLine, int]:
    """The assignment in the line from `position` to `end`, and where its last line ends.

    Errors do not show the line: it may be part of a secret.
    """
    start = _START.match(text, position, end)
    if start is None or "\0" in text[position:end]:
        raise UsageError(
            "this is not a line of a .env file",
            where=where,
            remedy="write it as KEY=value, the name from letters, digits and _; put a value of several lines in quotes",
        )
    name, after = start[1], start.end()
    opening = _OPENING.match(text, after, end)
    if opening is None:
        value, *comment = _COMMENT.split(text[after:end], maxsplit=1)
        return EnvLine(name, value.strip(" \t\r"), False, "", "".join(comment).strip(), 0), end
    quoted = (_SINGLE if opening[1] == "'" else _DOUBLE).match(text, opening.start(1))
    if quoted is None:
        raise UsageError(
            f"the quote of {name} never closes", where=where, remedy="close it, or write the value in the other quotes"
        )
    trail = _TRAIL.match(text, quoted.end())
    if trail is None:
        raise UsageError(
            f"{name} has text behind its closing quote",
            where=where,
            remedy='put the whole value in quotes, and write a double quote inside double quotes as \\"',
        )
    value = quoted[1] if opening[1] == "'" else _ESCAPE.sub(_unescaped, quoted[1])
    return EnvLine(name, value, True, "", (trail[1] or "").strip(), 0), trail.end(0)


def _unescaped(escape: re.Match[str]) -> str:
    return _ESCAPES.get(escape[1], escape[0])


def _quoted(value: str) -> str:
    if not value or _BARE.fullmatch(value):
        return value
    return f"'{value}'" if _LITERAL.fullmatch(value) else f'"{value.translate(_ESCAPED)}"'
