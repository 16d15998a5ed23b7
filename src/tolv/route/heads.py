"""The heads of HTTP/1 messages: start line and header fields, and what of them is passed on.

Clients and upstreams repeat themselves, so a head that was read once is remembered by its exact bytes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import httptools

from tolv.route.fields import (
    FORWARDED,
    FRAMING,
    HOP_BY_HOP,
    NEEDED,
    OURS,
    BadMessage,
    framing_of,
    lines_without,
    read_fields,
    tokens_of,
    values_of,
)
from tolv.route.memory import Memory

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


#: Fields that are not passed on.
_OF_THE_REQUEST: Final = HOP_BY_HOP | OURS
_OF_THE_RESPONSE: Final = HOP_BY_HOP | {b"transfer-encoding"}


class Request:
    """The head of one request. Shared by all requests that carry the same bytes."""

    __slots__ = (
        "chunked",
        "forwarded",
        "host",
        "idempotent",
        "length",
        "logged",
        "method",
        "minor",
        "name",
        "persistent",
        "request_id",
        "sent",
        "target",
        "upgrade",
    )

    method: bytes
    idempotent: bool
    """Whether it may be sent twice."""
    target: bytes
    """In origin form, or `*`."""
    minor: int
    host: bytes
    """The Host field as it was sent."""
    name: str
    """The Host without its port, in lower case."""
    length: int
    """Content-Length, 0 when there is none."""
    chunked: bool
    persistent: bool
    """Whether the client wants the connection to go on after this request."""
    upgrade: bytes
    """The protocol to change to; empty if none is offered, none may be, or one that is not passed on (h2c)."""
    request_id: bytes
    """The client's X-Request-ID if it is a sane one, else empty."""
    forwarded: dict[bytes, bytes]
    """The client's X-Forwarded-* fields by lower-case name, repeated ones joined."""
    sent: bytes
    """The request line and the lines that are passed on, each with its CRLF."""
    logged: bytes
    """Method, path and host as the access log has them."""


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


_requests: Memory[Request] = Memory(entries=256, key_bytes=2048)
_responses: Memory[Response] = Memory(entries=256, key_bytes=2048)

known_request = _requests.get
"""The request that these bytes are, if they are the whole head of one that was read before; else None."""


def read_request(head: bytes, target_limit: int) -> Request:
    """Read a whole head, up to and with its empty line. Raises `BadMessage`."""
    request = _requests.get(head)
    if request is None:
        request = _read_request(head, target_limit)
        _requests.put(head, request)
    return request


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
    response = _responses.get(head)
    if response is None:
        response = _read_response(head)
        _responses.put(head, response)
    return response


def has_bare_newline(data: bytes, start: int = 0) -> bool:
    """Whether a line of an unfinished head ends without a CR, from `start` on: it would never be read to its end."""
    return _BARE_NEWLINE.search(data, start) is not None


def _read_request(head: bytes, target_limit: int) -> Request:
    request = Request()
    end = head.find(b"\r\n")
    request.method, target, minor = read_request_line(head, end, target_limit)
    request.idempotent = request.method in IDEMPOTENT
    request.minor = 0 if minor == b"0" else 1
    block = head[end + 2 :]
    fields = read_fields(httptools.HttpRequestParser, b"POST / HTTP/1.1\r\n" + block, block, 400)
    values = values_of(fields)
    hosts = values.get(b"host", [])
    name = host_name(hosts[0]) if len(hosts) == 1 else None
    if name is None:
        raise BadMessage(400, "a request needs exactly one valid Host")
    request.host, request.name = hosts[0], name
    request.target = target if target[0] == 47 else _origin_form(request.method, target, request.host)  # 47: "/"
    length, request.chunked = framing_of(values, 400)
    if request.chunked and not request.minor:
        raise BadMessage(400, "HTTP/1.0 has no Transfer-Encoding")
    request.length = max(length, 0)
    tokens = tokens_of(values.get(b"connection", []))
    if not NEEDED.isdisjoint(tokens):
        raise BadMessage(400, "Connection names a field that the message needs")
    _check_expectation(values.get(b"expect", []))
    request.persistent = b"close" not in tokens and (request.minor == 1 or b"keep-alive" in tokens)
    bodiless = not request.length and not request.chunked
    request.upgrade = _offered_upgrade(values, tokens) if bodiless and request.minor else b""
    ids = values.get(b"x-request-id", [])
    request.request_id = ids[0] if len(ids) == 1 and _REQUEST_ID.fullmatch(ids[0]) else b""
    request.forwarded = {name: b", ".join(values[name]) for name in FORWARDED if name in values}
    request.sent = b"%b %b HTTP/1.1\r\n%b%b" % (
        request.method,
        request.target,
        lines_without(fields, _OF_THE_REQUEST, tokens if request.minor else [*tokens, b"expect"]),
        b"Connection: Upgrade\r\nUpgrade: %b\r\n" % request.upgrade if request.upgrade else b"",
    )
    request.logged = _logged(request)
    return request


