"""The identifiers of a text, found without parsing it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

_KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") | frozenset(range(0x80, 0x100))
#: All that is in no identifier becomes a blank; the sigils of PHP, Ruby and JavaScript (`$`, `@`) too.
_TABLE = bytes(byte if byte in _KEPT else 0x20 for byte in range(0x100))


def words_of(data: bytes) -> frozenset[bytes]:
    """All identifiers of a text, those in comments and literals included; numbers are among them.

    `$_ENV` gives `_ENV`, `@@count` gives `count`, `user-agent` gives `user` and `agent`. Letters outside of ASCII stay
    in their words.
    """
    return frozenset(data.translate(_TABLE).split())


class Worded:
    """The part of a `Source` that its text gives without parsing."""

    data: bytes

    @cached_property
    def words(self) -> frozenset[bytes]:
        """All identifiers of the text, comments and literals included."""
        return words_of(self.data)

    @cached_property
    def joined(self) -> bytes:
        """The words as one text, each on a line of its own: parts of words are found in it at the speed of `memmem`."""
        return b"\n" + b"\n".join(self.words) + b"\n"

    @cached_property
    def lower(self) -> bytes:
        """The same in lower case, at the same places."""
        return self.joined.lower()


def words_with(text: bytes, lower: bytes, parts: Iterable[bytes]) -> set[bytes]:
    """Of joined words, as they are and in lower case, those that hold one of the parts, which are lower case."""
    found = set()
    for part in parts:
        at = lower.find(part)
        while at != -1:
            start, end = lower.rfind(b"\n", 0, at) + 1, lower.find(b"\n", at)
            found.add(text[start:end])
            at = lower.find(part, end)
    return found
