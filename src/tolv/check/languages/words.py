"""The identifiers of a text, found without parsing it."""

from __future__ import annotations

from collections.abc import Iterable

_KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") | frozenset(range(0x80, 0x100))
#: All that is in no identifier becomes a blank; the sigils of PHP, Ruby and JavaScript (`$`, `@`) too.
_TABLE = bytes(byte if byte in _KEPT else 0x20 for byte in range(0x100))


def words_of(data: bytes) -> frozenset[bytes]:
    """All identifiers of a text, those in comments and literals included; numbers are among them.

    `$_ENV` gives `_ENV`, `@@count` gives `count`, `user-agent` gives `user` and `agent`. Letters outside of ASCII stay
    in their words.
    """
    return frozenset(data.translate(_TABLE).split())


def joined(words: Iterable[bytes]) -> bytes:
    """Words as one text, each on a line of its own: a part of a word is found in it at the speed of `memmem`."""
    return b"\n" + b"\n".join(words) + b"\n"


def words_with(text: bytes, parts: Iterable[bytes]) -> set[bytes]:
    """Of `joined` words those that hold one of the parts; parts are lower case, the words in any."""
    lower = text.lower()
    found = set()
    for part in parts:
        at = lower.find(part)
        while at != -1:
            start, end = lower.rfind(b"\n", 0, at) + 1, lower.find(b"\n", at)
            found.add(text[start:end])
            at = lower.find(part, end)
    return found
