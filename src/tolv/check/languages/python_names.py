"""What a name in a Python module stands for: an import, or what it was bound to once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from tolv.check.languages.python_pieces import Enclosure, Pieces
from tolv.check.source import Import

#: Annotations that say less than the name that has them.
_PLAIN_TYPES = frozenset(
    "str int float bool bytes list dict set tuple object None Any Optional Union List Dict".split()
) | {
    f"typing.{one}"
    for one in ("Any", "Optional", "Union", "List", "Dict", "Annotated", "Sequence", "Mapping", "Literal")
}


@dataclass(frozen=True, slots=True)
class Bound:
    """The one expression that a name is bound to."""

    node: ast.expr
    enclosure: Enclosure
    line: int


@dataclass(slots=True)
class _Block:
    """The names of a module, class or function."""

    bound: dict[str, list[Bound]] = field(default_factory=dict)
    annotated: dict[str, ast.expr] = field(default_factory=dict)
    parameters: dict[str, Bound | None] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)


class Names:
    """The names of one module, by the block that binds them."""

    def __init__(self, pieces: Pieces) -> None:
        self._blocks: dict[int, _Block] = {}
        self._module = pieces.module
        self.imports: list[Import] = []
        self._attributes: dict[int, dict[str, list[Bound]]] = {}
        for piece in pieces.pieces:
            self._take(piece.node, piece.enclosure)
        for function, body in pieces.functions:
            self._parameters(function, body)

    def bound(self, name: str, here: Enclosure) -> Bound | None:
        """The expression that a name is bound to, if it is bound once in the block that it belongs to."""
        for block in self._blocks_from(here):
            if name in block.globals:
                continue
            if name in block.bound:
                found = block.bound[name]
                return found[0] if len(found) == 1 else None
            if name in block.parameters:
                return block.parameters[name]
            if name in block.imported:
                return None
        return None

    def is_local(self, name: str, here: Enclosure) -> bool:
        """Whether a name belongs to a function on the way, so that the module's of that name is another."""
        for block in self._blocks_from(here):
            if block is self._blocks.get(id(self._module)):
                return False
            if name in block.globals:
                return False
            if name in block.bound or name in block.parameters or name in block.imported:
                return True
        return False

    def at_module(self, name: str) -> list[Bound]:
        """What a module-level name is bound to, each time."""
        block = self._blocks.get(id(self._module))
        return block.bound.get(name, []) if block else []

    def module_names(self) -> Iterator[str]:
        """All names that are bound at module level."""
        block = self._blocks.get(id(self._module))
        return iter(block.bound if block else ())

    def class_attributes(self, owner: Enclosure) -> dict[str, list[Bound]]:
        """What a class body binds."""
        block = self._blocks.get(id(owner))
        return block.bound if block else {}

    def declares_global(self, name: str, here: Enclosure) -> bool:
        """Whether the function says `global name`."""
        function = here.function()
        block = self._blocks.get(id(function)) if function else None
        return block is not None and name in block.globals

    def attribute(self, name: str, here: Enclosure) -> Bound | None:
        """What `self.name` is bound to, once, in the class around `here`."""
        owner = here.owner()
        if owner is None:
            return None
        found = [*self._own(owner).get(name, ()), *self.class_attributes(owner).get(name, ())]
        return found[0] if len(found) == 1 else None

    def _own(self, owner: Enclosure) -> dict[str, list[Bound]]:
        return self._attributes.get(id(owner), {})

    def written(self, node: ast.AST) -> str:
        """A dotted expression as it stands: `app.run`; what is no name is `()` or `[]`."""
        parts: list[str] = []
        while True:
            if isinstance(node, ast.Attribute):
                parts.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Call):
                parts.append("()")
                node = node.func
            elif isinstance(node, ast.Subscript):
                parts.append("[]")
                node = node.value
            elif isinstance(node, ast.Name):
                parts.append(node.id)
                break
            elif isinstance(node, ast.Await):
                node = node.value
            else:
                parts.append("")
                break
            if len(parts) > 40:
                break
        return ".".join(reversed(parts)).replace(".()", "()").replace(".[]", "[]")

    def resolved(self, node: ast.AST, here: Enclosure, hops: int = 3) -> str:
        """A dotted expression by what its first name stands for: an import, or the class it was made from."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute) and len(parts) < 40:
            parts.append(node.attr)
            if isinstance(node.value, ast.Name) and node.value.id == "self" and hops:
                bound = self.attribute(node.attr, here)
                made = self._made(bound, hops) if bound else None
                if made:
                    return ".".join([made, *reversed(parts[:-1])])
            node = node.value
        base = self._base(node, here, hops)
        return ".".join([base, *reversed(parts)]) if base else ".".join(["", *reversed(parts)])

    def _base(self, node: ast.AST, here: Enclosure, hops: int) -> str:
        if isinstance(node, ast.Await):
            node = node.value
        if isinstance(node, ast.Name):
            return self._name(node.id, here, hops)
        if isinstance(node, ast.Call):
            return self.resolved(node.func, here, hops - 1) if hops else ""
        if isinstance(node, ast.Subscript):
            inner = self.resolved(node.value, here, hops)
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            return f"{inner}.{key}" if isinstance(key, str) else inner
        return ""

    def _name(self, name: str, here: Enclosure, hops: int) -> str:
        for block in self._blocks_from(here):
            if name in block.globals:
                continue
            if name in block.bound:
                found = block.bound[name]
                made = self._made(found[0], hops) if len(found) == 1 and hops else None
                return made or name
            if name in block.parameters:
                note = block.annotated.get(name)
                typed = self.resolved(note, self._module, hops - 1) if note is not None and hops else ""
                return name if not typed or typed.startswith(".") or typed in _PLAIN_TYPES else typed
            if name in block.imported:
                return block.imported[name]
        return name

    def _made(self, bound: Bound, hops: int) -> str | None:
        """The class or name that an expression makes an object of, or stands for."""
        node = bound.node.value if isinstance(bound.node, ast.Await) else bound.node
        if isinstance(node, ast.Call):
            made = self.resolved(node.func, bound.enclosure, hops - 1)
            return made if made and not made.startswith(".") else None
        if isinstance(node, ast.Attribute):
            made = self.resolved(node, bound.enclosure, hops - 1)
            return made if made and not made.startswith(".") else None
        if isinstance(node, ast.Name) and hops > 1:
            return self._name(node.id, bound.enclosure, hops - 2)
        return None

    def _blocks_from(self, here: Enclosure) -> Iterator[_Block]:
        """The blocks that a name is looked up in, innermost first: a class body is seen only from within itself."""
        at: Enclosure | None = here.block()
        first = True
        while at is not None:
            block = self._blocks.get(id(at))
            if block is not None and (first or at.kind != "class"):
                yield block
            first = False
            at = at.above.block() if at.above is not None else None

    def _block(self, enclosure: Enclosure) -> _Block:
        return self._blocks.setdefault(id(enclosure.block()), _Block())

    def _take(self, node: ast.AST, here: Enclosure) -> None:
        match node:
            case ast.Assign():
                for target in node.targets:
                    self._bind(target, node.value, here, node.lineno)
            case ast.AnnAssign():
                if isinstance(node.target, ast.Name):
                    self._block(here).annotated[node.target.id] = node.annotation
                if node.value is not None:
                    self._bind(node.target, node.value, here, node.lineno)
            case ast.AugAssign():
                self._bind(node.target, node.value, here, node.lineno)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, item.context_expr, here, node.lineno)
            case ast.For() | ast.AsyncFor():
                self._lose(node.target, here)
            case ast.Global() | ast.Nonlocal():
                self._block(here).globals.update(node.names)
            case ast.Import() | ast.ImportFrom():
                self._import(node, here)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._block(here).imported.setdefault(node.name, node.name)

    def _bind(self, target: ast.expr, value: ast.expr, here: Enclosure, line: int) -> None:
        if isinstance(target, ast.Name):
            block = self._block(here)
            bound = Bound(value, here, line)
            if target.id in block.globals:
                block = self._block(self._module)
            block.bound.setdefault(target.id, []).append(bound)
        elif isinstance(target, ast.Tuple | ast.List):
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                for one, given in zip(target.elts, value.elts, strict=True):
                    self._bind(one, given, here, line)
            else:
                self._lose(target, here)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            owner = here.owner()
            if target.value.id in ("self", "cls") and owner is not None:
                own = self._attributes.setdefault(id(owner), {})
                own.setdefault(target.attr, []).append(Bound(value, here, line))

    def _lose(self, target: ast.expr, here: Enclosure) -> None:
        """Names that take many values: what they are cannot be told."""
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                found = self._block(here).bound.setdefault(node.id, [])
                found.extend([Bound(node, here, node.lineno)] * 2)

    def _parameters(self, node: ast.FunctionDef | ast.AsyncFunctionDef, body: Enclosure) -> None:
        block = self._block(body)
        above = body.above or self._module
        arguments = node.args
        plain = [*arguments.posonlyargs, *arguments.args]
        defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
        pairs = [*zip(plain, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
        for one, default in pairs:
            block.parameters[one.arg] = None if default is None else Bound(default, above, node.lineno)
            if one.annotation is not None:
                block.annotated[one.arg] = one.annotation
        for rest in (arguments.vararg, arguments.kwarg):
            if rest is not None:
                block.parameters[rest.arg] = None

    def _import(self, node: ast.Import | ast.ImportFrom, here: Enclosure) -> None:
        imported = self._block(here).imported
        scope = here.scope()
        guards = scope.guards
        optional = any("ImportError" in one or "ModuleNotFoundError" in one or one == "try Exception" for one in guards)
        typing = any("TYPE_CHECKING" in one and not one.startswith("not ") for one in guards)
        guarded = any(not one.startswith(("try", "except")) for one in guards)
        where = {"optional": optional, "typing": typing, "in_function": not scope.at_import, "guarded": guarded}
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.imports.append(Import(alias.name, (), node.lineno, **where))
                imported[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
            return
        module = "." * node.level + (node.module or "")
        self.imports.append(Import(module, tuple(alias.name for alias in node.names), node.lineno, **where))
        for alias in node.names:
            joint = "" if module.endswith(".") else "."
            imported[alias.asname or alias.name] = f"{module}{joint}{alias.name}"
