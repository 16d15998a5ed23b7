"""What a node of a syntax tree says, in words that all languages share.

A language says of each of its nodes which of these forms it has; what follows from a form (values, names, reads of the
environment) is told once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

from tree_sitter import Node

How = OneOf["assign", "keyword", "key", "attribute", "parameter", "augment"]
Change = OneOf["rebind", "augment", "item", "method", "delete"]


@dataclass(frozen=True, slots=True)
class Text:
    """A literal: `type` is `str`, `int`, `float`, `bool` or `null`."""

    text: str
    type: str


@dataclass(frozen=True, slots=True)
class Name:
    """A plain name."""

    text: str


@dataclass(frozen=True, slots=True)
class Member:
    """A part of something: `of.name`, `of["name"]`. `name` is None where it is computed."""

    of: Node
    name: str | None
    index: Node | None = None
    """What the computed name is."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call, by name if it has one."""

    node: Node
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Invoke:
    """A call or the making of an object: of the node `callee`, or of the method `name` of the node `of`."""

    arguments: tuple[Argument, ...]
    callee: Node | None = None
    of: Node | None = None
    name: str | None = None
    block: Node | None = None
    """What a block or closure behind the arguments gives."""
    made: bool = False
    """An object is made (`new X`)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several, the first that is there; with `condition`, one of two."""

    nodes: tuple[Node, ...]
    condition: Node | None = None


@dataclass(frozen=True, slots=True)
class Many:
    """A list, a dict, a set or a tuple with its items; those of a dict have keys where these are plain."""

    kind: str
    items: tuple[tuple[str | None, Node], ...]


@dataclass(frozen=True, slots=True)
class Pieces:
    """Text that is put together: literal parts and holes."""

    pieces: tuple[str | Node, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """Operands of `+`, `.` and their like: a text if one of them is."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """`left == right`, or `!=`."""

    left: Node
    right: Node
    equal: bool


@dataclass(frozen=True, slots=True)
class Same:
    """It is what another node is: parentheses, a cast, `await`."""

    node: Node


@dataclass(frozen=True, slots=True)
class Opaque:
    """Anything else."""


Form = Text | Name | Member | Invoke | Choice | Many | Pieces | Sum | Compare | Same | Opaque
OPAQUE = Opaque()


@dataclass(frozen=True, slots=True)
class Bound:
    """A name that gets something."""

    name: str
    target: str
    node: Node
    """Where it stands."""
    value: Node | None = None
    how: How = "assign"
    plain: bool = True
    """A plain name that other code of the scope can say; else an attribute, a key, an item."""
    path: str | None = None
    """What it stands for, where that is said outright: an import."""
    member: str | None = None
    """It is this member of the value (`const {A} = value`)."""
    default: Node | None = None
    """… or this, if there is no such member."""
    type: Node | None = None
    """Its declared type."""
    variable: str | None = None
    """It is read from this variable of the environment, with `default`: a schema says so."""
    default_text: str | None = None
    """The default, where no node of the tree is it: in the tag of a field."""
    call: Node | None = None
    """Of a keyword: the call."""
    declares: bool = True
    """It makes the name, in the innermost scope; else it changes one that is made elsewhere, if there is one."""
