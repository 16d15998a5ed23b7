"""The identifiers of a text, found without parsing it."""

from __future__ import annotations

_KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") | frozenset(range(0x80, 0x100))
#: All that is in no identifier becomes a blank; the sigils of PHP, Ruby and JavaScript (`$`, `@`) too.
_TABLE = bytes(byte if byte in _KEPT else 0x20 for byte in range(0x100))


def words_of(data: bytes) -> frozenset[bytes]:
    """All identifiers of a text, those in comments and literals included; numbers are among them.

    `$_ENV` gives `_ENV`, `@@count` gives `count`, `user-agent` gives `user` and `agent`. Letters outside of ASCII stay
    in their words.
    """
    return frozenset(data.translate(_TABLE).split())
