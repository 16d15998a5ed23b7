"""The values of a config against the schema of the code: what is missing, wrong, unknown, or for development. Pure.

No value is ever part of what is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from tolv.codebase.model import Variable
from tolv.codebase.variables import fault, is_true
from tolv.config.assemble import LOCAL_ENVIRONMENT
from tolv.config.names import is_reserved

Rule = Literal["missing", "value", "secret", "development", "unknown", "reference", "service"]

_LOOPBACK = re.compile(r"(?i)(?:localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[?::1\]?|host\.docker\.internal)(?::\d+)?")
_DEVELOPMENT = frozenset({"dev", "development", "local"})
_DEBUG = re.compile(r"(?i)(?:^|_)debug(?:$|_)")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one variable. An error keeps a release from being made."""

    name: str
    rule: Rule
    severity: Literal["error", "warning"]
    message: str
    """Words behind its name: `is not a whole number`."""

    def __str__(self) -> str:
        return f"{self.name} {self.message}"

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def judge(
    values: Mapping[str, str | None],
    schema: Iterable[Variable],
    environment: str,
    *,
    is_secret: Callable[[str], bool] = lambda _name: False,
    provided: Collection[str] = (),
) -> tuple[Problem, ...]:
    """What is wrong with the values that are set: errors first, in the order of the schema.

    A value of None is set, and not known yet. `is_secret` says of a name whether its value is a secret, where the
    schema does not; `provided` are names that need not be in the schema, as something else declares them.
    """
    named = {one.name: one for one in schema if not is_reserved(one.name)}
    found = [problem for one in named.values() for problem in _of(one, values, environment, is_secret)]
    if named:
        unknown = (name for name in values if name not in named and name not in provided and not is_reserved(name))
        found += [Problem(name, "unknown", "warning", "is set, and .env.example does not name it") for name in unknown]
    return tuple(sorted(found, key=lambda one: one.severity != "error"))


def _of(
    one: Variable, values: Mapping[str, str | None], environment: str, is_secret: Callable[[str], bool]
) -> Iterable[Problem]:
    if one.required and one.name not in values:
        yield Problem(one.name, "missing", "error", "is required, and not set")
        return
    value = values.get(one.name, one.default)
    if value is None:
        return
    if wrong := fault(one, value):
        yield Problem(one.name, "value", "error", wrong)
    elif environment == LOCAL_ENVIRONMENT or not value or value not in (one.default, one.example):
        return
    elif one.secret:
        yield Problem(
            one.name, "secret", "error", "is a secret, and has the value that .env.example shows to everybody"
        )
    elif is_secret(one.name):
        message = "looks like a secret, and has the value that .env.example shows to everybody"
        yield Problem(one.name, "secret", "warning", message)
    elif is_for_development(one, value):
        message = f"has a value of .env.example that is for development, in {environment}"
        yield Problem(one.name, "development", "warning", message)


def is_for_development(variable: Variable, value: str) -> bool:
    """Whether a value is one that only a developer's machine has: this machine as a host, SQLite, debugging."""
    if (variable.type == "bool" or is_true(value)) and _DEBUG.search(variable.name):
        return is_true(value)
    if value.lower() in _DEVELOPMENT or _LOOPBACK.fullmatch(value):
        return True
    try:
        url = urlsplit(value)
        host = url.hostname or ""
    except ValueError:
        return False
    return "://" in value and (url.scheme.startswith("sqlite") or _LOOPBACK.fullmatch(host) is not None)
