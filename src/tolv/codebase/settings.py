"""Files of keys and values: `.ini`, systemd units, `.properties`, Spring's `application.yml`, TOML, JSON.

Each gives flat settings with their lines: `server.port` = `8080` in line 3.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tolv.codebase.yamlfile import Node, parse_yaml

#: Characters that such a file may have, and levels that its values may be nested.
_LARGEST = 2 << 20
_DEEPEST = 30
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Setting:
    """A value with its place."""

    key: str
    """Dotted, sections and maps included: `spring.datasource.url`, `Service.ExecStart`; of lists the positions."""
    value: str
    path: str
    line: int
    profile: str | None = None
    """Spring's profile that it is for; None: it always counts."""

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a file sets, in order."""

    settings: tuple[Setting, ...]
    problem: str | None = None
    """Why it, or a part of it, could not be read."""

    def __iter__(self) -> Iterator[Setting]:
        return iter(self.settings)

    def get(self, key: str) -> Setting | None:
        """The last setting of a key."""
        return next((one for one in reversed(self.settings) if one.key == key), None)

    def all(self, key: str) -> tuple[Setting, ...]:
        return tuple(one for one in self.settings if one.key == key)

    def section(self, name: str) -> tuple[Setting, ...]:
        """Those whose key starts with the name."""
        return tuple(one for one in self.settings if one.key.startswith(f"{name}."))


_SECTION = re.compile(r"\[\[?([^\[\]]+)\]\]?\s*(?:[;#].*)?$")


def parse_ini(text: str, path: str = "", *, comments: str = "#;") -> Settings:
    """An INI file, a systemd unit, a supervisord, uWSGI or php.ini: `section.key`. Never raises.

    A line that ends in a backslash goes on in the next (systemd); an indented line without `=` continues the value
    (configparser). A key that is given twice is given twice.
    """
    if len(text) > _LARGEST:
        return Settings((), "it is larger than 2 MiB")
    found: list[Setting] = []
    section = ""
    open_value = False
    lines = text.removeprefix("\ufeff").split("\n")
    number = 0
    while number < len(lines):
        start = number
        line = lines[number].rstrip("\r")
        number += 1
        bare = line.strip()
        if not bare or bare[0] in comments:
            continue
        parts = [bare]
        while parts[-1].endswith("\\") and number < len(lines):
            parts[-1] = parts[-1][:-1].rstrip()
            parts.append(lines[number].strip())
            number += 1
        bare = " ".join(part for part in parts if part)
        match = _SECTION.match(bare)
        if match is not None and not line[0].isspace():
            section, open_value = match[1].strip(), False
            continue
        key, sign, value = bare.partition("=")
        if open_value and line[0].isspace() and found:
            last = found.pop()
            found.append(Setting(last.key, f"{last.value}\n{bare}".strip("\n"), path, last.line))
        elif sign:
            name = key.strip()
            found.append(Setting(f"{section}.{name}" if section else name, value.strip(), path, start + 1))
            open_value = True
    return Settings(tuple(found))


_PROPERTY = re.compile(r"((?:[^\s=:\\]|\\.)+)\s*[=:]?\s*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_SPRING_PROFILE = re.compile(r"(?:^|/)(?:application|bootstrap)-([A-Za-z0-9_-]+)\.(?:properties|ya?ml)$")
_ON_PROFILE = ("spring.config.activate.on-profile", "spring.profiles")


def parse_properties(text: str, path: str = "") -> Settings:
    """A Java `.properties` file, Spring's documents (`#---`) and profiles included. Never raises."""
    if len(text) > _LARGEST:
        return Settings((), "it is larger than 2 MiB")
    documents: list[list[Setting]] = [[]]
    lines = text.removeprefix("\ufeff").split("\n")
    number = 0
    while number < len(lines):
        start = number
        bare = lines[number].strip()
        number += 1
        if bare in ("#---", "!---"):
            documents.append([])
        if not bare or bare[0] in "#!":
            continue
        parts = [bare]
        while _goes_on(parts[-1]) and number < len(lines):
            parts[-1] = parts[-1][:-1]
            parts.append(lines[number].strip())
            number += 1
        match = _PROPERTY.match("".join(parts))
        if match is not None:
            documents[-1].append(Setting(_unescaped(match[1]), _unescaped(match[2]).strip(), path, start + 1))
    return Settings(tuple(one for document in documents for one in _with_profile(document, path)))


