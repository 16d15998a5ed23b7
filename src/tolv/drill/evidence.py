"""Which failed requests a kill explains, and which it does not."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tolv.drill.load import Shot

_LINE = re.compile(rb"^\d+ (\S+) router .* request_id=(\S+) upstream=(\S+)", re.MULTILINE)
ROUTER = "router"
#: Seconds that a line may wait in the router's memory before it is written, and die with it.
_UNWRITTEN = 0.5
#: What is read of the router's log for evidence: its end.
_TAIL = 4 << 20


@dataclass(frozen=True, slots=True)
class Kill:
    """A process that was killed with -9. Times are `time.monotonic()`."""

    victim: str
    """`v3 web.1`, or `router`: the two through which requests go."""
    at: float
    """Just before the signal was sent."""
    gone: float
    """When the kernel said that it is dead."""
    back: float = float("inf")
    """When its successor answered."""


class Excuse(StrEnum):
    """Why a request that failed could not but fail."""

    IN_FLIGHT = "in flight"
    """In the killed one, when it was killed."""
    REFUSED = "refused"
    """Nobody listened, between the router's death and its return. Nothing was sent."""


def excuse(shot: Shot, kills: Sequence[Kill], upstreams: Mapping[str, str]) -> Excuse | None:
    """Why `shot` failed, if a kill explains it. `upstreams`: the process that each request id was sent to.

    A request is in flight when it had begun before the killed one was dead and ended after the kill, in that process by
    the word of the router; the word may be missing only if the router itself was killed before it wrote it down.
    """
    if shot.refused:
        away = any(one.victim == ROUTER and one.at <= shot.ended and shot.begun <= one.back for one in kills)
        return Excuse.REFUSED if away else None
    flown = [one for one in kills if shot.begun <= one.gone and shot.ended >= one.at]
    if shot.id in upstreams:
        return Excuse.IN_FLIGHT if any(one.victim == upstreams[shot.id] for one in flown) else None
    muted = any(one.victim == ROUTER and one.at <= shot.ended + _UNWRITTEN and shot.begun <= one.gone for one in kills)
    return Excuse.IN_FLIGHT if muted and flown else None


def upstreams_of(log: Path, label: str) -> dict[str, str]:
    """By request id, release and process that the router sent it to (`v3 web.1`), for all ids that begin with `label`.

    Read from the end of the router's own log, a line of which comes a moment after its request.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            content = file.read()
    except FileNotFoundError:
        return {}
    return {
        id_.decode(): f"{release.decode()} {process.decode()}"
        for release, id_, process in _LINE.findall(content)
        if id_.startswith(label.encode())
    }
