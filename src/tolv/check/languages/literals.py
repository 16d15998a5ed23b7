"""Literals: texts without their quotes and escapes, numbers with their type."""

from __future__ import annotations

import re

from tree_sitter import Node

from tolv.check.languages.forms import Text
from tolv.check.languages.syntax import Syntax

_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r?\n)|(.))", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}
_QUOTES = "\"'`"


def unescaped(syntax: Syntax, node: Node) -> str:
    """The text of a node that is a quoted literal."""
    return without_escapes(inside(syntax.text(node)))


def inside(text: str) -> str:
    """What stands between quotes."""
    if len(text) > 1 and text[0] in _QUOTES and text[-1] == text[0]:
        return text[1:-1]
    return text


def without_escapes(text: str) -> str:
    """A text with its escapes carried out; one that means nothing gives its own letter."""
    return _ESCAPE.sub(_escaped, text) if "\\" in text else text


def _escaped(found: re.Match[str]) -> str:
    braced, four, two, newline, letter = found.groups()
    code = braced or four or two
    if code:
        point = int(code, 16)
        return chr(point) if point <= 0x10FFFF else "\ufffd"
    return "" if newline else _PLAIN.get(letter, letter)


def number(text: str) -> Text:
    """A number, without its separators and suffix."""
    plain = text.replace("_", "")
    hexadecimal = plain[:2].lower() in ("0x", "0b", "0o")
    plain = plain.rstrip("nlL") if hexadecimal else plain.rstrip("nlLfFdD")
    return Text(plain, "float" if not hexadecimal and any(one in plain for one in ".eE") else "int")
