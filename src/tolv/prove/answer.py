"""What an app answers, and what it means when it does not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

Why = Literal["refused", "reset", "closed", "timeout", "nonsense"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the order in which they came."""
    body: bytes
    seconds: float
    """From the beginning of the request to the answer's last byte."""
    http_version: str = "1.1"

    @property
    def framed(self) -> bool:
        """Whether it told where it ends. If not, its end is the connection's, and a kill in its midst looks like that.

        RFC 9112, 6.3 and 8.
        """
        return self.status in (204, 304) or bool(self.header("content-length") or self.header("transfer-encoding"))

    def text(self) -> str:
        """The body as text: in the charset that its content type names, else UTF-8; what is no text is replaced."""
        charset = self.header("content-type", "").lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
        try:
            return self.body.decode(charset or "utf-8", "replace")
        except (LookupError, ValueError):
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError` if it is none."""
        return json.loads(self.body)

    def header(self, name: str, default: str = "") -> str:
        """The first header of that name."""
        return next((value for key, value in self.headers if key == name.lower()), default)

    def __str__(self) -> str:
        return f"{self.status} ({self.seconds:.2f} s)"


class NoAnswer(Exception):
    """There was no whole answer. `str` says why, for people; `why` for programs."""

    def __init__(self, why: Why, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.why: Why = why
        self.text = text
        self.status = status
        """Of an answer that had begun."""
