"""From what the rules of a factor said to its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tolv.check.model import CannotTell, FactorReport, Finding, NotApplicable, Outcome, Unread, Witness
from tolv.check.rule import Rule
from tolv.factors import Factor

_ORDER = {"error": 0, "warning": 1, "note": 2}


def judge_factor(
    factor: Factor, outcomes: Sequence[Outcome], unread: Sequence[Unread], rules: Mapping[str, Rule]
) -> FactorReport:
    """The verdict of one factor.

    At least one error or warning makes it `findings`. Else what was not read, and rules that cannot tell where nothing
    else was seen to hold, make it `cannot tell`; a witness makes it `holds`; where every rule has said that it is
    without an object it is `not applicable`.
    """
    findings = tuple(sorted((one for one in outcomes if isinstance(one, Finding)), key=_place_of))
    witnesses = tuple(one for one in outcomes if isinstance(one, Witness))
    unsettled = tuple(one for one in outcomes if isinstance(one, CannotTell))
    absent = tuple(one for one in outcomes if isinstance(one, NotApplicable))
    verdict, why, probe = _verdict(findings, witnesses, unsettled, absent, unread, rules)
    return FactorReport(factor, verdict, why, probe, findings, witnesses, unsettled)  # type: ignore[arg-type]


def _verdict(
    findings: Sequence[Finding],
    witnesses: Sequence[Witness],
    unsettled: Sequence[CannotTell],
    absent: Sequence[NotApplicable],
    unread: Sequence[Unread],
    rules: Mapping[str, Rule],
) -> tuple[str, str, str | None]:
    errors = sum(one.severity == "error" for one in findings)
    warnings = sum(one.severity == "warning" for one in findings)
    if errors or warnings:
        counts = [
            _counted(errors, "error"),
            _counted(warnings, "warning"),
            _counted(len(findings) - errors - warnings, "note"),
        ]
        return "findings", ", ".join(one for one in counts if one), None
    if unread:
        others = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
        return "cannot tell", f"{unread[0].path}{others} could not be read: {unread[0].why}", None
    if witnesses:
        place = f" ({witnesses[0].place})" if witnesses[0].place else ""
        return "holds", f"{witnesses[0].message}{place}", None
    if unsettled:
        first = unsettled[0]
        probe = first.probe or (rules[first.rule].probe if first.rule in rules else None)
        return "cannot tell", first.why, probe
    if findings:
        return "cannot tell", f"{_counted(len(findings), 'note')}, and nothing that shows that it holds", None
    if absent and {one.rule for one in absent} >= rules.keys():
        return "not applicable", absent[0].why, None
    return "cannot tell", "nothing was found that shows that it holds", _probe_of(rules)


def _probe_of(rules: Mapping[str, Rule]) -> str | None:
    return next((one.probe for one in rules.values() if one.probe), None)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}" if number else ""


def _place_of(finding: Finding) -> tuple[int, str, int, str]:
    place = finding.place
    return _ORDER[finding.severity or "note"], place.path, place.line or 0, finding.rule
