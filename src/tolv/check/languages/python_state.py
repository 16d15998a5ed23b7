"""The lines of a Python module on which state outside of a function may change, found without parsing it."""

from __future__ import annotations

import re

from tolv.check.languages.rows import rows_of

#: Methods that change what they are called on.
MUTATING = frozenset(
    "append add update extend insert pop popitem remove discard clear setdefault appendleft push put put_nowait "
    "difference_update intersection_update symmetric_difference_update sort reverse __setitem__".split()
)

_METHODS = "|".join(sorted(MUTATING)).encode()
_CHANGED = re.compile(
    rb"(?:\s*\[[^\]\n]{0,300}\]){1,4}\s*(?:[-+*/|&^%@]|//|\*\*)?=(?!=)|(?:\s*\[[^\]\n]{0,300}\]){0,4}\s*\.\s*(?:"
    + _METHODS
    + rb")\s*\(|\s*(?:[-+*/|&^%@]|//|\*\*)="
)
#: What a line at the left margin binds, and what an indented one may: a class's attribute.
_TOP = re.compile(rb"^(\w[\w, \t]{0,200}?)\s*(?::[^=\n]{0,300})?=(?!=)", re.MULTILINE)
_INDENTED = re.compile(rb"^(?: {1,8}|\t{1,2})(\w+)\s*(?::[^=\n]{0,300})?=(?!=)", re.MULTILINE)
_OF_A_CLASS = re.compile(
    rb"(?:\b(?:self|cls)|\b[A-Z]\w*)\.(\w+)(?:" + _CHANGED.pattern + rb"|\s*=(?!=))",
)
_GLOBAL = re.compile(rb"^\s+(?:global|nonlocal)\s+([\w, \t]+)", re.MULTILINE)
_DELETED = re.compile(rb"\bdel\s+(\w+)")


def rows_of_changes(data: bytes) -> set[int]:
    """The lines, from 1, on which a variable of the module or of a class may change: too many rather than too few."""
    top = {word for one in _TOP.finditer(data) for word in re.findall(rb"\w+", one[1])}
    rows = rows_of(data, top, _CHANGED)
    rows |= rows_of(data, {word for one in _GLOBAL.finditer(data) for word in re.findall(rb"\w+", one[1])})
    deleted = {one[1] for one in _DELETED.finditer(data)} & top
    rows |= rows_of(data, deleted) if deleted else set()
    if b"class " in data:
        attributes = {one[1] for one in _INDENTED.finditer(data)}
        rows |= {data.count(b"\n", 0, one.start()) + 1 for one in _OF_A_CLASS.finditer(data) if one[1] in attributes}
    return rows
