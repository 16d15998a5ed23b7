"""YAML as a tree of nodes with their lines, of any file: compose, Kubernetes, CI, Spring, Helm.

The tree is built from the parser's events, so that nesting costs no recursion, and an alias is the very node that it
names, so that an alias bomb costs what its text costs. No tag is ever constructed: `!Ref x` is the scalar `x`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

#: Characters that a file may have; nobody writes more by hand.
LARGEST = 8 << 20
#: Nodes that a file may have.
_MOST_NODES = 500_000
#: Levels that it may have: libyaml takes a time that grows with the square of them.
_DEEPEST = 200
#: Nodes that `plain` gives at most, aliases counted as often as they are named.
_MOST_PLAIN = 20_000
_DEEPEST_PLAIN = 60
_MERGE_DEPTH = 8


class Node:
    """One value of a YAML document, with its place. A node may be reached on several ways, even from within."""

    __slots__ = ("_index", "_items", "block", "column", "kind", "line", "quoted", "tag", "value")

    def __init__(self, kind: Literal["map", "list", "scalar"], value: str, line: int, column: int) -> None:
        self.kind: Literal["map", "list", "scalar"] = kind
        self.value = value
        """The text of a scalar, whatever its type; `''` of a map or list."""
        self.line = line
        """From 1."""
        self.column = column
        """From 1."""
        self.quoted = False
        """The scalar was in quotes or a block: it is a text, whatever it looks like."""
        self.block = False
        """The scalar is a block (`|`, `>`): its text starts in the next line."""
        self.tag: str | None = None
        """As written: `!vault`."""
        self._items: list[tuple[Node, Node]] = []
        self._index: dict[str, Node] | None = None

    def __repr__(self) -> str:
        return f"Node({self.kind}, {self.value!r}, line {self.line})"

    def get(self, key: str) -> Node | None:
        """The value of a map's key, of merged maps (`<<`) too; the last if given twice; None: there is none."""
        if self.kind != "map":
            return None
        if self._index is None:
            self._index = _index(self, _MERGE_DEPTH)
        return self._index.get(key)

    def items(self) -> tuple[tuple[str, Node], ...]:
        """The keys of a map and their values, in order, those of merged maps last."""
        if self.kind != "map":
            return ()
        if self._index is None:
            self._index = _index(self, _MERGE_DEPTH)
        return tuple(self._index.items())

    def pairs(self) -> tuple[tuple[Node, Node], ...]:
        """The keys of a map as nodes (for their lines), and the values, as written: `<<` included."""
        return tuple(self._items) if self.kind == "map" else ()

    def elements(self) -> tuple[Node, ...]:
        """The elements of a list."""
        return tuple(value for _, value in self._items) if self.kind == "list" else ()

    def at(self, *path: str | int) -> Node | None:
        """The node at a path of keys and positions; None: there is none."""
        node: Node | None = self
        for step in path:
            if node is None:
                return None
            if isinstance(step, str):
                node = node.get(step)
            else:
                node = (
                    node._items[step][1]
                    if node.kind == "list" and -len(node._items) <= step < len(node._items)
                    else None
                )
        return node

    def text(self, *path: str | int) -> str | None:
        """The text of the scalar at a path; None: there is none, it is null, or it is no scalar."""
        node = self.at(*path)
        return node.value if node is not None and node.kind == "scalar" and not node.is_null else None

    @property
    def text_line(self) -> int:
        """The line that the text of the scalar starts in."""
        return self.line + self.block

    @property
    def is_null(self) -> bool:
        return self.kind == "scalar" and not self.quoted and self.value in ("", "~", "null", "Null", "NULL")

    @property
    def is_true(self) -> bool:
        """It says yes, as YAML 1.1 has it."""
        return self.kind == "scalar" and not self.quoted and self.value.lower() in ("true", "yes", "on")

    def texts(self) -> tuple[str, ...]:
        """A scalar's text as the only one, or those of a list's scalars."""
        if self.kind == "scalar":
            return () if self.is_null else (self.value,)
        return tuple(one.value for one in self.elements() if one.kind == "scalar")

    def plain(self) -> Any:
        """Dicts, lists and typed scalars. What an alias repeats beyond reason, and what holds itself, is None there."""
        left = [_MOST_PLAIN]
        return _plain(self, left, _DEEPEST_PLAIN)

    def walk(self) -> Iterator[Node]:
        """Every node below and itself, each once, in the order of the text."""
        seen: set[int] = set()
        rest = [self]
        while rest:
            node = rest.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            yield node
            rest.extend(value for _, value in reversed(node._items))


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A file of YAML documents."""

    documents: tuple[Node, ...]
    problem: str | None = None
    """Why it, or a part of it, could not be read."""

    @property
    def first(self) -> Node | None:
        return self.documents[0] if self.documents else None


def parse_yaml(text: str, where: str = "", *, templates: bool = False) -> YamlFile:
    """The documents of a file; those that are not YAML are left out, and `problem` says so. Never raises.

    With `templates` (Helm, Jinja), `{{ … }}` and `{% … %}` are put up with: a line of them is blank, one within a value
    stays a part of its text, and `problem` says that they were not evaluated.
    """
    if len(text) > LARGEST:
        return YamlFile((), f"it is larger than {LARGEST >> 20} MiB")
    text = text.removeprefix("\ufeff")
    source = text
    if templates and ("{{" in text or "{%" in text):
        source = _HIDDEN_LINE.sub(_blank, _without_templates(text))
    documents, problem = _documents(source, text, 0)
    if problem is not None and "\n---" in source:
        documents, problem = _one_by_one(source, text)
    if problem is None and source is not text:
        problem = "it is a template: what stands in {{ }} is not evaluated"
    return YamlFile(tuple(documents), problem)


def is_templated(text: str) -> bool:
    """Whether a value is made by a template, so that its text is not what will be there."""
    return "{{" in text or "{%" in text or _HIDDEN in text


_HIDDEN = "\ue000"
_HIDDEN_LINE = re.compile(f"^[ \\t]*{_HIDDEN}[{_HIDDEN} \\t]*\\r?$", re.MULTILINE)
_MARKED = re.compile(r"[^\n]")
_SEPARATOR = re.compile(r"^---(?=[ \t\r\n]|$)", re.MULTILINE)


def _without_templates(text: str) -> str:
    """The text with a mark for each character of a template; one that never closes stays."""
    parts: list[str] = []
    position, closing = 0, {"{{": "}}", "{%": "%}"}
    while closing:
        starts = {text.find(opening, position): opening for opening in closing}
        if -1 in starts:
            del closing[starts[-1]]  # else the text would be searched in vain again and again
            continue
        start = min(starts)
        opening = starts[start]
        end = text.find(closing[opening], start + 2)
        if end < 0:
            del closing[opening]
            continue
        parts += (text[position:start], _MARKED.sub(_HIDDEN, text[start : end + 2]))
        position = end + 2
    return "".join((*parts, text[position:]))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _one_by_one(source: str, text: str) -> tuple[list[Node], str | None]:
    """Each document by itself, so that one that is broken takes no other along."""
    documents: list[Node] = []
    problem = None
    starts = [0, *(match.start() for match in _SEPARATOR.finditer(source) if match.start())]
    for start, end in zip(starts, [*starts[1:], len(source)], strict=True):
        found, wrong = _documents(source[start:end], text[start:end], source.count("\n", 0, start))
        documents += found
        problem = problem or wrong
    return documents, problem


def _documents(source: str, text: str, lines: int) -> tuple[list[Node], str | None]:
    """The documents up to the first error, and the error. `lines` come before the text in its file."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(text, lines)
    try:
        for event in yaml.parse(source, Loader=loader):
            if (excess := builder.take(event)) is not None:
                return builder.documents, excess
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"line {mark.line + 1 + lines} is" if mark else "it is"
        return builder.documents, f"{at} not YAML: {error.problem or error.context}"
    except (yaml.YAMLError, ValueError) as error:
        return (
            builder.documents,
            f"it is not YAML: {str(error).splitlines()[0][:100] if str(error) else 'odd characters'}",
        )
    return builder.documents, None


