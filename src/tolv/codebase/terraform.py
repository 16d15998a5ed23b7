"""Terraform: blocks with their attributes, and which of them are literals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tolv.codebase.dockerfile_syntax import Entry

if TYPE_CHECKING:
    from tree_sitter import Node as Syntax
    from tree_sitter import Parser

#: Characters that a file may have.
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Block:
    """A block of Terraform: `resource "aws_db_instance" "main" { … }`."""

    type: str
    labels: tuple[str, ...]
    attributes: dict[str, Entry]
    """As written; a text without its quotes."""
    literals: frozenset[str]
    """The attributes that are a literal: a text without `${…}`, a number, a boolean."""
    blocks: tuple[Block, ...]
    line: int
    end_line: int

    def walk(self) -> Iterator[Block]:
        """Itself and all blocks within."""
        rest = [self]
        while rest:
            one = rest.pop()
            yield one
            rest.extend(reversed(one.blocks))


@dataclass(frozen=True, slots=True)
class Terraform:
    """A `.tf` or `.tfvars` file."""

    path: str
    blocks: tuple[Block, ...]
    attributes: dict[str, Entry]
    """At the top: those of a `.tfvars`."""
    problem: str | None = None

    def named(self, type: str, label: str | None = None) -> tuple[Block, ...]:
        """The blocks of a type, and of a first label."""
        return tuple(one for one in self.blocks if one.type == type and (label is None or one.labels[:1] == (label,)))


def parse_terraform(text: str, path: str = "") -> Terraform:
    """Read HCL. Never raises; `problem` says what could not be read."""
    if len(text) > _LARGEST:
        return Terraform(path, (), {}, "it is larger than 1 MiB")
    root = _hcl().parse(text.encode("utf-8", "replace")).root_node
    body = next((child for child in root.children if child.type == "body"), None)
    if body is None:
        return Terraform(path, (), {}, "it is not HCL" if text.strip() and root.has_error else None)
    attributes, _, blocks = _body(body, 0)
    return Terraform(path, blocks, attributes, "a part of it is not HCL" if root.has_error else None)


@lru_cache(maxsize=1)
def _hcl() -> Parser:
    import tree_sitter_hcl
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_hcl.language()))


def _body(body: Syntax, depth: int) -> tuple[dict[str, Entry], frozenset[str], tuple[Block, ...]]:
    attributes: dict[str, Entry] = {}
    literals: set[str] = set()
    blocks: list[Block] = []
    for child in body.children:
        if child.type == "attribute":
            parts = [one for one in child.children if one.is_named]
            if len(parts) < 2:
                continue
            name = _hcl_text(parts[0])
            value, literal = _hcl_value(parts[-1])
            attributes[name] = Entry(value, child.start_point[0] + 1)
            literals |= {name} if literal else set()
        elif child.type == "block" and depth < 50:
            words = [_hcl_text(one).strip('"') for one in child.children if one.type in ("identifier", "string_lit")]
            inner = next((one for one in child.children if one.type == "body"), None)
            own, said, below = _body(inner, depth + 1) if inner is not None else ({}, frozenset[str](), ())
            first, last = child.start_point[0] + 1, child.end_point[0] + 1
            blocks.append(Block(words[0] if words else "", tuple(words[1:]), own, said, below, first, last))
    return attributes, frozenset(literals), tuple(blocks)


def _hcl_value(node: Syntax) -> tuple[str, bool]:
    """The text of a value, and whether it is a literal."""
    text = _hcl_text(node)
    inner = node
    while inner.child_count == 1 and inner.type in ("expression", "literal_value", "template_expr"):
        inner = inner.children[0]
    if inner.type in ("string_lit", "quoted_template", "heredoc_template"):
        return text.strip().strip('"'), "${" not in text and "%{" not in text
    return text, inner.type in ("numeric_lit", "bool_lit", "null_lit")


def _hcl_text(node: Syntax) -> str:
    return (node.text or b"").decode("utf-8", "replace")
