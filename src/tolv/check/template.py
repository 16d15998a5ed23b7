"""`.env.example` from what the code reads: its variables, with what the code shows of each.

Only reads in production code count, and only names: no value of any `.env` is looked at. What reading cannot tell (what
a variable is for, whether the default of the code is one for production) is left to a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tolv.check.engine import open_repository
from tolv.check.facts.given import is_given
from tolv.check.facts.values import is_secret_name, looks_secret, password_in_url
from tolv.check.fixes import Change, appended, unified
from tolv.check.fixes.tree import Tree
from tolv.check.look import Seen
from tolv.check.looks.env_reads import EnvRead, env_reads
from tolv.check.repository import PRODUCTION, CheckedUnit
from tolv.codebase.envfile import env_lines, format_env
from tolv.codebase.model import Variable, VariableType
from tolv.codebase.variables import fault
from tolv.config.names import is_reserved
from tolv.errors import UsageError

FILE = ".env.example"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")
_COMMENTED_OUT = re.compile(r"^[ \t]*#[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=", re.MULTILINE)
_HEADING = (
    "# What this app reads from its environment. A line without a value is required; see the comment of each.",
    "",
)


@dataclass(frozen=True, slots=True)
class Missing:
    """A variable that the code reads and `.env.example` does not name."""

    variable: Variable
    read_in: tuple[str, ...]
    """Files, in order of path."""

    @property
    def name(self) -> str:
        return self.variable.name

    def to_dict(self) -> dict[str, Any]:
        one = self.variable
        return {
            "name": one.name,
            "type": one.type,
            "required": one.required,
            "secret": one.secret,
            "default": one.default,
            "read_in": list(self.read_in),
        }


@dataclass(frozen=True, slots=True)
class Template:
    """`.env.example` as it should be."""

    root: str
    missing: tuple[Missing, ...]
    read: int
    """Variables that the code reads."""
    change: Change | None
    """None: nothing is missing."""
    remarks: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The file, or the difference to the one that there is."""
        if self.change is None:
            return ""
        return self.change.after if self.change.before is None else unified(self.change)

    def to_dict(self) -> dict[str, Any]:
        return {
            "root": self.root,
            "file": FILE,
            "exists": self.change is None or self.change.before is not None,
            "read": self.read,
            "missing": [one.to_dict() for one in self.missing],
            "text": None if self.change is None else self.change.after,
        }


def make_template(path: Path) -> Template:
    """The `.env.example` of the app at `path`, a directory.

    Raises `UsageError` for a path that is no app's, and for an `.env.example` that cannot be read.
    """
    repository, _ = open_repository(path)
    repository.sightings.keep()
    root = repository.survey.root
    unit, remarks = _own_unit(repository.units, path)
    before = Tree(root).read(FILE)
    if before is None and Tree(root).exists(FILE):
        raise UsageError(f"{FILE} is no text file", where=str(root / FILE), remedy="make it one, in UTF-8")
    named = {one.name for one in env_lines(before or "", FILE)} | set(_COMMENTED_OUT.findall(before or ""))
    reads = _by_name(unit)
    missing = tuple(_missing(unit, name, found) for name, found in reads.items() if name not in named)
    change = None
    if missing:
        change = Change(FILE, before, appended(before, list(_lines(missing, before))), "what the code reads")
    return Template(str(root), missing, len(reads), change, remarks)


def _own_unit(units: tuple[CheckedUnit, ...], path: Path) -> tuple[CheckedUnit, tuple[str, ...]]:
    """The app at the path itself, and what to say of the apps below it."""
    own = next((one for one in units if not one.root), None)
    below = ", ".join(one.root for one in units if one.root)
    if own is None:
        raise UsageError(
            f"there are several apps here: {below}", where=str(path), remedy="name one: tolv config template PATH"
        )
    return own, (f"these are apps of their own: {below}",) if below else ()


def _by_name(unit: CheckedUnit) -> dict[str, list[Seen[EnvRead]]]:
    """The app's own variables with the places that read them, in order of path and line."""
    found: dict[str, list[Seen[EnvRead]]] = {}
    for one in sorted(unit.seen(env_reads, *PRODUCTION), key=lambda seen: (seen.path, seen.what.line)):
        name = one.what.name
        if _NAME.fullmatch(name) and not is_given(name) and not is_reserved(name):
            found.setdefault(name, []).append(one)
    return found


def _missing(unit: CheckedUnit, name: str, reads: list[Seen[EnvRead]]) -> Missing:
    lines = [_Line(_text(unit, one), one) for one in reads]
    default = next((text for line in lines if (text := line.default) is not None), None)
    secret = is_secret_name(name)
    insecure = bool(default) and (secret or looks_secret(default or "", name) or bool(password_in_url(default or "")))
    required = any(line.needed for line in lines) or insecure
    variable = Variable(
        name,
        None if required or secret or not default else default,
        type=next((line.type for line in lines if line.type), _type_of_name(name)),
        secret=secret or insecure,
    )
    shown = variable.default or default or ""
    if variable.type != "text" and shown and fault(variable, shown):
        variable = replace(variable, type="text")
    variable = replace(variable, optional=variable.default is None and not required)
    return Missing(variable, tuple(dict.fromkeys(one.path for one in reads)))


