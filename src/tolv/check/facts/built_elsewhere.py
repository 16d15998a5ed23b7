"""Pipelines that have their image made by a workflow of another file or repository."""

from __future__ import annotations

import re

from tolv.check.unit import Unit

#: A job that calls a workflow, which has no steps of its own.
_CALLED = re.compile(r"(?m)^\s+uses:\s*[^\s@]*(?:build|docker|image|deploy|package|publish)[^\s/@]*\.ya?ml\b")


def built_elsewhere(unit: Unit) -> str | None:
    """The path of a workflow that calls another which builds; None: there is none."""
    return next((one.path for one in unit.workflows if _CALLED.search(unit.text(one.path) or "")), None)
