"""How far two versions of the same program are apart. Pure."""

from __future__ import annotations

from tolv.dependencies.versions import parse_version
from tolv.parity.model import Judgement

#: Programs whose first number alone is a line of its own: the second is a patch (PostgreSQL from 10 on).
_PATCH_SECOND = frozenset({"postgres"})
#: Programs whose second number is as good as a first.
_MAJOR_SECOND = frozenset({"python", "ruby", "php", "go", "mysql", "mariadb"})


def line(name: str, version: str) -> str:
    """The line that a version belongs to, as one asks for it: `16` of PostgreSQL 16.2, `7.2` of Redis 7.2.4."""
    return ".".join(version.split(".")[: 1 if name in _PATCH_SECOND else 2])


def apart(name: str, one: str, other: str) -> Judgement:
    """Breaking: another line of versions; notable: within a line; harmless: patches.

    `name` is that of the program or kind: of Python the first two numbers make a line, of PostgreSQL the first.
    """
    ours, theirs = (*parse_version(one), 0, 0)[:2], (*parse_version(other), 0, 0)[:2]
    if ours == theirs:
        return "harmless"
    if ours[0] != theirs[0] or name in _MAJOR_SECOND:
        return "breaking"
    return "harmless" if name in _PATCH_SECOND else "notable"
