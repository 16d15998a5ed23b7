"""What all formats say in the same words."""

from __future__ import annotations

from tolv.audit.model import Audit, Contradiction, FactorAudit, Settled, Standing
from tolv.check.answered import counted
from tolv.check.reports import text as check
from tolv.prove.model import Cause, Result, Verdict
from tolv.reports.text import amount, plain, short_commit

#: What stands before a result, or a factor that stands like it.
MARKS: dict[Verdict, str] = {
    Verdict.PROVED: "✓",
    Verdict.REFUTED: "✗",
    Verdict.ADVISORY: "!",
    Verdict.UNSTABLE: "~",
    Verdict.NOT_PROVABLE: "?",
    Verdict.NOT_APPLICABLE: "–",
}
_STANDINGS: dict[Standing, str] = {
    "refuted": "✗",
    "findings": "✗",
    "proved": "✓",
    "holds": "●",
    "open": "?",
    "not applicable": "–",
}


def mark(factor: FactorAudit) -> str:
    """What stands before a factor; `!` where check finds warnings alone."""
    warned = factor.standing == "findings" and all(one.severity != "error" for one in factor.said.findings)
    return "!" if warned and factor.said.findings else _STANDINGS[factor.standing]


def title(audit: Audit) -> str:
    """`shop at a975ef6`."""
    sha = short_commit(audit.commit)
    return f"{plain(audit.app)} at {sha}" if sha else plain(audit.app)


def facts(audit: Audit) -> list[str]:
    """What was audited with what: process types, services, rules, probes."""
    types, services = audit.proved.types, audit.proved.services
    return [
        *([" + ".join(map(plain, types))] if types else []),
        *([", ".join(map(plain, services))] if services else []),
        amount(audit.checked.rules, "rule"),
        amount(len(audit.proved.results), "probe"),
        f"{audit.checked.duration + audit.proved.duration:.1f} s",
    ]


def said(factor: FactorAudit) -> str:
    """Check's verdict of a factor."""
    return check.verdict(factor.said)


def seen(factor: FactorAudit) -> str:
    """Prove's verdicts of a factor: `3 proved, 1 refuted`; `not tried` where no probe was."""
    return ", ".join(f"{count} {verdict}" for verdict, count in factor.counts.items()) or "not tried"


def result(one: Result) -> str:
    """`VI-P2 survives kill -9: refuted: item 17 is gone`."""
    reason = f": {plain(one.outcome.reason)}" if one.outcome.reason else ""
    return f"{one.id} {plain(one.title)}: {one.verdict}{reason}"


def cause(one: Cause) -> str:
    """`app.py:23 NOTES = {} (VI-01)`."""
    return plain(f"{one} ({one.rule})")


def claim(one: Contradiction) -> str:
    """Check's side of a contradiction."""
    return f"{one.rule or 'check'}: {plain(one.said)}"


def settled(one: Settled) -> str:
    """`VI-06 cannot tell (…): VI-P3 does: proved: …`."""
    rule = f"{one.rule}: " if one.rule else ""
    return f"{rule}{plain(one.why)}; {result(one.seen)}"


def summary(audit: Audit) -> str:
    """One line: factors, findings, probes."""
    numbers = {standing: count for standing, count in audit.standings.items() if count}
    factors = ", ".join(f"{count} {standing}" for standing, count in numbers.items())
    probes = ", ".join(f"{count} {verdict}" for verdict, count in audit.proved.counts.items() if count)
    parts = [f"factors: {factors}", f"check: {counted(audit.findings) or 'nothing found'}"]
    return " · ".join([*parts, f"prove: {probes or 'nothing tried'}"])


def proved(audit: Audit) -> str:
    """`14/16 proved`: of the factors that the app has anything of."""
    return f"{audit.standings['proved']}/{audit.applicable} proved"
