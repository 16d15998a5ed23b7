"""Syntax trees and the walk through them.

A walk goes only where it is asked to: down to the places ("spots", offsets in bytes) of the words that somebody looks
for. It keeps its own stack, so that no depth of nesting can exhaust Python's, and goes no deeper than `DEEPEST`.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from tree_sitter import Language, Node, Parser, Tree

from tolv.check.source import Scope

LARGEST = 2 << 20
"""Bytes. No one writes a source file that is larger; what is larger was made by a program."""
PATIENCE = 10.0
"""Seconds that parsing one file may take: a grammar needs long for what is not its language."""
DEEPEST = 600
"""Levels of nesting that are looked into."""
_SMALL = 64 << 10
_MANY = 64
"""Words after whose search an index of all words is worth its time."""
_FEW = 16
_SIGILS = b"$@?!#"
_WORDS = re.compile(rb"[A-Za-z0-9_\x80-\xff]+")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") | frozenset(range(0x80, 0x100))


@dataclass(eq=False, slots=True)
class Frame:
    """What encloses a piece of code: the file, a class, a function, or a condition."""

    kind: Literal["file", "class", "function", "guard"]
    scope: Scope
    parent: Frame | None = None
    home: Frame = field(init=False)
    """The innermost frame that names can belong to: this one, unless it is a condition."""

    def __post_init__(self) -> None:
        self.home = self if self.kind != "guard" or self.parent is None else self.parent.home

    def inside(self, kind: Literal["class", "function"], name: str) -> Frame:
        """A class or function in here."""
        outer = self.scope
        return Frame(kind, Scope((*outer.names, name), (*outer.kinds, kind), outer.guards), self)

    def under(self, guard: str) -> Frame:
        """What a condition guards in here."""
        outer = self.scope
        return Frame("guard", Scope(outer.names, outer.kinds, (*outer.guards, guard)), self)


@dataclass(eq=False, slots=True)
class Visit:
    """A node on the way of a walk, with what encloses it."""

    node: Node
    frame: Frame
    up: Visit | None
    depth: int


Framing = Callable[["Visit"], dict[int, Frame]]
"""Says which frames a node puts around its children, by their ids."""


class Syntax:
    """A file's syntax tree. Nothing raises: what cannot be parsed has no nodes, and `problem` says why."""

    def __init__(
        self,
        data: bytes,
        grammar: Language,
        framings: dict[str, Framing],
        respelled: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.data = data
        self._grammar = grammar
        self._framings = framings
        self._frames: dict[int, dict[int, Frame]] = {}
        self._spots: dict[bytes, list[int]] = {}
        self._texts: dict[bytes, list[int]] = {}
        self.too_deep = False
        self.file = Frame("file", Scope())
        self.problem = _unfit(data)
        self._tree = None if self.problem else self._parse(data)
        if respelled is not None and self._tree is not None and self._tree.root_node.has_error:
            self._tree = self._parse_otherwise(respelled(data)) or self._tree
        self.root: Node | None = self._tree.root_node if self._tree else None
        if self.root is not None and self.root.has_error:
            self.problem = f"line {_first_error(self.root)} is not understood"

    def _parse_otherwise(self, data: bytes) -> Tree | None:
        """What newer forms of the language, which the grammar does not know yet, mean in older ones; None: that does
        not parse either."""
        if data == self.data or len(data) != len(self.data):
            return None
        tree = self._parse(data)
        return tree if tree is not None and not tree.root_node.has_error else None

    def _parse(self, data: bytes) -> Tree | None:
        parser = Parser(self._grammar)
        if len(data) <= _SMALL:
            return parser.parse(data)
        deadline = time.monotonic() + PATIENCE
        try:
            return parser.parse(
                lambda offset, _point: data[offset : offset + _SMALL],
                progress_callback=lambda _offset, _error: time.monotonic() > deadline,
            )
        except ValueError:
            self.problem = f"it could not be parsed within {PATIENCE:.0f} seconds"
            return None

    @cached_property
    def _ascii(self) -> bool:
        return self.data.isascii()

    def text(self, node: Node) -> str:
        """The source of a node."""
        return self.data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def brief(self, node: Node, limit: int = 160) -> str:
        """The source of a node on one line, cut after `limit` characters."""
        end = min(node.end_byte, node.start_byte + 4 * limit)
        text = " ".join(self.data[node.start_byte : end].decode("utf-8", "replace").split())
        return text if len(text) <= limit and end == node.end_byte else text[: limit - 1] + "…"

    def place(self, node: Node) -> tuple[int, int]:
        """Line and column of a node, both from 1; the column in characters."""
        row, column = node.start_point
        if not self._ascii and column < 10_000:  # what is further along no one counts
            start = node.start_byte
            column = len(self.data[start - column : start].decode("utf-8", "replace"))
        return row + 1, column + 1

    def spots(self, words: Iterable[str]) -> list[int]:
        """Where any of the words stands as a whole word."""
        return sorted({at for word in words for at in self._places(word.encode(), self._spots, whole=True)})

    def spots_within(self, parts: Iterable[str], *, any_case: bool = False) -> list[int]:
        """Where any of the parts stands, in a word or not."""
        found: set[int] = set()
        for part in parts:
            key = part.encode()
            found.update(self._places(key.lower(), self._texts, lower=True) if any_case else self._places(key, {}))
        return sorted(found)

    @cached_property
    def _lower(self) -> bytes:
        return self.data.lower()

    def _places(
        self, word: bytes, kept: dict[bytes, list[int]], *, whole: bool = False, lower: bool = False
    ) -> list[int]:
        if word in kept or not word or self.root is None:
            return kept.get(word, [])
        bare = word.strip(_SIGILS)
        if whole and len(kept) >= _MANY and bare and _WORDS.fullmatch(bare):
            return self._index.get(bare, [])
        data = self._lower if lower else self.data
        length, found, at = len(word), [], data.find(word)
        while at >= 0:
            end = at + length
            if not whole or not (
                (at and data[at - 1] in _WORD and word[0] in _WORD)
                or (end < len(data) and data[end] in _WORD and word[-1] in _WORD)
            ):
                found.append(at)
            at = data.find(word, end)
        kept[word] = found
        return found

    @cached_property
    def _index(self) -> dict[bytes, list[int]]:
        """Where each word of the file stands."""
        index: dict[bytes, list[int]] = {}
        for found in _WORDS.finditer(self.data):
            index.setdefault(found.group(), []).append(found.start())
        return index

    def spots_like(self, pattern: re.Pattern[bytes]) -> list[int]:
        """Where what a pattern finds ends."""
        return [found.end() - 1 for found in pattern.finditer(self.data)]

    def walk(self, spots: Sequence[int] | None = None, *, outside: bool = False) -> Iterator[Visit]:
        """The named nodes that hold one of the spots (sorted), parents first, in the order of the source; without
        spots, all. `outside`: what is in no function."""
        if self.root is None or spots == []:
            return
        stack = [Visit(self.root, self.file, None, 0)]
        while stack:
            visit = stack.pop()
            yield visit
            if visit.depth >= DEEPEST:
                self.too_deep = True
                continue
            children = visit.node.children
            if children:
                frames = self.frames(visit)
                inner = _holding(children, spots) if spots is not None else children
                for child in reversed(inner):
                    if child.is_named:
                        frame = frames.get(child.id, visit.frame) if frames else visit.frame
                        if outside and frame.home.kind == "function":
                            continue
                        stack.append(Visit(child, frame, visit, visit.depth + 1))

    def frames(self, visit: Visit) -> dict[int, Frame] | None:
        """The frames that a node puts around its children; the same objects at each walk."""
        framing = self._framings.get(visit.node.type)
        if framing is None:
            return None
        known = self._frames.get(visit.node.id)
        if known is None:
            known = self._frames[visit.node.id] = framing(visit)
        return known


def _holding(children: list[Node], spots: Sequence[int]) -> list[Node]:
    """The children that hold a spot. Few children are tried each; of many, the spots are sought."""
    if len(children) <= _FEW:
        held = []
        for child in children:
            start, end = child.start_byte, child.end_byte
            at = bisect_left(spots, start)
            if at < len(spots) and spots[at] < end:
                held.append(child)
        return held
    held = []
    at = bisect_left(spots, children[0].start_byte)
    last = children[-1].end_byte
    while at < len(spots) and spots[at] < last:
        child = children[bisect_right(children, spots[at], key=_start) - 1]
        if spots[at] < child.end_byte:
            held.append(child)
            at = bisect_left(spots, child.end_byte, at)
        else:
            at += 1
    return held


def _start(node: Node) -> int:
    return node.start_byte


def _unfit(data: bytes) -> str | None:
    if len(data) > LARGEST:
        return f"it is larger than {LARGEST >> 20} MiB"
    return "it is no text" if b"\0" in data else None


def _first_error(root: Node) -> int:
    """The line of the first part that the grammar does not know."""
    node = root
    while not (node.is_error or node.is_missing):
        inner = next((child for child in node.children if child.has_error), None)
        if inner is None:
            break
        node = inner
    return int(node.start_point.row) + 1
