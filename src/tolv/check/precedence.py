"""One finding per place: where two rules meet, the more specific wins."""

from __future__ import annotations

from collections.abc import Sequence

from tolv.check.model import Finding

#: A rule, and those that yield to it at the same place.
_WINS: dict[str, tuple[str, ...]] = {
    "III-02": ("III-01", "III-05", "III-10"),
    "III-05": ("III-01",),
    "III-10": ("III-01", "IV-02"),
    "IV-04": ("IV-01", "X-01"),
    "IV-01": ("III-01", "III-06", "IV-02"),
    "IV-02": ("III-01", "III-06"),
    "SEC-02": ("III-05", "III-01", "III-10"),
    "TEL-02": ("III-01", "III-05"),
    "VII-02": ("VII-01",),
    "XI-01": ("XI-02", "VI-05"),
    "XI-03": ("XI-01",),
    "VI-04": ("VI-05",),
    "VI-07": ("VIII-06", "IX-05"),
    "VI-01": ("VI-02", "VI-06"),
    "V-06": ("VI-05",),
    "XII-03": ("III-01", "IV-01", "IV-02"),
}

#: A rule, and those that have nothing to add in the whole unit where it finds something.
_SILENCES: dict[str, tuple[str, ...]] = {
    "V-02": ("VII-03", "VII-04", "VIII-01"),
    "I-06": ("V-04",),
    "TEL-01": ("TEL-04",),
}


def settle(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that stay, in order: repeats of one rule at one place are one, and weaker rules yield."""
    kept: dict[tuple[str, str, int | None, str], Finding] = {}
    for finding in findings:
        place = finding.place
        kept.setdefault((finding.rule, place.path, place.line, finding.subject), finding)
    at: dict[tuple[str, int], set[str]] = {}
    in_unit: dict[str, set[str]] = {}
    for finding in kept.values():
        in_unit.setdefault(finding.unit, set()).add(finding.rule)
        if finding.place.line is not None:
            at.setdefault((finding.place.path, finding.place.line), set()).add(finding.rule)
    return [
        finding
        for finding in kept.values()
        if not _yields(finding, at.get((finding.place.path, finding.place.line or 0), set()), _WINS)
        and not _yields(finding, in_unit[finding.unit], _SILENCES)
    ]


def _yields(finding: Finding, present: set[str], wins: dict[str, tuple[str, ...]]) -> bool:
    return any(finding.rule in wins.get(other, ()) for other in present)
