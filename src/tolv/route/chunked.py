"""The chunked transfer coding (RFC 9112, 7.1), checked strictly and passed on without copying the chunks.

What goes on is what was read: chunk sizes that carry extensions lose them, everything else keeps its bytes, and
nothing that is not wholly understood is passed on.
"""

from __future__ import annotations

import re
from typing import Final

from tolv.route.fields import BadMessage

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*"'
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})((?:;%b(?:=(?:%b|%b))?)*)" % (_TOKEN, _TOKEN, _QUOTED))
_TRAILER = re.compile(rb"(%b):[\t \x21-\x7e\x80-\xff]*" % _TOKEN)
#: Fields that may not come after the body: they frame, route or authenticate the message (RFC 9110, 6.5.1).
_FORBIDDEN: Final = frozenset(
    b"authorization connection content-encoding content-length content-range content-type cookie expect host keep-alive"
    b" set-cookie te trailer transfer-encoding upgrade".split()
)
_MAX_SIZE_LINE: Final = 1024
_MAX_TRAILERS: Final = 8192

_SIZE, _DATA, _END_OF_DATA, _TRAILERS, _DONE = range(5)


class ChunkedBody:
    """One chunked body as it arrives in pieces."""

    __slots__ = ("_left", "_partial", "_state", "_status", "_trailer_bytes", "_unframed")

    def __init__(self, status: int, *, unframed: bool = False) -> None:
        """`status`: of the `BadMessage` that a malformed body raises. `unframed`: give only the chunks' content."""
        self._status = status
        self._unframed = unframed
        self._state = _SIZE
        self._left = 0
        self._partial = b""
        self._trailer_bytes = 0

    @property
    def done(self) -> bool:
        return self._state == _DONE

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """The connection's next bytes: what of them to pass on, and what lies behind the body's end."""
        if self._partial:
            data, self._partial = self._partial + data, b""
        out: list[bytes] = []
        start = position = 0  # data[start:position] is checked and passed on as it is
        while position < len(data) and self._state != _DONE:
            if self._state == _DATA:
                end = position + min(self._left, len(data) - position)
                self._take_data(data, position, end, out)
                position = end
                continue
            end = data.find(b"\r\n", position)
            if end < 0:
                self._hold(data[position:])
                break
            instead = self._read_line(data[position:end])
            if instead and not self._unframed:
                out += (data[start:position], instead)
                start = end + 2
            position = end + 2
        if not self._unframed and start < position:
            out.append(data[start:position] if position - start < len(data) else data)
        return out, data[position:] if self.done else b""

    def _take_data(self, data: bytes, position: int, end: int, out: list[bytes]) -> None:
        if self._unframed:
            out.append(data[position:end])
        self._left -= end - position
        if not self._left:
            self._state = _END_OF_DATA

    def _read_line(self, line: bytes) -> bytes:
        """Go on by one line, without its CRLF. Gives what to pass on instead of it, if not the line itself."""
        if self._state == _SIZE:
            match = _SIZE_LINE.fullmatch(line)
            if match is None or len(line) > _MAX_SIZE_LINE:
                raise BadMessage(self._status, "a chunk's size is malformed")
            self._left = int(match[1], 16)
            self._state = _DATA if self._left else _TRAILERS
            return match[1] + b"\r\n" if match[2] else b""
        if self._state == _END_OF_DATA:
            if line:
                raise BadMessage(self._status, "a chunk is longer than its size")
            self._state = _SIZE
        elif line:
            self._read_trailer(line)
        else:
            self._state = _DONE
        return b""

    def _read_trailer(self, line: bytes) -> None:
        match = _TRAILER.fullmatch(line)
        self._trailer_bytes += len(line)
        if match is None or match[1].lower() in _FORBIDDEN or self._trailer_bytes > _MAX_TRAILERS:
            raise BadMessage(self._status, "a trailer field is malformed, misplaced or too long")

    def _hold(self, partial: bytes) -> None:
        """Keep the beginning of a line until the rest arrives."""
        limit = {_SIZE: _MAX_SIZE_LINE, _END_OF_DATA: 1, _TRAILERS: _MAX_TRAILERS}[self._state]
        if b"\n" in partial or len(partial) > limit or (self._state == _END_OF_DATA and partial != b"\r"):
            raise BadMessage(self._status, "the chunked body is malformed")
        self._partial = partial
