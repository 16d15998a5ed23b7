"""Imports and exports of JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tree_sitter import Node

from tolv.check.languages.forms import Bound
from tolv.check.languages.literals import unescaped
from tolv.check.languages.syntax import Visit
from tolv.check.source import Import

if TYPE_CHECKING:
    from tolv.check.languages.javascript import JavaScript

_SUFFIXES = (".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".json")


def module_name(text: str) -> str:
    """A module's name in dotted names: without `node:`, and without the suffix of a file."""
    name = text.removeprefix("node:")
    if name.startswith((".", "/", "@/", "~/")):
        for suffix in _SUFFIXES:
            if name.endswith(suffix):
                return name.removesuffix(suffix)
    return name


#: `import { type A, type B } from`
_ONLY_TYPES = re.compile(r"import\s*\{\s*type\s[^,}]*(?:,\s*type\s[^,}]*)*,?\s*\}")


def imported(dialect: JavaScript, visit: Visit) -> Iterator[Import]:
    """`import a, {b} from "x"`, `import fs = require("fs")`."""
    source = _source(visit.node)
    if source is None:
        return
    bounds = list(import_bounds(dialect, visit))
    names = tuple(one.member for one in bounds if one.member is not None)
    typing = any(child.type in ("type", "typeof") for child in visit.node.children[:2])
    typing = typing or _ONLY_TYPES.match(dialect.syntax.brief(visit.node, 2000)) is not None
    typing = typing or (bool(bounds) and _is_erased(dialect, visit.node, [one.name for one in bounds]))
    yield Import(unescaped(dialect.syntax, source), names, visit.node.start_point.row + 1, typing=typing)


#: Decorators have the types of what they decorate kept.
_DECORATOR = re.compile(rb"^\s*@[A-Za-z]\w*", re.MULTILINE)


def _is_erased(dialect: JavaScript, node: Node, names: list[str]) -> bool:
    """Whether the names of an import stand only where TypeScript has types: a compiler leaves the import out."""
    data, root = dialect.syntax.data, dialect.syntax.root
    if root is None or _DECORATOR.search(data) is not None:
        return False
    used = False
    for name in names:
        for match in re.finditer(rb"(?<![\w$])%s(?![\w$])" % re.escape(name.encode()), data):
            if node.start_byte <= match.start() < node.end_byte:
                continue
            at = root.descendant_for_byte_range(match.start(), match.end())
            if at is None or at.type in (
                "comment",
                "string_fragment",
                "template_string",
                "jsx_text",
                "property_identifier",
            ):
                continue
            if at.type != "type_identifier":
                return False
            used = True
    return used


def exported(dialect: JavaScript, visit: Visit) -> Iterator[Import]:
    """`export {a} from "x"`, `export * from "x"`."""
    source = visit.node.child_by_field_name("source")
    if source is None:
        return
    names = [
        dialect.syntax.text(name)
        for clause in visit.node.named_children
        if clause.type == "export_clause"
        for one in clause.named_children
        if (name := one.child_by_field_name("name")) is not None
    ]
    typing = any(child.type == "type" for child in visit.node.children[:2])
    yield Import(unescaped(dialect.syntax, source), tuple(names), visit.node.start_point.row + 1, typing=typing)


def import_bounds(dialect: JavaScript, visit: Visit) -> Iterator[Bound]:
    """The names that an import gives; `member` is the name in the module, None for the module itself."""
    source = _source(visit.node)
    if source is None:
        return
    module = module_name(unescaped(dialect.syntax, source))
    for clause in visit.node.named_children:
        if clause.type == "import_require_clause" and clause.named_children:
            yield _whole(dialect, clause.named_children[0], module)
        if clause.type != "import_clause":
            continue
        for part in clause.named_children:
            if part.type == "identifier":
                yield _whole(dialect, part, module)
            elif part.type == "namespace_import" and part.named_children:
                yield _whole(dialect, part.named_children[0], module)
            elif part.type == "named_imports":
                yield from _named(dialect, part, module)


def _named(dialect: JavaScript, clause: Node, module: str) -> Iterator[Bound]:
    for one in clause.named_children:
        name = one.child_by_field_name("name")
        if name is None:
            continue
        local = one.child_by_field_name("alias") or name
        text, taken = dialect.syntax.text(local), dialect.syntax.text(name)
        path = module if taken == "default" else f"{module}.{taken}"
        yield Bound(text, text, local, path=path, member=taken)


def _whole(dialect: JavaScript, name: Node, module: str) -> Bound:
    text = dialect.syntax.text(name)
    return Bound(text, text, name, path=module)


def _source(node: Node) -> Node | None:
    source = node.child_by_field_name("source")
    if source is not None:
        return source
    clauses = (child for child in node.named_children if child.type == "import_require_clause")
    return next((clause.child_by_field_name("source") for clause in clauses), None)
