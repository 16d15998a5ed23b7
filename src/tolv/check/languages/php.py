"""PHP."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

import tree_sitter_php
from tree_sitter import Language, Node

from tolv.check.languages.dialect import Changing, Conversions, Dialect, Environment, Signature, listed
from tolv.check.languages.forms import (
    OPAQUE,
    Argument,
    Bound,
    Choice,
    Compare,
    Form,
    How,
    Invoke,
    Many,
    Member,
    Name,
    Pieces,
    Same,
    Sum,
    Text,
)
from tolv.check.languages.literals import inside, number, without_escapes
from tolv.check.languages.syntax import Frame, Framing, Visit
from tolv.check.languages.tree_source import TreeSource
from tolv.check.source import Import

_INCLUDES = ("require_expression", "require_once_expression", "include_expression", "include_once_expression")
_CLASSES = ("class_declaration", "trait_declaration", "enum_declaration", "interface_declaration")
_REQUEST = (
    *("HTTP", "REQUEST_", "SERVER_", "SCRIPT_", "PHP_", "REMOTE_", "QUERY_", "DOCUMENT_", "CONTENT_", "PATH_", "AUTH_"),
    *("arg", "ORIG_", "REDIRECT_", "GATEWAY_", "CONTEXT_", "UNIQUE_ID"),
)


@cache
def _grammar() -> Language:
    return Language(tree_sitter_php.language_php())


class Php(Dialect):
    """The syntax of PHP. Backslashes, `->` and `::` read as dots, variables without their `$`: `$this->db->query()` is
    `this.db.query`."""

    language = "php"
    calls = listed(
        "function_call_expression member_call_expression nullsafe_member_call_expression scoped_call_expression "
        "object_creation_expression attribute"
    )
    functions = frozenset({"function_definition", "method_declaration"})
    binders = listed(
        "assignment_expression augmented_assignment_expression const_element property_element "
        "array_element_initializer argument simple_parameter property_promotion_parameter static_variable_declaration "
        "function_call_expression namespace_use_clause"
    )
    imports = frozenset({"namespace_use_declaration", *_INCLUDES})
    import_words = listed("use require require_once include include_once")
    changers = listed("assignment_expression augmented_assignment_expression update_expression unset_statement")
    kept = frozenset({"static_variable_declaration"})
    kept_marks = re.compile(rb"\bstatic\s+\$")
    texts = frozenset({"string", "encapsed_string", "heredoc", "nowdoc", "binary_expression"})
    selves = frozenset({"this", "self", "static"})
    environment = Environment(
        mappings=frozenset({"_ENV", "_SERVER"}),
        calls=(("getenv", 0, None), ("env", 0, 1), ("Env.get", 0, 1), (".Env.get", 0, 1), ("apache_getenv", 0, None)),
        words=frozenset({"_ENV", "_SERVER", "getenv", "env", "Env", "apache_getenv"}),
    )
    conversions = Conversions(
        functions=listed("intval floatval boolval strval trim rtrim ltrim strtolower strtoupper filter_var json_decode")
    )
    options = True

    def grammar(self, path: str) -> Language:
        """That of PHP within a page."""
        return _grammar()

    def framings(self) -> dict[str, Framing]:
        """Classes, functions, conditions."""
        framings: dict[str, Framing] = dict.fromkeys(_CLASSES, self._class)
        framings |= dict.fromkeys((*self.functions, "anonymous_function", "arrow_function"), self._function)
        framings |= dict.fromkeys(
            ("if_statement", "else_if_clause", "conditional_expression"), lambda visit: self.branches(visit, yes="body")
        )
        framings["catch_clause"] = self._catch
        return framings

    def _class(self, visit: Visit) -> dict[int, Frame]:
        name, body = visit.node.child_by_field_name("name"), visit.node.child_by_field_name("body")
        text = self.syntax.text(name) if name is not None else "<anonymous>"
        return {body.id: visit.frame.inside("class", text)} if body is not None else {}

    def _function(self, visit: Visit) -> dict[int, Frame]:
        name = visit.node.child_by_field_name("name")
        frame = visit.frame.inside("function", self.syntax.text(name) if name is not None else "<anonymous>")
        return {child.id: frame for child in visit.node.children}

    def _catch(self, visit: Visit) -> dict[int, Frame]:
        body = visit.node.child_by_field_name("body")
        return {body.id: visit.frame.under("catch")} if body is not None else {}

    def form(self, node: Node) -> Form:
        """What a node is."""
        read = _FORMS.get(node.type)
        return read(self, node) if read else OPAQUE

    def _string(self, node: Node) -> Form:
        return Text(inside(self.syntax.text(node)).replace("\\'", "'").replace("\\\\", "\\"), "str")

    def _pieces(self, node: Node) -> Form:
        held = node.child_by_field_name("value") or node
        pieces: list[str | Node] = []
        for child in held.named_children:
            if child.type in ("string_content", "escape_sequence", "nowdoc_string"):
                pieces.append(without_escapes(self.syntax.text(child)))
            else:
                pieces.append(child)
        if all(isinstance(one, str) for one in pieces):
            return Text("".join(one for one in pieces if isinstance(one, str)), "str")
        return Pieces(tuple(pieces))

    def _number(self, node: Node) -> Form:
        return number(self.syntax.text(node))

    def _constant(self, node: Node) -> Form:
        text = self.syntax.text(node).lower()
        return Text(text, "null" if node.type == "null" else "bool")

    def _name(self, node: Node) -> Form:
        return Name(self.syntax.text(node).removeprefix("$"))

    def _qualified(self, node: Node) -> Form:
        parts = [part for part in self.syntax.text(node).split("\\") if part]
        return Name(".".join(parts)) if parts else OPAQUE

    def _member(self, node: Node) -> Form:
        of = node.child_by_field_name("object") or node.child_by_field_name("scope")
        name = node.child_by_field_name("name")
        if of is None and len(node.named_children) == 2:  # a constant of a class has no fields
            of, name = node.named_children
        return Member(of, self.syntax.text(name).removeprefix("$")) if of is not None and name is not None else OPAQUE

    def _subscript(self, node: Node) -> Form:
        children = node.named_children
        if not children:
            return OPAQUE
        form = self.form(children[1]) if len(children) > 1 else None
        name = form.text if isinstance(form, Text) and form.type == "str" else None
        return Member(children[0], name, children[1] if len(children) > 1 else None)

    def _call(self, node: Node) -> Form:
        given = node.child_by_field_name("arguments") or node.child_by_field_name("parameters")
        callee, name = node.child_by_field_name("function"), node.child_by_field_name("name")
        of = node.child_by_field_name("object") or node.child_by_field_name("scope")
        made = node.type in ("object_creation_expression", "attribute")
        if made:
            children = node.named_children
            given = next((child for child in children if child.type == "arguments"), None)
            callee = next((child for child in children if child.type != "arguments"), None)
        arguments = []
        for one in given.named_children if given is not None else ():
            if one.type == "argument" and one.named_children:
                key = one.child_by_field_name("name")
                arguments.append(Argument(one.named_children[-1], self.syntax.text(key) if key is not None else None))
        if callee is not None:
            return Invoke(tuple(arguments), callee=callee, made=made)
        return Invoke(tuple(arguments), of=of, name=self.syntax.text(name)) if name is not None else OPAQUE

    def _binary(self, node: Node) -> Form:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None:
            return OPAQUE
        match operator.type:
            case "??":
                return Choice((left, right))
            case "." | "+":
                return Sum(self.spine(node, operator.type))
            case "==" | "===" | "!=" | "!==":
                return Compare(left, right, operator.type[0] == "=")
        return OPAQUE

    def _conditional(self, node: Node) -> Form:
        condition, no = node.child_by_field_name("condition"), node.child_by_field_name("alternative")
        yes = node.child_by_field_name("body")
        if condition is None or no is None:
            return OPAQUE
        return Choice((condition, no)) if yes is None else Choice((yes, no), condition)

    def _first(self, node: Node) -> Form:
        return Same(node.named_children[0]) if node.named_children else OPAQUE

    def _last(self, node: Node) -> Form:
        return Same(node.named_children[-1]) if node.named_children else OPAQUE

    def _minus(self, node: Node) -> Form:
        operand = node.child_by_field_name("argument")
        if operand is not None and operand.type in ("integer", "float"):
            return Text(self.syntax.text(node), "int" if operand.type == "integer" else "float")
        return OPAQUE

    def _array(self, node: Node) -> Form:
        items: list[tuple[str | None, Node]] = []
        for child in node.named_children:
            inner = child.named_children if child.type == "array_element_initializer" else []
            if len(inner) == 2:
                form = self.form(inner[0])
                items.append((form.text if isinstance(form, Text) else None, inner[1]))
            elif inner:
                items.append((None, inner[0]))
        return Many("dict" if any(key is not None for key, _ in items) else "list", tuple(items))

    def bound(self, visit: Visit) -> Iterator[Bound]:
        """The names that a node binds."""
        node = visit.node
        match node.type:
            case "assignment_expression" | "augmented_assignment_expression":
                yield from self._assigned(node)
            case "const_element":
                yield from self._constant_of(visit)
            case "property_element" | "static_variable_declaration":
                yield from self._declared(visit)
            case "array_element_initializer" | "argument":
                yield from self._keyed(visit)
            case "simple_parameter" | "property_promotion_parameter":
                yield from self._parameter(node)
            case "function_call_expression":
                yield from self._defined(node)
            case "namespace_use_clause":
                yield from self._used(visit)

    def _assigned(self, node: Node) -> Iterator[Bound]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None:
            return
        augments = operator is not None and operator.type not in ("=", "??=")
        how: How = "augment" if augments else "assign"
        form = self.form(left)
        target = self.syntax.brief(left)
        if isinstance(form, Name):
            yield Bound(form.text, target, left, right, how)
        elif isinstance(form, Member) and form.name is not None:
            yield Bound(form.name, target, left, right, how, plain=False)

    def _constant_of(self, visit: Visit) -> Iterator[Bound]:
        children = visit.node.named_children
        if len(children) == 2:
            text = self.syntax.text(children[0])
            in_class = visit.frame.kind == "class"
            yield Bound(text, text, visit.node, children[1], "attribute" if in_class else "assign", plain=not in_class)

    def _declared(self, visit: Visit) -> Iterator[Bound]:
        node = visit.node
        name = node.child_by_field_name("name")
        if name is None:
            return
        value = node.child_by_field_name("default_value") or node.child_by_field_name("value")
        target = self.syntax.text(name)
        if node.type == "static_variable_declaration":
            yield Bound(target[1:], target, node, value)
        else:
            type_ = visit.up.node.child_by_field_name("type") if visit.up else None
            yield Bound(target[1:], target, node, value, "attribute", plain=False, type=type_)

    def _keyed(self, visit: Visit) -> Iterator[Bound]:
        node = visit.node
        name: str | None = None
        if node.type == "argument":
            key = node.child_by_field_name("name")
            name = self.syntax.text(key) if key is not None else None
        elif node.named_child_count == 2:
            form = self.form(node.named_children[0])
            name = form.text if isinstance(form, Text) else None
        if name is None or not node.named_children:
            return
        up = visit.up
        if node.type != "argument":
            up = up.up if up is not None else None
        if up is not None and up.node.type == "argument":
            up = up.up
        call = up.up.node if up and up.node.type == "arguments" and up.up else None
        value = node.named_children[-1]
        yield Bound(name, f"{name}:", node, value, "keyword" if call else "key", plain=False, call=call)

    def _parameter(self, node: Node) -> Iterator[Bound]:
        name, type_ = node.child_by_field_name("name"), node.child_by_field_name("type")
        if name is None:
            return
        target, value = self.syntax.text(name), node.child_by_field_name("default_value")
        yield Bound(target[1:], target, node, value, "parameter", type=type_)
        if node.type == "property_promotion_parameter":
            yield Bound(target[1:], f"$this->{target[1:]}", node, None, "parameter", plain=False, type=type_)

    def _defined(self, node: Node) -> Iterator[Bound]:
        """`define("NAME", value)`."""
        callee = node.child_by_field_name("function")
        if callee is None or self.syntax.text(callee).lower() not in ("define", "\\define"):
            return
        form = self._call(node)
        if isinstance(form, Invoke) and len(form.arguments) >= 2:
            name = self.form(form.arguments[0].node)
            if isinstance(name, Text):
                yield Bound(name.text, self.syntax.brief(node, 60), node, form.arguments[1].node)

    def _used(self, visit: Visit) -> Iterator[Bound]:
        up = visit.up
        group = up.up.node if up is not None and up.up is not None and up.node.type == "namespace_use_group" else None
        module = self._module(visit.node, group)
        alias = visit.node.child_by_field_name("alias")
        name = self.syntax.text(alias) if alias is not None else module.rpartition("\\")[2]
        yield Bound(name, name, visit.node, path=module.replace("\\", "."))

    def _module(self, clause: Node, group: Node | None) -> str:
        """The whole name of what `use` takes, with its group's."""
        children = clause.named_children
        name = self.syntax.text(children[0]) if children else ""
        outer = [one for one in group.named_children if one.type == "namespace_name"] if group is not None else []
        return (f"{self.syntax.text(outer[0])}\\{name}" if outer else name).strip("\\")

    def imported(self, visit: Visit) -> Iterator[Import]:
        """`use`, `require`, `include`; a file next to this one begins with `./`."""
        node, scope = visit.node, visit.frame.scope
        line = node.start_point.row + 1
        if node.type == "namespace_use_declaration":
            groups = [one for one in node.named_children if one.type == "namespace_use_group"]
            for one in groups[0].named_children if groups else node.named_children:
                if one.type == "namespace_use_clause":
                    yield Import(self._module(one, node if groups else None), (), one.start_point.row + 1)
            return
        path = self._path(node.named_children[0]) if node.named_children else None
        if path is not None:
            optional = node.type.startswith("include")
            yield Import(path, (), line, optional=optional, in_function=not scope.at_import, guarded=bool(scope.guards))

    def _path(self, node: Node) -> str | None:
        form = self.form(node)
        for _ in range(4):
            if isinstance(form, Same):
                form = self.form(form.node)
        if isinstance(form, Text):
            return form.text
        if isinstance(form, Sum) and len(form.nodes) == 2:
            first, rest = self.syntax.brief(form.nodes[0], 60), self.form(form.nodes[1])
            if isinstance(rest, Text) and first in ("__DIR__", "dirname(__FILE__)"):
                return f".{rest.text}" if rest.text.startswith("/") else f"./{rest.text}"
        return None

    def signature(self, visit: Visit) -> Signature | None:
        """A function or method, with its attributes."""
        name, given = visit.node.child_by_field_name("name"), visit.node.child_by_field_name("parameters")
        if name is None:
            return None
        every = given.named_children if given is not None else []
        names = (one.child_by_field_name("name") for one in every)
        parameters = tuple(self.syntax.text(one).removeprefix("$") for one in names if one is not None)
        listed_ = visit.node.child_by_field_name("attributes")
        groups = listed_.named_children if listed_ is not None else []
        return Signature(
            self.syntax.text(name), parameters, tuple(one for group in groups for one in group.named_children)
        )

    def changed(self, visit: Visit) -> Iterator[Changing]:
        """Assignments, `++` and `unset`."""
        node = visit.node
        target = node.child_by_field_name("left") or node.child_by_field_name("argument")
        if node.type == "unset_statement":
            for one in node.named_children:
                yield Changing(one, "delete", node)
        elif target is not None:
            yield Changing(target, "rebind" if node.type == "assignment_expression" else "augment", node)

    def keeps(self, visit: Visit, bound: Bound) -> bool:
        """Static properties and variables, and those of the file."""
        if bound.how == "attribute":
            return visit.up is not None and any(child.type == "static_modifier" for child in visit.up.node.children)
        return super().keeps(visit, bound)

    def is_variable(self, mapping: str, name: str | None) -> bool:
        """`$_SERVER` holds the request beside the environment."""
        return mapping != "_SERVER" or (name is not None and not name.startswith(_REQUEST))

    def is_text(self, visit: Visit) -> bool:
        """No key of an array, no file that is included."""
        node, up = visit.node, visit.up
        if node.type == "binary_expression":
            return self.is_whole(visit, ".")
        if up is None or up.node.type in _INCLUDES:
            return False
        keyed = up.node.type == "array_element_initializer" and up.node.named_child_count == 2
        return not keyed or up.node.named_children[0].id != node.id


