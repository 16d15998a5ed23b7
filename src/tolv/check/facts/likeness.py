"""How alike files are: hashes of runs of lines, a sample of them, that two copies have in common."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

#: Lines that one hash covers.
_RUN = 5
#: One hash in so many is kept: those that it divides, so that both of two copies keep the same.
_SAMPLE = 4
_IMPORT = re.compile(r"(?:import|from|require|use|package|include|require_relative|#include)\b")


@dataclass(frozen=True, slots=True)
class Shingles:
    """A file's sample."""

    lines: int
    """Lines with code in them: neither blank, nor a comment, a bracket or an import."""
    hashes: tuple[int, ...]


def sample(lines: Sequence[str]) -> Shingles:
    """The sample of a text's lines."""
    code = [text for line in lines if (text := "".join(line.split())) and _says(line.strip())]
    joined = ("\n".join(code[at : at + _RUN]) for at in range(max(len(code) - _RUN + 1, 0)))
    hashes = {zlib.crc32(run.encode("utf-8", "replace")) for run in joined}
    return Shingles(len(code), tuple(sorted(one for one in hashes if one % _SAMPLE == 0)))


def likeness(one: Shingles, other: Shingles) -> float:
    """The share of the smaller sample that the other has too, from 0 to 1; 0 for samples too small to say."""
    smaller, larger = sorted((frozenset(one.hashes), frozenset(other.hashes)), key=len)
    return len(smaller & larger) / len(smaller) if len(smaller) >= 5 else 0.0


def _says(line: str) -> bool:
    return len(line) > 2 and not line.startswith(("#", "//", "*", "/*", "--")) and not _IMPORT.match(line)
