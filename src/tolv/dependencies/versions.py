"""Versions and the ranges that manifests ask for, as far as choosing an interpreter needs them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

Version: TypeAlias = tuple[int, ...]

_CLAUSE = re.compile(r"^(===|==|!=|~=|>=|<=|>|<|\^|~|=)?\s*v?(\d+(?:\.(?:\d+|[x*]))*|\*|[xX])\S*$")


def parse_version(text: str) -> Version:
    """`3.11.7` as `(3, 11, 7)`; what follows the numbers (`rc1`, `+`) is left out."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", text.strip())
    return tuple(int(part) for part in match.group(1).split(".")) if match else ()


def satisfies(version: Version, ranges: str) -> bool:
    """Whether a version lies in `ranges`: PEP 440 clauses, Poetry's `^` and `~`, npm's `x`, hyphens and `||`.

    Raises `ValueError` for a range that is none of these.
    """
    return any(_satisfies_all(version, alternative) for alternative in re.split(r"\|\|?", ranges))


def _satisfies_all(version: Version, clauses: str) -> bool:
    clauses = re.sub(r"(\S+)\s+-\s+(\S+)", r">=\1 <=\2", clauses.strip())
    clauses = re.sub(r"([<>=!~^])\s+(?=[\dv*])", r"\1", clauses)
    return all(_satisfies(version, clause) for clause in re.split(r"[\s,]+", clauses) if clause)


def _satisfies(version: Version, clause: str) -> bool:
    match = _CLAUSE.match(clause)
    if match is None:
        raise ValueError(f"{clause!r} is no version range")
    operator = match.group(1) or "="
    parts = match.group(2).split(".")
    wild = any(part in ("x", "X", "*") for part in parts)
    wanted = tuple(int(part) for part in parts if part.isdigit())
    if not wanted:
        return True
    return _COMPARE[operator](version, wanted) if not (wild and operator == ">") else version[: len(wanted)] > wanted


def _padded(version: Version, wanted: Version) -> tuple[Version, Version]:
    length = max(len(version), len(wanted))
    return version + (0,) * (length - len(version)), wanted + (0,) * (length - len(wanted))


def _prefix(version: Version, wanted: Version) -> bool:
    return version[: len(wanted)] == wanted


def _at_least(version: Version, wanted: Version) -> bool:
    mine, theirs = _padded(version, wanted)
    return mine >= theirs


def _at_most(version: Version, wanted: Version) -> bool:
    """`<=3.11` holds for 3.11.7 in neither dialect's letter, but in every author's mind."""
    return version[: len(wanted)] <= wanted


def _caret(version: Version, wanted: Version) -> bool:
    fixed = next((index for index, part in enumerate(wanted) if part), len(wanted) - 1)
    return _at_least(version, wanted) and _prefix(version, wanted[: fixed + 1])


def _tilde(version: Version, wanted: Version) -> bool:
    return _at_least(version, wanted) and _prefix(version, wanted[:2])


def _compatible(version: Version, wanted: Version) -> bool:
    return _at_least(version, wanted) and _prefix(version, wanted[:-1])


_COMPARE: dict[str, Callable[[Version, Version], bool]] = {
    "=": _prefix,
    "==": _prefix,
    "===": _prefix,
    "!=": lambda version, wanted: not _prefix(version, wanted),
    ">=": _at_least,
    "<": lambda version, wanted: not _at_least(version, wanted),
    "<=": _at_most,
    ">": lambda version, wanted: not _at_most(version, wanted),
    "^": _caret,
    "~": _tilde,
    "~=": _compatible,
}
