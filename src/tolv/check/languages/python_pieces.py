"""A Python module cut into pieces: simple statements and the headers of compound ones, each with what encloses it.

Pieces do not overlap (but on a shared line) and come in the order of the text, so that the pieces on a line are found
by bisection. A look that asks for calls of `listen` then visits the expressions of a few pieces, not of all.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tolv.check.source import Scope

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

#: Statements within statements, deeper than any honest module.
_DEEPEST = 90


@dataclass(eq=False, slots=True)
class Enclosure:
    """What encloses a piece: its class or function, and the conditions on the way; a chain up to the module."""

    above: Enclosure | None = None
    name: str | None = None
    kind: Literal["class", "function"] | None = None
    node: FunctionNode | ast.ClassDef | None = None
    guard: ast.expr | str | None = None
    negated: bool = False
    _scope: Scope | None = None

    def block(self) -> Enclosure:
        """The innermost class, function or module: conditions have no names of their own."""
        here = self
        while here.kind is None and here.above is not None:
            here = here.above
        return here

    def function(self) -> Enclosure | None:
        """The innermost function."""
        here: Enclosure | None = self
        while here is not None and here.kind != "function":
            here = here.above
        return here

    def owner(self) -> Enclosure | None:
        """The innermost class."""
        here: Enclosure | None = self
        while here is not None and here.kind != "class":
            here = here.above
        return here

    def scope(self) -> Scope:
        """As rules see it."""
        if self._scope is None:
            above = self.above.scope() if self.above is not None else Scope()
            if self.kind is not None:
                self._scope = Scope((*above.names, self.name or ""), (*above.kinds, self.kind), above.guards)
            elif self.guard is not None:
                self._scope = Scope(above.names, above.kinds, (*above.guards, self._condition()))
            else:
                self._scope = above
        return self._scope

    def _condition(self) -> str:
        text = self.guard if isinstance(self.guard, str) else _unparsed(self.guard)
        return f"not ({text})" if self.negated else text


@dataclass(frozen=True, slots=True)
class Piece:
    """A simple statement, or the header of a compound one."""

    node: ast.AST
    """The statement."""
    parts: tuple[ast.AST, ...]
    """The nodes that belong to the piece: the statement itself, or the expressions of its header."""
    first: int
    last: int
    enclosure: Enclosure


@dataclass(slots=True)
class Pieces:
    """All pieces of a module, in order."""

    pieces: list[Piece] = field(default_factory=list)
    functions: list[tuple[FunctionNode, Enclosure]] = field(default_factory=list)
    """Each with the enclosure of its body."""
    classes: list[tuple[ast.ClassDef, Enclosure]] = field(default_factory=list)
    """Each with the enclosure of its body."""
    module: Enclosure = field(default_factory=Enclosure)
    _starts: list[int] = field(default_factory=list)
    _longest: int = 0

    @classmethod
    def of(cls, tree: ast.Module) -> Pieces:
        """Cut a module. Raises `RecursionError` for one that is nested without reason."""
        pieces = cls()
        pieces._body(tree.body, pieces.module, 0)
        pieces.pieces.sort(key=lambda piece: (piece.first, piece.last))
        pieces._starts = [piece.first for piece in pieces.pieces]
        pieces._longest = max((piece.last - piece.first for piece in pieces.pieces), default=0)
        return pieces

    def on(self, rows: Iterable[int]) -> Iterator[Piece]:
        """The pieces that one of the rows lies in, each once, in order."""
        found: set[int] = set()
        for row in rows:
            at = bisect_right(self._starts, row) - 1
            while at >= 0 and self._starts[at] >= row - self._longest:
                if self.pieces[at].last >= row:
                    found.add(at)
                at -= 1
        for at in sorted(found):
            yield self.pieces[at]

    def _body(self, body: Sequence[ast.stmt], enclosure: Enclosure, depth: int) -> None:
        if depth > _DEEPEST:
            raise RecursionError
        for statement in body:
            self._statement(statement, enclosure, depth)

    def _statement(self, node: ast.stmt, here: Enclosure, depth: int) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                inner = Enclosure(here, node.name, "function", node)
                self.functions.append((node, inner))
                self._header(node, (*node.decorator_list, node.args, *_maybe(node.returns)), here)
                self._body(node.body, inner, depth + 1)
            case ast.ClassDef():
                inner = Enclosure(here, node.name, "class", node)
                self.classes.append((node, inner))
                self._header(node, (*node.decorator_list, *node.bases, *node.keywords), here)
                self._body(node.body, inner, depth + 1)
            case ast.If() | ast.While():
                self._header(node, (node.test,), here)
                self._body(node.body, Enclosure(here, guard=node.test), depth + 1)
                self._body(node.orelse, Enclosure(here, guard=node.test, negated=True), depth + 1)
            case ast.For() | ast.AsyncFor():
                self._header(node, (node.target, node.iter), here)
                self._body(node.body + node.orelse, here, depth + 1)
            case ast.With() | ast.AsyncWith():
                self._header(node, tuple(node.items), here)
                self._body(node.body, here, depth + 1)
            case ast.Try() | ast.TryStar():
                self._try(node, here, depth)
            case ast.Match():
                self._header(node, (node.subject,), here)
                for case in node.cases:
                    self._body(case.body, here, depth + 1)
            case _:
                self.pieces.append(Piece(node, (node,), node.lineno, node.end_lineno or node.lineno, here))

    def _try(self, node: ast.Try | ast.TryStar, here: Enclosure, depth: int) -> None:
        caught = " ".join(_unparsed(one.type) if one.type else "Exception" for one in node.handlers)
        self._body(node.body, Enclosure(here, guard=f"try {caught}") if caught else here, depth + 1)
        for handler in node.handlers:
            what = _unparsed(handler.type) if handler.type else "Exception"
            self._body(handler.body, Enclosure(here, guard=f"except {what}"), depth + 1)
        self._body(node.orelse + node.finalbody, here, depth + 1)

    def _header(self, node: ast.stmt, parts: tuple[ast.AST, ...], here: Enclosure) -> None:
        first = node.lineno
        last = first
        for part in parts:
            for one in _located(part):
                first = min(first, one.lineno)
                last = max(last, one.end_lineno or one.lineno)
        self.pieces.append(Piece(node, parts, first, last, here))


def _located(part: ast.AST) -> list[ast.expr]:
    """The expressions whose lines a header's part spans."""
    if isinstance(part, ast.expr):
        return [part]
    if isinstance(part, ast.withitem):
        return [part.context_expr, *_maybe(part.optional_vars)]
    if isinstance(part, ast.keyword):
        return [part.value]
    if isinstance(part, ast.arguments):
        annotated = [*part.posonlyargs, *part.args, *part.kwonlyargs]
        notes = [one.annotation for one in annotated if one.annotation is not None]
        return [*notes, *part.defaults, *(one for one in part.kw_defaults if one is not None)]
    return []


def _maybe(node: ast.expr | None) -> tuple[ast.expr, ...]:
    return () if node is None else (node,)


def _unparsed(node: ast.expr | None) -> str:
    try:
        return ast.unparse(node) if node is not None else ""
    except RecursionError:
        return "…"
