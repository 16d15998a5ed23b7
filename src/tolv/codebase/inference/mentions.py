"""The variables that an app's example of a `.env` names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.codebase.context import language_of
from tolv.codebase.inference.files import Files, name_of
from tolv.codebase.inference.signs import Mention, Place

_EXAMPLE = re.compile(
    r"(?i)\.env|\.env\.(?:production|prod|development|dev|docker|web|app)"
    r"|(?=.*env)(?:.*[._-])?(?:example|sample|dist|template|tmpl|skel)s?(?:[._-].*)?"
)
_TEMPLATE = re.compile(r"(?i)example|sample|dist|template|tmpl|skel")
_ASSIGNED = re.compile(r"(\s*[#;]\s*)?(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_OPTIONAL = re.compile(r"(?i)\boptional(?:ly)?\b")


def in_examples(files: Files) -> Iterator[Mention]:
    """The variables that files such as `.env.example` name, templates before what a developer has."""
    paths = [
        path
        for path in files.near(2)
        if "env" in name_of(path).lower() and _EXAMPLE.fullmatch(name_of(path)) and language_of(path) is None
    ]
    for path in sorted(paths, key=lambda path: (path.count("/"), _TEMPLATE.search(path) is None)):
        yield from _example(path, files.text(path) or "")


def _example(path: str, text: str) -> Iterator[Mention]:
    """A comment counts for all assignments below it, up to an empty line or the next comment."""
    comment, ended = "", True
    for number, line in enumerate(text.split("\n"), start=1):
        match = _ASSIGNED.match(line)
        if match is not None and match[2].isupper():
            value, _, behind = match[3].partition(" #")
            plain = value.strip().strip("\"'") or None
            optional = _OPTIONAL.search(f"{comment} {behind}") is not None
            place = Place(match[2], path, number)
            yield Mention(match[2], place, "example", plain, optional, commented_out=bool(match[1]))
            ended = True
        elif line.lstrip().startswith("#"):
            comment = line if ended else f"{comment} {line}"
            ended = False
        elif not line.strip():
            comment, ended = "", True
