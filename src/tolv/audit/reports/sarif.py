"""SARIF 2.1.0: a log with two runs, as they are of two kinds. The first is check's, as `tolv check` gives it; in the
second a result stands for a probe that was refuted or unstable, at the place of its first cause.
"""

from __future__ import annotations

import hashlib
from typing import Any

from tolv.audit.model import Audit
from tolv.audit.reports import View
from tolv.audit.reports.json import contradiction_data
from tolv.audit.reports.text import cause
from tolv.check.reports.sarif import run as check_run
from tolv.prove.model import Result, Verdict
from tolv.prove.probe import Probe
from tolv.prove.reports.text import seen as evidence
from tolv.reports import sarif
from tolv.reports.text import Level, plain

#: What the fingerprint is made of, as its name: another recipe gets another number.
_FINGERPRINT = "tolvProbe/v1"
_LEVELS: dict[Verdict, Level] = {Verdict.REFUTED: "error", Verdict.UNSTABLE: "warning"}


def render(audit: Audit, view: View) -> str:
    """One log with two runs."""
    return sarif.log([check_run(audit.checked, view.checked), _run(audit, view)])


def _run(audit: Audit, view: View) -> dict[str, Any]:
    ids = list(dict.fromkeys([*view.probes, *(one.id for one in audit.proved.results)]))
    index = {id: number for number, id in enumerate(ids)}
    rules = [_descriptor(id, view.probes.get(id)) for id in ids]
    results = [_result(one, index, audit, view) for one in audit.proved.results if one.verdict in _LEVELS]
    return {
        **sarif.run(f"tolv/prove/{audit.app}/", rules, results, "The root of the app that was run"),
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": _notifications(audit)}],
        "properties": {
            "proved": audit.standings["proved"],
            "applicable": audit.applicable,
            "contradictions": [contradiction_data(one) for one in audit.contradictions],
        },
    }


def _descriptor(id: str, probe: Probe | None) -> dict[str, Any]:
    if probe is None:
        return {"id": id}
    return {
        "id": id,
        "name": "".join(word.capitalize() for word in probe.run.__name__.strip("_<>").split("_")),
        "shortDescription": {"text": probe.title},
        "fullDescription": {"text": probe.does},
        "help": {"text": f"{probe.does}\n\nRefuted: {probe.refuted}\n\nFix: {probe.fix}"},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["twelve-factor", "probe"]},
    }


def _result(one: Result, index: dict[str, int], audit: Audit, view: View) -> dict[str, Any]:
    probe = view.probes.get(one.id)
    parts = [
        f"{plain(one.title)}: {one.verdict}: {plain(one.outcome.reason)}.",
        "\n".join(evidence(seen) for seen in one.evidence),
        "\n".join(f"Cause: {cause(found)}" for found in one.causes),
        f"Fix: {probe.fix}" if probe else "",
    ]
    first = one.causes[0] if one.causes else None
    at = sarif.location("" if first is None or first.path == "." else first.path, first.line if first else None)
    name = hashlib.sha256(f"{one.id}\0{audit.app}".encode("utf-8", "backslashreplace")).hexdigest()
    found = {
        "ruleId": one.id,
        "ruleIndex": index[one.id],
        "level": _LEVELS[one.verdict],
        "message": {"text": "\n\n".join(filter(None, parts))},
        "locations": [at],
        "partialFingerprints": {_FINGERPRINT: name, "primaryLocationLineHash": name},
    }
    if one.expected is None:
        return found
    suppression = {"kind": "external", "status": "accepted", "justification": plain(one.expected)}
    return {**found, "suppressions": [suppression]}


def _notifications(audit: Audit) -> list[dict[str, Any]]:
    return [
        {"level": "note", "message": {"text": f"{one.id} is not provable: {plain(one.outcome.reason)}"}}
        for one in audit.proved.results
        if one.verdict is Verdict.NOT_PROVABLE
    ]
