"""Whether a deploy says that an app runs in more than one copy: what one process keeps is then lost to the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tolv.check.model import Finding, Outcome
from tolv.check.unit import Unit
from tolv.codebase.kubernetes import workloads


def runs_several(unit: Unit) -> bool:
    """Whether a manifest of production asks for more than one copy, or lets something scale them."""
    for manifest in unit.kubernetes:
        if manifest.context == "prod" and manifest.kind == "HorizontalPodAutoscaler":
            return True
        for workload in workloads(manifest):
            if manifest.context == "prod" and _is_many(workload.replicas.value if workload.replicas else None):
                return True
    return any(
        _is_many(service.replicas.value if service.replicas else None)
        for compose in unit.composes
        if compose.context == "prod"
        for service in compose.services
    )


def _is_many(count: str | None) -> bool:
    return count is not None and count.isdigit() and int(count) > 1


def worse_in_several(unit: Unit, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """The outcomes of a rule on what one process keeps; what it says without a severity of its own is an error where
    several copies are deployed."""
    several = runs_several(unit)
    for one in outcomes:
        yield replace(one, severity="error") if several and isinstance(one, Finding) and one.severity is None else one
