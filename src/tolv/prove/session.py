"""What a person's browser keeps between two requests: cookies, and the fields that answers hold."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlsplit

from tolv.prove.answer import Answer

#: Bytes of an answer that are searched for fields.
_LARGEST = 4 << 20


@dataclass(slots=True)
class Session:
    """Cookies and fields of one user of the app, by name. A later answer's take the place of earlier ones'."""

    cookies: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Session:
        """Another with the same content, which goes its own way."""
        return Session(dict(self.cookies), dict(self.fields))

    @property
    def cookie(self) -> str | None:
        """The header's value; None: there are no cookies."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items()) or None

    def keep(self, answer: Answer) -> None:
        """Take the answer's cookies.

        They are kept whatever their path, and sent without TLS though they are `Secure`: the app is asked as a
        platform's router asks it, which has ended TLS before.
        """
        for name, value in answer.headers:
            if name == "set-cookie":
                self._bake(value)

    def learn(self, answer: Answer) -> None:
        """Take the answer's fields."""
        self.fields.update(fields_of(answer))

    @property
    def values(self) -> dict[str, str]:
        """What a request can name: fields, also as `answer.<name>`; and cookies where there is no such field."""
        cookies = {name: _clean(value) for name, value in self.cookies.items()}
        return cookies | {f"answer.{name}": value for name, value in self.fields.items()} | self.fields

    def _bake(self, text: str) -> None:
        pair, _, attributes = text.partition(";")
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not name or not equals:
            return
        if value and not _over(attributes):
            self.cookies[name] = value
        else:
            self.cookies.pop(name, None)


def _over(attributes: str) -> bool:
    """Whether a cookie's attributes delete it."""
    pairs = (one.partition("=") for one in attributes.split(";"))
    said = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if "max-age" in said:
        return said["max-age"].startswith("-") or said["max-age"] == "0"
    try:
        return parsedate_to_datetime(said["expires"]).timestamp() <= time.time()
    except (KeyError, ValueError, OverflowError):
        return False


def fields_of(answer: Answer) -> dict[str, str]:
    """The fields that later requests can name.

    Of JSON all scalars by their last name, outer ones before inner ones, and of several the first; of HTML the hidden
    inputs and CSRF tokens in `meta`; and the last part of the path in `Location`, as `id` if there is no other.
    """
    found: dict[str, str] = {}
    if len(answer.body) <= _LARGEST:
        if answer.body.lstrip()[:1] in (b"{", b"["):
            with contextlib.suppress(ValueError, RecursionError):
                for name, value in _scalars(answer.json()):
                    found.setdefault(name, _clean(value))
        elif "html" in answer.header("content-type") or answer.body.lstrip()[:1] == b"<":
            found |= {name: _clean(value) for name, value in _inputs(answer.text()).items()}
    last = urlsplit(answer.header("location")).path.rstrip("/").rpartition("/")[2]
    if last:
        found.setdefault("id", _clean(unquote(last)))
    return found


def _scalars(value: Any) -> Iterator[tuple[str, str]]:
    """Level by level, so that what is outermost comes first."""
    level = [value]
    while level:
        inner: list[Any] = []
        for one in level:
            inner += (
                item for item in (one.values() if isinstance(one, dict) else one) if isinstance(item, (dict, list))
            )
            for name, item in one.items() if isinstance(one, dict) else ():
                if isinstance(item, (str, int, float)):
                    yield name, item if isinstance(item, str) else json.dumps(item)
        level = inner


class _Inputs(HTMLParser):
    """Hidden inputs, by name; and `meta` elements that say a token."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        name = said.get("name", "")
        hidden = tag == "input" and said.get("type", "").lower() == "hidden"
        if name and hidden:
            self.found.setdefault(name, said.get("value", ""))
        elif name and tag == "meta" and "csrf" in name.lower():
            self.found.setdefault(name, said.get("content", ""))


def _inputs(text: str) -> dict[str, str]:
    parser = _Inputs()
    parser.feed(text)
    return parser.found


def _clean(text: str) -> str:
    """The text as it can be encoded: JSON may hold halves of a character."""
    return text.encode("utf-8", "replace").decode("utf-8")
