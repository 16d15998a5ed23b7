"""The header fields of HTTP/1 messages: a strict reading of them.

Every block of fields passes two gates: the grammar of RFC 9112, without any of the leniencies that make two servers
read one message differently (bare LF, folded lines, white space before the colon, control characters), and llhttp,
the parser that Node runs on. What either refuses is refused.

Messages differ, but most of their lines were seen before: a line that was read once is remembered by its exact bytes.
"""

from __future__ import annotations

import re
from typing import Final

import httptools

from tolv.route.memory import Memory

MAX_FIELDS: Final = 100

_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t \x21-\x7e\x80-\xff]*)")
_DIGITS = re.compile(rb"\d{1,18}")

#: Fields that end at the router (RFC 9110, 7.6.1; `Proxy`, since CGI would make HTTP_PROXY of it), and those it sets.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy",
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
#: Fields whose values the router reads.
_READ = _GUARDED | {b"expect"}


class BadMessage(Exception):
    """A message that is refused: the status to answer with, and why in a few words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Field:
    """One line of a head. Shared by all messages that carry the same bytes."""

    __slots__ = ("line", "name", "read", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name.lower()
        self.value = value
        self.line = b"%b: %b\r\n" % (name, value)
        """The line as it is passed on."""
        self.read = self.name in _READ
        """Whether the router needs the value."""


_fields: Memory[Field] = Memory(entries=1024, key_bytes=256)


class _HeadsEnd:
    """What llhttp is asked for: whether it takes the head for a whole one."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen = False

    def on_headers_complete(self) -> None:
        self.seen = True


def read_fields(kind: type, head: bytes, block: bytes, status: int) -> list[Field]:
    """The fields of `block` (up to and with its empty line) through both gates; `head` is the start line and the block.

    Raises `BadMessage` with `status`, or 431 for a request with too many fields.
    """
    lines = block.split(b"\r\n")
    del lines[-2:]
    if len(lines) > MAX_FIELDS:
        raise BadMessage(431 if status == 400 else status, f"more than {MAX_FIELDS} header fields")
    known = _fields.get
    fields = [known(line) or _read_field(line, status) for line in lines]
    end = _HeadsEnd()
    try:
        kind(end).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise BadMessage(status, f"the header fields are malformed: {error}") from None
    if not end.seen:
        raise BadMessage(status, "the header fields are malformed")
    return fields


def _read_field(line: bytes, status: int) -> Field:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise BadMessage(status, "the header fields are malformed")
    field = Field(match[1], match[2].strip(b" \t"))
    if b"_" in field.name and field.name.replace(b"_", b"-") in _GUARDED:
        raise BadMessage(status, "a header field pretends to be another")
    _fields.put(line, field)
    return field


def values_of(fields: list[Field]) -> dict[bytes, list[bytes]]:
    """The values of the fields that the router reads, by lower-case name."""
    values: dict[bytes, list[bytes]] = {}
    for field in fields:
        if field.read:
            values.setdefault(field.name, []).append(field.value)
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


def lines_without(fields: list[Field], dropped: frozenset[bytes], named: list[bytes]) -> bytes:
    """The lines that are passed on: all but those of the dropped names, and of those that `Connection` named."""
    if not dropped.issuperset(named):
        dropped = dropped.union(named)
    return b"".join([field.line for field in fields if field.name not in dropped])
