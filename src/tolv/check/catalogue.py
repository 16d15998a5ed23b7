"""The whole catalogue, in the order of the factors, and what of it somebody names."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module

from tolv.check.rule import RULES, Rule
from tolv.errors import UsageError
from tolv.factors import FACTORS


def catalogue() -> Mapping[str, Rule]:
    """All rules by id, those of the first factor first. Imports every module of rules: some tenths of a second."""
    package = import_module("tolv.check.rules")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    order = {factor.label: factor.number for factor in FACTORS}
    return {id: RULES[id] for id in sorted(RULES, key=lambda id: (order.get(RULES[id].label, 99), id))}


def chosen(names: Iterable[str], rules: Mapping[str, Rule], where: str | None = None) -> tuple[str, ...]:
    """Ids of the rules that are meant by ids (`III-05`), labels (`III`) and slugs (`config`) of factors, in any case.

    `where` names in errors what they come from. Raises `UsageError` for a name that means no rule.
    """
    labels = {name.upper(): factor.label for factor in FACTORS for name in (factor.label, factor.slug)}
    found: dict[str, None] = {}
    for name in names:
        asked = name.strip().upper()
        ids = [asked] if asked in rules else [id for id in rules if rules[id].label == labels.get(asked)]
        if not ids:
            raise _unknown(name, [*rules, *labels], where)
        found.update(dict.fromkeys(ids))
    return tuple(found)


def named(name: str, rules: Mapping[str, Rule]) -> Rule:
    """The rule with this id, in any case. Raises `UsageError` if there is none."""
    rule = rules.get(name.strip().upper())
    if rule is None:
        raise _unknown(name, list(rules), None)
    return rule


def _unknown(name: str, known: list[str], where: str | None) -> UsageError:
    close = get_close_matches(name.upper(), known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return UsageError(f"there is no rule {name!r}", where=where, remedy=f"{hint}`tolv rules` lists them all")
