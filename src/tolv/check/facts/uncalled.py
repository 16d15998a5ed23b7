"""Which functions of Go nothing in the codebase calls, and which files of JavaScript nothing asks for."""

from __future__ import annotations

import posixpath
import re

from tolv.check.looks.mentions import mentions
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


#: Loading of whatever lies in a directory.
_LOADERS = frozenset((b"readdirSync", b"readdir", b"glob", b"globSync", b"globby", b"requireAll", b"autoload"))
#: Frameworks that load files by where they lie.
_CONVENTIONS = (
    "next",
    "nuxt",
    "sails",
    "@sveltejs/kit",
    "@remix-run/node",
    "astro",
    "@adonisjs/core",
    "@strapi/strapi",
    "moleculer",
    "@redwoodjs/api",
    "egg",
    "feathers",
    "loopback",
)


#: Contexts of files whose words may start or load something.
_NAMING = ("prod", "dev", "test", "ci", "admin", "migrations", "generated")


def is_unasked(unit: Unit, path: str) -> bool:
    """Whether a file of JavaScript is one that no other imports, that no start, script or table of the tree names, and
    that nothing loads by where it lies."""
    if not re.search(r"\.[cm]?[jt]s$", path) or unit.uses(*_CONVENTIONS):
        return False
    entries = {start.entry for start in unit.starts if start.entry}
    if path in entries or not any(re.search(r"\.[cm]?[jt]s$", one) for one in entries):
        return False  # without a known start, any may be one
    directory, _, name = path.rpartition("/")
    stem = re.sub(r"\.[cm]?[jt]s$", "", name)
    last = directory.rpartition("/")[2] if stem == "index" else stem
    if not last or stem in ("server", "main", "app", "worker"):
        return False
    for seen in unit.seen(mentions):
        if seen.path != path and last in re.split(r"[/.]", seen.what.module):
            return False
    said = re.compile(rf"(?<![\w-]){re.escape(last)}(?![\w-])")
    for file in unit.files:
        if file.language == "javascript":
            source = unit.source(file.path) if file.context != "test" else None
            if source is not None and not _LOADERS.isdisjoint(source.words):
                return False
        elif file.size < 1 << 18 and file.context in _NAMING and said.search(unit.text(file.path) or ""):
            return False
    return True
