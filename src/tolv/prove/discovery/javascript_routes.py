"""The routes that JavaScript and TypeScript code declares in the manner of Express, Fastify, Koa and Hono."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from tolv.codebase.inference.files import line_at
from tolv.prove.discovery.route import Route, json_body, normal, sample

SUFFIXES = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
#: Characters after a route in which its handler is looked for.
_HANDLER = 1500
_ROUTE = re.compile(
    r"\b(?:app|api|server|fastify|web|\w*[rR]outer?s?|\w*App)\s*\.\s*(get|post|put|patch|delete)\(\s*(['\"`])(/[^'\"`$]*)\2"
)
_COMMENT = re.compile(r"(?m)^[ \t]*(?://|\*).*$")
_MOUNT = re.compile(r"\.(?:use|route)\(\s*(['\"])(/[^'\"]*)\1\s*,[^;\n]*?(?:(\w+)|require\((['\"])([^'\"]+)\4\))\s*\)")
_IMPORT = re.compile(r"(?:const|let|var|import)\s+(\w+)\s*(?:=\s*require\(|from\s+)(['\"])(\.{1,2}/[^'\"]+)\2")
_FIELD = re.compile(r"\b(?:req|request|ctx\.request)\.body\.(\w+)")
_TAKEN = re.compile(r"\{([\w\s,:=]+)\}\s*=\s*(?:req|request|ctx\.request)\.body\b")


def javascript_routes(texts: Mapping[str, str]) -> Iterator[Route]:
    """All routes of the files, by path."""
    texts = {path: _COMMENT.sub(lambda match: " " * len(match[0]), text) for path, text in texts.items()}
    mounts = dict(mount for path, text in texts.items() for mount in _mounts(path, text))
    for path, text in texts.items():
        prefix = mounts.get(_module(path), "")
        found = list(_ROUTE.finditer(text))
        ends = [*(one.start() for one in found[1:]), len(text)]
        for match, end in zip(found, ends, strict=False):
            method = match[1].upper()
            handler = text[match.end() : min(end, match.end() + _HANDLER)]
            body = (
                json_body({name: sample(name) for name in _fields(handler)})
                if method not in ("GET", "DELETE")
                else None
            )
            yield Route(method, normal(prefix, match[3]), f"{path}:{line_at(text, match.start(1))}", body)


def _mounts(path: str, text: str) -> Iterator[tuple[str, str]]:
    """Files whose routes are below a prefix."""
    imported = {match[1]: match[3] for match in _IMPORT.finditer(text)}
    for match in _MOUNT.finditer(text):
        target = match[5] or imported.get(match[3] or "")
        if target and target.startswith("."):
            yield _module(posixpath.normpath(posixpath.join(posixpath.dirname(path), target))), match[2]


def _module(path: str) -> str:
    """A file as an import names it."""
    stem, suffix = posixpath.splitext(path)
    return (stem if suffix in SUFFIXES else path).removesuffix("/index")


def _fields(handler: str) -> list[str]:
    names = [
        name.split(":")[0].split("=")[0].strip() for match in _TAKEN.finditer(handler) for name in match[1].split(",")
    ]
    return list(dict.fromkeys(name for name in (*names, *_FIELD.findall(handler)) if name))
