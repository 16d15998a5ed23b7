"""The heads of HTTP/1 messages: start line and header fields, and what of them is passed on.

Clients and upstreams repeat their fields, so a block that was read once is remembered by its exact bytes.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

import httptools

from tolv.route.fields import (
    FORWARDED,
    FRAMING,
    HOP_BY_HOP,
    NEEDED,
    OURS,
    BadMessage,
    by_name,
    framing_of,
    lines_without,
    parse_fields,
    tokens_of,
)

#: What httptools knows, without CONNECT (this is no forward proxy) and TRACE (it would echo cookies).
METHODS: Final = frozenset(
    b"ACL BIND CHECKOUT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH POST"
    b" PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SUBSCRIBE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split()
)
#: Methods that may be sent twice (RFC 9110, 9.2.2).
IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x22\x24-\x7e\x80-\xff]+) HTTP/(\d)\.(\d)")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: ([\t \x21-\x7e\x80-\xff]*))?")
_HOST = re.compile(rb"(?:[A-Za-z0-9\-._~%!$&'()*+,;=]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?]+)(/[^?]*)?(\?.*)?", re.IGNORECASE | re.DOTALL)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9\-._~+/=:@]{1,128}")
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")


class RequestFields:
    """A request's block of header fields, read. Shared by all requests that carry the same bytes."""

    __slots__ = (
        "chunked",
        "close",
        "expect",
        "forwarded",
        "host",
        "keep_alive",
        "length",
        "name",
        "request_id",
        "sent",
        "upgrade",
    )

    host: bytes
    """The Host field as it was sent."""
    name: str
    """The Host without its port, in lower case."""
    length: int
    """Content-Length, 0 when there is none."""
    chunked: bool
    close: bool
    keep_alive: bool
    expect: bool
    """The client waits for `100 Continue`."""
    upgrade: bytes
    """The protocol that the client offers to change to; empty if none, or one that is not passed on (h2c)."""
    request_id: bytes
    """The client's X-Request-ID if it is a sane one, else empty."""
    forwarded: dict[bytes, bytes]
    """The client's X-Forwarded-* fields by lower-case name, repeated ones joined."""
    sent: bytes
    """The lines that are passed on as they came, each with its CRLF."""


class Request:
    """The head of one request."""

    __slots__ = ("fields", "method", "minor", "target")

    def __init__(self, method: bytes, target: bytes, minor: int, fields: RequestFields) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.fields = fields

    @property
    def persistent(self) -> bool:
        """Whether the client wants the connection to go on after this request."""
        fields = self.fields
        return not fields.close and (self.minor == 1 or fields.keep_alive)

    @property
    def upgrade(self) -> bytes:
        """The protocol to change to, where this request may ask for that."""
        fields = self.fields
        return fields.upgrade if self.minor == 1 and not fields.length and not fields.chunked else b""


class Response:
    """The head of one response. Shared by all responses that carry the same bytes."""

    __slots__ = ("chunked", "close", "length", "line", "sent", "status", "upgrade", "whole")

    status: int
    line: bytes
    """The status line that is passed on, with its CRLF: always HTTP/1.1, since that is what the router speaks."""
    length: int
    """Content-Length; -1 when there is none."""
    chunked: bool
    close: bool
    """The upstream ends the connection after this response."""
    upgrade: bytes
    sent: bytes
    """The lines that are passed on, each with its CRLF; Content-Length is among them, Transfer-Encoding is not."""
    whole: bytes
    """The head as most clients get it: status line, lines, framing, empty line."""


def read_request(head: bytes, target_limit: int) -> Request:
    """Read a whole head, up to and with its empty line. Raises `BadMessage`."""
    end = head.find(b"\r\n")
    method, target, minor = read_request_line(head, end, target_limit)
    block = head[end + 2 :]
    fields = _request_blocks.get(block)
    if fields is None:
        fields = _read_request_fields(block)
        _remember(_request_blocks, block, fields)
    if fields.chunked and minor == b"0":
        raise BadMessage(400, "HTTP/1.0 has no Transfer-Encoding")
    if target[0] != 47:  # "/"
        target = _origin_form(method, target, fields)
    return Request(method, target, 0 if minor == b"0" else 1, fields)


def read_request_line(head: bytes, end: int, target_limit: int) -> tuple[bytes, bytes, bytes]:
    """Method, target and minor version of the line `head[:end]`. Raises `BadMessage`."""
    line = _REQUEST_LINE.fullmatch(head, 0, end)
    if line is None:
        raise BadMessage(400, "the request line is malformed")
    method, target, major, minor = line.groups()
    if major != b"1":
        raise BadMessage(505, "this is an HTTP/1.1 server")
    if method not in METHODS:
        raise BadMessage(405 if method in (b"CONNECT", b"TRACE") else 501, "this method is not served")
    if len(target) > target_limit:
        raise BadMessage(414, "the request target is too long")
    return method, target, minor


