"""A name server's answers: to the names that it was told, and to all others that there is no such name."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_A, _AAAA, _ANY = 1, 28, 255
_INTERNET = 1
_RESPONSE, _RECURSION, _NO_SUCH_NAME = 0x8000, 0x0080, 3
_KEPT_FLAGS = 0x7900  # what was asked, and whether recursion was wished for
_LONGEST = 255


class Question(NamedTuple):
    """What is asked for: a name, in lower case, and the type of its records. It ends at byte `end` of its message."""

    name: str
    type: int
    end: int


def read_question(message: bytes) -> Question | None:
    """The question of a DNS message; None for what is none."""
    try:
        flags, count = struct.unpack_from(">HH", message, 2)
        labels, at = [], 12
        while (length := message[at]) != 0:
            if length > 63 or at + length >= len(message):
                return None
            labels.append(message[at + 1 : at + 1 + length].decode("ascii", "backslashreplace"))
            at += 1 + length
        (kind,) = struct.unpack_from(">H", message, at + 1)
    except (IndexError, struct.error):
        return None
    if flags & _RESPONSE or count != 1 or at - 12 > _LONGEST or len(message) < at + 5:
        return None
    return Question(".".join(labels).lower(), kind, at + 5)


def answer(message: bytes, question: Question, names: Mapping[str, Sequence[str]]) -> bytes:
    """The answer to a message with that question: addresses of `names`, or that the name does not exist."""
    known = names.get(question.name)
    records = [record for one in known or () if (record := _record(one, question.type)) is not None]
    flags = struct.unpack_from(">H", message, 2)[0] & _KEPT_FLAGS
    flags |= _RESPONSE | _RECURSION | (0 if known is not None else _NO_SUCH_NAME)
    counts = struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
    return message[:2] + counts + message[12 : question.end] + b"".join(records)


def _record(address: str, wanted: int) -> bytes | None:
    kind, family = (_AAAA, socket.AF_INET6) if ":" in address else (_A, socket.AF_INET)
    if wanted not in (kind, _ANY):
        return None
    data = socket.inet_pton(family, address)
    # The name is that of the question, at 12; nobody is to keep it: 0 seconds.
    return struct.pack(">HHHIH", 0xC00C, kind, _INTERNET, 0, len(data)) + data
