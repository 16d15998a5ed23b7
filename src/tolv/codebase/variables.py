"""What values a variable may have, by what `.env.example` says of it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from tolv.codebase.model import Variable

#: Types that a least and a greatest value go with.
NUMERIC = frozenset({"int", "number", "port"})

_BOOLEANS = frozenset("true false 1 0 yes no on off t f y n".split())
_INT = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
#: With a scheme and `//`: `sqlite://` is one, `localhost:5432` and `/static/` are none. How the rest is to be read is
#: the business of whoever reads it: `mongodb://a:1,b:2/db` has two hosts.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")
_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+|[^@<>\r\n]*<[^@\s<>]+@[^@\s<>]+>")


def fault(variable: Variable, value: str) -> str | None:
    """Why this is no value of the variable, as words behind its name (`is not a whole number`), without the value.

    An empty value is one of a text; of any other type it means as much as none, which a variable may have unless it is
    required.
    """
    if not value and not (variable.required and (variable.choices or variable.type != "text")):
        return None
    if variable.choices:
        return None if value in variable.choices else f"is not one of {', '.join(variable.choices)}"
    is_one, name = _TYPES.get(variable.type, (_is_text, ""))
    return _out_of_range(variable, value) if is_one(value) else f"is not {name}"


def is_true(value: str) -> bool:
    """Whether a `bool` means yes."""
    return value.lower() in ("true", "1", "yes", "on", "t", "y")


def _out_of_range(variable: Variable, value: str) -> str | None:
    if variable.type not in NUMERIC:
        return None
    number = float(value)
    if variable.minimum is not None and number < variable.minimum:
        return f"is less than {variable.minimum:g}"
    if variable.maximum is not None and number > variable.maximum:
        return f"is more than {variable.maximum:g}"
    return None


def _is_text(_value: str) -> bool:
    return True


def _is_port(value: str) -> bool:
    return _INT.fullmatch(value) is not None and len(value) <= 6 and 0 < int(value) <= 65535


def _is_path(value: str) -> bool:
    return bool(value.strip()) and not any(one in value for one in "\r\n\0")


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


_TYPES: Mapping[str, tuple[Callable[[str], object], str]] = {
    "int": (_INT.fullmatch, "a whole number"),
    "number": (_NUMBER.fullmatch, "a number"),
    "bool": (lambda value: value.lower() in _BOOLEANS, "true or false"),
    "url": (_URL.fullmatch, "a URL with its scheme, such as https://example.org"),
    "email": (_EMAIL.fullmatch, "an e-mail address"),
    "port": (_is_port, "a port, 1 to 65535"),
    "path": (_is_path, "a path"),
    "json": (_is_json, "JSON"),
}
