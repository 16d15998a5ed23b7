"""What a probe needs of an app, and what to say where it is missing. No I/O."""

from __future__ import annotations

from tolv.codebase.services import kind_named
from tolv.prove.model import Outcome
from tolv.prove.probe import Need, Probe, cannot_prove, not_applicable
from tolv.prove.recipes import EXAMPLES
from tolv.prove.subject import Subject


def missing(probe: Probe, subject: Subject) -> Outcome | None:
    """What keeps a probe from being tried of an app; None: nothing that can be known before."""
    found = [one for one in (_missing(need, subject) for need in probe.needs) if one is not None]
    if not found:
        return None
    first = found[0]
    same = [one for one in found if one.verdict is first.verdict]
    return Outcome(first.verdict, first.reason, tuple(line for one in same for line in one.add))


def _missing(need: Need, subject: Subject) -> Outcome | None:
    kinds = {kind_named(one.kind).name for one in subject.needs}
    if need in EXAMPLES:
        if subject.recipes.has(need):
            return None
        return cannot_prove(f"[prove] of tolv.toml names no {need}", EXAMPLES[need])
    if need == "web":
        return None if subject.web else not_applicable("the app has no web process")
    if need == "git":
        return None if subject.commit.id else cannot_prove("the app is not in a git repository")
    if need == "worker":
        return None if subject.others else not_applicable("the app has no process type but web")
    if need == "services":
        return None if kinds else not_applicable("the app declares no backing service")
    if need == "database":
        if "postgres" in kinds:
            return None
        if not kinds:
            return not_applicable("the app declares no database")
        return cannot_prove(f"of databases only PostgreSQL can be tried, and the app has {', '.join(sorted(kinds))}")
    return None  # namespaces: known when the trial begins
