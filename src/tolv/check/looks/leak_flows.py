"""Secrets that get to a log on the way over a name or a function: a record that is given whole headers or the whole
environment, and is then logged, kept, or handed back to a caller that logs it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.looks.leaks import ENVIRONMENT, HEADERS, is_over, is_secret, logging_calls
from tolv.check.source import Binding, Call, Function, Source, Value


@dataclass(frozen=True, slots=True)
class Flow:
    """One step of such a way."""

    kind: Literal["logged", "kept", "returned", "passed", "asked"]
    """`logged`: a call logs the record. `kept`: a function that keeps such records hands it on. `returned`: the caller
    gets it. `passed`: a function returns what it was given. `asked`: a call logs what a function returns."""
    what: Literal["headers", "environment", "secret"]
    name: str
    """The record; of `asked`, the key with a secret that the function is given, or nothing."""
    function: str
    """The function around it; of `asked`, the one that is called."""
    line: int
    """Of what is logged; else of where the record is given the secret."""
    given: int
    """Where the record is given it; of `asked`, the position of the argument with the secret."""
    printed: bool = False
    guards: tuple[str, ...] = ()


flows: Look[Flow] = Look("leak flows")

_WORTH = re.compile(rb"(?i)environ|process\.env|headers|api_?key|token|passw|secret")
_COPIES = re.compile(r"(?i)copy|clone|merge|assign|extend|^dict$|\.dict$|spread|defaults")
_KEEPS = re.compile(r"^_?(?:log|audit|track|record)(?:_|[A-Z])")


@flows.reads("python", "javascript", within=("log", "print", "headers", "environ", "copy", "clone", "assign", "merge"))
def _read(source: Source) -> Iterator[Flow]:
    if b"return" in source.words and _COPY.search(source.data):
        yield from _passed(source, source.functions())
    yield from _named(source)
    if not _WORTH.search(source.data):
        return
    if not source.words.isdisjoint((b"headers", b"env", b"environ")) and (given := list(_given(source))):
        yield from _logged(source, given)
        yield from _left(source, source.functions(), given)
    yield from _asked(source)


#: A copy of something, under a name.
_COPY = re.compile(rb"\w\s*=\s*(?:\{\s*(?:\.\.\.|\*\*)|[\w.]*(?i:copy|clone|assign|dict|merge)\w*\()")


@dataclass(frozen=True, slots=True)
class _Given:
    """A variable that is given whole headers or the whole environment."""

    variable: str
    what: Literal["headers", "environment"]
    binding: Binding


def _given(source: Source) -> Iterator[_Given]:
    for binding in source.bindings("headers", "env"):
        if binding.scope.at_import or binding.how not in ("assign", "key"):
            continue
        what = _whole(binding.value, 0)
        if what is None or (what == "headers" and binding.how == "assign" and binding.target.isidentifier()):
            continue  # to look into headers under a name of one's own is no record
        variable = _holder(source, binding)
        if variable is not None:
            yield _Given(variable, what, binding)


def _whole(value: Value, depth: int) -> Literal["headers", "environment"] | None:
    """Whether it is, or is merged from, the whole of the environment or of a request's headers."""
    name = value.name or ""
    if value.kind == "name":
        if ENVIRONMENT.search(name) and name != "ENV":
            return "environment"
        return "headers" if HEADERS.search(name) else None
    if (
        depth > 3
        or (value.kind == "call" and not _COPIES.search(name))
        or value.kind not in ("call", "container", "choice")
    ):
        return None
    return next((found for part in value.parts if (found := _whole(part, depth + 1))), None)


_OPENS = re.compile(r"^\s*(?:var\s+|let\s+|const\s+)?(\w+)\s*=\s*(?:\w+\()?\{\s*$")


def _holder(source: Source, binding: Binding) -> str | None:
    """The variable whose field it is: `data` of `data.headers = …` and of `data = {headers: …}`."""
    if binding.how == "assign":
        head = re.match(r"(\w+)(?:\.\w+|\[[\"']\w+[\"']\])?$", binding.target)
        return head[1] if head and head[1] not in ("self", "this", "module", "exports", "process") else None
    for number in range(binding.line - 1, max(binding.line - 12, 0), -1):
        line = source.lines[number - 1]
        if opened := _OPENS.match(line):
            return opened[1]
        if re.match(r"\s*\}", line):
            return None
    return None


def _within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return inner[: len(outer)] == outer


def _logged(source: Source, given: list[_Given]) -> Iterator[Flow]:
    for call, printed in logging_calls(source):
        for value in (*call.arguments, *call.keywords.values()):
            one = next((one for one in given if _shows(value, one, call)), None)
            if one is not None and not _taken_out(source, one, call.line):
                name = one.variable
                where = (call.line, one.binding.line, printed, call.scope.guards)
                yield Flow("logged", one.what, name, call.scope.function or "", *where)
                break


