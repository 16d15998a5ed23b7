"""The header fields of HTTP/1 messages: a strict reading of them.

Every block of fields passes two gates: the grammar of RFC 9112 as one regular expression, without any of the
leniencies that make two servers read one message differently (bare LF, folded lines, white space before the colon,
control characters), and llhttp, the parser that Node runs on. What either refuses is refused.
"""

from __future__ import annotations

import re
from typing import Final

import httptools

MAX_FIELDS: Final = 100

_BLOCK = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t \x21-\x7e\x80-\xff]*\r\n)*\r\n")
_DIGITS = re.compile(rb"\d{1,18}")

#: Fields that end at the router (RFC 9110, 7.6.1), and those it sets itself.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"upgrade",
    )
)
FORWARDED = frozenset((b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port"))
OURS = FORWARDED | {b"forwarded", b"x-request-id"}
FRAMING = frozenset((b"content-length", b"transfer-encoding"))
#: A field that CGI-like servers would take for one of these (`_` and `-` are one to them) is an attack.
_GUARDED = OURS | HOP_BY_HOP | FRAMING | {b"host"}
#: Fields that `Connection` may not name: without them the message would mean another.
NEEDED = FRAMING | {b"host", b"expect"}


class BadMessage(Exception):
    """A message that is refused: the status to answer with, and why in a few words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class _Collector:
    """What llhttp found."""

    __slots__ = ("complete", "fields")

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True


def parse_fields(kind: type, head: bytes, block: bytes, status: int) -> list[tuple[bytes, bytes]]:
    """The fields of `block` through both gates; `head` is the start line and the block."""
    if block.count(b"\r\n") > MAX_FIELDS + 1:
        raise BadMessage(431 if status == 400 else status, f"more than {MAX_FIELDS} header fields")
    if _BLOCK.fullmatch(block) is None:
        raise BadMessage(status, "the header fields are malformed")
    found = _Collector()
    try:
        kind(found).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise BadMessage(status, f"the header fields are malformed: {error}") from None
    if not found.complete:
        raise BadMessage(status, "the header fields are malformed")
    return found.fields


def by_name(pairs: list[tuple[bytes, bytes]], status: int) -> dict[bytes, list[bytes]]:
    values: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        lower = name.lower()
        if b"_" in lower and lower.replace(b"_", b"-") in _GUARDED:
            raise BadMessage(status, "a header field pretends to be another")
        values.setdefault(lower, []).append(value.strip(b" \t"))
    return values


def framing_of(values: dict[bytes, list[bytes]], status: int) -> tuple[int, bool]:
    """Content-Length (-1: none) and whether the body is chunked; anything ambiguous is refused."""
    lengths = values.get(b"content-length", [])
    codings = values.get(b"transfer-encoding", [])
    if codings:
        if lengths:
            raise BadMessage(status, "both Content-Length and Transfer-Encoding")
        if len(codings) != 1 or codings[0].lower() != b"chunked":
            raise BadMessage(status, "the only transfer coding served is chunked")
        return -1, True
    if not lengths:
        return -1, False
    if len(lengths) != 1 or _DIGITS.fullmatch(lengths[0]) is None:
        raise BadMessage(status, "Content-Length is not one number")
    return int(lengths[0]), False


def tokens_of(values: list[bytes]) -> list[bytes]:
    return [token for value in values for token in (part.strip(b" \t").lower() for part in value.split(b",")) if token]


def lines_without(pairs: list[tuple[bytes, bytes]], dropped: set[bytes] | frozenset[bytes]) -> bytes:
    return b"".join(b"%b: %b\r\n" % (name, value.strip(b" \t")) for name, value in pairs if name.lower() not in dropped)