def read_response(head: bytes) -> Response:
    """Read a whole head, up to and with its empty line. Raises `BadMessage` (502)."""
    response = _response_heads.get(head)
    if response is None:
        response = _read_response(head)
        _remember(_response_heads, head, response)
    return response


def has_bare_newline(data: bytes, start: int = 0) -> bool:
    """Whether a line of an unfinished head ends without a CR, from `start` on: it would never be read to its end."""
    return _BARE_NEWLINE.search(data, start) is not None


_request_blocks: dict[bytes, RequestFields] = {}
_response_heads: dict[bytes, Response] = {}


def _read_request_fields(block: bytes) -> RequestFields:
    pairs = parse_fields(httptools.HttpRequestParser, b"POST / HTTP/1.1\r\n" + block, block, 400)
    values = by_name(pairs, 400)
    fields = RequestFields()
    hosts = values.get(b"host", [])
    if len(hosts) != 1 or _HOST.fullmatch(hosts[0]) is None:
        raise BadMessage(400, "a request needs exactly one valid Host")
    fields.host = hosts[0]
    fields.name = host_name(hosts[0])
    length, fields.chunked = framing_of(values, 400)
    fields.length = max(length, 0)
    tokens = tokens_of(values.get(b"connection", []))
    if not NEEDED.isdisjoint(tokens):
        raise BadMessage(400, "Connection names a field that the message needs")
    fields.close = b"close" in tokens
    fields.keep_alive = b"keep-alive" in tokens
    fields.expect = _expect(values.get(b"expect", []))
    fields.upgrade = _offered_upgrade(values, tokens)
    ids = values.get(b"x-request-id", [])
    fields.request_id = ids[0] if len(ids) == 1 and _REQUEST_ID.fullmatch(ids[0]) else b""
    fields.forwarded = {name: b", ".join(values[name]) for name in FORWARDED if name in values}
    fields.sent = lines_without(pairs, HOP_BY_HOP | OURS | set(tokens))
    return fields


def _read_response(head: bytes) -> Response:
    end = head.find(b"\r\n")
    line = _STATUS_LINE.fullmatch(head, 0, end)
    if line is None:
        raise BadMessage(502, "the upstream's status line is malformed")
    minor, status, reason = line.groups()
    block = head[end + 2 :]
    pairs = parse_fields(httptools.HttpResponseParser, head, block, 502)
    values = by_name(pairs, 502)
    response = Response()
    response.status = int(status)
    response.line = b"HTTP/1.1 %b %b\r\n" % (status, reason or b"")
    response.length, response.chunked = framing_of(values, 502)
    if response.status == 204:
        response.chunked = False  # it has no content, whatever it says of it (RFC 9112, 6.3)
    if response.chunked and minor == b"0":
        raise BadMessage(502, "the upstream sent a Transfer-Encoding in HTTP/1.0")
    tokens = tokens_of(values.get(b"connection", []))
    response.close = b"close" in tokens or (minor == b"0" and b"keep-alive" not in tokens)
    response.upgrade = b", ".join(values.get(b"upgrade", []))
    response.sent = lines_without(pairs, HOP_BY_HOP | {b"transfer-encoding"} | (set(tokens) - FRAMING))
    framing = b"Transfer-Encoding: chunked\r\n" if response.chunked else b""
    response.whole = b"%b%b%b\r\n" % (response.line, response.sent, framing)
    return response


def host_name(host: bytes) -> str:
    """A Host field's name in lower case, without port and without the root's final dot."""
    text = host.decode("latin-1").lower()
    name = text[: text.index("]") + 1] if text.startswith("[") else text.partition(":")[0]
    return name.removesuffix(".")


def _expect(values: list[bytes]) -> bool:
    if not values:
        return False
    if len(values) > 1 or values[0].lower() != b"100-continue":
        raise BadMessage(417, "the only expectation served is 100-continue")
    return True


def _offered_upgrade(values: dict[bytes, list[bytes]], tokens: list[bytes]) -> bytes:
    """The Upgrade field, unless it offers HTTP/2 in clear text: that would be a tunnel past every check here."""
    offers = values.get(b"upgrade", [])
    if b"upgrade" not in tokens or len(offers) != 1:
        return b""
    protocols = tokens_of(offers)
    return b"" if any(protocol.startswith((b"h2", b"http", b"tls")) for protocol in protocols) else offers[0]


def _origin_form(method: bytes, target: bytes, fields: RequestFields) -> bytes:
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise BadMessage(400, "the request target is malformed")
    authority, path, query = absolute.groups()
    if authority.lower() != fields.host.lower():
        raise BadMessage(400, "the request target and Host name different hosts")
    return (path or b"/") + (query or b"")


_Read = TypeVar("_Read", RequestFields, Response)
_REMEMBERED_BYTES = 4096
_REMEMBERED = 512


def _remember(memory: dict[bytes, _Read], key: bytes, value: _Read) -> None:
    if len(key) <= _REMEMBERED_BYTES:
        if len(memory) >= _REMEMBERED:
            memory.clear()
        memory[key] = value
