"""Which rules say of the code what a probe tries of the app. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from tolv.check.rule import Rule
from tolv.prove.probe import Probe


def rules_of(probe: Probe, rules: Mapping[str, Rule]) -> tuple[str, ...]:
    """Ids of a probe's rules: those that it names, in its order, then those that name it."""
    naming = (id for id, one in rules.items() if one.probe == probe.id)
    return tuple(dict.fromkeys((*probe.rules, *naming)))


def probes_of(rule: str, probes: Mapping[str, Probe], rules: Mapping[str, Rule]) -> tuple[str, ...]:
    """Ids of the probes that try what a rule is about; the one that the rule itself names comes first."""
    own = rules[rule].probe if rule in rules else None
    found = (id for id, one in probes.items() if rule in one.rules)
    return tuple(dict.fromkeys(id for id in (own, *found) if id is not None and id in probes))
