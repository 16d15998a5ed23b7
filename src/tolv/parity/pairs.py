"""Which backing service of one side is which of the other. Pure."""

from __future__ import annotations

from tolv.parity.model import Service, Side

Pair = tuple[str, Service | None, Service | None]


def pairs(left: Side, right: Side) -> list[Pair]:
    """The services of both sides by name: those of one name belong together, then those that a variable shares.

    None stands for one that a side does not have.
    """
    ours = {one.name: one for one in left.services}
    theirs = {one.name: one for one in right.services}
    found: list[Pair] = [(name, ours[name], theirs[name]) for name in ours.keys() & theirs.keys()]
    for name, _, _ in found:
        del ours[name], theirs[name]
    close = [(one, other) for one in ours.values() for other in theirs.values() if _share(one, other)]
    for one, other in sorted(close, key=lambda both: sorted((both[0].name, both[1].name))):
        if one.name in ours and other.name in theirs:
            found.append((min(one.name, other.name), ours.pop(one.name), theirs.pop(other.name)))
    found += [(name, one, None) for name, one in ours.items()] + [(name, None, one) for name, one in theirs.items()]
    return sorted(found, key=lambda pair: (pair[0], pair[1] is None))


def _share(one: Service, other: Service) -> bool:
    return not set(one.variables).isdisjoint(other.variables)
