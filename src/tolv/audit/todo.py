"""What is to be done about an app, in one list. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tolv.audit.model import FactorAudit, Step
from tolv.check.model import SEVERITIES, Finding
from tolv.check.reports.text import place
from tolv.check.rule import Rule
from tolv.prove.model import Result, Verdict
from tolv.prove.probe import Probe
from tolv.prove.reports.text import few

#: Places of one step that are named.
_MOST = 5


def todo(factors: Sequence[FactorAudit], probes: Mapping[str, Probe], rules: Mapping[str, Rule]) -> tuple[Step, ...]:
    """The steps: what is refuted and not expected to be, those with a known cause first; what check finds, errors
    first; what to add to `[prove]`, what lets most probes be tried first."""
    refuted = [one for factor in factors for one in factor.seen if one.unexpected]
    caused = sorted(refuted, key=lambda one: not one.causes)
    known = {(cause.rule, cause.path, cause.line) for one in refuted for cause in one.causes}
    found = (
        (factor, finding)
        for factor in factors
        for finding in factor.said.findings
        if finding.severity != "note" and (finding.rule, finding.place.path or ".", finding.place.line) not in known
    )
    otherwise = {one.rule: one.seen.id for factor in factors for one in factor.contradictions if one.rule}
    return (
        *(_refuted(one, probes.get(one.id)) for one in caused),
        *_findings(found, rules, otherwise),
        *_additions(one for factor in factors for one in factor.seen),
    )


def _refuted(result: Result, probe: Probe | None) -> Step:
    return Step(
        "refuted",
        result.factor,
        result.id,
        f"{result.title}: {result.outcome.reason}",
        probe.fix if probe else "",
        tuple(dict.fromkeys(f"{one.path}:{one.line}" if one.line else one.path for one in result.causes)),
        tuple(dict.fromkeys(one.rule for one in result.causes)),
    )


def _findings(
    found: Iterable[tuple[FactorAudit, Finding]], rules: Mapping[str, Rule], otherwise: Mapping[str, str]
) -> Iterator[Step]:
    """A step for each rule: what it finds first, and where else. `otherwise` names probes that prove the opposite."""
    by_rule: dict[str, list[tuple[FactorAudit, Finding]]] = {}
    for one in sorted(found, key=lambda one: SEVERITIES.index(one[1].severity or "note")):
        by_rule.setdefault(one[1].rule, []).append(one)
    for id, all_of_it in by_rule.items():
        factor, first = all_of_it[0]
        rule = rules.get(id)
        places = list(dict.fromkeys(place(finding) for _, finding in all_of_it))
        more = [f"and {len(places) - _MOST} more"] if len(places) > _MOST else []
        what = rule.title if rule and len(places) > 1 else first.message
        said = first.fix if first.fix and len(places) == 1 else rule.fix if rule else first.fix
        if id in otherwise:
            other = f"As {otherwise[id]} proves otherwise it may be none; then say so: # tolv: ignore[{id}] and why"
            said = f"{said.rstrip('.')}. {other}" if said else other
        yield Step("finding", factor.factor.label, id, what, said or "", (*places[:_MOST], *more))


def _additions(results: Iterable[Result]) -> Iterator[Step]:
    """A step for each line that `[prove]` lacks."""
    wanted: dict[str, list[Result]] = {}
    for one in results:
        if one.verdict is Verdict.NOT_PROVABLE:
            for line in one.outcome.add:
                wanted.setdefault(line, []).append(one)
    for line, waiting in sorted(wanted.items(), key=lambda one: -len(one[1])):
        labels = {one.factor for one in waiting}
        names = few(list(dict.fromkeys(one.id for one in waiting)))
        factor = labels.pop() if len(labels) == 1 else ""
        yield Step("add", factor, line.partition("=")[0].strip(), f"lets {names} be tried", line)