def _shows(value: Value, one: _Given, call: Call) -> bool:
    last = one.binding.target.rpartition(".")[2]
    names = {one.variable, f"{one.variable}.{last}"}
    if not _within(call.scope.names, one.binding.scope.names) or call.line <= one.binding.line:
        return False
    inside = value.kind in ("container", "template") or re.search(
        r"stringify|dumps|inspect|repr$|str$", value.name or ""
    )
    return (
        (value.kind == "name" and value.name in names)
        or value.via in names
        or bool(inside and any(_shows(part, one, call) for part in value.parts))
    )


def _taken_out(source: Source, one: _Given, until: int) -> bool:
    """Whether the field is removed or hidden before."""
    text = "\n".join(source.lines[one.binding.line : until - 1])
    hidden = rf"\bdel(?:ete)?\s+{re.escape(one.variable)}\b|(?i:redact|mask|sanitiz|filter|omit|censor|scrub)"
    return re.search(hidden, text) is not None


def _left(source: Source, functions: Sequence[Function], given: list[_Given]) -> Iterator[Flow]:
    """Records that a function returns, or that one which keeps records hands on."""
    for one in given:
        around = _around(functions, one.binding.line)
        if around is None:
            continue
        rest = "\n".join(source.lines[one.binding.line : around.end_line])
        variable = re.escape(one.variable)
        if _taken_out(source, one, around.end_line):
            continue
        line = one.binding.line
        if re.search(rf"\breturn\s+{variable}\b(?!\s*[.\[(])", rest):
            yield Flow("returned", one.what, one.variable, around.name, line, line)
        elif _KEEPS.match(around.name) and re.search(rf"[(,]\s*{variable}\s*[,)]", rest):
            yield Flow("kept", one.what, one.variable, around.name, line, line)


def _around(functions: Sequence[Function], line: int) -> Function | None:
    inside = [one for one in functions if one.line <= line <= one.end_line]
    return min(inside, key=lambda one: one.end_line - one.line, default=None)


_COPIED = (
    r"\b{}\s*=\s*(?:\{{\s*(?:\.\.\.|\*\*)\s*|(?:[\w.]*(?i:copy|clone|assign|dict|merge)\w*)\((?:\{{\}}\s*,\s*)?){}\b"
)


def _passed(source: Source, functions: Sequence[Function]) -> Iterator[Flow]:
    """Functions that return what they were given, or a copy."""
    for one in functions:
        parameters = [name for name in one.parameters if name not in ("self", "cls")]
        if not parameters or one.end_line - one.line > 60:
            continue
        text = "\n".join(source.lines[one.line : one.end_line])
        if not (returned := re.findall(r"\breturn\s+(\w+)\s*;?\s*$", text, re.MULTILINE)):
            continue
        for position, parameter in enumerate(parameters):
            copied = any(
                re.search(_COPIED.format(re.escape(name), re.escape(parameter)), text) for name in set(returned)
            )
            if copied:
                yield Flow("passed", "secret", parameter, one.name, one.line, position)


#: A line that logs, and functions on it whose names have two words or more, which few functions share.
_LOGS = re.compile(
    rb"^[^\n#]{0,200}?\b(?:\w*[lL]og(?:ger|ging)?(?:\.\w+)?|console\.\w+|log[A-Z]\w*|print)\(([^\n]{1,400})",
    re.MULTILINE,
)
_DISTINCT = re.compile(rb"\b([a-z]+(?:[A-Z]|_[a-z])\w*)\(")


def _named(source: Source) -> Iterator[Flow]:
    """Functions that are called on a line that logs."""
    for match in _LOGS.finditer(source.data):
        for name in dict.fromkeys(_DISTINCT.findall(match[1])):
            line = source.data.count(b"\n", 0, match.start(1)) + 1
            yield Flow("asked", "secret", "", name.decode(), line, -1)


_SECRETS = ("key", "token", "password", "passwd", "secret", "credential", "cookie", "jwt", "authorization")


def _asked(source: Source) -> Iterator[Flow]:
    """What a function returns is logged: `log(describe(request, {token: token}))`."""
    given: list[Binding] | None = None
    for call, printed in logging_calls(source):
        for value in (*call.arguments, *call.keywords.values()):
            if value.kind != "call" or not value.name or value.via is not None or not value.parts:
                continue
            last = value.name.rpartition(".")[2]
            position = next((at for at, part in enumerate(value.parts) if part.text == "dict"), None)
            if position is None:
                continue
            if given is None:
                given = [one for one in source.bindings(*_SECRETS) if one.how == "keyword" and is_secret(one.name)]
            for one in given:
                inside = call.line <= one.line <= call.end_line and (one.callee or "").rpartition(".")[2] == last
                if inside and one.value.kind in ("name", "env", "call") and not is_over(call.scope.names, one.name):
                    yield Flow("asked", "secret", one.name, last, call.line, position, printed, call.scope.guards)
                    break