def _text(unit: CheckedUnit, one: Seen[EnvRead]) -> str:
    source = unit.source(one.path)
    if source is None or not 0 < one.what.line <= len(source.lines):
        return ""
    return source.lines[one.what.line - 1][:1000]


_OPENING = r"[\w.\[(\s]{0,40}['\"`]?$"
_CONVERSIONS: tuple[tuple[re.Pattern[str], VariableType], ...] = (
    (re.compile(rf"(?:\b|\.)(?:int|parseInt|Integer|parseInteger|Atoi|intval|getInt\w*)\(\s*{_OPENING}"), "int"),
    (re.compile(rf"(?:\b|\.)(?:float|parseFloat|Number|Float|floatval|ParseFloat)\(\s*{_OPENING}"), "number"),
    (re.compile(rf"(?:\b|\.)(?:bool|strtobool|str2bool|Boolean|parseBoolean|ParseBool)\(\s*{_OPENING}"), "bool"),
)
_BEHIND: tuple[tuple[re.Pattern[str], VariableType], ...] = (
    (re.compile(r"\bcast\s*=\s*int\b|\)\.to_i\b|\]\.to_i\b"), "int"),
    (re.compile(r"\bcast\s*=\s*float\b|\)\.to_f\b|\]\.to_f\b"), "number"),
    (
        re.compile(
            r"\bcast\s*=\s*bool\b|[!=]==?\s*['\"](?:true|false|1|0|yes|on)['\"]|\bin\s*[\[({]\s*['\"](?:true|1|yes|on|t|y)['\"]",
            re.I,
        ),
        "bool",
    ),
)
_FIELD = re.compile(r"^\s*\w+\s*:\s*(?:Optional\[)?(int|float|bool)\b")
_FIELDS: dict[str, VariableType] = {"int": "int", "float": "number", "bool": "bool"}
_RAISES = re.compile(
    r"environ\s*\[|environ\.pop\(|\bfetch\(|(?<!get)(?<!\.)\benv(?:\.\w+)?\(|\bconfig\(|^\s*\w+\s*:\s*\w+\s*$"
)
_GUARD = re.compile(r"\bif\b|&&|\|\||\?|[!=]==?|!\s*process\.env|\bLookupEnv\b|\bunless\b")
_NO_RAISING = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx", ".jsx", ".go", ".java", ".php")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that reads a variable."""

    text: str
    read: Seen[EnvRead]

    @property
    def default(self) -> str | None:
        """What the code falls back to, where that is a plain text."""
        value = self.read.what.default
        if value is None or value.kind != "literal" or value.name == "null" or value.text is None:
            return None
        return None if any(one < " " for one in value.text) else value.text

    @property
    def needed(self) -> bool:
        """The code cannot do without it, as far as the line shows."""
        if self.read.what.default is not None:
            return False
        if self.read.path.endswith(_NO_RAISING):
            return not _GUARD.search(self.text)
        return _RAISES.search(self.text) is not None

    @property
    def type(self) -> VariableType | None:
        """What the code makes of it; None: a text."""
        name = self.read.what.name
        at = max(self.text.find(name, self.read.what.column - 1), self.text.find(name))
        before, behind = self.text[:at], self.text[at + len(name) :] if at >= 0 else ""
        for pattern, kind in _CONVERSIONS:
            if behind and pattern.search(before[-80:]):
                return kind
        for pattern, kind in _BEHIND:
            if pattern.search(behind[:120]):
                return kind
        if (field := _FIELD.match(self.text)) is not None:
            return _FIELDS[field[1]]
        default = self.read.what.default
        known = default.name if default is not None and default.kind == "literal" else None
        return _FIELDS.get(known or "")


def _type_of_name(name: str) -> VariableType:
    return "url" if re.search(r"(?:^|_)UR[LI]$", name) else "text"


def _lines(missing: tuple[Missing, ...], before: str | None) -> Iterator[str]:
    if before is None:
        yield from _HEADING
    elif before.strip():
        yield ""
    for number, one in enumerate(missing):
        if number:
            yield ""
        yield from _entry(one)


def _entry(missing: Missing) -> Iterator[str]:
    one = missing.variable
    first, *others = [path for path in missing.read_in if path.isprintable()] or ["the code"]
    more = f" and {len(others)} more file{'s' * (len(others) > 1)}" if others else ""
    yield f"# Read in {first}{more}."
    directives: list[str] = [one.type] if one.type != "text" else []
    directives += ["secret"] * one.secret + ["optional"] * one.optional
    if directives:
        yield f"# {', '.join(directives)}"
    yield format_env({one.name: one.default or ""}).rstrip("\n")
