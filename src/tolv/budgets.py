"""How much Tolv lets grow: the bounds of one home, which the environment of the server may set. Light to import."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tolv.errors import UsageError

_SIZE = re.compile(r"([1-9][0-9]{0,9})([KMGT])(?:i?B)?")


@dataclass(frozen=True, slots=True)
class Budgets:
    """Bytes, and a number of releases."""

    logs: int = 50 << 20
    """`TOLV_LOG_BUDGET`: the logs of one app, all of its environments."""
    disk: int = 10 << 30
    """`TOLV_DISK_BUDGET`: builds, dependency layers and caches together."""
    tmp: int = 1 << 30
    """`TOLV_TMP_BUDGET`: the temporary directory of one process."""
    releases: int = 10
    """`TOLV_KEPT_RELEASES`: releases of a deploy that can be restored, besides the live one."""

    def to_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def budgets(environment: Mapping[str, str] = os.environ) -> Budgets:
    """The bounds that an environment asks for.

    Raises `UsageError` for what is no size or number, or is too small to work with.
    """
    default = Budgets()
    return Budgets(
        _size(environment, "TOLV_LOG_BUDGET", default.logs, least=1 << 20),
        _size(environment, "TOLV_DISK_BUDGET", default.disk, least=16 << 20),
        _size(environment, "TOLV_TMP_BUDGET", default.tmp, least=1 << 20),
        _number(environment, "TOLV_KEPT_RELEASES", default.releases),
    )


def _size(environment: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = environment.get(name)
    if not text:
        return default
    match = _SIZE.fullmatch(text)
    size = int(match[1]) << {"K": 10, "M": 20, "G": 30, "T": 40}[match[2]] if match else 0
    if not least <= size < 1 << 62:
        raise UsageError(f"{name}={text} is not a size", remedy=f"set it to one of {least >> 20}M or more, such as 50G")
    return size


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1000):
        raise UsageError(f"{name}={text} is not a number of releases", remedy="set it to a number from 1 to 1000")
    return int(text)
