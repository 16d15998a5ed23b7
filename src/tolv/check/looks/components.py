"""Objects that a library dispatches requests to by the names of their methods: what is handed to a server, and what
the methods of such an object do to it.

`new Server({components: [require("./engine")]})` names no route: the server looks for methods on what it was given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Function, Source, Value


@dataclass(frozen=True, slots=True)
class Handed:
    """A module of the app's own that a server, or what registers services with one, is given."""

    module: str
    """As written: `./engine.js`."""
    to: str
    """The call: `PixlServer`, `server.addService`."""
    line: int


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the object that a module exports."""

    name: str
    first: int
    last: int
    answers: bool
    """Its first parameter is used as a request."""
    listens: tuple[str, ...]
    """Its siblings that it has called when somebody connects."""
    calls: tuple[str, ...]
    """Its siblings that it calls, or hands on."""


@dataclass(frozen=True, slots=True)
class Field:
    """A container of the object: where it is made, or changed."""

    name: str
    how: str
    """`made`, `changed`; `worked`: an entry is taken off after it was worked on."""
    line: int


handed: Look[Handed] = Look("modules handed to servers")
methods: Look[Method] = Look("methods of exported objects")
fields: Look[Field] = Look("fields of exported objects")

_REGISTERS = (
    *("addService", "createService", "addComponent", "addComponents", "register", "registerService", "mount"),
    *("addServices", "addHandlers", "setHandlers", "addNamespace"),
)
#: What is called like this serves: `pixl-server`, `grpc.Server`, `ServiceBroker`, `jayson.server`.
_SERVES = re.compile(
    r"(?<![a-z])(?:http|https|json|rpc|web)?-?servers?(?![a-z])|Server(?![a-z])|ServiceBroker|Service$"
)
_OWN = re.compile(
    r"^\s*(?:(?:const|let|var)\s+(\w+)\s*=\s*require\(\s*|import\s+(?:\*\s+as\s+)?(\w+)\s+from\s+)"
    r"""["'](\.{1,2}/[^"'\n]+)["']""",
    re.MULTILINE,
)


@handed.reads("javascript", within=("server", "broker"))
def _handed(source: Source) -> Iterator[Handed]:
    if not re.search(rb"""(?:require\(\s*|from\s+)["']\.""", source.data):
        return
    own = {match[1] or match[2]: match[3] for match in _OWN.finditer("\n".join(source.lines))}
    names = [one.module for one in source.imports() if not one.module.startswith(".") and _SERVES.search(one.module)]
    registers = [f".{one}" for one in _REGISTERS if one.encode() in source.words]
    for call in source.calls(*names, *registers, "Server"):
        if not _SERVES.search(call.name.rpartition(".")[0] if call.last in _REGISTERS else call.name):
            continue
        given = dict.fromkeys(
            module for value in (*call.arguments, *call.keywords.values()) for module in _modules(value, own, 0)
        )
        for module in given:
            yield Handed(module, call.written, call.line)


def _modules(value: Value, own: dict[str, str], depth: int) -> Iterator[str]:
    """The app's own modules in a value."""
    if value.kind == "call" and value.name == "require" and value.parts and (value.parts[0].text or "").startswith("."):
        yield value.parts[0].text or ""
    elif value.kind == "name" and (value.name or "") in own:
        yield own[value.name or ""]
    elif value.kind == "name" and (value.name or "").startswith(("./", "../")):
        yield value.name or ""
    elif depth < 4:
        for part in value.parts:
            yield from _modules(part, own, depth + 1)


#: `module.exports = Class.create({`, `module.exports = {`, `class X … { }` of CommonJS.
_OBJECT = re.compile(rb"^(?:module\.)?exports\s*=\s*(?:[\w.]+\(\s*)?(?:\{|class\b)|^class\s", re.MULTILINE)
_REQUEST = r"(?:params|request|req|query|body|headers|cookies|metadata)"
#: A single parameter that is called like this is the request, or what holds it.
_CONTEXT = re.compile(r"(?:c|ctx|context|call|req|request|args|rpc|event|r)")
_SIBLING = re.compile(r"\b(?:this|self|that|_this)\.([A-Za-z_$][\w$]*)\s*(?:\(|\.(?:bind|call|apply)\()")
_BY_STRING = re.compile(r"\b(?:action|method)\s*[:=]\s*[\"'](\w+)[\"']")
_CONNECTS = re.compile(
    r"\.on\(\s*[\"'](?:connection|connect|request|message|upgrade)[\"']\s*,\s*(?:this|self|that|_this)\.([\w$]+)"
)


@methods.reads("javascript", words=("exports",))
def _methods(source: Source) -> Iterator[Method]:
    if b"this." not in source.data and not re.search(rb"\." + _REQUEST.encode() + rb"\b", source.data):
        return
    if not _OBJECT.search(source.data):
        return
    for one in source.functions():
        if one.scope.function is None and one.end_line > one.line:
            yield _method(source, one)


def _method(source: Source, one: Function) -> Method:
    text = "\n".join(source.lines[one.line - 1 : one.end_line])
    first = one.parameters[0] if one.parameters else ""
    asked = bool(first) and re.search(rf"\b{re.escape(first)}\.{_REQUEST}\b", text) is not None
    if len(one.parameters) > 1:
        # It has something to answer with, and does.
        answered = re.search(rf"\b{re.escape(one.parameters[-1])}\s*[(),.]", text.partition("{")[2]) is not None
    else:
        answered = _CONTEXT.fullmatch(first) is not None
    calls = dict.fromkeys([*_SIBLING.findall(text), *_BY_STRING.findall(text)])
    return Method(
        one.name, one.line, one.end_line, asked and answered, tuple(_CONNECTS.findall(text)), tuple(calls)[:100]
    )


_MADE = re.compile(r"\b(?:this|self|that|_this)\.(\w+)\s*=\s*(?:\{|\[|new\s+(?:Map|Set)\b)")
_CHANGED = re.compile(
    r"\b(?:this|self|that|_this)\.(\w+)(?:\[[^\]\n]{1,120}\]\s*=(?!=)|\.(?:push|unshift|set|add)\()"
    r"|(?:Object\.assign|\b(?:_|lodash|\w+)\.(?:merge|extend|assign)\w*)\(\s*(?:this|self|that|_this)\.(\w+)\s*,"
)
_TAKEN = re.compile(
    r"\bdelete\s+(?:this|self|that|_this)\.(\w+)\[|\b(?:this|self|that|_this)\.(\w+)\.(?:shift|delete|pop)\("
)


@fields.reads("javascript", words=("exports",))
def _fields(source: Source) -> Iterator[Field]:
    if b"this." not in source.data or not _OBJECT.search(source.data):
        return
    for number, line in enumerate(source.lines, start=1):
        if len(line) > 500 or line.lstrip().startswith(("//", "*")):
            continue
        if made := _MADE.search(line):
            yield Field(made[1], "made", number)
        elif changed := _CHANGED.search(line):
            yield Field(changed[1] or changed[2], "changed", number)
        elif taken := _TAKEN.search(line):
            yield Field(taken[1] or taken[2], "worked", number)