class _Builder:
    """Makes nodes of the parser's events."""

    def __init__(self, text: str, lines: int) -> None:
        self.documents: list[Node] = []
        self._text = text
        self._lines = lines
        self._count = 0
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Node, list[Node]]] = []
        """The collections that are open, each with a key that waits for its value."""

    def take(self, event: Any) -> str | None:
        """Take the next event; a text: it is too much, and why."""
        kind = type(event).__name__
        if kind == "ScalarEvent":
            node = self._node("scalar", self._scalar(event), event)
            node.quoted = bool(event.style)
            node.block = event.style in ("|", ">")
            self._put(node)
        elif kind == "AliasEvent":
            mark = event.start_mark
            unknown = Node("scalar", "", mark.line + 1 + self._lines, mark.column + 1)
            self._put(self._anchors.get(event.anchor, unknown))
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            node = self._node("map" if kind[0] == "M" else "list", "", event)
            self._put(node)
            self._open.append((node, []))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._open.pop()
        elif kind == "DocumentStartEvent":
            self._anchors = {}
        if len(self._open) > _DEEPEST:
            return f"it is nested deeper than {_DEEPEST} levels"
        return None if self._count <= _MOST_NODES else "it has more than half a million values"

    def _node(self, kind: Literal["map", "list", "scalar"], value: str, event: Any) -> Node:
        self._count += 1
        node = Node(kind, value, event.start_mark.line + 1 + self._lines, event.start_mark.column + 1)
        if event.tag and event.tag != "!":
            node.tag = event.tag
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _scalar(self, event: Any) -> str:
        """The text; where a template was hidden, as it stands in the file."""
        value: str = event.value
        if _HIDDEN not in value:
            return value
        written = self._text[event.start_mark.index : event.end_mark.index].strip()
        return written[1:-1] if event.style in ("'", '"') and len(written) > 1 else written

    def _put(self, node: Node) -> None:
        if not self._open:
            self.documents.append(node)
            return
        owner, waiting = self._open[-1]
        if owner.kind == "list":
            owner._items.append((node, node))
        elif waiting:
            owner._items.append((waiting.pop(), node))
        else:
            waiting.append(node)


