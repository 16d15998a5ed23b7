"""Values that stand in the files of a release under the name of a variable, and might beat the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

#: Where what others wrote lies.
_ELSEWHERE = frozenset({".git", "node_modules", "vendor", "venv", ".venv", "__pycache__", "site-packages", "tests"})
_CODE = frozenset({".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".go", ".java", ".php", ".ex", ".rs", ".kt"})
#: Files that say something of variables and set none.
_TEMPLATE = re.compile(r"(?i)(?:example|sample|template|\.md$|\.lock$|^package-lock)")
_FILES, _BYTES = 3000, 1 << 18


@dataclass(frozen=True, slots=True)
class Literal:
    """A value in a file."""

    name: str
    path: str
    line: int
    start: int
    """Of the value, in characters of the file."""
    end: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def find_literals(root: Path, names: Iterable[str]) -> list[Literal]:
    """Where the release says a value for one of the names: `TITLE=Notes`, `TITLE = "Notes"`, `"TITLE": "Notes"`."""
    names = tuple(names)
    found: list[Literal] = []
    for number, path in enumerate(_files(root)):
        if number >= _FILES or not names:
            break
        try:
            if path.stat().st_size > _BYTES or path.is_symlink():
                continue
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
        found += _in_text(text, str(path.relative_to(root)), names, path.suffix in _CODE)
    return found


def replace_literals(root: Path, literals: Iterable[Literal], values: Mapping[str, str]) -> None:
    """Put each name's value where the literals stand. Raises `OSError`."""
    by_path: dict[str, list[Literal]] = {}
    for one in literals:
        by_path.setdefault(one.path, []).append(one)
    for path, ones in by_path.items():
        text = (root / path).read_text(encoding="utf-8")
        for one in sorted(ones, key=lambda each: -each.start):
            text = text[: one.start] + values[one.name] + text[one.end :]
        (root / path).write_text(text, encoding="utf-8")


def _in_text(text: str, path: str, names: tuple[str, ...], code: bool) -> Iterator[Literal]:
    choice = "|".join(map(re.escape, names))
    quoted = r"\"(?P<one>[^\"\n]+)\"|'(?P<two>[^'\n]+)'"
    bare = r"|(?P<three>[^\s\"'#{\[(][^\n#]*?)(?=[ \t]*(?:#.*)?$)"
    pattern = rf"^[ \t]*(?:(?:export|const|let|var)\s+)?[\"']?(?P<name>{choice})[\"']?[ \t]*(?:=|:)[ \t]*(?:{quoted}"
    pattern += ")" if code else bare + ")"
    for match in re.finditer(pattern, text, re.MULTILINE):
        group = next(one for one in ("one", "two", "three") if match.groupdict().get(one) is not None)
        line = text.count("\n", 0, match.start()) + 1
        yield Literal(match["name"], path, line, match.start(group), match.end(group))


def _files(root: Path) -> Iterator[Path]:
    for directory, directories, files in os.walk(root):
        directories[:] = sorted(set(directories) - _ELSEWHERE)
        yield from (Path(directory, name) for name in sorted(files) if not _TEMPLATE.search(name))
