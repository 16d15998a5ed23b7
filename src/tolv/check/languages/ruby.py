"""Ruby."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

import tree_sitter_ruby
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
from tolv.check.languages.literals import number, without_escapes
from tolv.check.languages.syntax import Frame, Framing, Visit
from tolv.check.languages.tree_source import TreeSource
from tolv.check.source import Import

#: Methods whose block runs later, when a request or a job comes; the blocks of all others run where they stand.
_DEFERRED = listed(
    "lambda proc define_method get post put patch delete options head before after error not_found task perform "
    "at_exit trap rescue_from before_action after_action around_action scope validate on_worker_boot on_worker_shutdown"
)
_VARIABLES = ("class_variable", "global_variable", "instance_variable")
_BODIES = frozenset({"program", "body_statement", "block_body", "then", "else", "ensure", "begin", "do"})


@cache
def _grammar() -> Language:
    return Language(tree_sitter_ruby.language())


#: `p class: "note", &`
_NAMELESS = re.compile(rb",[ \t]*&(?=[ \t]*(?:\n|$|\bif\b|\bunless\b))")


class Ruby(Dialect):
    """The syntax of Ruby. `::` reads as a dot: `ActiveSupport::Logger.new` is `ActiveSupport.Logger.new`."""

    language = "ruby"
    calls = frozenset({"call", "identifier"})
    functions = frozenset({"method", "singleton_method"})
    function_marks = re.compile(rb"\bdef\b")
    binders = listed(
        "assignment operator_assignment pair optional_parameter keyword_parameter method_parameters "
        "block_parameters call"
    )
    imports = frozenset({"call"})
    import_words = listed("require require_relative load gem autoload")
    changers = listed("assignment operator_assignment call binary")
    mutators = listed(
        "push << append unshift prepend pop shift insert concat delete delete_at delete_if clear store merge! update "
        "add replace map! select! reject! sort! uniq! compact! increment"
    )
    texts = frozenset({"string", "heredoc_body", "binary"})
    selves = frozenset({"self"})
    constructors = frozenset({"new"})
    environment = Environment(
        mappings=frozenset({"ENV"}),
        calls=(("ENV.fetch", 0, 1), ("ENV.dig", 0, None), ("ENV.key?", 0, None), ("Figaro.env", 0, None)),
        defaulting=frozenset({"presence_or"}),
        words=frozenset({"ENV"}),
    )
    conversions = Conversions(
        functions=listed("Integer Float String URI.parse URI JSON.parse Array"),
        methods=listed("to_i to_s to_f to_sym strip chomp downcase upcase split presence dup freeze present? then"),
    )
    options = True

    def __init__(self) -> None:
        self._rescuing: dict[int, bool] = {}

    def grammar(self, path: str) -> Language:
        """That of Ruby."""
        return _grammar()

    def respelled(self, data: bytes) -> bytes:
        """A block that is handed on without a name at the end of a command."""
        return _NAMELESS.sub(lambda match: b" " * len(match[0]), data)

    def framings(self) -> dict[str, Framing]:
        """Classes, modules, methods, deferred blocks, conditions."""
        framings: dict[str, Framing] = dict.fromkeys(("class", "module", "singleton_class"), self._class)
        framings |= dict.fromkeys(("method", "singleton_method"), self._method)
        framings |= dict.fromkeys(("if", "elsif", "conditional"), self.branches)
        framings |= {"if_modifier": lambda visit: self.branches(visit, yes="body")}
        framings |= {"unless": self._unless, "unless_modifier": self._unless, "when": self._when}
        framings |= {"call": self._block, "rescue": self._rescue, "lambda": self._lambda}
        return framings

    def _class(self, visit: Visit) -> dict[int, Frame]:
        name, body = visit.node.child_by_field_name("name"), visit.node.child_by_field_name("body")
        if body is None:
            return {}
        text = self.syntax.text(name).replace("::", ".") if name is not None else visit.frame.scope.owner or "self"
        return {body.id: visit.frame.inside("class", text)}

    def _method(self, visit: Visit) -> dict[int, Frame]:
        name = visit.node.child_by_field_name("name")
        frame = visit.frame.inside("function", self.syntax.text(name) if name is not None else "<anonymous>")
        return {child.id: frame for child in visit.node.children}

    def _lambda(self, visit: Visit) -> dict[int, Frame]:
        frame = visit.frame.inside("function", "<anonymous>")
        return {child.id: frame for child in visit.node.children}

    def _block(self, visit: Visit) -> dict[int, Frame]:
        block, method = visit.node.child_by_field_name("block"), visit.node.child_by_field_name("method")
        if block is None or method is None:
            return {}
        name = self.syntax.text(method)
        of = visit.node.child_by_field_name("receiver")
        threaded = name == "new" and of is not None and self.syntax.text(of) == "Thread"
        if threaded or (name in _DEFERRED and (of is None or name not in ("get", "delete", "before", "after"))):
            return {block.id: visit.frame.inside("function", name)}
        return {}

    def _unless(self, visit: Visit) -> dict[int, Frame]:
        condition = visit.node.child_by_field_name("condition")
        text = self.syntax.brief(condition) if condition is not None else ""
        frames = {}
        for field, guard in (("consequence", f"not ({text})"), ("body", f"not ({text})"), ("alternative", text)):
            for child in visit.node.children_by_field_name(field):
                frames[child.id] = visit.frame.under(guard)
        return frames

    def _when(self, visit: Visit) -> dict[int, Frame]:
        body, pattern = visit.node.child_by_field_name("body"), visit.node.child_by_field_name("pattern")
        if body is None or pattern is None:
            return {}
        return {body.id: visit.frame.under(f"when {self.syntax.brief(pattern)}")}

    def _rescue(self, visit: Visit) -> dict[int, Frame]:
        body, what = visit.node.child_by_field_name("body"), visit.node.child_by_field_name("exceptions")
        guard = f"rescue {self.syntax.brief(what)}" if what is not None else "rescue"
        return {body.id: visit.frame.under(guard)} if body is not None else {}

    def form(self, node: Node) -> Form:
        """What a node is."""
        read = _FORMS.get(node.type)
        return read(self, node) if read else OPAQUE

    def _string(self, node: Node) -> Form:
        pieces: list[str | Node] = []
        for child in node.named_children:
            if child.type == "interpolation":
                pieces.extend(child.named_children[:1])
            elif child.type != "heredoc_end":
                pieces.append(without_escapes(self.syntax.text(child)))
        if all(isinstance(one, str) for one in pieces):
            return Text("".join(one for one in pieces if isinstance(one, str)), "str")
        return Pieces(tuple(pieces))

    def _symbol(self, node: Node) -> Form:
        return Text(self.syntax.text(node).strip(':"'), "str")

    def _number(self, node: Node) -> Form:
        return number(self.syntax.text(node))

    def _constant(self, node: Node) -> Form:
        return Text(node.type, "null" if node.type == "nil" else "bool")

    def _name(self, node: Node) -> Form:
        return Name(self.syntax.text(node))

    def _scoped(self, node: Node) -> Form:
        of, name = node.child_by_field_name("scope"), node.child_by_field_name("name")
        if name is None:
            return OPAQUE
        return Member(of, self.syntax.text(name)) if of is not None else Name(self.syntax.text(name))

    def _element(self, node: Node) -> Form:
        of = node.child_by_field_name("object")
        index = next((child for child in node.named_children if of is not None and child.id != of.id), None)
        if of is None or index is None:
            return OPAQUE
        form = self.form(index)
        return Member(of, form.text if isinstance(form, Text) and form.type == "str" else None, index)

    def _call(self, node: Node) -> Form:
        method, of = node.child_by_field_name("method"), node.child_by_field_name("receiver")
        given, block = node.child_by_field_name("arguments"), node.child_by_field_name("block")
        name = self.syntax.text(method) if method is not None else "call"
        arguments: list[Argument] = []
        for one in given.named_children if given is not None else ():
            key = one.child_by_field_name("key") if one.type == "pair" else None
            value = one.child_by_field_name("value") if key is not None else one
            if one.type not in ("comment", "block_argument"):
                arguments.append(Argument(value or one, self.key(key) if key is not None else None))
        return Invoke(tuple(arguments), of=of, name=name, block=_given(block), made=name == "new")

    def called(self, visit: Visit) -> Form:
        """A call, also one that is but a name that stands by itself: `exit`, `abort`."""
        node, up = visit.node, visit.up
        if node.type != "identifier":
            return self.form(node)
        alone = up is not None and up.node.type in _BODIES
        if up is not None and up.node.type.endswith("_modifier"):
            body = up.node.child_by_field_name("body")
            alone = body is not None and body.id == node.id
        return Invoke((), name=self.syntax.text(node)) if alone else OPAQUE

    def key(self, node: Node) -> str | None:
        """The key of a pair, of a text or a symbol."""
        if node.type == "hash_key_symbol":
            return self.syntax.text(node)
        form = self.form(node)
        return form.text if isinstance(form, Text) else None

    def _binary(self, node: Node) -> Form:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None:
            return OPAQUE
        match operator.type:
            case "||" | "or":
                return Choice(self.spine(node, operator.type))
            case "&&" | "and":
                return Same(right)
            case "+":
                return Sum(self.spine(node, "+"))
            case "==" | "!=":
                return Compare(left, right, operator.type == "==")
        return OPAQUE

    def _conditional(self, node: Node) -> Form:
        yes, no = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
        return (
            Choice((yes, no), node.child_by_field_name("condition")) if yes is not None and no is not None else OPAQUE
        )

    def _first(self, node: Node) -> Form:
        return Same(node.named_children[0]) if node.named_child_count == 1 else OPAQUE

    def _array(self, node: Node) -> Form:
        return Many("list", tuple((None, child) for child in node.named_children if child.type != "comment"))

    def _hash(self, node: Node) -> Form:
        items: list[tuple[str | None, Node]] = []
        for child in node.named_children:
            if child.type == "pair":
                key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
                if key is not None:
                    items.append((self.key(key), value or key))
        return Many("dict", tuple(items))

    def bound(self, visit: Visit) -> Iterator[Bound]:
        """The names that a node binds."""
        node = visit.node
        match node.type:
            case "assignment" | "operator_assignment":
                yield from self._assigned(visit)
            case "pair":
                yield from self._pair(visit)
            case "optional_parameter" | "keyword_parameter":
                name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
                if name is not None:
                    text = self.syntax.text(name)
                    yield Bound(text, text, node, value, "parameter")
            case "method_parameters" | "block_parameters":
                for child in node.named_children:
                    if child.type == "identifier":
                        text = self.syntax.text(child)
                        yield Bound(text, text, child, None, "parameter")
            case "call":
                yield from self._set(node)

    def _assigned(self, visit: Visit) -> Iterator[Bound]:
        node = visit.node
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None:
            return
        augments = operator is not None and operator.type not in ("=", "||=")
        if left.type == "left_assignment_list":
            values = right.named_children if right.type == "right_assignment_list" else []
            for at, one in enumerate(left.named_children):
                yield from self._target(visit, one, values[at] if at < len(values) else None, augments=False)
        else:
            yield from self._target(visit, left, right, augments=augments)

    def _target(self, visit: Visit, left: Node, right: Node | None, *, augments: bool) -> Iterator[Bound]:
        how: How = "augment" if augments else "assign"
        target = self.syntax.brief(left)
        if left.type in ("identifier", "constant", *_VARIABLES):
            in_function = visit.frame.home.kind == "function"
            kept = left.type in _VARIABLES and in_function
            if left.type == "class_variable" or (left.type == "constant" and visit.frame.home.kind == "class"):
                how = how if augments or in_function else "attribute"
            yield Bound(target, target, left, right, how, declares=not kept)
            return
        form = self.form(left)
        name = form.name if isinstance(form, Member | Invoke) else None
        if name is not None:
            yield Bound(name, target, left, right, how, plain=False)

    def _pair(self, visit: Visit) -> Iterator[Bound]:
        key, value = visit.node.child_by_field_name("key"), visit.node.child_by_field_name("value")
        name = self.key(key) if key is not None else None
        if name is None or value is None:
            return
        up = visit.up
        if up is not None and up.node.type == "hash":
            up = up.up
        call = up.up.node if up and up.node.type == "argument_list" and up.up and up.up.node.type == "call" else None
        yield Bound(name, f"{name}:", visit.node, value, "keyword" if call else "key", plain=False, call=call)

    def _set(self, node: Node) -> Iterator[Bound]:
        """`set :session_secret, "x"` of Sinatra."""
        method, given = node.child_by_field_name("method"), node.child_by_field_name("arguments")
        if method is None or given is None or given.named_child_count != 2:
            return
        if node.child_by_field_name("receiver") is None and self.syntax.text(method) == "set":
            name, value = given.named_children
            if name.type == "simple_symbol":
                text = self.syntax.text(name).lstrip(":")
                yield Bound(text, self.syntax.brief(node), node, value, "key", plain=False)

    def imported(self, visit: Visit) -> Iterator[Import]:
        """`require`, `require_relative` (with its dots), `autoload`; `gem` of a plain file."""
        form = self.form(visit.node)
        if not isinstance(form, Invoke) or form.of is not None or form.name not in self.import_words:
            return
        text = self.form(form.arguments[-1 if form.name == "autoload" else 0].node) if form.arguments else None
        if not isinstance(text, Text):
            return
        module = text.text
        if form.name == "require_relative" and not module.startswith("."):
            module = f"./{module}"
        scope = visit.frame.scope
        yield Import(
            module,
            (),
            visit.node.start_point.row + 1,
            optional=self._rescued(visit),
            in_function=not scope.at_import,
            guarded=bool(scope.guards),
        )

    def _rescued(self, visit: Visit) -> bool:
        """Whether a `rescue` follows, in the same method or class."""
        up = visit.up
        while up is not None and up.node.type not in ("method", "singleton_method", "class"):
            if up.node.type == "rescue_modifier" or self._rescues(up.node):
                return True
            up = up.up
        return False

    def _rescues(self, node: Node) -> bool:
        if node.type not in ("begin", "body_statement"):
            return False
        if node.id not in self._rescuing:
            self._rescuing[node.id] = any(child.type == "rescue" for child in node.named_children)
        return self._rescuing[node.id]

    def signature(self, visit: Visit) -> Signature | None:
        """A method."""
        name, given = visit.node.child_by_field_name("name"), visit.node.child_by_field_name("parameters")
        if name is None:
            return None
        every = given.named_children if given is not None else []
        parameters = tuple(self.syntax.brief(one.child_by_field_name("name") or one, 80) for one in every)
        return Signature(self.syntax.text(name), parameters)

    def changed(self, visit: Visit) -> Iterator[Changing]:
        """Assignments, `<<`, and calls of methods that change a collection."""
        node = visit.node
        left, operator = node.child_by_field_name("left"), node.child_by_field_name("operator")
        if node.type == "call":
            of, method = node.child_by_field_name("receiver"), node.child_by_field_name("method")
            if of is not None and method is not None and self.syntax.text(method) in self.mutators:
                yield Changing(of, "method", node)
        elif node.type == "binary":
            if left is not None and operator is not None and operator.type == "<<":
                yield Changing(left, "method", node)
        elif left is not None:
            augments = node.type == "operator_assignment" and operator is not None and operator.type != "||="
            yield Changing(left, "augment" if augments else "rebind", node)

    def is_text(self, visit: Visit) -> bool:
        """No name of a library, no key."""
        if visit.node.type == "binary":
            return self.is_whole(visit, "+")
        up = visit.up
        if up is not None and up.node.type == "pair":
            key = up.node.child_by_field_name("key")
            return key is None or key.id != visit.node.id
        call = up.up.node if up and up.node.type == "argument_list" and up.up else None
        method = call.child_by_field_name("method") if call is not None else None
        return method is None or self.syntax.text(method) not in self.import_words


def _given(block: Node | None) -> Node | None:
    """What a block gives back, if it is but one expression."""
    body = block.child_by_field_name("body") if block is not None else None
    return body.named_children[0] if body is not None and body.named_child_count == 1 else None


_Read = Callable[[Ruby, Node], Form]
_FORMS: dict[str, _Read] = {
    "string": Ruby._string,
    "bare_string": Ruby._string,
    "heredoc_body": Ruby._string,
    "simple_symbol": Ruby._symbol,
    "bare_symbol": Ruby._symbol,
    "delimited_symbol": Ruby._symbol,
    "integer": Ruby._number,
    "float": Ruby._number,
    "true": Ruby._constant,
    "false": Ruby._constant,
    "nil": Ruby._constant,
    "identifier": Ruby._name,
    "constant": Ruby._name,
    "hash_key_symbol": Ruby._name,
    "class_variable": Ruby._name,
    "global_variable": Ruby._name,
    "instance_variable": Ruby._name,
    "self": Ruby._name,
    "scope_resolution": Ruby._scoped,
    "element_reference": Ruby._element,
    "call": Ruby._call,
    "binary": Ruby._binary,
    "conditional": Ruby._conditional,
    "parenthesized_statements": Ruby._first,
    "argument_list": Ruby._first,
    "block_body": Ruby._first,
    "array": Ruby._array,
    "string_array": Ruby._array,
    "symbol_array": Ruby._array,
    "hash": Ruby._hash,
}


class RubySource(TreeSource):
    """A file of Ruby."""

    def __init__(self, path: str, data: bytes) -> None:
        super().__init__(path, data, Ruby())
