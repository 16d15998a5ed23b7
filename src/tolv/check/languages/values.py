"""What expressions are: the rules of `Value`, told once for all languages whose syntax is a tree of nodes."""

from __future__ import annotations

import re
from dataclasses import replace

from tree_sitter import Node

from tolv.check.languages.dialect import Dialect
from tolv.check.languages.forms import (
    Argument,
    Bound,
    Choice,
    Compare,
    Invoke,
    Many,
    Member,
    Name,
    Pieces,
    Same,
    Sum,
    Text,
)
from tolv.check.languages.names import Binder, Names
from tolv.check.languages.syntax import Frame, Syntax
from tolv.check.source import Value

DEEPEST = 12
"""Levels of an expression that are looked into."""
MOST = 1000
"""Items of a container, arguments of a call, holes of a template."""
_WRAPPER = re.compile(
    r"(?:must|get|read|load|lookup|require|fetch|required|optional)*_?(?:from_?)?env(?:iron(?:ment)?)?"
    r"(?:_?(?:var|variable|value|secret|string|str|int|integer|bool|boolean|float|duration))?"
    r"(?:_?(?:with|or|and)?_?(?:default|fallback|else|or)?)",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_EMPTY = re.compile(r"""==|!|\bnil\b|\bnull\b|\bempty|\bblank|\bunless\b|\bundefined\b""", re.IGNORECASE)


class Values:
    """The values of one file."""

    def __init__(self, syntax: Syntax, dialect: Dialect, names: Names) -> None:
        self._syntax = syntax
        self._dialect = dialect
        self._names = names

    def value(self, node: Node, frame: Frame, *, hops: int = 1, depth: int = 0) -> Value:
        """What an expression is."""
        if depth > DEEPEST:
            return self._at(node, Value("unknown"))
        form = self._dialect.form(node)
        match form:
            case Same(inner):
                return self.value(inner, frame, hops=hops, depth=depth + 1)
            case Text(text, type_):
                found = Value("literal", text=text, name=type_)
            case Name(text):
                return self._named(node, text, frame, hops, depth)
            case Member():
                return self._member(node, form, frame, hops, depth)
            case Invoke():
                found = self._call(form, frame, hops, depth)
            case Choice():
                found = self._choice(form, frame, hops, depth)
            case Compare():
                found = self._compared(form, frame, hops, depth)
            case Many(kind, items):
                parts = tuple(self.value(n, frame, hops=hops, depth=depth + 1) for _, n in items[:MOST])
                found = Value("container", text=kind, parts=parts)
            case Pieces(pieces):
                found = self._template(pieces, frame, hops, depth)
            case Sum(nodes):
                found = self._sum(nodes, frame, hops, depth)
            case _:
                found = Value("unknown")
        return found if found.line else self._at(node, found)

    def bound(self, binder: Binder, *, hops: int = 1, depth: int = 0) -> Value:
        """What a binding gives its name."""
        bound, frame = binder.bound, binder.frame
        if bound.variable is not None:
            return self._at(bound.node, Value("env", name=bound.variable, parts=self._default(bound, frame, depth)))
        if bound.value is None:
            return self._at(bound.node, Value("unknown"))
        if bound.member is None:
            return self.value(bound.value, frame, hops=hops, depth=depth)
        path = self._names.path(bound.value, frame)
        default = self._default(bound, frame, depth)
        if path in self._dialect.environment.mappings:
            return self._at(bound.node, Value("env", name=bound.member, parts=default))
        named = Value("name", name=f"{path}.{bound.member}")
        return self._at(
            bound.node, Value("choice", parts=(self._at(bound.node, named), *default)) if default else named
        )

    def env(self, node: Node, frame: Frame) -> Value | None:
        """The read of the environment that an expression is, followed through no name."""
        form = self._dialect.form(node)
        if isinstance(form, Member) and not self._may_map(form):
            return None
        if isinstance(form, Member | Invoke | Choice | Compare):
            found = self.value(node, frame, hops=0)
            return found if found.kind == "env" or (found.kind == "choice" and any(found.envs())) else None
        return None

    def arguments(self, call: Invoke, frame: Frame) -> tuple[tuple[Value, ...], dict[str, Value]]:
        """What a call is given, by position and by name."""
        positional: list[Value] = []
        keywords: dict[str, Value] = {}
        for argument in call.arguments[:MOST]:
            value = self.value(argument.node, frame)
            if argument.key is not None:
                keywords.setdefault(argument.key, value)
                continue
            positional.append(value)
            form = self._names.peeled(argument.node)
            if self._dialect.options and isinstance(form, Many) and form.kind == "dict":
                for (key, _), part in zip(form.items, value.parts, strict=False):
                    if key is not None:
                        keywords.setdefault(key, part)
        return tuple(positional), keywords

    def _at(self, node: Node, value: Value) -> Value:
        line, column = self._syntax.place(node)
        return replace(value, line=line, column=column)

    def _default(self, bound: Bound, frame: Frame, depth: int) -> tuple[Value, ...]:
        if bound.default_text is not None:
            return (self._at(bound.node, Value("literal", text=bound.default_text, name="str")),)
        return _fallback(self.value(bound.default, frame, depth=depth + 1)) if bound.default is not None else ()

    def _named(self, node: Node, text: str, frame: Frame, hops: int, depth: int) -> Value:
        unresolved = self._at(node, Value("name", name=self._names.named(text, frame)))
        if not hops:
            return unresolved
        found = self._hop(self._names.here(text, frame), depth)
        if found is not None and found.kind in ("env", "literal", "call"):
            return replace(found, via=text)
        return unresolved

    def _hop(self, binders: list[Binder], depth: int) -> Value | None:
        """What a name is that has these bindings: one; or a read of the environment, and a default under a guard."""
        if len(binders) == 1 and binders[0].bound.path is None:
            bound = binders[0].bound
            return self.bound(binders[0], hops=0, depth=depth + 1) if bound.value or bound.variable else None
        if len(binders) == 2 and all(one.bound.value is not None for one in binders):
            first, second = (self.bound(one, hops=0, depth=depth + 1) for one in binders)
            outer, inner = (one.frame for one in binders)
            guards = inner.scope.guards[len(outer.scope.guards) :]
            if first.kind == "env" and first.default is None and guards and _EMPTY.search(guards[-1]):
                return replace(first, parts=(second,))
        return None

    def _may_map(self, form: Member) -> bool:
        """Whether a member can be one of a mapping that is the environment, by the mapping's last word: a cheap test
        that spares a look at most members."""
        of = self._names.peeled(form.of)
        return isinstance(of, Name) or (isinstance(of, Member) and of.name in self._dialect.environment.words)

    def _member(self, node: Node, form: Member, frame: Frame, hops: int, depth: int) -> Value:
        path = self._names.path(form.of, frame)
        if path in self._dialect.environment.mappings:
            variable = self._plain(form, frame)
            if self._dialect.is_variable(path, variable):
                return self._at(node, Value("env", name=variable))
        if hops and form.name is not None:
            found = self._attribute(form, form.name, frame, depth)
            if found is not None and found.kind in ("env", "literal", "call"):
                return replace(found, via=self._syntax.brief(node))
        return self._at(node, Value("name", name=self._names.path(node, frame)))

    def _attribute(self, form: Member, name: str, frame: Frame, depth: int) -> Value | None:
        held = self._names.property(form.of, name, frame)
        if held is not None:
            return self.value(held[0], held[1].frame, hops=0, depth=depth + 1)
        of = self._names.peeled(form.of)
        if isinstance(of, Name) and of.text in self._dialect.selves:
            binder = self._names.attribute(name)
            return self._hop([binder], depth) if binder else None
        return None

    def _plain(self, form: Member, frame: Frame) -> str | None:
        """A member's name, also where it is a constant's."""
        if form.name is not None or form.index is None:
            return form.name
        index = self.value(form.index, frame)
        return index.text if index.is_text else None

    def _call(self, form: Invoke, frame: Frame, hops: int, depth: int) -> Value:
        path = self._names.callee(form, frame)
        found = self._env_call(form, path, frame, depth) or self._converted(form, path, frame, hops, depth)
        if found is not None:
            return found
        values = tuple(self.value(one.node, frame, hops=hops, depth=depth + 1) for one in form.arguments[:MOST])
        return Value("call", name=path, parts=values)

    def _env_call(self, form: Invoke, path: str, frame: Frame, depth: int) -> Value | None:
        for name, variable, default in self._dialect.environment.calls:
            if path == name.removeprefix(".") or (name[0] == "." and path.endswith(name)):
                return self._read(form, variable, default, frame, depth)
        last = path.rpartition(".")[2]
        if self._dialect.environment.wrappers and form.arguments and _WRAPPER.fullmatch(last):
            given = self.value(form.arguments[0].node, frame, depth=depth + 1)
            if given.is_text and _VARIABLE.fullmatch(given.text or ""):
                return self._read(form, 0, 1, frame, depth)
        return None

    def _read(self, form: Invoke, variable: int, default: int | None, frame: Frame, depth: int) -> Value | None:
        plain = [one.node for one in form.arguments if one.key is None]
        if len(plain) <= variable:
            return None
        name = self.value(plain[variable], frame, depth=depth + 1)
        other = plain[default] if default is not None and len(plain) > default else form.block
        parts = _fallback(self.value(other, frame, depth=depth + 1)) if other is not None else ()
        return Value("env", name=name.text if name.is_text else None, parts=parts)

    def _converted(self, form: Invoke, path: str, frame: Frame, hops: int, depth: int) -> Value | None:
        conversions = self._dialect.conversions
        if path in conversions.functions and form.arguments:
            return self.value(form.arguments[0].node, frame, hops=hops, depth=depth + 1)
        of, method = self._receiver(form)
        if of is None or method is None:
            return None
        if method in conversions.methods:
            found = self.value(of, frame, hops=hops, depth=depth + 1)
            return found if found.kind in ("env", "literal") else None
        other = self._other(form)
        if method in self._dialect.environment.defaulting and other is not None:
            found = self.value(of, frame, hops=hops, depth=depth + 1)
            if found.kind == "env" and found.default is None:
                return replace(found, parts=_fallback(self.value(other, frame, hops=hops, depth=depth + 1)))
        return None

    def _receiver(self, form: Invoke) -> tuple[Node | None, str | None]:
        if form.callee is None:
            return form.of, form.name
        callee = self._dialect.form(form.callee)
        return (callee.of, callee.name) if isinstance(callee, Member) else (None, None)

    @staticmethod
    def _other(form: Invoke) -> Node | None:
        given: tuple[Argument, ...] = form.arguments
        return given[0].node if given else form.block

    def _choice(self, form: Choice, frame: Frame, hops: int, depth: int) -> Value:
        values = [self.value(one, frame, hops=hops, depth=depth + 1) for one in form.nodes]
        if form.condition is not None:
            return self._either(values, form.condition)
        return _first_of(values)

    def _either(self, values: list[Value], condition: Node) -> Value:
        """Of `c ? a : b`: a read with a default, where the condition asks for the very variable."""
        asked = self._syntax.brief(condition, 300)
        for value, other in (values, values[::-1]):
            if value.kind == "env" and value.name and value.default is None and value.name in asked:
                return replace(value, parts=_fallback(other))
            if value.kind == "env" and value.via and value.default is None and value.via in asked:
                return replace(value, parts=_fallback(other))
        return Value("choice", parts=tuple(values))

    def _compared(self, form: Compare, frame: Frame, hops: int, depth: int) -> Value:
        """`env == "true"` is a conversion; without the variable it is false."""
        sides = [self.value(one, frame, hops=hops, depth=depth + 1) for one in (form.left, form.right)]
        for side, other in (sides, sides[::-1]):
            if side.kind == "env" and other.kind == "literal" and side.default is None and other.name != "null":
                absent = Value("literal", text="false" if form.equal else "true", name="bool", line=other.line)
                return replace(side, parts=(replace(absent, column=other.column),))
        return Value("unknown", parts=tuple(sides) if any(any(one.envs()) for one in sides) else ())

    def _template(self, pieces: tuple[str | Node, ...], frame: Frame, hops: int, depth: int) -> Value:
        holes = [
            self.value(one, frame, hops=hops, depth=depth + 1) for one in pieces[:MOST] if not isinstance(one, str)
        ]
        if len(pieces) == 1 and holes:
            return holes[0]
        text = "".join(one if isinstance(one, str) else "{}" for one in pieces)
        if not holes:
            return Value("literal", text=text, name="str")
        return Value("template", text=text, parts=tuple(holes))

    def _sum(self, nodes: tuple[Node, ...], frame: Frame, hops: int, depth: int) -> Value:
        values = [self.value(one, frame, hops=hops, depth=depth + 1) for one in nodes[:MOST]]
        if all(one.is_text for one in values):
            return Value("literal", text="".join(one.text or "" for one in values), name="str")
        if not any((one.is_text or one.kind == "template") and not one.via for one in values):
            return Value("unknown", parts=tuple(one for one in values if any(one.envs())))
        text = ""
        holes: list[Value] = []
        for one in values:
            if one.is_text or (one.kind == "template" and not one.via):
                text += one.text or ""
                holes.extend(one.parts)
            else:
                text += "{}"
                holes.append(one)
        return Value("template", text=text, parts=tuple(holes))


def _fallback(value: Value) -> tuple[Value, ...]:
    """What stands for an absent variable; nothing at all (`null`, `nil`) is no default."""
    return () if value.kind == "literal" and value.name == "null" else (value,)


def _first_of(values: list[Value]) -> Value:
    """Of `a || b || c`: a read of the environment takes what follows as its default."""
    chosen: list[Value] = []
    for value in reversed(values):
        if value.kind == "env" and chosen:
            rest = chosen[0] if len(chosen) == 1 else Value("choice", parts=tuple(chosen), line=chosen[0].line)
            chosen = [value if value.parts else replace(value, parts=_fallback(rest))]
        else:
            chosen.insert(0, value)
    return chosen[0] if len(chosen) == 1 else Value("choice", parts=tuple(chosen))
