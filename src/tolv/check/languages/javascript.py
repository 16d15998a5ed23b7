"""JavaScript and TypeScript, with JSX."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cache

import tree_sitter_javascript
import tree_sitter_typescript
from tree_sitter import Language, Node

from tolv.check.languages.dialect import Changing, Conversions, Dialect, Environment, Signature, listed
from tolv.check.languages.forms import (
    OPAQUE,
    Argument,
    Bound,
    Choice,
    Compare,
    Form,
    Invoke,
    Many,
    Member,
    Name,
    Pieces,
    Same,
    Sum,
    Text,
)
from tolv.check.languages.javascript_modules import exported, imported, module_name
from tolv.check.languages.javascript_names import bound
from tolv.check.languages.literals import number, unescaped
from tolv.check.languages.syntax import Frame, Framing, Visit
from tolv.check.languages.tree_source import TreeSource
from tolv.check.source import Import

_ENVIRONMENT = Environment(
    mappings=frozenset({"process.env", "import.meta.env", "Bun.env", "window.process.env", "global.process.env"}),
    calls=(
        ("Deno.env.get", 0, None),
        ("env-var.get", 0, None),
        (".ConfigService.get", 0, 1),
        (".ConfigService.getOrThrow", 0, None),
    ),
    defaulting=frozenset({"default"}),
    words=frozenset({"env"}),
    schemas=frozenset({"cleanEnv", "ConfigService", "env-var", "convict"}),
)
_CONVERSIONS = Conversions(
    functions=listed(
        "parseInt parseFloat Number String Boolean Number.parseInt Number.parseFloat JSON.parse Buffer.from BigInt URL "
        "encodeURIComponent decodeURIComponent normalizePort"
    ),
    methods=listed(
        "trim trimEnd trimStart toString toLowerCase toUpperCase split replace replaceAll required asString asInt "
        "asIntPositive asPortNumber asBool asBoolStrict asUrlString asArray asJson asFloat valueOf"
    ),
)
_ASSIGNED = {"=": "rebind", "??=": "rebind", "||=": "rebind", "&&=": "rebind"}


@cache
def _grammar(name: str) -> Language:
    if name == "tsx":
        return Language(tree_sitter_typescript.language_tsx())
    if name == "ts":
        return Language(tree_sitter_typescript.language_typescript())
    return Language(tree_sitter_javascript.language())


_EXPORTED_TYPES = re.compile(rb"\bexport\s+type\s+\*")
#: ``styled.div<{ wide?: boolean }>`…` ``
_TYPED_TEMPLATES = re.compile(rb"(?<=[\w)])<(?:\{[^{}`]*\}|[\w.]+(?:<[^<>`]*>)?)>(?=`)")
#: In an attribute, and between two tags.
_AMPERSANDS = re.compile(rb"=\"[^\"\n]*&[^\"\n]*\"|='[^'\n]*&[^'\n]*'|>[^<>{}();=]*&[^<>{}();=]*<", re.ASCII)


class JavaScript(Dialect):
    """The syntax of JavaScript."""

    language = "javascript"
    calls = frozenset({"call_expression", "new_expression"})
    functions = frozenset(
        {
            "function_declaration",
            "generator_function_declaration",
            "method_definition",
            "arrow_function",
            "function_expression",
            "generator_function",
        }
    )
    function_marks = re.compile(rb"\bfunction\b|=>|\)\s*[{:]")
    binders = frozenset(
        {
            "variable_declarator",
            "assignment_expression",
            "augmented_assignment_expression",
            "pair",
            "field_definition",
            "public_field_definition",
            "enum_assignment",
            "formal_parameters",
            "arrow_function",
            "import_statement",
            "catch_clause",
            "for_in_statement",
            "jsx_attribute",
        }
    )
    imports = frozenset({"import_statement", "export_statement", "call_expression"})
    import_words = frozenset({"import", "require", "from"})
    changers = frozenset(
        {
            "assignment_expression",
            "augmented_assignment_expression",
            "update_expression",
            "unary_expression",
            "call_expression",
        }
    )
    mutators = listed("push pop shift unshift splice sort reverse fill copyWithin set add delete clear")
    texts = frozenset({"string", "template_string", "binary_expression"})
    environment = _ENVIRONMENT
    conversions = _CONVERSIONS
    options = True

    def grammar(self, path: str) -> Language:
        """That of TypeScript where the suffix says so; JSX is in all but `.ts`."""
        suffix = path.rpartition(".")[2].lower()
        return _grammar({"ts": "ts", "mts": "ts", "cts": "ts", "tsx": "tsx"}.get(suffix, "js"))

    def respelled(self, data: bytes) -> bytes:
        """`export type *`, types before a template, and the `&` that JSX takes for the start of a character's name."""
        data = _EXPORTED_TYPES.sub(lambda match: match[0].replace(b"type", b"    "), data)
        data = _TYPED_TEMPLATES.sub(lambda match: b"".join(b"\n" if one == 10 else b" " for one in match[0]), data)
        return _AMPERSANDS.sub(lambda match: match[0].replace(b"&", b"+"), data)

    def form(self, node: Node) -> Form:
        """What a node is."""
        read = _FORMS.get(node.type)
        return read(self, node) if read else OPAQUE

    def framings(self) -> dict[str, Framing]:
        """Functions, classes and conditions."""
        framings: dict[str, Framing] = dict.fromkeys(self.functions, self._function)
        framings |= dict.fromkeys(("class_declaration", "class", "abstract_class_declaration"), self._class)
        framings |= dict.fromkeys(("if_statement", "ternary_expression"), self.branches)
        framings |= {"try_statement": self._try, "binary_expression": self._and}
        return framings

    def _function(self, visit: Visit) -> dict[int, Frame]:
        if _runs_at_once(visit):
            return {}
        frame = visit.frame.inside("function", self._named(visit) or "<anonymous>")
        return {child.id: frame for child in visit.node.children}

    def _named(self, visit: Visit) -> str | None:
        """A function's own name, or that of what it is given to."""
        name = visit.node.child_by_field_name("name")
        if name is not None:
            return self.syntax.text(name)
        up = visit.up
        for field in ("name", "left", "key", "property"):
            given = up.node.child_by_field_name(field) if up and up.node.type in self.binders else None
            if given is not None and given.id != visit.node.id:
                return self.syntax.brief(given).rpartition(".")[2].strip("'\"")
        return None

    def _class(self, visit: Visit) -> dict[int, Frame]:
        name = visit.node.child_by_field_name("name")
        body = visit.node.child_by_field_name("body")
        text = self.syntax.text(name) if name is not None else "<anonymous>"
        return {body.id: visit.frame.inside("class", text)} if body is not None else {}

    def _and(self, visit: Visit) -> dict[int, Frame]:
        operator, right = (visit.node.child_by_field_name(field) for field in ("operator", "right"))
        left = visit.node.child_by_field_name("left")
        if operator is None or right is None or left is None or operator.type != "&&":
            return {}
        return {right.id: visit.frame.under(self.syntax.brief(left))}

    def _try(self, visit: Visit) -> dict[int, Frame]:
        handler = visit.node.child_by_field_name("handler")
        return {handler.id: visit.frame.under("catch")} if handler is not None else {}

    def _string(self, node: Node) -> Form:
        return Text(unescaped(self.syntax, node), "str")

    def _template(self, node: Node) -> Form:
        pieces: list[str | Node] = []
        for child in node.named_children:
            if child.type == "template_substitution":
                pieces.extend(child.named_children[:1])
            else:
                pieces.append(self.syntax.text(child))
        return Pieces(tuple(pieces)) if pieces else Text("", "str")

    def _number(self, node: Node) -> Form:
        return number(self.syntax.text(node))

    def _word(self, node: Node) -> Form:
        if node.type == "undefined" or (node.type == "identifier" and node.end_byte - node.start_byte == 9):
            return Text("undefined", "null") if self.syntax.text(node) == "undefined" else self._name(node)
        return self._name(node)

    def _name(self, node: Node) -> Form:
        return Name(self.syntax.text(node))

    def _constant(self, node: Node) -> Form:
        return Text(node.type, "null" if node.type == "null" else "bool")

    def _regex(self, node: Node) -> Form:
        return OPAQUE

    def _member(self, node: Node) -> Form:
        of, name = node.child_by_field_name("object"), node.child_by_field_name("property")
        if of is None or name is None:
            return OPAQUE
        return Member(of, self.syntax.text(name))

    def _subscript(self, node: Node) -> Form:
        of, index = node.child_by_field_name("object"), node.child_by_field_name("index")
        if of is None or index is None:
            return OPAQUE
        return Member(of, unescaped(self.syntax, index) if index.type == "string" else None, index)

    def _meta(self, node: Node) -> Form:
        return Name(self.syntax.text(node))

    def _call(self, node: Node) -> Form:
        callee = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        given = node.child_by_field_name("arguments")
        if callee is None:
            return OPAQUE
        arguments = given.named_children if given is not None and given.type == "arguments" else []
        if given is not None and given.type == "template_string":
            arguments = [given]
        plain = tuple(Argument(one) for one in arguments if one.type != "comment")
        return Invoke(plain, callee=callee, made=node.type == "new_expression")

    def _binary(self, node: Node) -> Form:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None:
            return OPAQUE
        match operator.type:
            case "||" | "??":
                return Choice(self.spine(node, operator.type))
            case "&&":
                return Same(right)
            case "+":
                return Sum(self.spine(node, "+"))
            case "==" | "===" | "!=" | "!==":
                return Compare(left, right, operator.type[0] == "=")
            case "*" | "/" | "-" | "|" | "%":
                return Sum((left, right)) if operator.type != "|" else Same(left)
        return OPAQUE

    def _ternary(self, node: Node) -> Form:
        fields = [node.child_by_field_name(field) for field in ("consequence", "alternative", "condition")]
        yes, no, condition = fields
        return Choice((yes, no), condition) if yes is not None and no is not None else OPAQUE

    def _unary(self, node: Node) -> Form:
        operator, operand = node.child_by_field_name("operator"), node.child_by_field_name("argument")
        if operator is None or operand is None:
            return OPAQUE
        if operator.type == "-" and operand.type == "number":
            found = number(self.syntax.text(operand))
            return Text("-" + found.text, found.type)
        return Same(operand) if operator.type in ("+", "!", "~") else OPAQUE

    def _first(self, node: Node) -> Form:
        inner = [child for child in node.named_children if child.type not in ("comment", "type_arguments")]
        return Same(inner[0]) if inner else OPAQUE

    def _last(self, node: Node) -> Form:
        return Same(node.named_children[-1]) if node.named_children else OPAQUE

    def _array(self, node: Node) -> Form:
        return Many("list", tuple((None, child) for child in node.named_children if child.type != "comment"))

    def _object(self, node: Node) -> Form:
        items: list[tuple[str | None, Node]] = []
        for child in node.named_children:
            if child.type == "pair":
                key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
                if key is not None and value is not None:
                    items.append((self.key(key), value))
            elif child.type == "shorthand_property_identifier":
                items.append((self.syntax.text(child), child))
            elif child.type == "spread_element" and child.named_children:
                items.append((None, child.named_children[0]))
            elif child.type == "method_definition":
                name = child.child_by_field_name("name")
                items.append((self.key(name) if name is not None else None, child))
        return Many("dict", tuple(items))

    def key(self, node: Node) -> str | None:
        """The key of a property; None: it is computed."""
        if node.type == "string":
            return unescaped(self.syntax, node)
        if node.type == "computed_property_name":
            inner = node.named_children[0] if node.named_children else None
            return unescaped(self.syntax, inner) if inner is not None and inner.type == "string" else None
        return self.syntax.text(node)

    def module(self, call: Invoke) -> str | None:
        """What `require` or `import` loads."""
        if call.callee is None or not call.arguments or call.made:
            return None
        if call.callee.type != "import" and (
            call.callee.type != "identifier" or self.syntax.text(call.callee) != "require"
        ):
            return None
        given = call.arguments[0].node
        return module_name(unescaped(self.syntax, given)) if given.type == "string" else None

    def bound(self, visit: Visit) -> Iterator[Bound]:
        """The names that a node binds."""
        return bound(self, visit)

    def imported(self, visit: Visit) -> Iterator[Import]:
        """The modules that a node asks for."""
        if visit.node.type == "call_expression":
            return self._required(visit)
        return imported(self, visit) if visit.node.type == "import_statement" else exported(self, visit)

    def _required(self, visit: Visit) -> Iterator[Import]:
        form = self.form(visit.node)
        if isinstance(form, Invoke) and self.module(form) is not None:
            scope = visit.frame.scope
            yield Import(
                unescaped(self.syntax, form.arguments[0].node),
                _taken(self, visit),
                visit.node.start_point.row + 1,
                optional=_in_try(visit),
                in_function=not scope.at_import,
                guarded=bool(scope.guards),
            )

    def signature(self, visit: Visit) -> Signature | None:
        """A function with its name, or that of the variable that it is given to."""
        name = self._named(visit)
        node = visit.node
        if name is None:
            return None
        given = node.child_by_field_name("parameters") or node.child_by_field_name("parameter")
        parameters: tuple[str, ...] = ()
        if given is not None:
            children = given.named_children if given.type == "formal_parameters" else [given]
            parameters = tuple(self._parameter(one) for one in children if one.type != "comment")
        is_async = any(child.type == "async" for child in node.children[:3])
        return Signature(name, parameters, _decorators(visit), is_async)

    def _parameter(self, node: Node) -> str:
        inner = node.child_by_field_name("pattern") or node.child_by_field_name("left") or node
        return self.syntax.brief(inner, 80)

    def changed(self, visit: Visit) -> Iterator[Changing]:
        """Assignments, `++`, `delete`, and calls of methods that change a collection."""
        node = visit.node
        if node.type == "call_expression":
            callee = node.child_by_field_name("function")
            of = callee.child_by_field_name("object") if callee is not None else None
            name = callee.child_by_field_name("property") if callee is not None else None
            if of is not None and name is not None and self.syntax.text(name) in self.mutators:
                yield Changing(of, "method", node)
            return
        target = node.child_by_field_name("left") or node.child_by_field_name("argument")
        operator = node.child_by_field_name("operator")
        if target is None:
            return
        if node.type == "assignment_expression" or (operator is not None and operator.type in _ASSIGNED):
            yield Changing(target, "rebind", node)
        elif node.type == "unary_expression":
            if operator is not None and operator.type == "delete":
                yield Changing(target, "delete", node)
        else:
            yield Changing(target, "augment", node)

    def keeps(self, visit: Visit, bound: Bound) -> bool:
        """Variables of the module, static fields, and those of the singletons that NestJS makes."""
        if bound.how != "attribute":
            return super().keeps(visit, bound)
        if bound.target.startswith("static "):
            return True
        class_ = visit.up.up if visit.up is not None else None
        around = (class_.node, class_.up.node) if class_ is not None and class_.up is not None else ()
        decorators = [self.syntax.brief(one) for node in around for one in node.children if one.type == "decorator"]
        return any(one.startswith(("@Injectable", "@Controller", "@Resolver")) for one in decorators)

    def is_text(self, visit: Visit) -> bool:
        """No name of a module, no key, no directive."""
        if visit.node.type == "binary_expression":
            return self.is_whole(visit, "+")
        up = visit.up
        if up is None or up.node.type in ("import_statement", "export_statement", "expression_statement"):
            return False
        key = up.node.child_by_field_name("key") if up.node.type == "pair" else None
        return key is None or key.id != visit.node.id


