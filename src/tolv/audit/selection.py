"""Which rules, probes and factors an audit is about. No I/O."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from tolv.audit.join import Catalogue
from tolv.audit.ties import probes_of, rules_of
from tolv.errors import UsageError
from tolv.factors import FACTORS


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for."""

    rules: tuple[str, ...] = ()
    """Ids; empty: what `tolv.toml` selects."""
    probes: frozenset[str] = frozenset()
    factors: frozenset[str] | None = None
    """Labels of those that the report is about; None: all."""


def select(names: Iterable[str], catalogue: Catalogue) -> Selection:
    """What names mean: factors (`VI`, `processes`), rules (`VI-01`) with the probes that try the same, probes (`VI-P2`)
    with their rules. No names: everything.

    Raises `UsageError` for a name that means nothing.
    """
    labels = {name.upper(): factor.label for factor in FACTORS for name in (factor.label, factor.slug)}
    ids: dict[str, None] = {}
    probes: set[str] = set()
    factors: set[str] = set()
    for name in (name.strip() for name in names if name.strip()):
        asked = name.upper()
        if asked in labels:
            label = labels[asked]
            ids |= dict.fromkeys(id for id, one in catalogue.rules.items() if one.label == label)
            probes |= {id for id, one in catalogue.probes.items() if one.label == label}
        elif asked in catalogue.probes:
            ids |= dict.fromkeys(rules_of(catalogue.probes[asked], catalogue.rules))
            probes.add(asked)
        elif asked in catalogue.rules:
            ids[asked] = None
            probes.update(probes_of(asked, catalogue.probes, catalogue.rules))
        else:
            raise _unknown(name, [*labels, *catalogue.rules, *catalogue.probes])
        factors.add(labels.get(asked) or asked.partition("-")[0])
    if not factors:
        return Selection(probes=frozenset(catalogue.probes))
    return Selection(tuple(id for id in ids if id in catalogue.rules), frozenset(probes), frozenset(factors))


def _unknown(name: str, known: list[str]) -> UsageError:
    close = difflib.get_close_matches(name.upper(), known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    remedy = f"{hint}`tolv rules` lists the rules, `tolv prove --list` the probes"
    return UsageError(f"there is no rule, probe or factor {name!r}", remedy=remedy)
