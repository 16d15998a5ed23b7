"""Code that no build takes in and no start loads, by the conventions of its language: files of Go behind a tag that no
build gives, and files of a Rails app outside all that Rails loads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tolv.codebase.survey import File, Survey

Read = Callable[[str], str | None]

_CONSTRAINT = re.compile(r"(?m)^//go:build[ \t]+(.+)$")
#: Tags that a platform, a compiler or its version gives, here or elsewhere.
_GIVEN = re.compile(
    r"go1\.\d+|cgo|gc|gccgo|race|unix|linux|darwin|windows|android|ios|js|wasm|wasip1|plan9|solaris|illumos|aix|dragonfly"
    r"|(?:free|open|net)bsd|386|amd64|arm(?:64)?|loong64|mips\w*|ppc64\w*|riscv64|s390x|netgo|osusergo"
)
_FOR_TESTS = re.compile(r"(?i)test|e2e|integration|bench|mock|fake|fuzz")
_TAGS = re.compile(r"(?i)-tags[ =]+[\"']?([\w,. -]+)|\b(?:build_?tags|goflags|tags)\b\W+((?:[\w.]+[, \n-]*)+)")
#: Files that say how the app is built.
_BUILDS = re.compile(
    r"(?i)(?:^|/)(?:[\w.-]*Dockerfile[\w.-]*|Makefile|[\w.-]+\.mk|\.?goreleaser[\w.-]*|[\w.-]+\.sh|Taskfile\.ya?ml|magefile\.go"
    r"|justfile|\.github/workflows/[^/]+)$"
)


def unbuilt(survey: Survey, read: Read) -> frozenset[str]:
    """The paths of files of Go that only a build with a tag takes in, which no build here gives, or only one for
    tests."""
    found: dict[str, str] = {}
    for file in survey.files:
        if file.language == "go" and file.context == "prod":
            constraint = _CONSTRAINT.search((read(file.path) or "").partition("\npackage ")[0])
            if constraint is not None:
                found[file.path] = constraint[1]
    if not found:
        return frozenset()
    given = set(_given(survey, read))
    return frozenset(path for path, said in found.items() if not _holds(said, given))


def _given(survey: Survey, read: Read) -> Iterator[str]:
    for file in survey.files:
        if _BUILDS.search(file.path) and file.size < 1 << 18 and file.context != "test":
            for match in _TAGS.finditer(read(file.path) or ""):
                yield from re.findall(r"[\w.]+", match[1] or match[2] or "")


def _holds(said: str, given: set[str]) -> bool:
    """Whether a constraint can be met: an alternative of it asks for no tag that nothing gives."""
    if "(" in said:
        return True
    return any(
        all(_may_be(one.strip(), given) for one in alternative.split("&&"))
        for alternative in re.sub(r"//.*", "", said).split("||")
    )


def _may_be(tag: str, given: set[str]) -> bool:
    if tag.startswith("!") or _GIVEN.fullmatch(tag):
        return True
    return tag in given and _FOR_TESTS.search(tag) is None


#: Where Rails, its servers and its generators look for Ruby.
_LOADED = frozenset(
    "app lib config db bin script scripts engines packs packages components plugins gems vendor public test spec "
    "features extensions modules domains services workers jobs".split()
)


def unloaded(survey: Survey, read: Read) -> frozenset[str]:
    """The paths of files of Ruby beside what a Rails app loads, which nothing names: left over, or measured with."""
    roots = [one.path.removesuffix("config/application.rb") for one in survey.files if _APPLICATION.search(one.path)]
    if not roots:
        return frozenset()
    alone = [one for one in survey.files if one.context in ("prod", "admin") and _is_beside(one, roots)]
    named: set[str] = set()
    for file in survey.files if alone else ():
        if file.context in ("docs", "locale", "lock") or file in alone or file.size > 1 << 18:
            continue
        if file.language not in (None, "ruby"):
            continue
        text = read(file.path) or ""
        named |= {one.path for one in alone if one.name.partition(".")[0] in text and _is_named(one, text)}
    return frozenset(one.path for one in alone) - named


_APPLICATION = re.compile(r"(?:^|/)config/application\.rb$")


def _is_beside(file: File, roots: list[str]) -> bool:
    if not file.path.endswith((".rb", ".rake")):
        return False
    root = max((one for one in roots if file.path.startswith(one)), key=len, default=None)
    if root is None:
        return False
    first, slash, _ = file.path.removeprefix(root).partition("/")
    return not slash or first not in _LOADED


def _is_named(file: File, text: str) -> bool:
    """Whether a text names the file, with its directory or as what is loaded or run."""
    stem = re.escape(file.name.rpartition(".")[0])
    return (
        re.search(rf"(?:[\w.]/|require\w*[ (]+[\"']|load[ (]+[\"']|ruby |-f |-r |exec )(?:[\w./-]*/)?{stem}\b", text)
        is not None
    )
