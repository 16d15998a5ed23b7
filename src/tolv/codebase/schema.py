"""The schema of an app's config: `.env.example`.

A line is a variable. The comment above, or else behind, describes it. What is a *directive* in a comment says what
values it may have: a comment line of directives alone, or a part of the comment behind that is one.

    # Where the data is                   the description
    # url, required                       directives: the value is an example
    DATABASE_URL=postgresql://localhost/guestbook
    WORKERS=2        # int, min: 1, processes of gunicorn
    LOG_LEVEL=info   # one of: debug, info, warning

Directives are in lower case, and nothing else: `# Email` is a heading, and `# secret of the payment API` is prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from tolv.codebase.envfile import EnvLine, env_lines
from tolv.codebase.model import Variable, VariableType
from tolv.codebase.text import read_text
from tolv.codebase.variables import NUMERIC, fault
from tolv.errors import UsageError

_COMMENTED_OUT = re.compile(r"\s*(export )?[A-Z_][A-Z0-9_]*=")

#: What a type may be called, beside its name.
_ALIASES: dict[str, VariableType] = {"integer": "int", "float": "number", "boolean": "bool"}
_TYPES: dict[str, VariableType] = {**{one: one for one in get_args(VariableType) if one != "text"}, **_ALIASES}
_FLAGS = frozenset({"required", "optional", "secret"})
_ONE_OF = re.compile(r"(?:^|,)[ \t]*one of:")
_BOUND = re.compile(r"(min|max):[ \t]*(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)")


def read_schema(path: Path) -> tuple[Variable, ...]:
    """The variables that a `.env.example` names, as `parse_schema` gives them; none if there is no such file."""
    return parse_schema(read_text(path) or "", path.name)


def parse_schema(text: str, where: str) -> tuple[Variable, ...]:
    """The variables that the text of a `.env.example` names, in order.

    `KEY=` asks for a value, `KEY=x` gives a default, `KEY=""` makes the empty text the default. Of a name that is given
    twice the last counts. Raises `UsageError` as `parse_env` does, and for directives that contradict each other or the
    default.
    """
    variables = {one.name: _variable(one, f"{where}:{one.line}") for one in env_lines(text, where)}
    return tuple(variables.values())


@dataclass(slots=True)
class _Said:
    """What the comments of one variable say."""

    where: str
    flags: set[str]
    type: VariableType | None = None
    choices: tuple[str, ...] = ()
    bounds: dict[str, float] | None = None

    def take(self, part: str) -> bool:
        """Take a part of a comment if it is a directive. Raises `UsageError` if it contradicts another."""
        if part in _FLAGS:
            self.flags.add(part)
        elif part in _TYPES:
            if self.type not in (None, _TYPES[part]):
                raise self.contradiction(f"it is said to be {self.type}, and to be {part}")
            self.type = _TYPES[part]
        elif choices := _choices(part):
            self.choices = choices
        elif bound := _BOUND.fullmatch(part):
            self.bounds = {**(self.bounds or {}), bound[1]: float(bound[2])}
        else:
            return False
        return True

    def contradiction(self, problem: str) -> UsageError:
        remedy = "correct the comment or the value; a comment that says more than the word is prose"
        return UsageError(problem, where=self.where, remedy=remedy)


def _variable(line: EnvLine, where: str) -> Variable:
    said = _Said(where, set())
    description = _above(line.above, said)
    behind = _behind(line.behind, said)
    given = line.value if line.value or line.quoted else None
    required = "required" in said.flags
    bounds = said.bounds or {}
    variable = Variable(
        line.name,
        None if required else given,
        description or behind,
        said.type or ("number" if bounds else "text"),
        said.choices,
        bounds.get("min"),
        bounds.get("max"),
        secret="secret" in said.flags,
        optional="optional" in said.flags,
        example=given if required else None,
    )
    _refuse_contradictions(variable, required, said)
    return variable


def _refuse_contradictions(variable: Variable, required: bool, said: _Said) -> None:
    name = variable.name
    if required and variable.optional:
        raise said.contradiction(f"{name} is said to be required, and to be optional")
    if said.bounds and variable.type not in NUMERIC:
        raise said.contradiction(f"{name} has a least or a greatest value, and is no number but {variable.type}")
    if variable.minimum is not None and variable.maximum is not None and variable.minimum > variable.maximum:
        raise said.contradiction(f"the least value of {name} is above its greatest")
    wrong = next((one for one in variable.choices if fault(replace(variable, choices=()), one)), None)
    if wrong is not None:
        raise said.contradiction(f"one of the choices of {name} is not of its type, {variable.type}")
    if variable.default and (problem := fault(variable, variable.default)):
        raise said.contradiction(f"the default of {name} {problem}")


def _above(comment: str, said: _Said) -> str:
    """The description above a variable; lines of directives alone are taken out of it."""
    prose = []
    for line in comment.split("\n"):
        parts = list(_parts(line))
        if parts and all(_is_directive(part) for part in parts):
            for part in parts:
                said.take(part)
        elif line and not _COMMENTED_OUT.match(line):
            prose.append(line)
    return " ".join(prose)


def _behind(comment: str, said: _Said) -> str:
    """The description behind a variable; parts that are directives are taken out of it."""
    parts = list(_parts(comment))
    prose = [part for part in parts if not said.take(part)]
    if len(prose) == len(parts):
        return "" if _COMMENTED_OUT.match(comment) else comment
    return ", ".join(prose)


def _parts(comment: str) -> Iterator[str]:
    """The parts between commas and semicolons; what follows `one of:` is one part up to the semicolon."""
    for clause in comment.split(";"):
        one_of = _ONE_OF.search(clause)
        head = clause[: one_of.start()] if one_of else clause
        yield from (part for one in head.split(",") if (part := one.strip()))
        if one_of:
            yield f"one of:{clause[one_of.end() :].rstrip()}"


def _is_directive(part: str) -> bool:
    return part in _FLAGS or part in _TYPES or bool(_choices(part)) or _BOUND.fullmatch(part) is not None


def _choices(part: str) -> tuple[str, ...]:
    """What `one of: a, b` names; nothing for what is no such list: two words at least, without blanks."""
    head, colon, tail = part.partition(":")
    if head != "one of" or not colon:
        return ()
    words = [word.strip() for word in tail.split(",")]
    return tuple(dict.fromkeys(words)) if len(words) > 1 and all(len(word.split()) == 1 for word in words) else ()
