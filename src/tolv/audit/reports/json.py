"""The report as JSON. Stable: keys are added, never renamed or removed, and values keep their meaning.

app, commit         what was audited; the commit's SHA has `-dirty` behind it where the tree differs
factors             each with number, slug, title, standing (see `tolv.audit.model`), and
  said              what `tolv check --json` says of it
  seen              what `tolv prove --json` says of each of its probes
  settled           what check could not tell, and which probe's verdict tells it
contradictions      factor, rule (null: of the factor as a whole), said, probe, verdict, reason
todo                kind (refuted, finding, add), factor, id, what, fix, places, rules; first things first
summary             proved and applicable (numbers of factors), factors by standing, probes by verdict,
                    findings by severity, unexpected (ids of probes that are refuted and not expected to be)
notes, duration_s
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from tolv.audit.model import Audit, Contradiction, FactorAudit, Settled
from tolv.audit.reports import View
from tolv.check.model import SEVERITIES
from tolv.check.reports.json import factor_data
from tolv.check.reports.text import severity


def render(audit: Audit, view: View) -> str:
    """One object."""
    return json.dumps(as_data(audit, view), indent=2, ensure_ascii=False) + "\n"


def as_data(audit: Audit, view: View) -> dict[str, Any]:
    """The report as plain values."""
    return {
        "app": audit.app,
        "commit": audit.commit,
        "factors": [_factor(one, view) for one in audit.factors],
        "contradictions": [contradiction_data(one) for one in audit.contradictions],
        "todo": [asdict(one) for one in audit.todo],
        "summary": _summary(audit),
        "notes": list(audit.proved.notes),
        "duration_s": round(audit.checked.duration + audit.proved.duration, 3),
    }


def _factor(one: FactorAudit, view: View) -> dict[str, Any]:
    return {
        "number": one.factor.label,
        "slug": one.factor.slug,
        "title": one.factor.title,
        "standing": one.standing,
        "said": factor_data(one.said, view.checked),
        "seen": [result.to_dict() for result in one.seen],
        "settled": [_settled(found) for found in one.settled],
    }


def _settled(one: Settled) -> dict[str, Any]:
    return {"rule": one.rule, "why": one.why, "probe": one.seen.id, "verdict": str(one.seen.verdict)}


def contradiction_data(one: Contradiction) -> dict[str, Any]:
    """One contradiction as plain values."""
    return {
        "factor": one.factor,
        "rule": one.rule,
        "said": one.said,
        "probe": one.seen.id,
        "verdict": str(one.seen.verdict),
        "reason": one.seen.outcome.reason,
    }


def _summary(audit: Audit) -> dict[str, Any]:
    findings = Counter(map(severity, audit.findings))
    return {
        "proved": audit.standings["proved"],
        "applicable": audit.applicable,
        "factors": dict(audit.standings),
        "probes": {str(verdict): count for verdict, count in audit.proved.counts.items()},
        "findings": {one: findings[one] for one in SEVERITIES},
        "unexpected": [one.id for one in audit.proved.results if one.unexpected],
    }
