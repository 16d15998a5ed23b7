"""What a Python expression is: see `Value`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tolv.check.languages.python_pieces import Enclosure
from tolv.check.source import Value

if TYPE_CHECKING:
    from tolv.check.languages.python_names import Names

#: Expressions within expressions that are followed.
_DEEPEST = 12

#: Functions that read a variable given as their first argument; the value is the place of a positional default.
_ENV_FUNCTIONS = {
    "os.getenv": 1,
    "os.environ.get": 1,
    "os.environ.pop": 1,
    "os.environ.setdefault": 1,
    "os.environ.__getitem__": 1,
    "os.environb.get": 1,
    "environ.get": 1,
    "decouple.config": 1,
    "decouple.AutoConfig": 1,
    "starlette.config.Config": 2,
    "prettyconf.config": 1,
    "everett.manager.ConfigManager": 1,
    "getenv": 1,
}

#: Objects whose methods read a variable: `env = environ.Env(); env.bool("DEBUG", default=False)`.
_ENV_OBJECTS = ("environ.Env", "environs.Env", "environ.FileAwareEnv", "envparse.env", "envparse.Env", "environs.env")

#: Methods of those that read nothing.
_NO_READERS = frozenset({"read_env", "read_envfile", "prefixed", "seal", "parser", "dump", "add_parser"})

#: Functions whose result is their argument in another form.
_CONVERSIONS = frozenset(
    "int float str bool bytes list tuple set dict Path PurePath strtobool distutils.util.strtobool json.loads "
    "SecretStr ast.literal_eval literal_eval make_url sqlalchemy.engine.make_url sqlalchemy.engine.url.make_url "
    "sqlalchemy.make_url sqlalchemy.engine.url.URL pydantic.SecretStr pydantic.PostgresDsn databases.DatabaseURL "
    "pathlib.Path cast typing.cast base64.b64decode base64.urlsafe_b64decode yarl.URL smart_str force_str "
    "urllib.parse.urlparse urlparse urllib.parse.quote_plus urllib.parse.quote dj_database_url.parse".split()
)

#: Methods that give their receiver in another form.
_SHAPING = frozenset(
    "strip lstrip rstrip lower upper split replace encode decode format title removeprefix removesuffix casefold "
    "splitlines get_secret_value unicode_string".split()
)

_UNKNOWN = Value("unknown")


class Values:
    """Reads expressions of one module."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def of(self, node: ast.AST | None, here: Enclosure, depth: int = 0) -> Value:
        """What the expression is, at the place `here`."""
        if node is None or depth > _DEEPEST:
            return _UNKNOWN
        read = _READERS.get(type(node))
        if read is None:
            return self._at(_UNKNOWN, node)
        return self._at(read(self, node, here, depth + 1), node)

    def _at(self, value: Value, node: ast.AST) -> Value:
        line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", -1) + 1
        if value.line and value.via is None:
            return value
        return Value(value.kind, value.text, value.name, value.parts, line, column, value.via)

    def _constant(self, node: ast.Constant, here: Enclosure, depth: int) -> Value:
        match node.value:
            case bool() as truth:
                return Value("literal", str(truth).lower(), "bool")
            case int() as number:
                return Value("literal", str(number) if abs(number) < 1 << 64 else "…", "int")
            case float() as number:
                return Value("literal", str(number), "float")
            case str() as text:
                return Value("literal", text, "str")
            case bytes() as data:
                return Value("literal", data.decode("utf-8", "replace"), "str")
            case None:
                return Value("literal", "null", "null")
        return _UNKNOWN

    def _template(self, node: ast.JoinedStr, here: Enclosure, depth: int) -> Value:
        text, holes = "", []
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                text += "{}"
                holes.append(self.of(part.value, here, depth))
        return Value("template", text, None, tuple(holes))

    def _choice(self, node: ast.BoolOp, here: Enclosure, depth: int) -> Value:
        if isinstance(node.op, ast.And):
            return self.of(node.values[-1], here, depth)
        return _with_default([self.of(one, here, depth) for one in node.values])

    def _conditional(self, node: ast.IfExp, here: Enclosure, depth: int) -> Value:
        return _with_default([self.of(node.body, here, depth), self.of(node.orelse, here, depth)])

    def _call(self, node: ast.Call, here: Enclosure, depth: int) -> Value:
        name = self._names.resolved(node.func, here)
        if (read := self._env_call(name, node, here, depth)) is not None:
            return read
        bare = name.removeprefix("builtins.")
        if bare in _CONVERSIONS and node.args:
            inner = self.of(node.args[-1 if bare.endswith("cast") else 0], here, depth)
            return (
                inner
                if inner.kind in ("env", "literal", "choice", "template")
                else self._called(name, node, here, depth)
            )
        if isinstance(node.func, ast.Attribute) and node.func.attr in _SHAPING:
            inner = self.of(node.func.value, here, depth)
            if inner.kind in ("env", "choice", "template") or (inner.kind == "literal" and node.func.attr != "format"):
                return inner
            if inner.kind == "literal":
                return Value("template", inner.text, None, tuple(self.of(one, here, depth) for one in node.args))
        return self._called(name, node, here, depth)

    def _called(self, name: str, node: ast.Call, here: Enclosure, depth: int) -> Value:
        given = [*node.args[:8], *(one.value for one in node.keywords[:12])]
        return Value("call", None, name, tuple(self.of(one, here, depth) for one in given))

    def _env_call(self, name: str, node: ast.Call, here: Enclosure, depth: int) -> Value | None:
        """The read of the environment that a call is, if it is one."""
        if name.startswith("dj_database_url.config"):
            given = self._keyword(node, "env", here, depth)
            default = self._keyword(node, "default", here, depth)
            return Value("env", None, (given.text if given else None) or "DATABASE_URL", _some(default))
        place = _ENV_FUNCTIONS.get(name)
        if place is None:
            owner, _, method = name.rpartition(".")
            if name in _ENV_OBJECTS or (owner in _ENV_OBJECTS and method not in _NO_READERS):
                # `environ.Env(DEBUG=(bool, False))` makes the reader; `env("X")` reads.
                if name in _ENV_OBJECTS and isinstance(node.func, ast.Attribute | ast.Name):
                    written = self._names.written(node.func)
                    if written.endswith("Env"):
                        return None
                place = 1
            else:
                return None
        if not node.args:
            return None
        if name == "starlette.config.Config" and self._names.written(node.func).endswith("Config"):
            return None
        default = self._keyword(node, "default", here, depth)
        if default is None and len(node.args) > place and name not in _ENV_OBJECTS:
            default = self.of(node.args[place], here, depth)
        return Value("env", None, self._variable(node.args[0], here), _some(_not_null(default)))

    def _variable(self, node: ast.expr, here: Enclosure) -> str | None:
        named = self.of(node, here, _DEEPEST - 5)
        return named.text if named.is_text else None

    def _keyword(self, node: ast.Call, name: str, here: Enclosure, depth: int) -> Value | None:
        return next((self.of(one.value, here, depth) for one in node.keywords if one.arg == name), None)

    def _subscript(self, node: ast.Subscript, here: Enclosure, depth: int) -> Value:
        name = self._names.resolved(node.value, here)
        if name in ("os.environ", "environ", "os.environb"):
            return Value("env", None, self._variable(node.slice, here))
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if name and isinstance(key, str):
            return Value("name", None, f"{name}.{key}")
        inner = self.of(node.value, here, depth)
        return inner if inner.kind == "env" else _UNKNOWN

    def _name(self, node: ast.Name, here: Enclosure, depth: int) -> Value:
        bound = self._names.bound(node.id, here)
        if bound is not None and depth < _DEEPEST - 2:
            value = self.of(bound.node, bound.enclosure, max(depth, _DEEPEST - 4))
            if value.kind in ("env", "literal", "call", "template", "container", "choice", "name"):
                return Value(value.kind, value.text, value.name, value.parts, value.line, value.column, node.id)
        return Value("name", None, self._names.resolved(node, here))

    def _attribute(self, node: ast.Attribute, here: Enclosure, depth: int) -> Value:
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            bound = self._names.attribute(node.attr, here)
            if bound is not None and depth < _DEEPEST - 2:
                value = self.of(bound.node, bound.enclosure, max(depth, _DEEPEST - 4))
                if value.kind in ("env", "literal", "call"):
                    via = f"{node.value.id}.{node.attr}"
                    return Value(value.kind, value.text, value.name, value.parts, value.line, value.column, via)
        return Value("name", None, self._names.resolved(node, here))

    def _joined(self, node: ast.BinOp, here: Enclosure, depth: int) -> Value:
        left, right = self.of(node.left, here, depth), self.of(node.right, here, depth)
        if isinstance(node.op, ast.Mod | ast.Add) and (_texty(left) or _texty(right)):
            if left.is_text and right.is_text:
                return Value("literal", (left.text or "") + (right.text or ""), "str")
            text = "".join(one.text or "" if _texty(one) else "{}" for one in (left, right))
            holes = tuple(hole for one in (left, right) for hole in (one.parts if one.kind == "template" else (one,)))
            return Value("template", text, None, tuple(one for one in holes if not one.is_text))
        if left.kind == "env" or right.kind == "env":
            return left if left.kind == "env" else right
        return Value("unknown", None, None, (left, right))

    def _container(self, node: ast.List | ast.Tuple | ast.Set, here: Enclosure, depth: int) -> Value:
        kind = type(node).__name__.lower()
        return Value("container", kind, None, tuple(self.of(one, here, depth) for one in node.elts[:64]))

    def _dict(self, node: ast.Dict, here: Enclosure, depth: int) -> Value:
        return Value("container", "dict", None, tuple(self.of(one, here, depth) for one in node.values[:64]))

    def _inner(self, node: ast.Await | ast.Starred | ast.NamedExpr, here: Enclosure, depth: int) -> Value:
        return self.of(node.value, here, depth)

    def _negated(self, node: ast.UnaryOp, here: Enclosure, depth: int) -> Value:
        inner = self.of(node.operand, here, depth)
        if inner.kind == "literal" and isinstance(node.op, ast.USub):
            return Value("literal", f"-{inner.text}", inner.name)
        return inner if inner.kind == "env" else _UNKNOWN

    def _compared(self, node: ast.Compare, here: Enclosure, depth: int) -> Value:
        """`os.environ.get("DEBUG") == "1"` is a conversion to a truth."""
        sides = [self.of(one, here, depth) for one in (node.left, *node.comparators[:1])]
        return next((one for one in sides if one.kind == "env"), Value("unknown", None, None, tuple(sides)))

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, here: Enclosure, depth: int) -> Value:
        source = self.of(node.generators[0].iter, here, depth)
        return source if source.kind == "env" else _UNKNOWN


