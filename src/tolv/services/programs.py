"""Which of the programs that can be had for a server are taken: the host's own, or those that a package carries."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tolv.errors import PlatformError, UsageError
from tolv.services.carriers import Carrier
from tolv.services.model import Binaries

_VERSION = re.compile(r"\d+(\.\d+)*")


@dataclass(frozen=True, slots=True)
class Offer:
    """All that can be had for one kind of server on this machine."""

    title: str
    """As people write it: `PostgreSQL`."""
    host: Sequence[Binaries]
    """What the host has."""
    carriers: Sequence[Carrier]
    """Packages that can be fetched."""
    install: Callable[[str], str]
    """How to get a version that is not there."""

    def take(self, wanted: str | None, cache: Path, tell: Callable[[str], None]) -> Binaries:
        """The programs of the wanted version: of those that have all that comes with the server the newest, otherwise
        the newest; of equal ones those that need no fetching.

        Never another version: raises `UsageError`, which names those that can be had. If fetching fails, the best at
        hand of the wanted version is taken; `PlatformError` if there is none.
        """
        if wanted is not None and not _VERSION.fullmatch(wanted):
            raise UsageError(
                f"{self.title} has no version {wanted!r}", remedy="write it as 16 or 16.2, or leave it away"
            )
        fitting = [one for one in self.carriers if fits(one.version, wanted)]
        at_hand = [(True, order(one.version), one) for one in self.host if fits(one.version, wanted)]
        at_hand += [(one.complete, order(one.version), found) for one in fitting if (found := one.at_hand(cache))]
        to_fetch = [(one.complete, order(one.version), one) for one in fitting if one.available()]
        best = max(at_hand, key=lambda one: one[:2], default=None)
        better = max(to_fetch, key=lambda one: one[:2], default=None)
        if better is not None and (best is None or better[:2] > best[:2]):
            try:
                return better[2].fetch(cache, tell)
            except PlatformError as error:
                if best is None:
                    raise
                tell(f"taking {self.title} {best[2].version} ({best[2].origin}): {error.problem}")
        if best is not None:
            return best[2]
        raise UsageError(
            f"{self.title} {wanted or ''}".rstrip() + " cannot be had on this machine",
            where=f"there is {self._listed()}",
            remedy=f"ask for one of these; or {self.install(wanted or '')}; or attach a server by its URL",
        )

    def _listed(self) -> str:
        found = {
            **{one.version: f"{one.version} ({one.origin})" for one in self.carriers if one.available()},
            **{one.version: f"{one.version} ({one.origin})" for one in self.host},
        }
        return ", ".join(found[one] for one in sorted(found, key=order)) or "none"


def fits(version: str, wanted: str | None) -> bool:
    """Whether a version is of the wanted one: `16.2` is of `16`, not of `16.1`; any is where none is wanted."""
    return wanted is None or order(version)[: len(order(wanted))] == order(wanted)


def order(version: str) -> tuple[int, ...]:
    """A version's place among others."""
    return tuple(int(one) for one in re.findall(r"\d+", version))
