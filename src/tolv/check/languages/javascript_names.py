"""What binds names in JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tree_sitter import Node

from tolv.check.languages.forms import Bound, How, Invoke, Many
from tolv.check.languages.javascript_modules import import_bounds
from tolv.check.languages.literals import unescaped
from tolv.check.languages.syntax import Visit

if TYPE_CHECKING:
    from tolv.check.languages.javascript import JavaScript

_SCHEMA = frozenset({"default", "format", "doc", "sensitive"})


def bound(dialect: JavaScript, visit: Visit) -> Iterator[Bound]:
    """The names that a node binds."""
    node = visit.node
    match node.type:
        case "import_statement":
            yield from import_bounds(dialect, visit)
        case "variable_declarator":
            name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            if name is not None:
                yield from _pattern(dialect, name, value, node.child_by_field_name("type"))
        case "assignment_expression":
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is not None and right is not None:
                yield from _assigned(dialect, left, right, "assign")
        case "augmented_assignment_expression":
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is not None and right is not None:
                yield from _assigned(dialect, left, right, "augment")
        case "pair":
            yield from _pair(dialect, visit)
        case "field_definition" | "public_field_definition" | "enum_assignment":
            yield from _field(dialect, node)
        case "formal_parameters":
            for parameter in node.named_children:
                yield from _parameter(dialect, parameter)
        case "arrow_function":
            single = node.child_by_field_name("parameter")
            if single is not None:
                yield from _parameter(dialect, single)
        case "jsx_attribute":
            yield from _attribute(dialect, node)
        case "catch_clause" | "for_in_statement":
            name = node.child_by_field_name("parameter") or node.child_by_field_name("left")
            if name is not None and name.type == "identifier":
                yield _simple(dialect, name, None)


def _simple(
    dialect: JavaScript, name: Node, value: Node | None, how: How = "assign", *, declares: bool = True
) -> Bound:
    text = dialect.syntax.text(name)
    return Bound(text, text, name, value, how, declares=declares)


def _assigned(dialect: JavaScript, left: Node, right: Node, how: How) -> Iterator[Bound]:
    if left.type in ("object_pattern", "array_pattern"):
        yield from _pattern(dialect, left, right, None)
    elif left.type == "identifier":
        yield _simple(dialect, left, right, how, declares=False)
    else:
        name = None
        if left.type == "member_expression":
            property_ = left.child_by_field_name("property")
            name = dialect.syntax.text(property_) if property_ is not None else None
        elif left.type == "subscript_expression":
            index = left.child_by_field_name("index")
            name = unescaped(dialect.syntax, index) if index is not None and index.type == "string" else None
        if name is not None:
            yield Bound(name, dialect.syntax.brief(left), left, right, how, plain=False)


def _pattern(dialect: JavaScript, name: Node, value: Node | None, type_: Node | None) -> Iterator[Bound]:
    """`a`, `{a, b: c = 1}`, `[a, b]`: what is nested deeper in a pattern has no value that could be told."""
    if name.type == "identifier":
        text = dialect.syntax.text(name)
        yield Bound(text, text, name, value, type=type_)
        return
    for part in name.named_children[:200]:
        yield from _destructured(dialect, part, value if name.type == "object_pattern" else None)


def _destructured(dialect: JavaScript, part: Node, value: Node | None) -> Iterator[Bound]:
    default = None
    member, local = part, part
    if part.type == "pair_pattern":
        key, inner = part.child_by_field_name("key"), part.child_by_field_name("value")
        if key is None or inner is None:
            return
        member, local = key, inner
    if local.type in ("object_assignment_pattern", "assignment_pattern"):
        left, default = local.child_by_field_name("left"), local.child_by_field_name("right")
        if left is None:
            return
        member, local = (left, left) if member.id == local.id else (member, left)
    if local.type == "rest_pattern":
        local = local.named_children[0] if local.named_children else local
        value = None
    if local.type in ("object_pattern", "array_pattern"):
        for inner in local.named_children[:200]:  # one level further: `{a: {b}}`
            if inner.type in ("shorthand_property_identifier_pattern", "identifier"):
                yield _simple(dialect, inner, None)
        return
    text = dialect.syntax.text(local)
    yield Bound(text, text, local, value, member=dialect.key(member) if value is not None else None, default=default)


def _pair(dialect: JavaScript, visit: Visit) -> Iterator[Bound]:
    key, value = visit.node.child_by_field_name("key"), visit.node.child_by_field_name("value")
    name = dialect.key(key) if key is not None else None
    if name is None or key is None or value is None:
        return
    call = visit.up.up.up if visit.up and visit.up.up and visit.up.up.node.type == "arguments" else None
    variable, default = _schema(dialect, name, value, call.node if call else None)
    yield Bound(
        name,
        name if call is None else f"{name}:",
        visit.node,
        value,
        "key" if call is None else "keyword",
        plain=False,
        variable=variable,
        default=default,
        call=call.node if call else None,
    )


def _schema(dialect: JavaScript, name: str, value: Node, call: Node | None) -> tuple[str | None, Node | None]:
    """The variable that a schema of settings reads: convict's `{env: "PORT", default: 80}`, and envalid's
    `cleanEnv(process.env, {PORT: port({default: 80})})`."""
    form = dialect.form(value)
    if isinstance(form, Many) and form.kind == "dict":
        items = {key: node for key, node in form.items if key is not None}
        variable = items.get("env")
        if variable is not None and variable.type == "string" and not _SCHEMA.isdisjoint(items):
            return unescaped(dialect.syntax, variable), items.get("default")
    callee = call.child_by_field_name("function") if call is not None else None
    if callee is not None and dialect.syntax.brief(callee).endswith("cleanEnv") and isinstance(form, Invoke):
        given = [dialect.form(one.node) for one in form.arguments]
        options = {key: node for one in given if isinstance(one, Many) for key, node in one.items if key is not None}
        return name, options.get("default")
    return None, None


def _field(dialect: JavaScript, node: Node) -> Iterator[Bound]:
    name = node.child_by_field_name("property") or node.child_by_field_name("name")
    if name is None:
        return
    text = (dialect.key(name) or "").removeprefix("#")
    static = any(child.type == "static" for child in node.children)
    target = f"static {text}" if static else text
    value, type_ = node.child_by_field_name("value"), node.child_by_field_name("type")
    yield Bound(text, target, node, value, "attribute", plain=False, type=type_)


def _parameter(dialect: JavaScript, node: Node) -> Iterator[Bound]:
    pattern, value, type_ = node, node.child_by_field_name("value"), node.child_by_field_name("type")
    if node.type in ("required_parameter", "optional_parameter"):
        pattern = node.child_by_field_name("pattern") or node
    elif node.type == "assignment_pattern":
        pattern = node.child_by_field_name("left") or node
        value = node.child_by_field_name("right")
    if pattern.type in ("identifier", "this"):
        text = dialect.syntax.text(pattern)
        yield Bound(text, text, pattern, value, "parameter", type=type_)
        if any(child.type == "accessibility_modifier" for child in node.children):
            yield Bound(text, f"this.{text}", pattern, None, "parameter", plain=False, type=type_)
    else:
        for part in pattern.named_children[:200]:
            for one in _destructured(dialect, part, None):
                yield Bound(one.name, one.target, one.node, one.default, "parameter")


def _attribute(dialect: JavaScript, node: Node) -> Iterator[Bound]:
    children = node.named_children
    if len(children) == 2:
        yield Bound(
            dialect.syntax.text(children[0]), dialect.syntax.text(children[0]), node, children[1], "key", plain=False
        )
