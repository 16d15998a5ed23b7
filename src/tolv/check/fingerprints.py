"""Fingerprints: by what a finding is known again in the next check.

They hold rule, path, the code itself and what it is about, never a line number: code that moves within its file keeps
its fingerprints. Of findings that are alike in all this the first, the second … are told apart.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from tolv.check.model import Finding

#: A remark of ours in the line is no part of the code.
_MARK = re.compile(r"(#|//|/\*|<!--|--|;|\{#)\s*tolv:\s*ignore\[.*")
_SPACE = re.compile(r"\s+")
#: Hexadecimal digits: 80 bits, enough for any number of findings that anybody reads.
_LENGTH = 20


def with_fingerprints(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings with their fingerprints, in the same order.

    Those that are alike are counted by place, so that the answer does not depend on the order in which they come.
    """
    given = list(findings)
    seen: Counter[tuple[str, ...]] = Counter()
    prints: dict[int, str] = {}
    for at in sorted(range(len(given)), key=lambda at: _position(given[at])):
        key = _key(given[at])
        prints[at] = _digest((*key, str(seen[key])))
        seen[key] += 1
    return tuple(replace(one, fingerprint=prints[at]) for at, one in enumerate(given))


def _key(finding: Finding) -> tuple[str, ...]:
    code = _SPACE.sub("", _MARK.sub("", finding.snippet))
    return finding.rule, finding.place.path, finding.place.commit or "", code, finding.subject


def _position(finding: Finding) -> tuple[str, int, int, str]:
    place = finding.place
    return place.path, place.line or 0, place.column or 0, finding.message


def _digest(parts: Iterable[str]) -> str:
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:_LENGTH]