_Read = Callable[[Php, Node], Form]
_FORMS: dict[str, _Read] = {
    "string": Php._string,
    "encapsed_string": Php._pieces,
    "heredoc": Php._pieces,
    "nowdoc": Php._pieces,
    "integer": Php._number,
    "float": Php._number,
    "boolean": Php._constant,
    "null": Php._constant,
    "name": Php._name,
    "variable_name": Php._name,
    "relative_scope": Php._name,
    "qualified_name": Php._qualified,
    "named_type": Php._first,
    "optional_type": Php._first,
    "member_access_expression": Php._member,
    "nullsafe_member_access_expression": Php._member,
    "scoped_property_access_expression": Php._member,
    "class_constant_access_expression": Php._member,
    "subscript_expression": Php._subscript,
    "function_call_expression": Php._call,
    "member_call_expression": Php._call,
    "nullsafe_member_call_expression": Php._call,
    "scoped_call_expression": Php._call,
    "object_creation_expression": Php._call,
    "attribute": Php._call,
    "binary_expression": Php._binary,
    "conditional_expression": Php._conditional,
    "unary_op_expression": Php._minus,
    "parenthesized_expression": Php._first,
    "assignment_expression": Php._last,
    "cast_expression": Php._last,
    "argument": Php._last,
    "array_creation_expression": Php._array,
}


class PhpSource(TreeSource):
    """A file of PHP."""

    def __init__(self, path: str, data: bytes) -> None:
        super().__init__(path, data, Php())
