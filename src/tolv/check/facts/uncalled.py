"""Which functions of Go nothing in the codebase calls."""

from __future__ import annotations

import posixpath
import re

from tolv.check.unit import Unit

_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)


def is_uncalled(unit: Unit, path: str, line: int) -> bool:
    """Whether a line is in a plain function of Go that neither its own package nor one that imports it names.

    Of methods nothing is said, which are called through interfaces, and neither of a package at the top, whose users
    may be elsewhere.
    """
    source = unit.source(path) if path.endswith(".go") else None
    directory = posixpath.dirname(path)
    if source is None or not directory:
        return False
    function = next((one for one in source.functions() if one.line <= line <= one.end_line), None)
    if function is None or function.name in ("main", "init"):
        return False
    if re.match(r"func\s*\(", source.lines[function.line - 1]):
        return False
    name = function.name.encode()
    if len(re.findall(rb"\b%s\b" % name, _COMMENT.sub(b"", source.data))) > 1:
        return False
    imported = re.compile(rb'"(?:[^"\n]*/)?%s"' % re.escape(directory.encode()))
    for file in unit.repository.files:
        other = unit.source(file.path) if file.path.endswith(".go") and file.path != path else None
        if other is None or file.context == "test" or name not in other.words:
            continue
        if posixpath.dirname(file.path) == directory:
            return False
        if imported.search(other.data) and re.search(rb"\.%s\b|^\s*(?:import\s+)?\.\s+\"" % name, other.data, re.M):
            return False
    return True
