"""From what check says and prove sees to one report. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from tolv.audit.causes import with_causes
from tolv.audit.model import Audit, Contradiction, FactorAudit, Settled, Standing
from tolv.audit.ties import probes_of, rules_of
from tolv.audit.todo import todo
from tolv.check import model as check
from tolv.check.model import FactorReport, Finding, Suppressed
from tolv.check.reports.text import place
from tolv.check.rule import Rule
from tolv.prove import model as prove
from tolv.prove.model import Result, Verdict
from tolv.prove.probe import Probe

#: Verdicts that leave a factor proved, where there is a proved one among them.
_FINE = (Verdict.PROVED, Verdict.ADVISORY, Verdict.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All rules and probes: what could have been said and tried."""

    rules: Mapping[str, Rule]
    probes: Mapping[str, Probe]


def join(
    checked: check.Report, proved: prove.Report, catalogue: Catalogue, factors: Collection[str] | None = None
) -> Audit:
    """One report of the two; `factors` are the labels of those that it is about (None: all)."""
    proved = with_causes(proved, checked, catalogue.probes, catalogue.rules)
    joined = _Join(checked, proved, catalogue)
    wanted = [one for one in checked.factors if factors is None or one.factor.label in factors]
    audits = tuple(joined.factor(one) for one in wanted)
    return Audit(proved.app, checked.commit, audits, todo(audits, catalogue.probes, catalogue.rules), checked, proved)


class _Join:
    """The two reports, looked at side by side."""

    def __init__(self, checked: check.Report, proved: prove.Report, catalogue: Catalogue) -> None:
        self._checked = checked
        self._results = {one.id: one for one in proved.results}
        self._proved = proved
        self._catalogue = catalogue

    def factor(self, said: FactorReport) -> FactorAudit:
        seen = tuple(self._proved.of(said.factor.label))
        contradictions = (*self._denied(said, seen), *self._disproved(said))
        return FactorAudit(
            said.factor, self._standing(said, seen), said, seen, tuple(self._settled(said)), contradictions
        )

    def _standing(self, said: FactorReport, seen: tuple[Result, ...]) -> Standing:
        verdicts = {one.verdict for one in seen}
        if Verdict.REFUTED in verdicts:
            return "refuted"
        if self._has_error(said):
            return "findings"
        all_tried = {id for id, one in self._catalogue.probes.items() if one.label == said.factor.label} <= {
            one.id for one in seen
        }
        if Verdict.PROVED in verdicts and all_tried and verdicts <= {*_FINE}:
            return "proved"
        if said.verdict == "holds":
            return "holds"
        if said.verdict == "findings":
            return "findings"
        if said.verdict == "not applicable" and verdicts <= {Verdict.NOT_APPLICABLE}:
            return "not applicable"
        return "open"

    def _has_error(self, said: FactorReport) -> bool:
        label = said.factor.label
        accepted = (one for one in self._checked.suppressed if one.state != "false positive")
        return any(one.severity == "error" for one in said.findings) or any(
            one.finding.severity == "error" and one.finding.rule.partition("-")[0] == label for one in accepted
        )

    def _settled(self, said: FactorReport) -> Iterator[Settled]:
        """What check could not tell of a factor, with the probes that did."""
        label, told = said.factor.label, set()
        for one in said.unsettled:
            rule = self._catalogue.rules.get(one.rule)
            result = self._tried(one.probe or (rule.probe if rule else None))
            if result is not None:
                told.add(result.id)
                yield Settled(label, one.rule or None, one.why, result)
        result = self._tried(said.probe)
        if said.verdict == "cannot tell" and result is not None and result.id not in told:
            yield Settled(label, None, said.why, result)

    def _tried(self, probe: str | None) -> Result | None:
        """The result of a probe that has come to anything."""
        result = self._results.get(probe or "")
        return None if result is None or result.verdict is Verdict.NOT_PROVABLE else result

    def _denied(self, said: FactorReport, seen: tuple[Result, ...]) -> Iterator[Contradiction]:
        """What check says to hold, and a probe refutes."""
        for result in seen:
            if result.verdict is Verdict.REFUTED and not result.causes and result.id in self._catalogue.probes:
                rule, claim = self._claim(said, rules_of(self._catalogue.probes[result.id], self._catalogue.rules))
                if claim:
                    yield Contradiction(said.factor.label, rule, claim, result)

    def _claim(self, said: FactorReport, tied: tuple[str, ...]) -> tuple[str | None, str]:
        """What check says in favour of a factor, by the nearest of these rules; `''` if it says nothing."""
        for one in self._checked.suppressed:
            if one.finding.rule in tied and one.state == "false positive":
                return one.finding.rule, _taken_back(one)
        witnesses = [one for factor in self._checked.factors for one in factor.witnesses if one.rule in tied]
        if witnesses:
            first = min(witnesses, key=lambda one: tied.index(one.rule))
            return first.rule, f"{first.message} ({first.place})" if first.place else first.message
        return (None, said.why or "it holds") if said.verdict == "holds" else (None, "")

    def _disproved(self, said: FactorReport) -> Iterator[Contradiction]:
        """Errors that check finds, where the probes of their rule prove otherwise: one for each rule and probe."""
        told = set()
        for finding in said.findings:
            result = self._otherwise(finding)
            if finding.severity == "error" and result is not None and finding.rule not in told:
                told.add(finding.rule)
                claim = f"{finding.message} ({place(finding)})"
                yield Contradiction(said.factor.label, finding.rule, claim, result)

    def _otherwise(self, finding: Finding) -> Result | None:
        """The result that proves what a finding denies.

        No probe of its rule may say otherwise; and it is the one that the rule names, or none was left untried.
        """
        ids = probes_of(finding.rule, self._catalogue.probes, self._catalogue.rules)
        results = [self._results[id] for id in ids if id in self._results]
        rule = self._catalogue.rules.get(finding.rule)
        proving = [one for one in results if one.verdict is Verdict.PROVED]
        if not proving or any(one.verdict in (Verdict.REFUTED, Verdict.UNSTABLE) for one in results):
            return None
        whole = len(results) == len(ids) and all(one.verdict in _FINE for one in results)
        named = rule is not None and proving[0].id == rule.probe
        return proving[0] if whole or named else None


def _taken_back(one: Suppressed) -> str:
    """What somebody said of a finding that was to be none."""
    reason = f": {one.reason}" if one.reason else ""
    return f"taken back as a false positive{reason}; {one.finding.message} ({place(one.finding)})"