_READERS: dict[type[ast.AST], Callable[[Values, Any, Enclosure, int], Value]] = {
    ast.Constant: Values._constant,
    ast.JoinedStr: Values._template,
    ast.BoolOp: Values._choice,
    ast.IfExp: Values._conditional,
    ast.Call: Values._call,
    ast.Subscript: Values._subscript,
    ast.Name: Values._name,
    ast.Attribute: Values._attribute,
    ast.BinOp: Values._joined,
    ast.List: Values._container,
    ast.Tuple: Values._container,
    ast.Set: Values._container,
    ast.Dict: Values._dict,
    ast.Await: Values._inner,
    ast.Starred: Values._inner,
    ast.NamedExpr: Values._inner,
    ast.UnaryOp: Values._negated,
    ast.Compare: Values._compared,
    ast.ListComp: Values._comprehension,
    ast.SetComp: Values._comprehension,
    ast.GeneratorExp: Values._comprehension,
}


def _with_default(values: list[Value]) -> Value:
    """An `env` with what stands behind it as its default, or the choice."""
    first = values[0]
    if first.kind == "env" and len(values) > 1:
        behind = values[1:] if first.default is None else [first.default, *values[1:]]
        flat = [one for value in behind for one in (value.parts if value.kind == "choice" else (value,))]
        real = [one for one in flat if not (one.kind == "literal" and (one.name == "null" or one.text == ""))] or flat[
            :1
        ]
        default = real[0] if len(real) == 1 else _with_default(real) if real else None
        return Value("env", None, first.name, _some(default), first.line, first.column, first.via)
    return Value("choice", None, None, tuple(values))


def _texty(value: Value) -> bool:
    return value.is_text or value.kind == "template"


def _not_null(value: Value | None) -> Value | None:
    return None if value is not None and value.kind == "literal" and value.name == "null" else value


def _some(value: Value | None) -> tuple[Value, ...]:
    return () if value is None else (value,)
