"""Which release a rollback restores, and what a person must know before. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tolv.errors import AppError, UsageError
from tolv.release.model import Release, Status


def parse_number(name: str) -> int:
    """`v3` or `3` as a number. Raises `UsageError` for anything else."""
    digits = name.removeprefix("v")
    if not (digits.isascii() and digits.isdigit() and int(digits) > 0):
        raise UsageError(f"{name!r} names no release", remedy="name one as `tolv releases` prints it: v3")
    return int(digits)


def rollback_target(releases: Sequence[Release], wanted: int | None, restorable: Collection[int]) -> Release:
    """The release to restore: `wanted`, or the one that was live before the live one.

    `releases` are the deploy's, `restorable` the numbers of those whose build is still there. Raises `UsageError` if
    there is nothing to go back to, `AppError` if what is there cannot be restored.
    """
    target = _named(releases, wanted) if wanted is not None else _before_live(releases)
    if target.status in (Status.PENDING, Status.FAILED):
        once_live = target.last_formation is not None
        raise AppError(
            f"{target.name} failed and was rolled back: {target.reason}"
            if once_live
            else f"{target.name} was never live: it is {target.status}",
            remedy="choose one that `tolv releases` shows as live or superseded",
        )
    if target.number not in restorable:
        commit = f" --ref {target.commit[:7]}" if target.commit else ""
        raise AppError(
            f"{target.name} cannot be restored: its build is not there any more",
            remedy=f"deploy its commit again: tolv deploy PATH{commit}",
        )
    return target


def phases_undone(releases: Sequence[Release], target: Release) -> tuple[Release, ...]:
    """The releases after `target`, oldest first, that had a release phase: what they did to a database stays done."""
    return tuple(
        one for one in sorted(releases, key=lambda one: one.number) if one.number > target.number and one.release_phase
    )


def _named(releases: Sequence[Release], wanted: int) -> Release:
    for one in releases:
        if one.number == wanted:
            return one
    raise UsageError(f"there is no release v{wanted}", remedy="see `tolv releases`")


def _before_live(releases: Sequence[Release]) -> Release:
    live = max((one.number for one in releases if one.status is Status.LIVE), default=None)
    earlier = [one for one in releases if one.status is Status.SUPERSEDED and (live is None or one.number < live)]
    if not earlier:
        raise UsageError("there is no earlier release to go back to", remedy="see `tolv releases`")
    return max(earlier, key=lambda one: one.number)
