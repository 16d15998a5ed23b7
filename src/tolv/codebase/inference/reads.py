"""The variables that an app's code reads, by the forms in which its languages read one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.codebase.context import classify, language_of
from tolv.codebase.inference.files import Files, line_at, name_of
from tolv.codebase.inference.signs import Mention, Place

#: Files and characters of code that are read at most.
_MOST_FILES, _MOST_CODE = 600, 2 << 20
_LANGUAGES = frozenset(("python", "javascript", "typescript", "ruby", "go", "php"))
_TELLING = re.compile(r"(?i)setting|config|env|database|db|redis|cache|queue|mail|storage|celery|server|app|main|index")

_READS = re.compile(
    r"""(?:environ(?:\.get|\.setdefault|\.pop)?\s*[\[(]|[gG]et_?[eE]nv\w*\(|LookupEnv\(|\benv(?:\.\w+|_\w+|[a-z]+)?\("""
    r"""|\bconfig\(|\bENV(?:\.fetch)?[\[(]|process\.env\[|\bfromEnvironment\(|\.config\(\s*env\s*=)"""
    r"""\s*["']([A-Za-z_]\w*)["']|\b(?:process\.env|import\.meta\.env)\.([A-Za-z_]\w*)"""
)
#: A text that stands in each line in which a variable is read, or in the one above its name.
_MARKS = ("env", "ENV", "Env", "config(")
_SCHEMAS = re.compile(
    r"^[ \t]*([A-Z][A-Z0-9_]+)\??:[ \t]*"
    r"(?:z|zod|Joi|joi|yup|t|Type|v|envalid|str|url|host|port|num|email|bool|makeValidator)\b[.(]",
    re.MULTILINE,
)
_SCHEMA_LIBRARIES = ("zod", "joi", "Joi", "envalid", "yup", "valibot", "typebox")
_DEFAULT = re.compile(
    r"""\]?\)?[^\S\n]*(?:(?:\|\||\?\?|\bor\b)|,[^\S\n]*(?:default\s*[=:]\s*)?|=>)\s*["']([^"'\n]*)["']"""
    r"""|\(\s*\{[^}\n]{0,200}?default:\s*["']([^"'\n]*)["']"""
)
_GUARD = re.compile(r"(?:^|[^\w])(?:if|unless)\b[^\n]*$|&&[^\n]*$|!!\s*$")
_TERNARY = re.compile(r"\]?\)?\s*(?:\?(?![?.])|&&|\bif\b|!==?|===?)")
#: Something else that the code computes takes the place of a variable that is not set.
_FALLS_BACK = re.compile(r"\]?\)?\s*(?:\|\||\?\?|\bor\b)")
#: Calls that read a variable without naming it.
_UNNAMED = (
    ("dj_database_url", re.compile(r"dj_database_url\.config\((?!\s*env)"), "DATABASE_URL"),
    ("env.db", re.compile(r"env\.(?:db|db_url)\(\s*(?:default|engine|\))"), "DATABASE_URL"),
    ("env.cache", re.compile(r"env\.(?:cache|cache_url)\(\s*(?:default|\))"), "CACHE_URL"),
    ("env.email", re.compile(r"env\.(?:email|email_url)\(\s*(?:default|\))"), "EMAIL_URL"),
    ("django_heroku", re.compile(r"django_heroku\.settings\("), "DATABASE_URL"),
)
_FIELD = re.compile(
    r"^[ \t]+([A-Za-z]\w*)[ \t]*:[^\n=#]+(?:=[ \t]*(?:Field\([^\n]*?default=)?[\"']?([^\n\"',)]*))?", re.M
)
_PREFIX = re.compile(r"env_prefix\s*=\s*[\"'](\w+)[\"']")


def in_code(files: Files) -> Iterator[Mention]:
    """The variables that the code reads, files that set the app up first."""
    paths = [
        path for path in files.paths if path.endswith((".prisma", "database.yml")) or language_of(path) in _LANGUAGES
    ]
    paths.sort(key=lambda path: (path.count("/") > 1 and not _TELLING.search(name_of(path)), path.count("/")))
    read, left = 0, _MOST_CODE
    for path in paths:
        if read >= _MOST_FILES or left <= 0:
            return
        if classify(path) not in ("prod", "admin", "dev"):
            continue
        text = files.text(path)
        if text is None:
            continue
        read, left = read + 1, left - len(text)
        yield from _reads(path, text)


def _marked(text: str) -> Iterator[tuple[int, int]]:
    """The spans of a text in which variables may be read: a search for plain texts is far faster than one pattern."""
    starts = set()
    for mark in _MARKS:
        at = text.find(mark)
        while at >= 0:
            starts.add(text.rfind("\n", 0, at) + 1)
            end = text.find("\n", at)
            at = text.find(mark, end) if end >= 0 else -1
    first, last = 0, 0
    for start in sorted(starts):
        if start > last:
            yield first, last
            first = start
        end = text.find("\n", start)
        after = text.find("\n", end + 1) if end >= 0 else -1
        last = after if after >= 0 else len(text)
    yield first, last


def _reads(path: str, text: str) -> Iterator[Mention]:
    found = [match for start, stop in _marked(text) for match in _READS.finditer(text, start, stop)]
    python = path.endswith(".py")
    if not python and any(library in text for library in _SCHEMA_LIBRARIES):
        found += _SCHEMAS.finditer(text)
    for match in found:
        name = match[match.lastindex or 1]
        default = _DEFAULT.match(text, match.end())
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        guarded = _GUARD.search(before) is not None or _TERNARY.match(text, match.end()) is not None
        place = Place(name, path, line_at(text, match.start(match.lastindex or 0)))
        value = (default[1] or default[2]) if default else None
        falls_back = default is None and _FALLS_BACK.match(text, match.end()) is not None
        yield Mention(name, place, "code", value or None, falls_back or (guarded and default is None), text=text)
    for word, pattern, name in _UNNAMED if python else ():
        for match in pattern.finditer(text) if word in text else ():
            yield Mention(name, Place(name, path, line_at(text, match.start())), "code", text=text)
    if python and "BaseSettings" in text:
        prefix = _PREFIX.search(text)
        for match in _FIELD.finditer(text):
            name = f"{prefix[1] if prefix else ''}{match[1]}".upper()
            optional = re.search(r"\bNone\b", match[0]) is not None
            place = Place(name, path, line_at(text, match.start(1)))
            yield Mention(name, place, "code", match[2] or None, optional, text=text)