def _logged(request: Request) -> bytes:
    """The query is left out: it may carry secrets."""
    path = request.target.partition(b"?")[0].decode("utf-8", "backslashreplace")
    path = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'method={request.method.decode()} path="{path}" host={request.name}'.encode()


def _read_response(head: bytes) -> Response:
    end = head.find(b"\r\n")
    line = _STATUS_LINE.fullmatch(head, 0, end)
    if line is None:
        raise BadMessage(502, "the upstream's status line is malformed")
    minor, status, reason = line.groups()
    block = head[end + 2 :]
    fields = read_fields(httptools.HttpResponseParser, head, block, 502)
    values = values_of(fields)
    response = Response()
    response.status = int(status)
    response.line = b"HTTP/1.1 %b %b\r\n" % (status, reason or b"")
    response.length, response.chunked = framing_of(values, 502)
    if response.chunked and minor == b"0":
        raise BadMessage(502, "the upstream sent a Transfer-Encoding in HTTP/1.0")
    dropped = _OF_THE_RESPONSE
    if response.status < 200 or response.status == 204:
        # It has no content, whatever it says of it (RFC 9112, 6.3), and may not speak of any (RFC 9110, 8.6).
        response.length, response.chunked = -1, False
        dropped |= FRAMING
    tokens = tokens_of(values.get(b"connection", []))
    response.close = b"close" in tokens or (minor == b"0" and b"keep-alive" not in tokens)
    response.upgrade = b", ".join(values.get(b"upgrade", []))
    response.sent = lines_without(fields, dropped, [token for token in tokens if token not in FRAMING])
    framing = b"Transfer-Encoding: chunked\r\n" if response.chunked else b""
    response.whole = b"%b%b%b\r\n" % (response.line, response.sent, framing)
    return response


@lru_cache(maxsize=1024)
def host_name(host: bytes) -> str | None:
    """A Host field's name in lower case, without port and without the root's final dot; None if it is malformed."""
    if _HOST.fullmatch(host) is None:
        return None
    text = host.decode("latin-1").lower()
    name = text[: text.index("]") + 1] if text.startswith("[") else text.partition(":")[0]
    return name.removesuffix(".")


def _check_expectation(values: list[bytes]) -> None:
    if values and (len(values) > 1 or values[0].lower() != b"100-continue"):
        raise BadMessage(417, "the only expectation served is 100-continue")


def _offered_upgrade(values: dict[bytes, list[bytes]], tokens: list[bytes]) -> bytes:
    """The Upgrade field, unless it offers HTTP/2 in clear text: that would be a tunnel past every check here."""
    offers = values.get(b"upgrade", [])
    if b"upgrade" not in tokens or len(offers) != 1:
        return b""
    protocols = tokens_of(offers)
    return b"" if any(protocol.startswith((b"h2", b"http", b"tls")) for protocol in protocols) else offers[0]


def _origin_form(method: bytes, target: bytes, host: bytes) -> bytes:
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise BadMessage(400, "the request target is malformed")
    authority, path, query = absolute.groups()
    if authority.lower() != host.lower():
        raise BadMessage(400, "the request target and Host name different hosts")
    return (path or b"/") + (query or b"")
