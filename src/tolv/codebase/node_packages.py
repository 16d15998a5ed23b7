"""Node's manifest, package.json, and the files that say which Node is meant. Tolerant: nothing raises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tolv.codebase.declared import (
    LARGEST_MANIFEST,
    Declared,
    Group,
    Lines,
    Manifest,
    Origin,
    Own,
    RuntimeVersion,
    origin_of_address,
    too_large,
)

_SECTIONS: tuple[tuple[str, Group], ...] = (
    ("dependencies", "main"),
    ("devDependencies", "dev"),
    ("peerDependencies", "optional"),
    ("optionalDependencies", "optional"),
)
_HOSTED = re.compile(r"(?:github|gitlab|bitbucket|gist):|[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+(?:#.*)?$")


def read_package_json(text: str, path: str) -> Manifest:
    """A package.json."""
    data, problem = parse_json(text)
    keys = Keys(text)
    declared: list[Declared] = []
    for section, group in _SECTIONS:
        wishes = data.get(section)
        if isinstance(wishes, dict):
            start = keys.offset(section)
            declared += (_dependency(n, w, group, path, keys.line(n, start)) for n, w in wishes.items())
    bundled = [one.name for one in declared if one.group == "main"]
    name = data.get("name")
    return Manifest(
        path,
        "javascript",
        tuple(one for one in declared if one.group != "dev" or one.name not in bundled),
        tuple(_runtimes(data, path, keys)),
        own=(Own("javascript", name, path),) if isinstance(name, str) and name else (),
        workspace=bool(data.get("workspaces")),
        problem=problem,
    )


def source_of(wish: str) -> Origin | None:
    """What a wish means that no range of versions does: `github:a/b#v1`, `git+ssh://…`, `file:../x`, a tarball."""
    wish = wish.strip()
    if wish.startswith(("file:", "link:", "portal:", "./", "../", "/", "~/")):
        return Origin("path", wish)
    address, _, reference = wish.partition("#")
    if re.match(r"git(?:\+[a-z]+)?:|git@", wish) or re.match(r"(?:https?|ssh)://.*\.git$", address):
        return Origin("vcs", address, reference or None)
    if wish.startswith(("http://", "https://")):
        return origin_of_address(wish)
    if not wish.startswith(("npm:", "workspace:", "catalog:", "@")) and _HOSTED.match(wish):
        return Origin("vcs", address, reference or None)
    return None


def parse_json(text: str, most: int = LARGEST_MANIFEST) -> tuple[dict[str, Any], str | None]:
    """A JSON object, or nothing and why."""
    problem = too_large(text, most)
    if problem:
        return {}, problem
    try:
        found = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        return {}, f"no valid JSON: {error}"
    except RecursionError:
        return {}, "nested too deeply"
    return (found, None) if isinstance(found, dict) else ({}, "not an object")


class Keys:
    """Where the keys of a JSON text stand."""

    def __init__(self, text: str) -> None:
        self._lines = Lines(text)
        self._at: dict[str, list[int]] = {}
        for match in re.finditer(r'"([^"\\\n]{1,214})"\s{0,9}:', text):
            self._at.setdefault(match[1], []).append(match.start())

    def offset(self, key: str, after: int = 0) -> int:
        """The offset of a key's first occurrence behind an offset; that offset if there is none."""
        return next((at for at in self._at.get(key, ()) if at >= after), after)

    def line(self, key: str, after: int = 0) -> int:
        """Its line."""
        return self._lines.of(self.offset(key, after))


def _dependency(name: str, wish: Any, group: Group, path: str, line: int) -> Declared:
    text = wish.strip() if isinstance(wish, str) else ""
    managed = text.startswith(("workspace:", "catalog:", "portal:", "link:"))
    source = None if managed else source_of(text)
    if text.startswith("npm:"):
        text = text.rpartition("@")[2] if "@" in text[5:] else ""
    return Declared(name, "" if source else text, group, "javascript", path, line, source, managed)


def _runtimes(data: Mapping[str, Any], path: str, keys: Keys) -> Iterator[RuntimeVersion]:
    for section, name in (("engines", "node"), ("engines", "bun"), ("volta", "node")):
        inner = data.get(section)
        wanted = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(wanted, str) and wanted.strip() and wanted.strip() not in ("*", "latest", "x"):
            line = keys.line(name, keys.offset(section))
            yield RuntimeVersion(
                "javascript", wanted, path, line, re.fullmatch(r"v?\d+(\.[\dx]+){0,2}", wanted) is None
            )