def _runs_at_once(visit: Visit) -> bool:
    """Whether a function is called where it stands: `(function () { … })()`."""
    up, inner = visit.up, visit.node
    for _ in range(3):
        if up is None:
            return False
        if up.node.type in ("call_expression", "new_expression"):
            callee = up.node.child_by_field_name("function")
            return callee is not None and callee.start_byte <= inner.start_byte < callee.end_byte
        if up.node.type == "member_expression":
            name = up.node.child_by_field_name("property")
            if name is None or name.text not in (b"call", b"apply"):
                return False
        elif up.node.type != "parenthesized_expression":
            return False
        up = up.up
    return False


def _in_try(visit: Visit) -> bool:
    inner, up = visit.node, visit.up
    while up is not None:
        if up.node.type == "try_statement":
            body = up.node.child_by_field_name("body")
            return body is not None and body.id == inner.id
        if up.node.type in JavaScript.functions:
            return False
        inner, up = up.node, up.up
    return False


def _taken(dialect: JavaScript, visit: Visit) -> tuple[str, ...]:
    """The names in `const {a, b} = require("x")` and `require("x").a`."""
    up = visit.up
    if up is not None and up.node.type == "member_expression":
        name = up.node.child_by_field_name("property")
        return (dialect.syntax.text(name),) if name is not None else ()
    if up is not None and up.node.type == "variable_declarator":
        return tuple(one.member for one in dialect.bound(up) if one.member is not None)
    return ()


