"""Routes that change something, and the guards that stand before them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.looks.routes_javascript import WORDS as JAVASCRIPT_WORDS
from tolv.check.looks.routes_javascript import javascript_routes
from tolv.check.looks.routes_python import WORDS as PYTHON_WORDS
from tolv.check.looks.routes_python import python_routes
from tolv.check.source import Source


@dataclass(frozen=True, slots=True)
class Guarded:
    """One route and its guards."""

    method: str
    path: str
    guards: tuple[str, ...]
    """Names, in lower case."""
    line: int
    column: int
    whole: bool
    """The file has a guard for all of its routes."""


guarded_routes: Look[Guarded] = Look("guarded routes")

_GUARD = re.compile(
    r"(?i)\b(?:\w+\.)*(\w*(?:login_required|requires?_?(?:auth|login|user|admin|role|permission)\w*|auth_required|jwt_required|"
    r"permission_required|is_?logged_?in\w*|is_?auth\w*|ensure_?(?:auth|logged|admin)\w*|authenticate\w*|get_current_(?:active_)?\w*user|"
    r"current_user|is_?admin\w*|admin_required|check_?(?:auth|token|admin)\w*|verify_?(?:token|jwt|auth)\w*|protect|authorize\w*))\b"
)
_WHOLE = re.compile(
    r"(?i)before_request|@\w+\.middleware|(?:app|router|api)\.use\(\s*(?:['\"][^'\"]*['\"]\s*,\s*)?(?:\w+\.)*\w*(?:auth|guard|login|protect|jwt|"
    r"passport)\w*|dependencies\s*=\s*\[|login_required\s*=|decorators\s*=\s*\["
)


@guarded_routes.reads("python", words=PYTHON_WORDS)
def _python(source: Source) -> Iterator[Guarded]:
    yield from _of(source, python_routes(source))


@guarded_routes.reads("javascript", words=JAVASCRIPT_WORDS)
def _javascript(source: Source) -> Iterator[Guarded]:
    yield from _of(source, javascript_routes(source))


def _of(source: Source, found: Iterable[object]) -> Iterator[Guarded]:
    found = list(found)
    whole = bool(found) and any(_WHOLE.search(line[:500]) for line in source.lines)
    for route in found:
        path, line, first = getattr(route, "path", None), getattr(route, "line", 0), getattr(route, "first", None)
        if path is None or getattr(route, "kind", "") != "route":
            continue
        names = tuple(sorted({match[1].lower() for match in _GUARD.finditer(_head(source, line, first))}))
        yield Guarded(getattr(route, "method", "*"), path, names, line, getattr(route, "column", 1), whole)


def _head(source: Source, line: int, first: int | None) -> str:
    """The declaration of a route: decorators and signature, or the call with its middleware."""
    lines = source.lines
    start = line - 1
    while start > 0 and lines[start - 1].lstrip().startswith("@"):
        start -= 1
    end = line
    if source.language == "python":
        while end < len(lines) and not re.search(r"\)\s*(?:->.*)?:\s*$", lines[end - 1][:500]) and end - line < 25:
            end += 1
    elif first is not None and first > line:
        end = first
    return "\n".join(text[:500] for text in lines[start:end])[:4000]
