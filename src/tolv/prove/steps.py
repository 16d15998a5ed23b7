"""A request of `[prove]`, as it is written and as it is read: `POST /notes {"text": "{token}"}`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tolv.codebase.tables import as_text, described, named, table_of, value_of
from tolv.errors import UsageError
from tolv.prove.template import Form, form_of, json_problem, placeholders

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a recipe, as written: its texts have placeholders."""

    method: str
    path: str
    """With its query."""
    body: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    status: int | None = None
    """What it must be answered with; None: anything below 400."""
    contains: str | None = None
    """A text that the answer must hold."""
    file: str | None = None
    """The form field that an upload's content is sent in; None: it is the body itself."""
    follow: bool = False
    """Go where the answer redirects to."""

    @property
    def form(self) -> Form | None:
        return None if self.body is None else form_of(self.body)

    @property
    def placeholders(self) -> tuple[str, ...]:
        texts = (self.path, self.body or "", *(value for _, value in self.headers), self.contains or "")
        return placeholders("\n".join(texts))


Steps = tuple[Step, ...]


#: A step that stands for the steps of `login`.
LOGIN = Step("", "login")


def read_steps(value: Any, key: str, where: str) -> Steps:
    """A recipe: a text, a table, or a list of these. Raises `UsageError`."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise UsageError(f"{key} is an empty list", where=where, remedy=f"name a request, or remove {key}")
    numbered = isinstance(value, list)
    return tuple(_step(one, f"{key}[{number}]" if numbered else key, where) for number, one in enumerate(items, 1))


def _step(value: Any, key: str, where: str) -> Step:
    if isinstance(value, dict):
        table: dict[str, Any] = _STEP(value, key, where)
        step = _request(table.pop("request"), f"{key}.request", where)
        if step.body is not None and "body" in table:
            remedy = "leave it away in one of them"
            raise UsageError(f"{key} has two bodies: one in request, one in body", where=where, remedy=remedy)
        step = replace(step, **table)
    elif isinstance(value, str) and value.strip() == "login":
        return LOGIN
    else:
        step = _request(value, key, where)
    problem = json_problem(step.body) if step.body is not None and step.form == "json" else None
    if problem is not None:
        raise UsageError(
            f"{key} has a body that is not JSON: {problem}",
            where=where,
            remedy="""write it as in 'POST /notes {"text": "{token}"}', in single quotes""",
        )
    return step


_REQUEST = re.compile(r"(\S+)\s+(\S+)(?:\s+(.*))?", re.DOTALL)
_WANTED = """a request such as "GET /" or 'POST /notes {"text": "{token}"}'"""


def _request(value: Any, key: str, where: str) -> Step:
    line = as_text(value)
    found = _REQUEST.fullmatch(line.strip()) if line else None
    if found is None:
        remedy = f"change {key} in {where}, or remove it"
        raise UsageError(f"{key} must be {_WANTED}, not {described(value)}", where=where, remedy=remedy)
    method, path, body = found.groups()
    if method not in METHODS:
        close = f"write {method.upper()}" if method.upper() in METHODS else f"it knows: {', '.join(METHODS)}"
        raise UsageError(f"{key} has an unknown method: {method!r}", where=where, remedy=close)
    if not path.startswith("/"):
        remedy = "name the path alone, as in GET /notes: the host is the app under proof"
        raise UsageError(f"{key} has a path that does not begin with /: {path!r}", where=where, remedy=remedy)
    return Step(method, path, body or None)


def read_path(value: Any, key: str, where: str) -> Steps:
    """A recipe of which a path alone is enough."""
    if isinstance(value, str) and re.fullmatch(r"/\S*", value):
        value = f"GET {value}"
    return read_steps(value, key, where)


def read_headers(value: Any, key: str, where: str) -> tuple[tuple[str, str], ...]:
    """A table of headers."""
    read = named(re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), "use the name of an HTTP header", _header)
    found: dict[str, str] = read(value, key, where)
    for name in found:
        if name.lower() in ("content-length", "transfer-encoding", "connection"):
            raise UsageError(f"{key} sets {name}", where=where, remedy="leave it away: it follows from the request")
    return tuple(found.items())


def _body(value: Any, key: str, where: str) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    found: str = text(value, key, where)
    return found


def matching(pattern: str) -> Callable[[Any], str | None]:
    """A reader of texts of that form."""
    return lambda value: value if isinstance(value, str) and re.fullmatch(pattern, value) else None


def _as_status(value: Any) -> int | None:
    return value if type(value) is int and 100 <= value <= 599 else None


text = value_of("a text", as_text)
_header = value_of("a text on one line", matching(r"[^\x00-\x1f\x7f]*"))
_truth = value_of("true or false", lambda value: value if isinstance(value, bool) else None)
_STEP = table_of(
    {
        "request": value_of(_WANTED, as_text),
        "headers": read_headers,
        "body": _body,
        "status": value_of("a status such as 201", _as_status),
        "contains": text,
        "file": text,
        "follow": _truth,
    },
    dict,
    "request",
)
