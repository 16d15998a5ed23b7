"""Files that say which version of a language is meant: .nvmrc, .tool-versions, runtime.txt and the like."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.codebase.declared import PackageLanguage, RuntimeVersion
from tolv.codebase.python_packages import parse_toml, table

_LANGUAGE_OF_FILE: dict[str, PackageLanguage] = {
    ".python-version": "python",
    ".ruby-version": "ruby",
    ".nvmrc": "javascript",
    ".node-version": "javascript",
    ".go-version": "go",
    ".java-version": "java",
    ".php-version": "php",
}
_TOOLS: dict[str, PackageLanguage] = {
    "python": "python",
    "ruby": "ruby",
    "nodejs": "javascript",
    "node": "javascript",
    "bun": "javascript",
    "golang": "go",
    "go": "go",
    "java": "java",
    "php": "php",
}
#: The names of the files that are read here.
RUNTIME_NAMES = frozenset(
    {*_LANGUAGE_OF_FILE, ".tool-versions", "mise.toml", ".mise.toml", "runtime.txt", "system.properties", ".sdkmanrc"}
)
#: Characters of such a file that are read.
_LONGEST = 20_000


def read_runtime(text: str, path: str) -> Iterator[RuntimeVersion]:
    """The versions that a file of one of `RUNTIME_NAMES` gives, each with its line."""
    name, text = path.rpartition("/")[2], text[:_LONGEST].removeprefix("\ufeff")
    if name in ("mise.toml", ".mise.toml"):
        for tool, version in table(parse_toml(text)[0], "tools").items():
            if tool in _TOOLS and isinstance(version, str):
                at = text[: max(text.find(tool), 0)].count("\n") + 1
                yield _version(_TOOLS[tool], version, path, at)
        return
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        found = _of_line(name, line)
        if found is not None:
            yield _version(*found, path, number)
            if name in _LANGUAGE_OF_FILE:
                return


def _of_line(name: str, line: str) -> tuple[PackageLanguage, str] | None:
    if name in _LANGUAGE_OF_FILE:
        return _LANGUAGE_OF_FILE[name], line.split()[0]
    if name == ".tool-versions":
        words = line.split()
        language = _TOOLS.get(words[0])
        return (language, words[1]) if language and len(words) > 1 else None
    if name == "runtime.txt":
        match = re.fullmatch(r"(python|ruby|node|php)-(\S+)", line)
        return (_TOOLS[match[1]], match[2]) if match else None
    match = re.match(r"(?:java\.runtime\.version|java)\s*=\s*(\S+)", line)
    return ("java", match[1]) if match else None


def _version(language: PackageLanguage, text: str, path: str, line: int) -> RuntimeVersion:
    exact = re.search(r"\d+\.\d+", text) is not None and not re.search(r"[<>^~*]", text)
    major = language in ("java", "javascript") and re.fullmatch(r"v?(?:\w+-)?\d+[\w.+-]*", text) is not None
    return RuntimeVersion(language, text, path, line, not (exact or major))
