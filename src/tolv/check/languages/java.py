"""Java."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

import tree_sitter_java
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
    Same,
    Sum,
    Text,
)
from tolv.check.languages.literals import number, without_escapes
from tolv.check.languages.syntax import Frame, Framing, Visit
from tolv.check.languages.tree_source import TreeSource
from tolv.check.source import Import

_CLASSES = ("class_declaration", "interface_declaration", "enum_declaration", "record_declaration")
#: What makes one object of a class for the whole app, whose fields then live as long as the app.
_SINGLETON = (
    *("@RestController", "@Controller", "@Service", "@Component", "@Repository", "@Configuration", "@Singleton"),
    *("@ApplicationScoped", "@Path", "@WebServlet", "@SpringBootApplication", "@RestControllerAdvice"),
)


@cache
def _grammar() -> Language:
    return Language(tree_sitter_java.language())


_ANNOTATED_ARRAYS = re.compile(rb"@[\w.]+[ \t]*(?=\.\.\.|\[\])")


class Java(Dialect):
    """The syntax of Java. An annotation is a call; `@Value("${a.b:c}")` binds its field to the setting `a.b`, which the
    variable `A_B` overrides, with the default `c`."""

    language = "java"
    calls = listed("method_invocation object_creation_expression annotation marker_annotation")
    functions = frozenset({"method_declaration", "constructor_declaration", "compact_constructor_declaration"})
    function_marks = re.compile(rb"\)\s*(?:[{;]|throws\b)|\bdefault\b")
    binders = listed(
        "field_declaration variable_declarator formal_parameter assignment_expression import_declaration "
        "element_value_pair resource enhanced_for_statement catch_formal_parameter"
    )
    imports = frozenset({"import_declaration"})
    import_words = frozenset({"import"})
    changers = frozenset({"assignment_expression", "update_expression", "method_invocation"})
    mutators = listed(
        "put add remove clear putIfAbsent computeIfAbsent compute computeIfPresent merge addAll putAll removeIf push "
        "pop poll offer addFirst addLast removeAll retainAll replaceAll set incrementAndGet getAndIncrement "
        "decrementAndGet addAndGet increment getAndSet compareAndSet updateAndGet"
    )
    texts = frozenset({"string_literal", "binary_expression"})
    environment = Environment(
        calls=(
            ("System.getenv", 0, None),
            ("java.lang.System.getenv", 0, None),
            ("System.getenv.get", 0, None),
            ("System.getenv.getOrDefault", 0, 1),
            ("System.getProperty", 0, 1),
            (".Environment.getProperty", 0, 1),
            (".Environment.getRequiredProperty", 0, None),
        ),
        defaulting=frozenset({"orElse"}),
        words=listed("getenv getProperty getRequiredProperty Value ConfigProperty"),
    )
    conversions = Conversions(
        functions=listed(
            "Optional.ofNullable java.util.Optional.ofNullable Optional.of Integer.parseInt Integer.valueOf "
            "Long.parseLong Boolean.parseBoolean Boolean.valueOf Double.parseDouble String.valueOf URI.create "
            "java.net.URI.create Objects.requireNonNull java.util.Objects.requireNonNull Duration.parse "
            "java.time.Duration.parse"
        ),
        methods=listed("trim strip toString toLowerCase toUpperCase split intValue getBytes toCharArray map"),
    )

    def grammar(self, path: str) -> Language:
        """That of Java."""
        return _grammar()

    def respelled(self, data: bytes) -> bytes:
        """An annotated array of arguments, `String @Nullable ... items`, without its annotation."""
        return _ANNOTATED_ARRAYS.sub(lambda match: b" " * len(match[0]), data)

    def framings(self) -> dict[str, Framing]:
        """Classes, methods, lambdas, conditions."""
        framings: dict[str, Framing] = dict.fromkeys(_CLASSES, self._class)
        framings |= dict.fromkeys((*self.functions, "lambda_expression"), self._function)
        framings |= dict.fromkeys(("if_statement", "ternary_expression"), self.branches)
        framings["catch_clause"] = self._catch
        return framings

    def _class(self, visit: Visit) -> dict[int, Frame]:
        name, body = visit.node.child_by_field_name("name"), visit.node.child_by_field_name("body")
        text = self.syntax.text(name) if name is not None else "<anonymous>"
        return {body.id: visit.frame.inside("class", text)} if body is not None else {}

    def _function(self, visit: Visit) -> dict[int, Frame]:
        name = visit.node.child_by_field_name("name")
        frame = visit.frame.inside("function", self.syntax.text(name) if name is not None else "<anonymous>")
        return {child.id: frame for child in visit.node.children if child.type != "modifiers"}

    def _catch(self, visit: Visit) -> dict[int, Frame]:
        body = visit.node.child_by_field_name("body")
        return {body.id: visit.frame.under("catch")} if body is not None else {}

    def form(self, node: Node) -> Form:
        """What a node is."""
        read = _FORMS.get(node.type)
        return read(self, node) if read else OPAQUE

    def _string(self, node: Node) -> Form:
        text = self.syntax.text(node)
        quotes = 3 if text.startswith('"""') else 1
        return Text(without_escapes(text[quotes:-quotes]), "str")

    def _number(self, node: Node) -> Form:
        return number(self.syntax.text(node))

    def _constant(self, node: Node) -> Form:
        return Text(self.syntax.text(node), "null" if node.type == "null_literal" else "bool")

    def _name(self, node: Node) -> Form:
        return Name(self.syntax.text(node))

    def _field(self, node: Node) -> Form:
        of = node.child_by_field_name("object") or node.child_by_field_name("scope")
        name = node.child_by_field_name("field") or node.child_by_field_name("name")
        return Member(of, self.syntax.text(name)) if of is not None and name is not None else OPAQUE

    def _scoped_type(self, node: Node) -> Form:
        children = node.named_children
        return Member(children[0], self.syntax.text(children[-1])) if len(children) > 1 else OPAQUE

    def _element(self, node: Node) -> Form:
        of, index = node.child_by_field_name("array"), node.child_by_field_name("index")
        return Member(of, None, index) if of is not None else OPAQUE

    def _call(self, node: Node) -> Form:
        name, given = node.child_by_field_name("name"), node.child_by_field_name("arguments")
        children = given.named_children if given is not None else []
        arguments = tuple(Argument(one) for one in children if not one.type.endswith("comment"))
        if node.type == "object_creation_expression":
            type_ = node.child_by_field_name("type")
            return Invoke(arguments, callee=type_, made=True) if type_ is not None else OPAQUE
        if name is None:
            return OPAQUE
        return Invoke(arguments, of=node.child_by_field_name("object"), name=self.syntax.text(name))

    def _annotation(self, node: Node) -> Form:
        name, given = node.child_by_field_name("name"), node.child_by_field_name("arguments")
        arguments = []
        for one in given.named_children if given is not None else ():
            key = one.child_by_field_name("key")
            value = one.child_by_field_name("value")
            if one.type == "element_value_pair" and key is not None and value is not None:
                arguments.append(Argument(value, self.syntax.text(key)))
            else:
                arguments.append(Argument(one))
        return Invoke(tuple(arguments), callee=name) if name is not None else OPAQUE

    def _binary(self, node: Node) -> Form:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None:
            return OPAQUE
        if operator.type in ("==", "!="):
            return Compare(left, right, operator.type == "==")
        return Sum(self.spine(node, "+")) if operator.type == "+" else OPAQUE

    def _ternary(self, node: Node) -> Form:
        yes, no = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
        return (
            Choice((yes, no), node.child_by_field_name("condition")) if yes is not None and no is not None else OPAQUE
        )

    def _first(self, node: Node) -> Form:
        return Same(node.named_children[0]) if node.named_children else OPAQUE

    def _value(self, node: Node) -> Form:
        value = node.child_by_field_name("value")
        return Same(value) if value is not None else OPAQUE

    def _array(self, node: Node) -> Form:
        return Many("list", tuple((None, child) for child in node.named_children))

    def bound(self, visit: Visit) -> Iterator[Bound]:
        """The names that a node binds."""
        node = visit.node
        match node.type:
            case "field_declaration":
                yield from self._fields(node)
            case "variable_declarator":
                yield from self._local(visit)
            case "assignment_expression":
                yield from self._assigned(node)
            case "element_value_pair":
                yield from self._pair(visit)
            case "import_declaration":
                yield from self._taken(visit)
            case _:
                name, type_ = node.child_by_field_name("name"), node.child_by_field_name("type")
                if name is not None:
                    text = self.syntax.text(name)
                    variable, default = self._setting(node)
                    value = node.child_by_field_name("value") if node.type == "resource" else None
                    how: How = "assign" if node.type == "resource" else "parameter"
                    declared = _worth(type_)
                    yield Bound(text, text, node, value, how, type=declared, variable=variable, default_text=default)

    def _fields(self, node: Node) -> Iterator[Bound]:
        type_ = _worth(node.child_by_field_name("type"))
        variable, default = self._setting(node)
        for one in node.children_by_field_name("declarator"):
            name = one.child_by_field_name("name")
            if name is not None:
                text, value = self.syntax.text(name), one.child_by_field_name("value")
                yield Bound(text, text, one, value, "attribute", type=type_, variable=variable, default_text=default)

    def _local(self, visit: Visit) -> Iterator[Bound]:
        name = visit.node.child_by_field_name("name")
        if name is not None and visit.up is not None and visit.up.node.type != "field_declaration":
            text, type_ = self.syntax.text(name), _worth(visit.up.node.child_by_field_name("type"))
            yield Bound(text, text, visit.node, visit.node.child_by_field_name("value"), type=type_)

    def _setting(self, node: Node) -> tuple[str | None, str | None]:
        """The setting that an annotation injects, and its default: `@Value("${a:b}")`,
        `@ConfigProperty(name = "a", defaultValue = "b")`."""
        modifiers = next((child for child in node.children if child.type == "modifiers"), None)
        for annotation in modifiers.named_children if modifiers is not None else ():
            form = self.form(annotation) if annotation.type == "annotation" else None
            if not isinstance(form, Invoke) or form.callee is None:
                continue
            texts = ((one.key or "value", self.form(one.node)) for one in form.arguments)
            said = {key: text.text for key, text in texts if isinstance(text, Text)}
            kind = self.syntax.text(form.callee).rpartition(".")[2]
            if kind == "ConfigProperty" and "name" in said:
                return said["name"], said.get("defaultValue")
            if kind == "Value" and said.get("value", "").startswith("${"):
                name, colon, default = said["value"][2:].removesuffix("}").partition(":")
                return name, default if colon else None
        return None, None

    def _assigned(self, node: Node) -> Iterator[Bound]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None:
            return
        augments = operator is not None and operator.type != "="
        form = self.form(left)
        target = self.syntax.brief(left)
        name = form.text if isinstance(form, Name) else form.name if isinstance(form, Member) else None
        if name is not None:
            plain = isinstance(form, Name)
            yield Bound(name, target, left, right, "augment" if augments else "assign", plain, declares=False)

    def _pair(self, visit: Visit) -> Iterator[Bound]:
        key, value = visit.node.child_by_field_name("key"), visit.node.child_by_field_name("value")
        call = visit.up.up.node if visit.up and visit.up.up else None
        if key is not None and value is not None:
            text = self.syntax.text(key)
            yield Bound(text, f"{text} =", visit.node, value, "keyword", plain=False, call=call)

    def _taken(self, visit: Visit) -> Iterator[Bound]:
        name, wild = self._module(visit.node)
        if name and not wild:
            last = name.rpartition(".")[2]
            yield Bound(last, last, visit.node, path=name)

    def _module(self, node: Node) -> tuple[str, bool]:
        name = next((one for one in node.named_children if one.type in ("scoped_identifier", "identifier")), None)
        wild = any(child.type == "asterisk" for child in node.named_children)
        return self.syntax.text(name) if name is not None else "", wild

    def imported(self, visit: Visit) -> Iterator[Import]:
        """The class or package that is imported; `.*` stays."""
        name, wild = self._module(visit.node)
        if name:
            yield Import(f"{name}.*" if wild else name, (), visit.node.start_point.row + 1)

    def signature(self, visit: Visit) -> Signature | None:
        """A method or constructor with its annotations."""
        name, given = visit.node.child_by_field_name("name"), visit.node.child_by_field_name("parameters")
        if name is None:
            return None
        every = given.named_children if given is not None else []
        names = (one.child_by_field_name("name") for one in every)
        modifiers = next((child for child in visit.node.children if child.type == "modifiers"), None)
        annotations = tuple(modifiers.named_children) if modifiers is not None else ()
        parameters = tuple(self.syntax.text(one) for one in names if one is not None)
        return Signature(self.syntax.text(name), parameters, annotations)

    def changed(self, visit: Visit) -> Iterator[Changing]:
        """Assignments, `++`, and calls of methods that change a collection; what a constructor does makes an object."""
        node, scope = visit.node, visit.frame.scope
        if scope.function is not None and scope.function == scope.owner:
            return
        if node.type == "method_invocation":
            of, name = node.child_by_field_name("object"), node.child_by_field_name("name")
            if of is not None and name is not None and self.syntax.text(name) in self.mutators:
                yield Changing(of, "method", node)
        elif node.type == "update_expression" and node.named_children:
            yield Changing(node.named_children[0], "augment", node)
        else:
            left, operator = node.child_by_field_name("left"), node.child_by_field_name("operator")
            if left is not None:
                yield Changing(left, "rebind" if operator is None or operator.type == "=" else "augment", node)

    def keeps(self, visit: Visit, bound: Bound) -> bool:
        """Static fields, and those of classes of which a framework makes one object."""
        if bound.how != "attribute" or visit.up is None:
            return False
        modifiers = [child for child in visit.node.children if child.type == "modifiers"]
        if any(child.type == "static" for one in modifiers for child in one.children):
            return True
        class_ = visit.up.up.node if visit.up.up is not None else None
        marks = [child for child in class_.children if child.type == "modifiers"] if class_ is not None else []
        said = [self.syntax.brief(one).partition("(")[0] for mark in marks for one in mark.named_children]
        parent = class_.child_by_field_name("superclass") if class_ is not None else None
        servlet = parent is not None and self.syntax.text(parent).endswith("HttpServlet")
        return servlet or any(one in _SINGLETON for one in said)

    def is_text(self, visit: Visit) -> bool:
        """Of sums, those with `+`."""
        if visit.node.type == "binary_expression":
            return self.is_whole(visit, "+")
        return True