def _decorators(visit: Visit) -> tuple[Node, ...]:
    found: list[Node] = [child for child in visit.node.children if child.type == "decorator"]
    if visit.up is not None and visit.up.node.type == "class_body":
        siblings = visit.up.node.children
        at = bisect_left(siblings, visit.node.start_byte, key=lambda one: one.start_byte) - 1
        while at >= 0 and siblings[at].type in ("decorator", "comment"):
            found.insert(0, siblings[at])
            at -= 1
    return tuple(one for one in found if one.type == "decorator")


_Read = Callable[[JavaScript, Node], Form]
_FORMS: dict[str, _Read] = {
    "string": JavaScript._string,
    "template_string": JavaScript._template,
    "number": JavaScript._number,
    "identifier": JavaScript._word,
    "undefined": JavaScript._word,
    "shorthand_property_identifier": JavaScript._word,
    "type_identifier": JavaScript._name,
    "this": JavaScript._name,
    "super": JavaScript._name,
    "import": JavaScript._name,
    "meta_property": JavaScript._meta,
    "true": JavaScript._constant,
    "false": JavaScript._constant,
    "null": JavaScript._constant,
    "member_expression": JavaScript._member,
    "nested_type_identifier": JavaScript._last,
    "subscript_expression": JavaScript._subscript,
    "call_expression": JavaScript._call,
    "new_expression": JavaScript._call,
    "binary_expression": JavaScript._binary,
    "ternary_expression": JavaScript._ternary,
    "unary_expression": JavaScript._unary,
    "parenthesized_expression": JavaScript._first,
    "await_expression": JavaScript._first,
    "as_expression": JavaScript._first,
    "satisfies_expression": JavaScript._first,
    "non_null_expression": JavaScript._first,
    "spread_element": JavaScript._first,
    "type_annotation": JavaScript._first,
    "generic_type": JavaScript._first,
    "decorator": JavaScript._first,
    "jsx_expression": JavaScript._first,
    "type_assertion": JavaScript._last,
    "assignment_expression": JavaScript._last,
    "sequence_expression": JavaScript._last,
    "array": JavaScript._array,
    "object": JavaScript._object,
}


class JavaScriptSource(TreeSource):
    """A file of JavaScript or TypeScript."""

    def __init__(self, path: str, data: bytes) -> None:
        super().__init__(path, data, JavaScript())
