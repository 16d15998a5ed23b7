"""The tables of a TOML file: known keys, each with the function that reads its value.

An unknown key or a value of another type is an error that names the place and what to write there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from tolv.errors import UsageError

Reader = Callable[[Any, str, str], Any]
"""Takes a value, its key in full (`processes.web.grace`) and the file's name; gives the value as Tolv keeps it."""


def value_of(wanted: str, convert: Callable[[Any], Any]) -> Reader:
    """A reader of one plain value; `convert` gives None for a value that does not fit."""

    def read(value: Any, key: str, where: str) -> Any:
        converted = convert(value)
        if converted is None:
            problem = f"{key} must be {wanted}, not {described(value)}"
            raise UsageError(problem, where=where, remedy=f"change {key} in {where}, or remove it")
        return converted

    return read


def table_of(keys: Mapping[str, Reader], make: Callable[..., Any], *required: str) -> Reader:
    """A reader of a table with known keys; `make` takes its values by name."""

    def read(value: Any, key: str, where: str) -> Any:
        values = read_table(keys, value, key, where)
        for name in required:
            if name not in values:
                raise UsageError(f"[{key}] has no {name}", where=where, remedy=f"add {name} = … to it")
        return make(**values)

    return read


def list_of(wanted: str, each: Reader) -> Reader:
    """A reader of a list whose every item `each` reads; gives a tuple."""

    def read(value: Any, key: str, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            problem = f"{key} must be {wanted}, not {described(value)}"
            raise UsageError(problem, where=where, remedy=f"change {key} in {where}, or remove it")
        return tuple(each(one, f"{key}[{number}]", where) for number, one in enumerate(value, start=1))

    return read


def named(names: re.Pattern[str], rule: str, each: Reader) -> Reader:
    """A reader of a table of tables whose keys are names of the app's own."""

    def read(value: Any, key: str, where: str) -> dict[str, Any]:
        for name in as_table(value, key, where):
            if not names.fullmatch(name):
                raise UsageError(f"{key} has a name that is not allowed: {name!r}", where=where, remedy=rule)
        return {name: each(inner, f"{key}.{name}", where) for name, inner in value.items()}

    return read


def read_table(keys: Mapping[str, Reader], value: Any, key: str, where: str) -> dict[str, Any]:
    """The values of a table, each read by its key's reader.

    Raises `UsageError` for a key that is not among `keys`, with the nearest of them.
    """
    values = as_table(value, key, where)
    for name in values:
        if name not in keys:
            place = f"[{key}]" if key else "the top level"
            close = difflib.get_close_matches(name, keys, n=1)
            known = f"did you mean {close[0]}?" if close else f"it knows: {', '.join(keys)}"
            raise UsageError(f"unknown key {name!r} in {place} of {where}", where=where, remedy=known)
    return {name: keys[name](inner, f"{key}.{name}" if key else name, where) for name, inner in values.items()}


def as_table(value: Any, key: str, where: str) -> dict[str, Any]:
    """The value, which must be a table; else raises `UsageError`."""
    if not isinstance(value, dict):
        problem = f"{key} must be a table, not {described(value)}"
        raise UsageError(problem, where=where, remedy=f"write it as a section: [{key}]")
    return value


def as_text(value: Any) -> str | None:
    """The value, if it is a text that says something."""
    return value if isinstance(value, str) and value.strip() and "\0" not in value else None


def described(value: Any) -> str:
    """A value as the file's author knows it: `true (a boolean)`."""
    kinds = {
        bool: "a boolean",
        int: "a whole number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a table",
    }
    kind = kinds.get(type(value), "a date or time")
    if isinstance(value, (list, dict)):
        return kind
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
    return f"{shown[:60]} ({kind})"
