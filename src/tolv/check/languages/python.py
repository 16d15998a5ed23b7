"""The front end for Python, on the standard library's `ast`."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from tolv.check.languages.python_names import Names
from tolv.check.languages.python_pieces import Enclosure, FunctionNode, Piece, Pieces
from tolv.check.languages.python_state import MUTATING, rows_of_changes
from tolv.check.languages.python_values import Values
from tolv.check.languages.rows import rows_of, rows_with
from tolv.check.languages.words import Worded, words_with
from tolv.check.source import Binding, Call, Function, Import, Language, Value, Write

#: Words of a file that reads the environment by the standard library …
_ENV_WORDS = frozenset((b"environ", b"getenv", b"environb", b"dj_database_url"))
#: … or with the help of another, through names of the file's own.
_ENV_LIBRARIES = frozenset((b"decouple", b"environs", b"environ", b"starlette", b"prettyconf", b"everett", b"envparse"))
_ENV_NAMES = frozenset((b"config", b"env", b"Config", b"Env", b"environ", b"e"))

_READER_MADE = re.compile(rb"\b(\w+)\s*=\s*[\w.]*(?:Env|Config)\(")

#: `except UnidentifiedImageError, OSError:`
_SEVERAL_CAUGHT = re.compile(rb"^([ \t]*except[ \t]+[\w.]+)((?:[ \t]*,[ \t]*[\w.]+)+[ \t]*):", re.MULTILINE)

#: What comes behind the name of what is called.
_CALLED = re.compile(rb"\s*\(")
#: What comes behind a name that gets a value: `= …`, `: int = …`, `"] = …`, `": …`, `, b = …`, `+= …`.
_BOUND = re.compile(
    rb"[\"'\])]{0,3}\s*(?:(?::[^=\n]{0,300})?(?:[-+*/|&^%@]|//|\*\*|<<|>>)?=(?!=)|:|,[^=\n]{0,300}=(?!=))"
)
_IMPORTED_AS = re.compile(rb"\b(\w+)[ \t]+as[ \t]+(\w+)")
_ASSIGNED = re.compile(rb"^[ \t]*(\w+)[ \t]*=[ \t]*(?:\w+\.){0,20}(\w+)[ \t]*(?:#.*)?$", re.MULTILINE)


class PythonSource(Worded):
    """One Python file; see `tolv.check.source.Source`."""

    language: Language = "python"

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self.data = data
        self._broken: str | None = None

    @property
    def parsed(self) -> bool:
        return "_pieces" in self.__dict__

    @property
    def broken(self) -> str | None:
        _ = self._pieces
        return self._broken

    @cached_property
    def lines(self) -> Sequence[str]:
        return self.data.decode("utf-8", "replace").split("\n")

    @cached_property
    def _pieces(self) -> Pieces:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return Pieces.of(self._parsed())
        except SyntaxError as error:
            self._broken = f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
        except (ValueError, RecursionError, MemoryError) as error:
            self._broken = "nested too deeply" if not isinstance(error, ValueError) else str(error)
        return Pieces()

    def _parsed(self) -> ast.Module:
        """The tree; `except A, B:` of Python 3.14 is read as `except A:`, at its place."""
        try:
            return ast.parse(self.data)
        except SyntaxError as error:
            respelled = _SEVERAL_CAUGHT.sub(lambda match: match[1] + b" " * len(match[2]) + b":", self.data)
            if "parenthesized" not in str(error.msg) or respelled == self.data:
                raise
            return ast.parse(respelled)

    @cached_property
    def _names(self) -> Names:
        return Names(self._pieces)

    @cached_property
    def _values(self) -> Values:
        return Values(self._names)

    def _on(self, words: Iterable[bytes], then: re.Pattern[bytes] | None = None) -> Iterator[Piece]:
        """The pieces on whose lines one of the words stands; a file without such a line is not parsed for them."""
        rows = rows_of(self.data, words, then)
        return self._pieces.on(sorted(rows)) if rows else iter(())

    def calls(self, *names: str) -> Iterator[Call]:
        lasts = {name.rpartition(".")[2] for name in names}
        if names and self.words.isdisjoint(one.encode() for one in lasts):
            # A class made under another name (`from x import Y as Z`) is found by the word of its import.
            return
        lasts |= {alias for name in lasts for alias in self._aliases.get(name, ())}
        pieces = self._on([one.encode() for one in lasts], _CALLED) if names else iter(self._pieces.pieces)
        for piece in pieces:
            for node in _walked(piece):
                if isinstance(node, ast.Call) and (not names or _last(node.func) in lasts):
                    call = self._call(node, piece.enclosure)
                    if not names or _matches(call, names):
                        yield call

    @cached_property
    def _aliases(self) -> dict[str, set[str]]:
        """By a name, the other names that an import or an assignment may give it in this file, by the look of them."""
        aliases: dict[str, set[str]] = {}
        pairs = [(one[1], one[2]) for one in _IMPORTED_AS.finditer(self.data)]
        pairs += [(one[2], one[1]) for one in _ASSIGNED.finditer(self.data)]
        for name, alias in pairs:
            aliases.setdefault(name.decode("utf-8", "replace"), set()).add(alias.decode("utf-8", "replace"))
        return aliases

    def _call(self, node: ast.Call, here: Enclosure) -> Call:
        name = self._names.resolved(node.func, here)
        return Call(
            name,
            self._names.written(node.func),
            tuple(self._values.of(one, here) for one in node.args[:16]),
            {one.arg: self._values.of(one.value, here) for one in node.keywords if one.arg},
            node.lineno,
            node.col_offset + 1,
            node.end_lineno or node.lineno,
            here.scope(),
        )

    def _words_with(self, parts: Sequence[str]) -> set[bytes]:
        return words_with(self.joined, self.lower, [part.lower().encode() for part in parts])

    def bindings(self, *words: str) -> Iterator[Binding]:
        lower = [word.lower() for word in words]
        found = self._words_with(words) if words else set()
        if words and not found:
            return
        pieces = self._on(found, _BOUND) if words else iter(self._pieces.pieces)
        for piece in pieces:
            for binding in self._bound_in(piece):
                if not lower or any(word in binding.name.lower() for word in lower):
                    yield binding

    def _bound_in(self, piece: Piece) -> Iterator[Binding]:
        node, here = piece.node, piece.enclosure
        at_class = here.block().kind == "class"
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from self._targets(target, node.value, here, "attribute" if at_class else "assign")
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield from self._targets(node.target, node.value, here, "attribute" if at_class else "assign")
        elif isinstance(node, ast.AugAssign):
            yield from self._targets(node.target, node.value, here, "augment")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from self._defaults(node, here)
        for inner in _walked(piece):
            if isinstance(inner, ast.Call):
                yield from self._keywords(inner, here)
            elif isinstance(inner, ast.Dict):
                yield from self._keys(inner, here)

    def _targets(self, target: ast.expr, value: ast.expr, here: Enclosure, how: str) -> Iterator[Binding]:
        if isinstance(target, ast.Tuple | ast.List):
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                for one, given in zip(target.elts, value.elts, strict=True):
                    yield from self._targets(one, given, here, how)
            return
        name = _name_of(target)
        if name:
            written = self._names.written(target)
            if isinstance(target, ast.Subscript):
                written = f'{written.removesuffix("[]")}["{name}"]'
            read = self._pydantic(name, value, here) or self._values.of(value, here)
            yield self._binding(name, written, read, target, here, how)

    def _pydantic(self, name: str, value: ast.expr | None, here: Enclosure) -> Value | None:
        """An attribute of a settings class is a read of the environment, with its value as the default."""
        owner = here.block()
        if (
            owner.kind != "class"
            or not isinstance(owner.node, ast.ClassDef)
            or not self._is_settings(owner.node, owner)
        ):
            return None
        if name.startswith("_") or name in ("model_config", "Config"):
            return None
        variable, default = name.upper(), value
        if isinstance(value, ast.Call) and _last(value.func) == "Field":
            said = {one.arg: one.value for one in value.keywords}
            default = said.get("default") or (value.args[0] if value.args else None)
            for key in ("env", "validation_alias", "alias"):
                given = said.get(key)
                if isinstance(given, ast.Constant) and isinstance(given.value, str):
                    variable = given.value
                    break
        if isinstance(default, ast.Constant) and default.value is ...:
            default = None
        read = self._values.of(default, here) if default is not None else None
        if read is not None and read.kind == "env":
            return read
        if read is not None and read.kind == "literal" and read.name == "null":
            read = None
        line = value.lineno if value is not None else 0
        column = value.col_offset + 1 if value is not None else 0
        return Value("env", None, variable, () if read is None else (read,), line, column)

    def _is_settings(self, node: ast.ClassDef, here: Enclosure) -> bool:
        bases = [self._names.resolved(base, here.above or here) for base in node.bases]
        if any(base.rpartition(".")[2] in ("BaseSettings", "SettingsBase") for base in bases):
            return True
        if not self.words & {b"pydantic", b"pydantic_settings", b"BaseSettings"}:
            return any(base.endswith("Settings") and "." in base for base in bases)
        classes = {one.name: (one, body) for one, body in self._pieces.classes}
        inside = [classes[base] for base in bases if base in classes and base != node.name]
        if any(self._is_settings(one, body) for one, body in inside):
            return True
        return any(base.endswith("Settings") and "." in base for base in bases)

    def _defaults(self, node: FunctionNode, here: Enclosure) -> Iterator[Binding]:
        arguments = node.args
        plain = [*arguments.posonlyargs, *arguments.args]
        late = plain[len(plain) - len(arguments.defaults) :] if arguments.defaults else []
        pairs = [*zip(late, arguments.defaults, strict=True)]
        pairs += [
            (one, default)
            for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is not None
        ]
        for one, default in pairs:
            yield self._binding(one.arg, one.arg, self._values.of(default, here), one, here, "parameter")

    def _keywords(self, node: ast.Call, here: Enclosure) -> Iterator[Binding]:
        callee: str | None = None
        for one in node.keywords:
            if one.arg:
                callee = callee if callee is not None else self._names.resolved(node.func, here)
                value = self._values.of(one.value, here)
                yield self._binding(one.arg, one.arg, value, one.value, here, "keyword", callee, line=one.lineno)

    def _keys(self, node: ast.Dict, here: Enclosure) -> Iterator[Binding]:
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield self._binding(key.value, key.value, self._values.of(value, here), key, here, "key")

    def _binding(
        self,
        name: str,
        target: str,
        value: Value,
        node: ast.expr | ast.arg,
        here: Enclosure,
        how: str,
        callee: str | None = None,
        *,
        line: int | None = None,
    ) -> Binding:
        at = line or node.lineno
        return Binding(name, target, value, at, node.col_offset + 1, here.scope(), how, callee)  # type: ignore[arg-type]

    def env_reads(self) -> Iterator[Value]:
        reading = _ENV_WORDS & self.words
        if not self.words.isdisjoint(_ENV_LIBRARIES):
            reading |= (_ENV_NAMES & self.words) | {one[1] for one in _READER_MADE.finditer(self.data)}
        for piece in self._on(reading):
            seen: set[int] = set()
            for node in _walked(piece):
                if isinstance(node, ast.Call | ast.Subscript | ast.BoolOp | ast.IfExp) and id(node) not in seen:
                    value = self._values.of(node, piece.enclosure)
                    if value.kind == "env" and value.via is None:
                        seen.update(id(one) for one in ast.walk(node))
                        yield value
        if b"Settings" in self.joined:
            yield from self._settings()

    def _settings(self) -> Iterator[Value]:
        for node, body in self._pieces.classes:
            if not self._is_settings(node, body):
                continue
            for statement in node.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    value = self._pydantic(statement.target.id, statement.value, body)
                    if value is not None:
                        line, column = statement.lineno, statement.col_offset + 1
                        yield Value("env", None, value.name, value.parts, line, column)

    def imports(self) -> Sequence[Import]:
        return self._names.imports

    def functions(self) -> Sequence[Function]:
        return self._functions

    @cached_property
    def _functions(self) -> tuple[Function, ...]:
        return tuple(self._function(node, body) for node, body in self._pieces.functions)

    def _function(self, node: FunctionNode, body: Enclosure) -> Function:
        here = body.above or body
        arguments = node.args
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        return Function(
            node.name,
            here.scope(),
            tuple(one.arg for one in given),
            tuple(self._decorator(one, here) for one in node.decorator_list),
            node.lineno,
            node.end_lineno or node.lineno,
            isinstance(node, ast.AsyncFunctionDef),
        )

    def _decorator(self, node: ast.expr, here: Enclosure) -> Call:
        if isinstance(node, ast.Call):
            return self._call(node, here)
        name, written = self._names.resolved(node, here), self._names.written(node)
        end = node.end_lineno or node.lineno
        return Call(name, written, (), {}, node.lineno, node.col_offset + 1, end, here.scope())

    def writes(self) -> Iterator[Write]:
        rows = rows_of_changes(self.data)
        if not rows:
            return
        classes = {node.name: body for node, body in self._pieces.classes}
        for piece in self._pieces.on(sorted(rows)):
            if piece.enclosure.function() is None:
                continue
            for name, how, node in _changed(piece):
                yield from self._write(name, how, node, piece.enclosure, classes)

    def _write(
        self, target: ast.expr, how: str, node: ast.AST, here: Enclosure, classes: dict[str, Enclosure]
    ) -> Iterator[Write]:
        if isinstance(target, ast.Name):
            if how in ("rebind", "augment") and not self._names.declares_global(target.id, here):
                return
            if how not in ("rebind", "augment") and self._names.is_local(target.id, here):
                return
            found, name = self._names.at_module(target.id), target.id
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            holder = target.value.id
            owner = here.owner() if holder in ("self", "cls") else classes.get(holder)
            if owner is None or (holder == "self" and how == "rebind"):
                return
            found = self._names.class_attributes(owner).get(target.attr, [])
            if holder == "self" and self._names.attribute(target.attr, here) is None:
                return  # also bound on the instance
            name = f"{owner.name}.{target.attr}"
        else:
            return
        outside = [one for one in found if one.enclosure.function() is None]
        if outside:
            line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0) + 1
            initial = self._values.of(outside[0].node, outside[0].enclosure)
            yield Write(name, how, line, column, here.scope(), outside[0].line, initial)  # type: ignore[arg-type]

    def texts(self, *parts: str) -> Iterator[Value]:
        rows: set[int] = set()
        for part in parts:
            rows |= rows_with(self.data, part.encode())
        if not rows:
            return
        for piece in self._pieces.on(sorted(rows)):
            if isinstance(piece.node, ast.Expr) and isinstance(piece.node.value, ast.Constant):
                continue  # a docstring
            inside: set[int] = set()
            for node in _walked(piece):
                if isinstance(node, ast.JoinedStr):
                    inside.update(id(one) for one in node.values)
                if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in inside:
                    value = self._values.of(node, piece.enclosure)
                    if value.kind in ("literal", "template") and any(part in (value.text or "") for part in parts):
                        yield value


def _walked(piece: Piece) -> Iterator[ast.AST]:
    """The nodes of a piece, in no order: twice as fast as `ast.walk`."""
    left = list(piece.parts)
    while left:
        node = left.pop()
        yield node
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                left += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST) and value._fields:
                left.append(value)


def _last(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _name_of(target: ast.expr) -> str:
    """The last part of what an assignment binds."""
    if isinstance(target, ast.Subscript):
        key = target.slice
        return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
    return _last(target)


def _matches(call: Call, names: Iterable[str]) -> bool:
    for name in names:
        if name.startswith("."):
            if call.name.endswith(name) or call.written.endswith(name):
                return True
        elif call.name == name or call.written == name or call.name.endswith(f".{name}"):
            return True
    return False


def _changed(piece: Piece) -> Iterator[tuple[ast.expr, str, ast.AST]]:
    """The names that a piece changes: what, how, and where."""
    node = piece.node
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
        plain = {ast.AugAssign: "augment", ast.Delete: "delete"}.get(type(node), "rebind")
        for target in targets:
            inner = [target, *target.elts] if isinstance(target, ast.Tuple | ast.List) else [target]
            for one in inner:
                if isinstance(one, ast.Subscript):
                    yield one.value, "delete" if isinstance(node, ast.Delete) else "item", one
                else:
                    yield one, plain, one
    for part in _walked(piece):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in MUTATING:
            yield part.func.value, "method", part
