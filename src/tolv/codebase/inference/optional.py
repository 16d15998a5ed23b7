"""Whether an app starts without a service."""

from __future__ import annotations

import re

from tolv.codebase.inference.named import Named
from tolv.codebase.inference.signs import Mention, Signs
from tolv.codebase.inference.variables import DATABASES, is_choice, is_embedded

_FILE = re.compile(r"(?i)sqlite3?:/|backends\.sqlite3|[\"'](?:better-)?sqlite3?[\"']")
#: Lines around a variable's that are about the same.
_AROUND = 25


def is_optional(one: Named, signs: Signs) -> bool:
    """The app says that it starts without: in the example, by a file in the database's place, or by asking first."""
    if any(place.optional for place in one.places if place.origin in ("example", "platform")):
        return True
    if one.means.kind in ("", *DATABASES) and _has_file(one, signs):
        return True
    code = [place for place in one.places if place.origin == "code"]
    if all(place.origin == "code" or place.commented_out for place in one.places):
        return any(place.optional or (place.value is None and _is_asked(place)) for place in code) or not code
    return False


def _is_asked(place: Mention) -> bool:
    """Python's `.get` and `getenv` give nothing where there is none; an index and `env("A")` fail."""
    at = re.search(rf"""(?:\.get|getenv)\(\s*["']{re.escape(place.name)}["']\s*\)(?!\s*or\s)""", place.text)
    return at is not None and place.place.path.endswith(".py")


def _has_file(one: Named, signs: Signs) -> bool:
    """An embedded database takes its place: a value says so, or the code around it."""
    stem = one.means.stem
    for mention in signs.mentions:
        if mention.name == one.name or (bool(stem) and is_choice(mention.name, stem)):
            lines = mention.text.split("\n")[max(mention.place.line - _AROUND, 0) : mention.place.line + _AROUND]
            if is_embedded(mention.value) or _FILE.search("\n".join(lines)):
                return True
    return False
