"""Keys that Go code makes up where none is set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Source


@dataclass(frozen=True, slots=True)
class MadeSecret:
    """A key that is random at each start, where no setting gives it."""

    name: str
    line: int


made_secrets: Look[MadeSecret] = Look("made secrets")

_READ = re.compile(r"\brand\.Read\(\s*(\w+)(?:\[:\])?\s*\)|\b(\w+)\s*:?=\s*(?:\w+\.)?(?:Generate)?Random\w*\(")
_KEY = re.compile(
    r"(?i)secret|signing_?key|private_?key|session_?key|jwt_?key|cookie_?key|hash_?key|block_?key|csrf_?key"
)
_OTHERS = re.compile(r"(?i)client_?secret|shared_?secret|webhook|user|nonce|salt|token")
_EMPTY = re.compile(r"^\s*(?:\}\s*else\s+)?if\b.*(?:== ?\"\"|len\(.*\) == 0|== nil)")
#: Lines between what is drawn and what is given it.
_NEAR = 6


@made_secrets.reads("go", words=("Read", "GenerateRandomBytes", "RandomString", "GenerateRandomString", "RandomBytes"))
def _read(source: Source) -> Iterator[MadeSecret]:
    if b"rand" not in source.data and b"Random" not in source.data:
        return
    for number, line in enumerate(source.lines, start=1):
        drawn = _READ.search(line)
        if drawn is None or not _runs_at_start(source, number):
            continue
        name = re.escape(drawn[1] or drawn[2])
        after = source.lines[number - 1 : number + _NEAR]
        given = next(
            (one for text in after if (one := re.match(rf"\s*([\w.\[\]\"()]+)\s*=\s*(?:\w+\.\w+\()?{name}\b", text))),
            None,
        )
        before = source.lines[max(number - _NEAR, 0) : number - 1]
        guard = next((text for text in reversed(before) if _EMPTY.match(text)), None)
        if given is None or guard is None or not _KEY.search(given[1]) or _OTHERS.search(given[1]):
            continue
        yield MadeSecret(given[1].strip(), number)


def _runs_at_start(source: Source, line: int) -> bool:
    """Whether the function around a line reads settings or sets the app up."""
    around = [one for one in source.functions() if one.line <= line <= one.end_line]
    if not around:
        return False
    one = min(around, key=lambda found: found.end_line - found.line)
    return (
        re.match(
            r"(?i)^(?:init|main|load|parse|read|setup|new|configure|post|default|validate|get\w*config|run)", one.name
        )
        is not None
    )
