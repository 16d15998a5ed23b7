"""State that lives in the process: what functions change at module or class level, and what is read of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Source, Write


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a name that outlives the request."""

    name: str
    """As declared: `users`, `Store.items`."""
    how: str
    line: int
    column: int
    function: str | None
    owner: str | None
    guards: tuple[str, ...]
    declared: int
    kind: str
    """Of the declaration's value: `container`, `literal`, `call` …"""
    text: str
    """The function that made it, the kind of container, the literal."""
    size: int
    """Items that the declaration gave it."""
    written: str
    """The line that changes it, stripped."""
    reads: tuple[int, ...]
    """Other lines of the file, besides changes and the declaration, that name it."""
    declaration: str
    """The line that declares it, stripped."""
    lookups: tuple[int, ...]
    """Of these, those that ask whether a key is there."""


changes: Look[Change] = Look("state changes")

_STATE = re.compile(
    rb"^(?:    |\t)?(?:(?:const|let|var|export\s+(?:const|let|var)|static|private static)\s+)?[A-Za-z_$][\w$]*"
    rb"\s*(?::[^=\n]{1,80})?=\s*(?:\{|\[|\d|None\b|null\b|undefined\b|False\b|True\b|true\b|false\b|[\"']"
    rb"|(?:new\s+)?[\w.]*(?:dict|list|set|Dict|deque|Counter|Queue|count|Map|Set|WeakMap|Array|Object|Store|Memory\w*)"
    rb"(?:<[^\n]{0,80}>)?\()",
    re.MULTILINE,
)
_HINTS = {
    "go": re.compile(rb"^(?:var\s+(?:\w|\()|\t\w+\s+(?:=\s*)?(?:map\[|\[\]|int|string))", re.MULTILINE),
    "java": re.compile(rb"\bstatic\b"),
    "ruby": re.compile(rb"@@\w|(?<![\w\"'])\$[a-z]\w+"),
}
_MOST = 400


@changes.reads("python", "javascript", "go", "java", "ruby")
def _read(source: Source) -> Iterator[Change]:
    hint = _HINTS.get(source.language)
    if hint is not None:
        if not hint.search(source.data):
            return
    elif not _STATE.search(source.data) and b"global " not in source.data:
        return
    writes = []
    for write in source.writes():
        writes.append(write)
        if len(writes) >= _MOST:
            break
    lines_of: dict[str, set[int]] = {}
    for write in writes:
        lines_of.setdefault(write.name, {write.declared}).add(write.line)
    rows = {name: sorted(_rows(source, name.rpartition(".")[2]) - changed)[:50] for name, changed in lines_of.items()}
    for write in writes:
        yield _change(source, write, tuple(rows[write.name]))


def _change(source: Source, write: Write, reads: tuple[int, ...]) -> Change:
    last = write.name.rpartition(".")[2]
    initial = write.initial
    asks = re.compile(
        rf"\bin\s+(\w+\.)?{re.escape(last)}\b|\b{re.escape(last)}\.(get|has|includes)\(|{re.escape(last)}\["
    )
    return Change(
        write.name,
        write.how,
        write.line,
        write.column,
        write.scope.function or _method(write),
        write.scope.owner,
        write.scope.guards,
        write.declared,
        initial.kind if initial else "unknown",
        (initial.name if initial and initial.kind == "call" else initial.text if initial else None) or "",
        len(initial.parts) if initial else 0,
        _line(source, write.line),
        reads,
        _line(source, write.declared),
        tuple(row for row in reads if asks.search(_line(source, row))),
    )


def _method(write: Write) -> str | None:
    names = [n for n, k in zip(write.scope.names, write.scope.kinds, strict=True) if k == "function"]
    return names[-1] if names else None


def _line(source: Source, row: int) -> str:
    return source.lines[row - 1].strip()[:200] if 0 < row <= len(source.lines) else ""


_PLAIN_TEXT = re.compile(r"""\"[^"{$#]*\"|'[^'{$#]*'""")


def _rows(source: Source, name: str) -> set[int]:
    """The lines that name it, outside of comments as far as a line shows."""
    word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
    found = set()
    for number, line in enumerate(source.lines, start=1):
        # A name within a text is no read, but where it is a hole: f"{visits}", `${visits}`.
        if (
            name in line
            and word.search(_PLAIN_TEXT.sub('""', line))
            and not line.lstrip().startswith(("#", "//", "*", "global ", "/*"))
        ):
            found.add(number)
    return found
