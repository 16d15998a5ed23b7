"""Formations: how many processes of each type run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tolv.codebase.model import ProcessType
from tolv.errors import UsageError
from tolv.run.planner import Target, Wanted

#: The process type that requests are routed to.
ROUTED = "web"
_MOST = 100


def formation_for(
    types: Iterable[ProcessType], declared: Mapping[str, int], current: Mapping[str, int]
) -> dict[str, int]:
    """The formation of a new release: what runs now, else what `tolv.toml` declares, else one of each type."""
    return {one.name: current.get(one.name, declared.get(one.name, 1)) for one in types}


def change_formation(current: Mapping[str, int], wanted: Mapping[str, int]) -> dict[str, int]:
    """`current` with the quantities of `wanted`.

    Raises `UsageError` for a type that the release does not have and for a quantity out of 0 to 100.
    """
    for name, quantity in wanted.items():
        if name not in current:
            raise UsageError(
                f"there is no process type {name!r}",
                remedy=f"choose one of the release's: {', '.join(sorted(current)) or 'it has none'}",
            )
        if not 0 <= quantity <= _MOST:
            raise UsageError(f"{name}={quantity} is not a quantity", remedy=f"give a whole number from 0 to {_MOST}")
    return {**current, **wanted}


def target_for(release: int, types: Iterable[ProcessType], formation: Mapping[str, int]) -> Target:
    """What the planner needs to know of a release."""
    return Target(
        release,
        {
            one.name: Wanted(formation.get(one.name, 0), one.rollout == "stop-first", one.name == ROUTED)
            for one in types
        },
    )


def describe(formation: Mapping[str, int]) -> str:
    """`web=2 worker=1`."""
    return " ".join(f"{name}={quantity}" for name, quantity in formation.items()) or "no processes"
