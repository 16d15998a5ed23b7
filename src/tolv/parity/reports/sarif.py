"""SARIF 2.1.0: for code scanning and whatever collects findings. A result stands for a difference of two deploys.

What runs has no place in a file: the deploys are logical locations, and the repository as a whole is the physical one,
as viewers show nothing without one.
"""

from __future__ import annotations

import hashlib
from typing import Any

from tolv.parity.kinds import KINDS
from tolv.parity.model import Difference, Parity
from tolv.parity.reports import View
from tolv.parity.reports.text import SEVERITIES, message, remedy
from tolv.reports import sarif

#: What the fingerprint is made of, as its name: another recipe gets another number.
_FINGERPRINT = "tolvParity/v1"


def render(parity: Parity, view: View) -> str:
    """One log with one run."""
    return sarif.log([_run(parity)])


def _run(parity: Parity) -> dict[str, Any]:
    index = {kind: number for number, kind in enumerate(KINDS)}
    rules = [
        {"id": f"parity/{kind}", "shortDescription": {"text": text}, "properties": {"tags": ["parity"]}}
        for kind, text in KINDS.items()
    ]
    name = f"tolv/parity/{parity.app}/{parity.left}/{parity.right}/"
    results = [_result(one, parity, index) for one in parity.differences]
    return {
        **sarif.run(name, rules, results, "The root of the app's repository"),
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": _notifications(parity)}],
        "properties": {"measured": parity.measured, "worst": parity.worst},
    }


def _result(one: Difference, parity: Parity, index: dict[str, int]) -> dict[str, Any]:
    said = f"{message(one)}." + (f"\n\nRemedy: {remedy(one)}" if one.remedy else "")
    parts = (one.kind, one.subject, parity.app, *sorted((parity.left, parity.right)))
    fingerprint = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    deploys = [{"fullyQualifiedName": f"{parity.app}/{name}"} for name in (parity.left, parity.right)]
    return {
        "ruleId": f"parity/{one.kind}",
        "ruleIndex": index[one.kind],
        "level": SEVERITIES[one.judgement],
        "message": {"text": said},
        "locations": [{**sarif.location(""), "logicalLocations": deploys}],
        "partialFingerprints": {_FINGERPRINT: fingerprint, "primaryLocationLineHash": fingerprint},
        "properties": {"gap": one.gap, "subject": one.subject},
    }


def _notifications(parity: Parity) -> list[dict[str, Any]]:
    return [
        {"level": "warning", "message": {"text": f"{one.what} was not measured: {one.why}"}}
        for one in parity.unmeasured
    ]
