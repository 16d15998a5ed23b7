"""A route that an app seems to have, and what a request to it would send."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_PARAMETER = re.compile(r"<(?:[^<>:]*:)?(\w+)>|\{(\w+)(?::[^{}]*)?\}|:(\w+)(?:\([^)]*\))?\??")


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    """Its parameters in braces: `/notes/{id}`."""
    source: str
    """Where it is said: `app.py:12`, `openapi.json`."""
    body: str | None = None
    """What a request could send, as `[prove]` writes it; None: it is not known."""
    file: str | None = None
    """The form field in which it takes a file."""

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def words(self) -> frozenset[str]:
        """The words of its path, in lower case."""
        return frozenset(re.findall(r"[a-z0-9]+", re.sub(r"\{\w+\}", "", self.path).lower()))


def normal(*parts: str) -> str:
    """A path put together from a prefix and what is below it, with its parameters in braces."""
    path = re.sub(r"/{2,}", "/", "/" + "/".join(one for one in parts if one))
    return _PARAMETER.sub(lambda match: "{" + next(filter(None, match.groups())) + "}", path)


def sample(name: str, type_: str = "string") -> Any:
    """A value that a field of that name and JSON type may take."""
    lower = name.lower()
    if type_ in ("integer", "number"):
        return 1
    if type_ == "boolean":
        return True
    if "email" in lower or lower == "mail":
        return "{token}@example.com"
    if lower.endswith(("url", "uri", "link")):
        return "https://example.com/{token}"
    if lower.endswith(("date", "_on")):
        return "2030-01-02"
    return "{token}"


def json_body(fields: Mapping[str, Any]) -> str | None:
    """A JSON body with those fields; None: there are none."""
    return json.dumps(dict(fields), ensure_ascii=False) if fields else None


def form_body(names: Iterable[str]) -> str | None:
    """A form with those fields; None: there are none."""
    return "&".join(f"{name}={sample(name)}" for name in names) or None
