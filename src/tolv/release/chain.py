"""The chain of a deploy's releases: each carries a hash of itself and of the one before. No I/O.

So a row that was changed, removed or moved is found, and which one. It is no protection against someone who can write
to the store and computes all later hashes anew: for that, keep a hash elsewhere (`tolv releases --json` prints them).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tolv.release.model import Release

#: `previous_hash` of a deploy's first release, and the head of a deploy that has none.
START = ""

#: The fields of a release that never change, in words; config stands for itself by the digest of its sealed bytes.
_FIXED = (
    "app",
    "environment",
    "number",
    "build",
    "commit",
    "formation",
    "description",
    "created",
    "by",
    "release_phase",
    "previous_hash",
)


@dataclass(frozen=True, slots=True)
class Link:
    """A release as it lies in the store, with the digest of the config that it was made with."""

    release: Release
    config_digest: str


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What recomputing a chain has shown."""

    ok: bool
    checked: int
    """Releases that hold, from v1 on."""
    problem: str | None = None
    """The first broken link, in words."""


def release_hash(release: Release, config_digest: str) -> str:
    """sha256, in hex, over the release's fixed fields as canonical JSON (keys sorted, no spaces, UTF-8)."""
    fixed = {name: getattr(release, name) for name in _FIXED} | {"config": config_digest}
    text = json.dumps(fixed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def verify_chain(links: Sequence[Link], snapshots: Mapping[int, str], head_number: int, head_hash: str) -> VerifyResult:
    """Recompute a chain, given in the order of its numbers, and name the first link that is broken.

    `snapshots` has the digest of each config snapshot as it lies in the store now; `head_number` and `head_hash` are
    what the deploy says of its newest release.
    """
    previous = START
    for expected, link in enumerate(links, start=1):
        problem = _broken(link, expected, previous, snapshots)
        if problem is not None:
            return VerifyResult(False, expected - 1, problem)
        previous = link.release.hash
    checked = len(links)
    if checked < head_number:
        return VerifyResult(False, checked, f"v{checked + 1} is missing")
    if checked > head_number:
        return VerifyResult(False, head_number, f"v{head_number + 1} was added by hand")
    if previous != head_hash:
        return VerifyResult(False, max(checked - 1, 0), f"v{checked} is not the release that was made as v{checked}")
    return VerifyResult(True, checked)


def _broken(link: Link, expected: int, previous: str, snapshots: Mapping[int, str]) -> str | None:
    release = link.release
    if release.number != expected:
        return f"v{expected} is missing"
    if release_hash(release, link.config_digest) != release.hash:
        return f"{release.name} was changed after it was made"
    if release.previous_hash != previous:
        before = f"v{expected - 1}" if expected > 1 else "the start"
        return f"{release.name} does not follow {before}: a release was replaced or moved"
    if release.config not in snapshots:
        return f"the config of {release.name} is missing"
    if snapshots[release.config] != link.config_digest:
        return f"the config of {release.name} was changed after it was made"
    return None
