"""Go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

import tree_sitter_go
from tree_sitter import Language, Node

from tolv.check.languages.dialect import Changing, Conversions, Dialect, Environment, Signature, listed
from tolv.check.languages.forms import (
    OPAQUE,
    Argument,
    Bound,
    Compare,
    Form,
    Invoke,
    Many,
    Member,
    Name,
    Same,
    Sum,
    Text,
)
from tolv.check.languages.literals import inside, number, unescaped
from tolv.check.languages.syntax import Frame, Framing, Visit
from tolv.check.languages.tree_source import TreeSource
from tolv.check.source import Import

_VIPER = "github.com/spf13/viper"
_VIPER_READS = ("Get", "GetString", "GetInt", "GetInt64", "GetBool", "GetDuration", "GetStringSlice", "GetFloat64")
_VERSION = re.compile(r"v\d+")
_TAG = re.compile(r'([\w-]+):"((?:[^"\\]|\\.)*)"')
_FLAG = re.compile(r"(?:String|Int|Int64|Uint|Bool|Duration|Float64)(?:Var)?P?")


@cache
def _grammar() -> Language:
    return Language(tree_sitter_go.language())


class Go(Dialect):
    """The syntax of Go."""

    language = "go"
    calls = frozenset({"call_expression", "composite_literal"})
    functions = frozenset({"function_declaration", "method_declaration"})
    binders = listed(
        "short_var_declaration var_spec const_spec assignment_statement keyed_element parameter_declaration "
        "import_spec range_clause field_declaration call_expression"
    )
    function_marks = re.compile(rb"\bfunc\b")
    imports = frozenset({"import_declaration"})
    import_words = frozenset({"import"})
    changers = frozenset({"assignment_statement", "inc_statement", "dec_statement", "call_expression"})
    mutators = listed(
        "delete clear Store LoadOrStore LoadAndDelete Delete Add Set Swap CompareAndSwap PushBack PushFront "
        "AddInt32 AddInt64 AddUint32 AddUint64 StoreInt32 StoreInt64"
    )
    texts = frozenset({"interpreted_string_literal", "raw_string_literal", "binary_expression"})
    selves = frozenset()
    environment = Environment(
        calls=(
            ("os.Getenv", 0, None),
            ("os.LookupEnv", 0, None),
            ("syscall.Getenv", 0, None),
            *((f"{_VIPER}.{name}", 0, None) for name in _VIPER_READS),
        ),
        words=frozenset({"Getenv", "LookupEnv", "env", "envconfig", *_VIPER_READS}),
    )
    conversions = Conversions(
        functions=listed(
            "strings.TrimSpace strings.ToLower strings.ToUpper strings.Split strings.TrimSuffix strings.TrimPrefix "
            "strings.Trim strconv.Atoi strconv.ParseInt strconv.ParseBool strconv.ParseFloat time.ParseDuration "
            "string int int64 bool net/url.Parse []byte"
        )
    )

    def grammar(self, path: str) -> Language:
        """That of Go."""
        return _grammar()

    def framings(self) -> dict[str, Framing]:
        """Functions, methods (in the class that they belong to) and conditions."""
        return {
            "function_declaration": self._function,
            "method_declaration": self._method,
            "func_literal": self._literal,
            "if_statement": self.branches,
            "expression_case": self._case,
        }

    def _function(self, visit: Visit) -> dict[int, Frame]:
        frame = visit.frame.inside("function", self._named(visit.node))
        return {child.id: frame for child in visit.node.children}

    def _method(self, visit: Visit) -> dict[int, Frame]:
        frame = visit.frame.inside("class", self._receiver(visit.node)).inside("function", self._named(visit.node))
        return {child.id: frame for child in visit.node.children}

    def _literal(self, visit: Visit) -> dict[int, Frame]:
        frame = visit.frame.inside("function", "<anonymous>")
        return {child.id: frame for child in visit.node.children}

    def _case(self, visit: Visit) -> dict[int, Frame]:
        asked = visit.node.child_by_field_name("value")
        if asked is None:
            return {}
        frame = visit.frame.under(f"case {self.syntax.brief(asked)}")
        return {child.id: frame for child in visit.node.named_children if child.id != asked.id}

    def _named(self, node: Node) -> str:
        name = node.child_by_field_name("name")
        return self.syntax.text(name) if name is not None else "<anonymous>"

    def _receiver(self, node: Node) -> str:
        receiver = node.child_by_field_name("receiver")
        text = self.syntax.brief(receiver) if receiver is not None else ""
        return text.strip("()").rpartition(" ")[2].lstrip("*").partition("[")[0] or "<anonymous>"

    def form(self, node: Node) -> Form:
        """What a node is."""
        read = _FORMS.get(node.type)
        return read(self, node) if read else OPAQUE

    def _string(self, node: Node) -> Form:
        text = self.syntax.text(node)
        return Text(inside(text), "str") if text[:1] == "`" else Text(unescaped(self.syntax, node), "str")

    def _number(self, node: Node) -> Form:
        return number(self.syntax.text(node))

    def _constant(self, node: Node) -> Form:
        return Text(node.type, "null" if node.type == "nil" else "bool")

    def _name(self, node: Node) -> Form:
        return Name(self.syntax.text(node))

    def _selector(self, node: Node) -> Form:
        of = node.child_by_field_name("operand") or node.child_by_field_name("package")
        name = node.child_by_field_name("field") or node.child_by_field_name("name")
        return Member(of, self.syntax.text(name)) if of is not None and name is not None else OPAQUE

    def _index(self, node: Node) -> Form:
        of, index = node.child_by_field_name("operand"), node.child_by_field_name("index")
        if of is None or index is None:
            return OPAQUE
        return Member(of, unescaped(self.syntax, index) if index.type in self.texts else None, index)

    def _call(self, node: Node) -> Form:
        callee, given = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if callee is None:
            return OPAQUE
        arguments = given.named_children if given is not None else []
        return Invoke(tuple(Argument(one) for one in arguments if one.type != "comment"), callee=callee)

    def _composite(self, node: Node) -> Form:
        type_, body = node.child_by_field_name("type"), node.child_by_field_name("body")
        if type_ is None or body is None:
            return OPAQUE
        if type_.type in ("type_identifier", "qualified_type", "generic_type"):
            given = tuple(Argument(value, key) for key, value in self._elements(body))
            return Invoke(given, callee=type_, made=True)
        kind = "dict" if type_.type == "map_type" else "list"
        return Many(kind, tuple(self._elements(body)))

    def _value(self, node: Node) -> Form:
        items = tuple(self._elements(node))
        return Many("dict" if any(key is not None for key, _ in items) else "list", items)

    def _elements(self, body: Node) -> Iterator[tuple[str | None, Node]]:
        for one in body.named_children:
            if one.type == "keyed_element":
                key, value = one.child_by_field_name("key"), one.child_by_field_name("value")
                if key is not None and value is not None:
                    yield self._key(key), value
            elif one.type != "comment":
                yield None, one

    def _key(self, node: Node) -> str | None:
        inner = node.named_children[0] if node.type == "literal_element" and node.named_children else node
        if inner.type in self.texts:
            return unescaped(self.syntax, inner)
        return self.syntax.text(inner) if inner.type in ("identifier", "field_identifier") else None

    def _binary(self, node: Node) -> Form:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None:
            return OPAQUE
        if operator.type in ("==", "!="):
            return Compare(left, right, operator.type == "==")
        return Sum(self.spine(node, "+")) if operator.type == "+" else OPAQUE

    def _unary(self, node: Node) -> Form:
        operator, operand = node.child_by_field_name("operator"), node.child_by_field_name("operand")
        if operator is None or operand is None:
            return OPAQUE
        if operator.type == "-" and operand.type in ("int_literal", "float_literal"):
            return Text(f"-{self.syntax.text(operand)}", operand.type.partition("_")[0])
        return Same(operand) if operator.type in ("&", "*") else OPAQUE

    def _first(self, node: Node) -> Form:
        return Same(node.named_children[0]) if node.named_children else OPAQUE

    def _single(self, node: Node) -> Form:
        return Same(node.named_children[0]) if node.named_child_count == 1 else OPAQUE

    def _operand(self, node: Node) -> Form:
        operand = node.child_by_field_name("operand")
        return Same(operand) if operand is not None else OPAQUE

    def _pointer(self, node: Node) -> Form:
        return Same(node.named_children[-1]) if node.named_children else OPAQUE

    def bound(self, visit: Visit) -> Iterator[Bound]:
        """The names that a node binds."""
        node = visit.node
        match node.type:
            case "short_var_declaration" | "assignment_statement" | "range_clause":
                yield from self._assigned(node)
            case "var_spec" | "const_spec":
                yield from self._zipped(
                    node, node.children_by_field_name("name"), self._listed(node, "value"), declares=True
                )
            case "keyed_element":
                yield from self._keyed(visit)
            case "parameter_declaration":
                type_ = node.child_by_field_name("type")
                for name in node.children_by_field_name("name"):
                    text = self.syntax.text(name)
                    yield Bound(text, text, name, None, "parameter", type=type_)
            case "import_spec":
                yield from self._imported_names(node)
            case "field_declaration":
                yield from self._field(node)
            case "call_expression":
                yield from self._default_of(node)

    def _listed(self, node: Node, field: str) -> list[Node]:
        held = node.child_by_field_name(field)
        if held is None:
            return []
        return held.named_children if held.type == "expression_list" else [held]

    def _assigned(self, node: Node) -> Iterator[Bound]:
        declares = node.type != "assignment_statement"
        values = [] if node.type == "range_clause" else self._listed(node, "right")
        yield from self._zipped(node, self._listed(node, "left"), values, declares=declares)

    def _zipped(self, node: Node, names: list[Node], values: list[Node], *, declares: bool) -> Iterator[Bound]:
        operator = node.child_by_field_name("operator")
        augments = operator is not None and operator.type not in ("=", ":=")
        type_ = node.child_by_field_name("type") if declares else None
        for at, name in enumerate(names):
            value = values[at] if len(values) == len(names) else (values[0] if values and at == 0 else None)
            form = self.form(name)
            text = form.text if isinstance(form, Name) else form.name if isinstance(form, Member) else None
            if text is not None and text != "_":
                yield Bound(
                    text,
                    self.syntax.brief(name),
                    name,
                    value,
                    "augment" if augments else "assign",
                    isinstance(form, Name),
                    type=type_,
                    declares=declares,
                )

    def _keyed(self, visit: Visit) -> Iterator[Bound]:
        key, value = visit.node.child_by_field_name("key"), visit.node.child_by_field_name("value")
        name = self._key(key) if key is not None else None
        if name is None or value is None:
            return
        holder = visit.up.up.node if visit.up and visit.up.up else None
        type_ = holder.child_by_field_name("type") if holder and holder.type == "composite_literal" else None
        struct = type_ is not None and type_.type in ("type_identifier", "qualified_type", "generic_type")
        call = holder if struct else None
        yield Bound(name, f"{name}:", visit.node, value, "keyword" if call else "key", plain=False, call=call)

    def _imported_names(self, node: Node) -> Iterator[Bound]:
        path, alias = node.child_by_field_name("path"), node.child_by_field_name("name")
        if path is None:
            return
        module = inside(self.syntax.text(path))
        if alias is not None:
            names = {self.syntax.text(alias)} - {"_", "."}
        else:
            names = package_names(module)
        for name in names:
            yield Bound(name, name, node, path=module)

    def _field(self, node: Node) -> Iterator[Bound]:
        """A field of a struct, which a tag may say is read from the environment."""
        tag = node.child_by_field_name("tag")
        said = dict(_TAG.findall(inside(self.syntax.text(tag)))) if tag is not None else {}
        variable = (said.get("env") or said.get("envconfig") or "").partition(",")[0] or None
        default = next((said[one] for one in ("envDefault", "default", "env-default") if one in said), None)
        for name in node.children_by_field_name("name"):
            text = self.syntax.text(name)
            yield Bound(
                text,
                text,
                node,
                None,
                "attribute",
                plain=False,
                type=node.child_by_field_name("type"),
                variable=variable,
                default_text=default,
            )

    def _default_of(self, node: Node) -> Iterator[Bound]:
        """`viper.SetDefault("key", value)`, `flag.String("name", value, "usage")`: a setting with its default."""
        form = self.form(node)
        callee = self.form(form.callee) if isinstance(form, Invoke) and form.callee is not None else None
        if not isinstance(form, Invoke) or not isinstance(callee, Member) or callee.name is None:
            return
        given = [one.node for one in form.arguments]
        at = 1 if callee.name.endswith(("Var", "VarP")) else 0
        is_flag = len(given) > at + 2 and _FLAG.fullmatch(callee.name) is not None
        if not is_flag and not (callee.name == "SetDefault" and len(given) == 2):
            return
        if given[at].type in self.texts:
            name = unescaped(self.syntax, given[at])
            value = given[at + 2] if callee.name.endswith("P") and len(given) > at + 3 else given[at + 1]
            yield Bound(name, self.syntax.brief(node), node, value, "key", plain=False)

    def imported(self, visit: Visit) -> Iterator[Import]:
        """The package that is imported; the blank ones too, whose side effect is what is wanted."""
        lists = [one for one in visit.node.named_children if one.type == "import_spec_list"]
        for spec in lists[0].named_children if lists else visit.node.named_children:
            path = spec.child_by_field_name("path")
            if path is not None:
                yield Import(inside(self.syntax.text(path)), (), spec.start_point.row + 1)

    def signature(self, visit: Visit) -> Signature | None:
        """A function or method."""
        given = visit.node.child_by_field_name("parameters")
        names = [
            self.syntax.text(name)
            for one in (given.named_children if given is not None else ())
            for name in one.children_by_field_name("name")
        ]
        return Signature(self._named(visit.node), tuple(names))

    def changed(self, visit: Visit) -> Iterator[Changing]:
        """Assignments, `++`, `delete(…)`, and calls of methods that change a collection."""
        node = visit.node
        if node.type == "assignment_statement":
            operator = node.child_by_field_name("operator")
            augments = operator is not None and operator.type != "="
            for target in self._listed(node, "left"):
                yield Changing(target, "augment" if augments else "rebind", node)
        elif node.type == "call_expression":
            yield from self._mutated(node)
        elif node.named_children:
            yield Changing(node.named_children[0], "augment", node)

    def _mutated(self, node: Node) -> Iterator[Changing]:
        form = self.form(node)
        callee = self.form(form.callee) if isinstance(form, Invoke) and form.callee is not None else None
        if not isinstance(form, Invoke):
            return
        if isinstance(callee, Name) and callee.text in ("delete", "clear") and form.arguments:
            yield Changing(form.arguments[0].node, "delete", node)
        elif isinstance(callee, Member) and callee.name in self.mutators:
            of = self.form(callee.of)
            atomic = isinstance(of, Name) and of.text == "atomic" and bool(form.arguments)
            yield Changing(form.arguments[0].node if atomic else callee.of, "method", node)

    def is_text(self, visit: Visit) -> bool:
        """No path of an import, no tag, no key."""
        up = visit.up
        if up is None or up.node.type in ("import_spec", "field_declaration"):
            return False
        if visit.node.type == "binary_expression":
            return self.is_whole(visit, "+")
        key = up.up.node.child_by_field_name("key") if up.up and up.up.node.type == "keyed_element" else None
        return key is None or key.id != up.node.id


def package_names(module: str) -> set[str]:
    """What a package is likely to call itself, by its path: `redis` of `github.com/go-redis/redis/v8`."""
    parts = module.split("/")
    last = parts[-2] if len(parts) > 1 and _VERSION.fullmatch(parts[-1]) else parts[-1]
    plain = re.sub(r"\.v\d+$", "", last)
    return {plain, plain.removeprefix("go-"), plain.removesuffix("-go"), plain.removesuffix(".go")}


_Read = Callable[[Go, Node], Form]
_FORMS: dict[str, _Read] = {
    "interpreted_string_literal": Go._string,
    "raw_string_literal": Go._string,
    "int_literal": Go._number,
    "float_literal": Go._number,
    "true": Go._constant,
    "false": Go._constant,
    "nil": Go._constant,
    "identifier": Go._name,
    "type_identifier": Go._name,
    "package_identifier": Go._name,
    "slice_type": Go._name,
    "selector_expression": Go._selector,
    "qualified_type": Go._selector,
    "index_expression": Go._index,
    "call_expression": Go._call,
    "type_conversion_expression": Go._operand,
    "composite_literal": Go._composite,
    "literal_value": Go._value,
    "literal_element": Go._first,
    "generic_type": Go._first,
    "parenthesized_expression": Go._first,
    "expression_list": Go._single,
    "binary_expression": Go._binary,
    "unary_expression": Go._unary,
    "type_assertion_expression": Go._operand,
    "pointer_type": Go._pointer,
}


class GoSource(TreeSource):
    """A file of Go."""

    def __init__(self, path: str, data: bytes) -> None:
        super().__init__(path, data, Go())
