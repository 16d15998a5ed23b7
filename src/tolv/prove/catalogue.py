"""All probes, and those that a person names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from importlib import import_module

from tolv.errors import UsageError
from tolv.factors import FACTORS
from tolv.prove.probe import PROBES, Probe

#: The module of each factor's probes, in the order of the factors.
_MODULES = tuple(factor.slug.replace("-", "_") for factor in FACTORS)


def catalogue() -> Mapping[str, Probe]:
    """All probes by id, in the order of the factors and of their numbers."""
    for name in _MODULES:
        import_module(f"tolv.prove.probes.{name}")
    order = {factor.label: factor.number for factor in FACTORS}
    return dict(sorted(PROBES.items(), key=lambda item: (order[item[1].label], number(item[0]))))


def number(id: str) -> int:
    """The number of a probe within its factor: 2 of `VI-P2`."""
    return int(id.rpartition("P")[2])


def chosen(names: Iterable[str], probes: Mapping[str, Probe], where: str | None = None) -> frozenset[str]:
    """The ids that names mean: probes (`VI-P2`), factors by label or slug (`VI`, `processes`).

    Raises `UsageError` for one that means nothing, with what comes close.
    """
    ids: set[str] = set()
    slugs = {factor.slug: factor.label for factor in FACTORS}
    for name in names:
        label = slugs.get(name.lower(), name.upper())
        found = {id for id, one in probes.items() if label in (id, one.label)}
        if not found:
            close = difflib.get_close_matches(name.upper(), [*probes, *slugs.values()], n=3)
            remedy = f"did you mean {' or '.join(close)}?" if close else "see them all with: tolv prove --list"
            what = "probe" if re.search(r"-P?[0-9]", label) else "probe or factor"
            raise UsageError(f"there is no {what} {name}", where=where, remedy=remedy)
        ids |= found
    return frozenset(ids)