def parse_spring_yaml(text: str, path: str = "") -> Settings:
    """Spring's `application.yml`: flat settings, each with the profile that it is for. Never raises."""
    file = parse_yaml(text, path)
    found = [one for document in file.documents for one in _with_profile(list(flattened(document, path)), path)]
    return Settings(tuple(found), file.problem)


def parse_json(text: str, path: str = "") -> Settings:
    """A JSON file as flat settings. Never raises. For the tree itself use `parse_yaml`, which reads JSON too."""
    file = parse_yaml(text, path)
    return Settings(tuple(flattened(file.first, path)) if file.first is not None else (), file.problem)


def parse_toml(text: str, path: str = "") -> Settings:
    """A TOML file as flat settings; the line of a value is that of its key as far as it can be found. Never raises."""
    if len(text) > _LARGEST:
        return Settings((), "it is larger than 2 MiB")
    try:
        data = tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:
        return Settings((), f"it is not TOML: {str(error)[:100]}")
    lines = _toml_lines(text)
    found: list[Setting] = []
    rest: list[tuple[str, Any, int]] = [("", data, 1)]
    while rest and len(found) < _MOST:
        key, value, line = rest.pop()
        line = lines.get(key, line)
        if isinstance(value, dict | list):
            items = list(value.items() if isinstance(value, dict) else enumerate(value))
            rest.extend((f"{key}.{name}" if key else str(name), one, line) for name, one in reversed(items))
        else:
            text_of = {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
            found.append(Setting(key, text_of, path, line))
    return Settings(tuple(found))


def flattened(root: Node, path: str) -> Iterator[Setting]:
    """The scalars below a node as settings, in order; those below an alias too, but not without end."""
    rest: list[tuple[str, Node, int]] = [("", root, 0)]
    count = 0
    while rest and count < _MOST:
        key, node, depth = rest.pop()
        count += 1
        if node.kind == "scalar":
            if key:
                yield Setting(key, "" if node.is_null else node.value, path, node.line)
        elif depth < _DEEPEST:
            items = node.items() if node.kind == "map" else [(str(n), one) for n, one in enumerate(node.elements())]
            rest.extend((f"{key}.{name}" if key else name, one, depth + 1) for name, one in reversed(items))


def _with_profile(document: list[Setting], path: str) -> Iterator[Setting]:
    """The settings of one document with the profile that it, or its file's name, is for."""
    match = _SPRING_PROFILE.search(path)
    profile = match[1] if match else None
    for one in document:
        if one.key.removesuffix(".0") in _ON_PROFILE and one.value:
            profile = one.value
    for one in document:
        yield Setting(one.key, one.value, one.path, one.line, profile)


def _goes_on(line: str) -> bool:
    """Whether a property's line ends in an odd number of backslashes."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    plain = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
    return _ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 5 else plain.get(m[1], m[1]), text)


_TOML_TABLE = re.compile(r"\s*\[(\[?)\s*([^\]#]+?)\s*\]")
_TOML_KEY = re.compile(
    r"\s*((?:[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*'))*)\s*="
)
_TOML_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^\s.\"']+)")


def _toml_lines(text: str) -> dict[str, int]:
    """The lines of tables and keys, by dotted key."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if match := _TOML_TABLE.match(line):
            table = _dotted(match[2])
            if match[1]:
                position = counts.get(table, 0)
                counts[table] = position + 1
                table = f"{table}.{position}"
            lines.setdefault(table, number)
        elif match := _TOML_KEY.match(line):
            key = _dotted(match[1])
            lines.setdefault(f"{table}.{key}" if table else key, number)
    return lines


def _dotted(key: str) -> str:
    return ".".join(match[1] or match[2] or match[3] or "" for match in _TOML_PART.finditer(key))
