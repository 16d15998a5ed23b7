"""Keeping secrets out of what people and logs see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

#: What stands for a secret.
MASK = "••••••"

#: Characters from which a value shows its last three: enough to tell two keys apart, too little to guess one.
_LONG = 24
#: Characters below which a value is too common in text to be looked for (`1`, `true`, `debug`).
_SHORTEST = 6

_URL_PASSWORD = re.compile(r"(?<=://)([^\s/?#:@'\"]*):([^\s/?#@'\"]+)(?=@)")


def mask(value: str) -> str:
    """What is shown instead of a value: nothing of it, or of a long one the last three characters.

    Of a URL nothing either: its last parameter may be a password.
    """
    tail = value[-3:]
    return MASK + tail if len(value) >= _LONG and tail.isalnum() and "://" not in value else MASK


class Redactor:
    """Replaces the values that it knows in any text, also as they look in JSON and in URLs.

    The passwords of all URLs go, known or not. Values of fewer than six characters stay: they turn up anywhere.
    """

    def __init__(self, values: Iterable[str]) -> None:
        secrets = {form for value in values for form in _forms(value)}
        longest_first = sorted(secrets, key=lambda one: (-len(one), one))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if secrets else None

    def __call__(self, text: str) -> str:
        """The text with each secret masked."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _URL_PASSWORD.sub(rf"\1:{MASK}", text)


def _forms(value: str) -> set[str]:
    """The shapes that a value turns up in: whole, by line, as a URL's password; plain, in JSON, percent-encoded."""
    parts = {value, *value.splitlines(), *_passwords(value)}
    long = {part.strip() for part in parts if len(part.strip()) >= _SHORTEST}
    return {form for part in long for form in (part, json.dumps(part)[1:-1], quote(part, safe="", errors="replace"))}


def _passwords(value: str) -> set[str]:
    try:
        password = urlsplit(value).password if "://" in value else None
    except ValueError:
        return set()
    return {password, unquote(password)} if password else set()
