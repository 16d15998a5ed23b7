"""Releases as values, for tests that need no store."""

from __future__ import annotations

from tolv.release.model import Release, Status


def release(number: int, *, status: Status = Status.PENDING, build: str = "a", release_phase: bool = False) -> Release:
    return Release(
        app="shop",
        environment="prod",
        number=number,
        build=f"sha256:{build * 64}",
        commit="9f3c1a7" + "0" * 33,
        config=1,
        formation={"web": 1},
        description="Deploy 9f3c1a7",
        created="2026-01-01T00:00:00.000Z",
        by="ada@host",
        previous_hash="",
        hash="",
        status=status,
        release_phase=release_phase,
    )
