"""The schema of an app's config: `.env.example`."""

from __future__ import annotations

import re
from pathlib import Path

from tolv.codebase.envfile import env_lines
from tolv.codebase.model import Variable
from tolv.codebase.text import read_text

_COMMENTED_OUT = re.compile(r"\s*(export )?[A-Z_][A-Z0-9_]*=")


def read_schema(path: Path) -> tuple[Variable, ...]:
    """The variables that a `.env.example` names, in order; none if there is no such file.

    `KEY=` asks for a value, `KEY=x` gives a default, `KEY=""` makes the empty text the default. The comment above, or
    else behind, describes it. Of a name that is given twice the last counts. Raises `UsageError` as `parse_env` does.
    """
    text = read_text(path)
    variables: dict[str, Variable] = {}
    for one in env_lines(text or "", path.name):
        default = one.value if one.value or one.quoted else None
        variables[one.name] = Variable(one.name, default, _description(one.comment))
    return tuple(variables.values())


def _description(comment: str) -> str:
    lines = comment.split("\n")
    return " ".join(line for line in lines if line and not _COMMENTED_OUT.match(line))
