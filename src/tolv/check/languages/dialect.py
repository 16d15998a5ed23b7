"""What a language says of its own syntax, for all that is told once for all languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Language as Grammar
from tree_sitter import Node

from tolv.check.languages.forms import Bound, Change, Form, Invoke
from tolv.check.languages.syntax import Frame, Framing, Syntax, Visit
from tolv.check.source import Import, Language

SPINE = 250
"""Operands of `a + b + c + …` that are read as one sum."""


def listed(words: str) -> frozenset[str]:
    """The words of a text: a set that is easy to read where it is long."""
    return frozenset(words.split())


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's name, parameters, and the nodes of its decorators."""

    name: str
    parameters: tuple[str, ...]
    decorators: tuple[Node, ...] = ()
    is_async: bool = False


@dataclass(frozen=True, slots=True)
class Changing:
    """An expression that changes what `target` names, or a part of it."""

    target: Node
    how: Change
    node: Node


@dataclass(frozen=True, slots=True)
class Environment:
    """How a language reads its environment. Names are resolved ones; one that starts with `.` is any object's."""

    mappings: frozenset[str] = frozenset()
    """What `X["A"]` and `X.A` read: `process.env`."""
    calls: tuple[tuple[str, int, int | None], ...] = ()
    """Functions that read a variable: the position of its name, and of its default."""
    defaulting: frozenset[str] = frozenset()
    """Methods of a value that say what it is if there is none: `orElse`."""
    words: frozenset[str] = frozenset()
    """One of these stands in each read."""
    schemas: frozenset[str] = frozenset()
    """Where one of these stands, a schema says which variables are read."""
    wrappers: bool = True
    """Functions that are called `getEnv`, `env_or_default` and the like read a variable too."""


@dataclass(frozen=True, slots=True)
class Conversions:
    """What gives back what it is given, in another type or nearly so."""

    functions: frozenset[str] = frozenset()
    function_marks = re.compile(rb"\bfunction\b")
    """Ends in each function, outside of what stands in its body."""
    """Of their first argument, by resolved name."""
    methods: frozenset[str] = frozenset()
    """Of what they are called on."""


class Dialect:
    """A language. The defaults are for a language that does not have such a thing."""

    language: Language
    calls: frozenset[str] = frozenset()
    """Types of the nodes that are calls."""
    functions: frozenset[str] = frozenset()
    function_marks = re.compile(rb"\bfunction\b")
    """Ends in each function, outside of what stands in its body."""
    binders: frozenset[str] = frozenset()
    """Types of the nodes that `bound` knows."""
    imports: frozenset[str] = frozenset()
    import_words: frozenset[str] = frozenset()
    """One of these stands in each import."""
    changers: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    """Types of the nodes in functions whose bindings outlive a call: `static $n` of PHP."""
    kept_marks: re.Pattern[bytes] | None = None
    """Ends in each of them."""
    mutators: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    """Types of the nodes that are literal texts or templates."""
    selves: frozenset[str] = frozenset({"this"})
    constructors: frozenset[str] = frozenset()
    """Methods that make an object of the class that they are called on: `new` of Ruby."""
    environment = Environment()
    conversions = Conversions()
    options = False
    """The items of a dict that is an argument are keywords."""

    def grammar(self, path: str) -> Grammar:
        """The grammar of a file."""
        raise NotImplementedError

    def respelled(self, data: bytes) -> bytes:
        """The text with forms that the grammar does not know as others of the same length that it does."""
        return data

    def framings(self) -> dict[str, Framing]:
        """The types of nodes that put frames around their children."""
        return {}

    def start(self, syntax: Syntax) -> None:
        """Get to know the file, before anything else is asked."""
        self.syntax = syntax

    def branches(
        self, visit: Visit, condition: str = "condition", yes: str = "consequence", no: str = "alternative"
    ) -> dict[int, Frame]:
        """The frames of an `if`, by the names of its fields."""
        asked = visit.node.child_by_field_name(condition)
        if asked is None:
            return {}
        text = self.syntax.brief(asked)
        if text.startswith("(") and text.endswith(")"):
            text = text[1:-1]
        frames = {child.id: visit.frame.under(text) for child in visit.node.children_by_field_name(yes)}
        for child in visit.node.children_by_field_name(no):
            frames[child.id] = visit.frame.under(f"not ({text})")
        return frames

    def spine(self, node: Node, operator: str) -> tuple[Node, ...]:
        """The operands of `a + b + c`, which the grammar nests to the left."""
        operands: list[Node] = []
        current = node
        for _ in range(SPINE):
            left, right = current.child_by_field_name("left"), current.child_by_field_name("right")
            if left is None or right is None:
                break
            operands.append(right)
            inner = left.child_by_field_name("operator") if left.type == node.type else None
            if inner is None or inner.type != operator:
                operands.append(left)
                break
            current = left
        return tuple(reversed(operands))

    def form(self, node: Node) -> Form:
        """What a node is."""
        raise NotImplementedError

    def called(self, visit: Visit) -> Form:
        """What a node of the types `calls` calls."""
        return self.form(visit.node)

    def module(self, call: Invoke) -> str | None:
        """The module that a call loads: `require("x")`."""
        return None

    def resolve(self, name: str) -> str:
        """What a name stands for that nothing in the file binds: a class of the same package."""
        return name

    def bound(self, visit: Visit) -> Iterator[Bound]:
        """The names that a node binds."""
        return iter(())

    def imported(self, visit: Visit) -> Iterator[Import]:
        """The modules that a node asks for."""
        return iter(())

    def signature(self, visit: Visit) -> Signature | None:
        """Of a node that is a function; None if it is not one that has a name of its own."""
        return None

    def changed(self, visit: Visit) -> Iterator[Changing]:
        """What a node changes."""
        return iter(())

    def is_variable(self, mapping: str, name: str | None) -> bool:
        """Whether an entry of one of the environment's mappings is a variable of it."""
        return True

    def is_whole(self, visit: Visit, operator: str) -> bool:
        """Whether a node is a sum of this operator, and no part of a longer one."""
        own, up = visit.node.child_by_field_name("operator"), visit.up
        if own is None or own.type != operator or up is None:
            return False
        above = up.node.child_by_field_name("operator") if up.node.type == visit.node.type else None
        return above is None or above.type != operator

    def is_text(self, visit: Visit) -> bool:
        """Whether a node of the types `texts` is an expression: no docstring, no module's name, no key."""
        return True

    def keeps(self, visit: Visit, bound: Bound) -> bool:
        """Whether a binding is state that outlives the call of a function."""
        return visit.frame.home.kind != "function" or visit.node.type in self.kept
