"""The proof of an app that could not even be started to be proved. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from tolv.check import model as check
from tolv.prove.model import Report, Result
from tolv.prove.probe import Probe, cannot_prove


def untried(checked: check.Report, probes: Iterable[Probe], why: str) -> Report:
    """A report in which nothing is provable, for one reason."""
    sha, _, dirty = (checked.commit or "").partition("-")
    return Report(
        app=checked.app,
        commit=sha or None,
        dirty=bool(dirty),
        types=checked.processes,
        services=(),
        results=tuple(Result(one.id, one.label, one.title, cannot_prove(why)) for one in probes),
        duration=0.0,
        root=checked.root,
        notes=(f"nothing was tried: {why}",),
    )
