"""What the router itself answers: short plain text that names the problem and the request."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
_RETRY_AFTER: Final = 5


def error_page(
    status: int, reason: str, request_id: bytes = b"", *, keep_alive: bool = False, head: bool = False, page: str = ""
) -> bytes:
    """A whole response. `head`: the request was a HEAD, whose response has no content. `page`: an app's own content,
    HTML if it begins with `<`."""
    phrase = _PHRASES[status]
    kind = b"html" if page.lstrip().startswith("<") else b"plain"
    fields = [b"HTTP/1.1 %d %b" % (status, phrase), b"Content-Type: text/%b; charset=utf-8" % kind]
    lines = [b"%d %b" % (status, phrase), b"", reason.encode("utf-8", "backslashreplace")]
    if request_id:
        lines.append(b"request id: " + request_id)
        fields.append(b"X-Request-ID: " + request_id)
    content = page.encode() or b"\n".join((*lines, b""))
    fields += [b"Content-Length: %d" % len(content), b"Connection: " + (b"keep-alive" if keep_alive else b"close")]
    if status == 503:
        fields.append(b"Retry-After: %d" % _RETRY_AFTER)
    return b"\r\n".join((*fields, b"", b"" if head else content))