def _worth(type_: Node | None) -> Node | None:
    """A type that says what its values can do: no number, no `var`, no text."""
    if type_ is None or type_.type not in ("type_identifier", "generic_type", "scoped_type_identifier"):
        return None
    return None if type_.text in (b"var", b"String", b"Object") else type_


_Read = Callable[[Java, Node], Form]
_FORMS: dict[str, _Read] = {
    "string_literal": Java._string,
    "decimal_integer_literal": Java._number,
    "hex_integer_literal": Java._number,
    "decimal_floating_point_literal": Java._number,
    "true": Java._constant,
    "false": Java._constant,
    "null_literal": Java._constant,
    "identifier": Java._name,
    "type_identifier": Java._name,
    "this": Java._name,
    "super": Java._name,
    "field_access": Java._field,
    "scoped_identifier": Java._field,
    "scoped_type_identifier": Java._scoped_type,
    "generic_type": Java._first,
    "array_access": Java._element,
    "method_invocation": Java._call,
    "object_creation_expression": Java._call,
    "annotation": Java._annotation,
    "marker_annotation": Java._annotation,
    "binary_expression": Java._binary,
    "ternary_expression": Java._ternary,
    "parenthesized_expression": Java._first,
    "cast_expression": Java._value,
    "array_initializer": Java._array,
    "element_value_array_initializer": Java._array,
}


class JavaSource(TreeSource):
    """A file of Java."""

    def __init__(self, path: str, data: bytes) -> None:
        super().__init__(path, data, Java())