def _index(node: Node, depth: int) -> dict[str, Node]:
    """A map's values by key; those that it merges in come last and never win."""
    found: dict[str, Node] = {}
    merged: list[Node] = []
    for key, value in node._items:
        if key.kind != "scalar":
            continue
        if key.value == "<<" and not key.quoted:
            merged += [value] if value.kind == "map" else value.elements()
        else:
            found[key.value] = value
    if depth:
        for one in merged[:50]:
            if one.kind == "map" and one is not node:
                for name, value in (one._index or _index(one, depth - 1)).items():
                    found.setdefault(name, value)
    return found


def _plain(node: Node, left: list[int], depth: int) -> Any:
    left[0] -= 1
    if left[0] < 0 or depth < 0:
        return None
    if node.kind == "map":
        return {key: _plain(value, left, depth - 1) for key, value in node.items() if left[0] > 0}
    if node.kind == "list":
        return [_plain(value, left, depth - 1) for value in node.elements() if left[0] > 0]
    return node.value if node.quoted else _typed(node.value)


_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})")
_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,30}\.[0-9]{0,30}|\.[0-9]{1,30})(?:[eE][-+]?[0-9]{1,3})?")


@lru_cache(maxsize=1024)
def _typed(value: str) -> Any:
    """A plain scalar as the programs that read such files take it: YAML 1.1 without base 60."""
    lower = value.lower()
    if value in ("", "~") or lower == "null":
        return None
    if lower in ("true", "yes", "on"):
        return True
    if lower in ("false", "no", "off"):
        return False
    if _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if _FLOAT.fullmatch(value) else value
