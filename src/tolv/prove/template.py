"""Texts with placeholders: `{token}` in a request of `[prove]` stands for a value that is known when it is sent.

Where a value goes says how it is written there: encoded in a path or a form, escaped in JSON. So a value never changes
the shape of what it is put into.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import quote, quote_plus

Form = Literal["json", "form", "text"]
"""What a body is."""

_Quote = Callable[[str], str]

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
#: In JSON: a string with what it holds, or a placeholder where a value stands.
_IN_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|' + _PLACEHOLDER.pattern, re.DOTALL)
_FORM = re.compile(r"[^=&\s]+=[^&]*(?:&[^=&\s]+=[^&]*)*")
#: What may stand in a path as it is: all of ASCII that is printed.
_PLAIN = "".join(map(chr, range(0x21, 0x7F)))
#: Values of JSON that are no texts.
_WORD = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def placeholders(text: str) -> tuple[str, ...]:
    """The names in braces, in their order, each once."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def form_of(body: str) -> Form:
    """What a body is by its look: `{…}` and `[…]` are JSON, `a=b&c=d` is a form, all else is text."""
    text = body.lstrip()
    if text.startswith(("{", "[")) and not _PLACEHOLDER.match(text):
        return "json"
    return "form" if _FORM.fullmatch(body) else "text"


def json_problem(body: str) -> str | None:
    """Why a JSON body would not be JSON, whatever its placeholders stand for; None: it will be."""
    try:
        json.loads(_IN_JSON.sub(lambda match: match[0] if match[1] is None else "0", body))
    except ValueError as error:
        return str(error)
    return None


def fill_text(text: str, fields: Mapping[str, str]) -> str:
    """The text with each placeholder's value in its place. Raises `KeyError` for a name without a value."""
    return _PLACEHOLDER.sub(lambda match: fields[match[1]], text)


def fill_path(path: str, fields: Mapping[str, str]) -> str:
    """A path and query in ASCII: values are percent-encoded, so that one is one segment or one parameter."""
    return _joined(path, fields, lambda text: quote(text, safe=_PLAIN), lambda text: quote(text, safe=""))


def fill_header(text: str, fields: Mapping[str, str]) -> str:
    """A header's value, on one line."""
    return _CONTROL.sub(" ", fill_text(text, fields)).strip()


def fill_json(body: str, fields: Mapping[str, str]) -> str:
    """A JSON body: within a string a value is escaped; where a value stands it is that number, word or string."""

    def put(match: re.Match[str]) -> str:
        if match[1] is not None:
            return _as_json(fields[match[1]])
        return _PLACEHOLDER.sub(lambda inner: json.dumps(fields[inner[1]])[1:-1], match[0])

    return _IN_JSON.sub(put, body)


def form_pairs(body: str, fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """The names and values of a form. What is written in `[prove]` is meant as a person would type it: not encoded."""
    pairs = (part.partition("=") for part in body.split("&"))
    return [(fill_text(name, fields), fill_text(value, fields)) for name, _, value in pairs]


def fill_form(body: str, fields: Mapping[str, str]) -> str:
    """A form, encoded for its content type."""
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in form_pairs(body, fields))


def _as_json(value: str) -> str:
    return value if _WORD.fullmatch(value) else json.dumps(value)


def _joined(text: str, fields: Mapping[str, str], plain: _Quote, value: _Quote) -> str:
    parts = _PLACEHOLDER.split(text)
    return "".join(value(fields[part]) if number % 2 else plain(part) for number, part in enumerate(parts))
