"""When a crashed process is started again."""

from __future__ import annotations

_FIRST, _LONGEST = 1.0, 300.0
#: Seconds after which a process that runs is no part of a crash loop.
FORGIVEN_AFTER = 600.0


def delay(crashes: int) -> float:
    """Seconds to wait after the given number of crashes in a row: none after the first, then 1 s, doubling, up to
    5 minutes."""
    if crashes <= 1:
        return 0.0
    return min(_LONGEST, _FIRST * 2.0 ** min(crashes - 2, 16))


def crashes_in_a_row(before: int, uptime: float) -> int:
    """The count after one more crash: a process that ran for ten minutes starts anew."""
    return 1 if uptime >= FORGIVEN_AFTER else before + 1
