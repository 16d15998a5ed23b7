"""One check, from a path to a report: survey, read, judge, settle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tolv.check.cache import Cache
from tolv.check.catalogue import catalogue, chosen
from tolv.check.facts.browser import is_browser_line, is_browser_script
from tolv.check.fingerprints import with_fingerprints
from tolv.check.limits import MOST_FINDINGS
from tolv.check.model import SEVERITIES, CannotTell, FactorReport, Finding, Outcome, Report, Severity, Unread
from tolv.check.precedence import settle
from tolv.check.repository import PRODUCTION, CheckedRepository, CheckedUnit
from tolv.check.rule import Rule
from tolv.check.sightings import Progress, no_garbage, take
from tolv.check.units import unit_roots
from tolv.check.verdict import judge_factor
from tolv.check.wording import order, sentence
from tolv.codebase.context import language_of
from tolv.codebase.git import locate
from tolv.codebase.history import History
from tolv.codebase.survey import LINK, survey
from tolv.factors import FACTORS


@dataclass(frozen=True, slots=True)
class Options:
    """How to check."""

    only: tuple[str, ...] = ()
    """Ids of rules, or labels of factors; empty: all."""
    cache: bool = True
    progress: Progress | None = None
    """Called with the files that are read and how many there are."""
    strict: bool = False
    """A rule that fails raises instead of being reported."""


def check(path: Path, options: Options | None = None) -> Report:
    """Check the codebase at `path`, a directory.

    Raises `UsageError` for a path that is no directory and for a rule that there is not, `PlatformError` if git fails.
    """
    with no_garbage():
        return _check(path, options or Options())


def _check(path: Path, options: Options) -> Report:
    began = time.perf_counter()
    repository, commit = open_repository(path, cache=options.cache, progress=options.progress)
    known = catalogue()
    rules = {id: known[id] for id in chosen(options.only, known) or known}
    outcomes = list(_judged(repository, rules, strict=options.strict))
    repository.sightings.keep()
    factors = _factors(repository, rules, outcomes)
    taken = repository.sightings.by_path.values()
    return Report(
        app=repository.survey.root.name,
        root=str(repository.survey.root),
        commit=commit,
        languages=tuple(dict.fromkeys(one for unit in repository.units for one in unit.languages)),
        processes=tuple(dict.fromkeys(start.type for unit in repository.units for start in unit.starts)),
        factors=factors,
        rules=len(rules),
        unread=tuple(repository.unread.values()),
        files=len(repository.files),
        lines=sum(one.lines for one in taken),
        duration=time.perf_counter() - began,
    )


def open_repository(
    path: Path, *, cache: bool = True, progress: Progress | None = None
) -> tuple[CheckedRepository, str | None]:
    """Read the codebase at `path`: all that rules ask, and the commit that is checked out."""
    catalogue()
    source = locate(path)
    files = survey(source)
    kept = Cache(files.root) if cache else None
    sightings = take(files.root, files.files, kept, progress)
    repository = CheckedRepository(files, sightings, History(files.root), unit_roots(files.files))
    head = source.head
    return repository, None if head is None else head.id + ("-dirty" if head.dirty else "")


def _judged(repository: CheckedRepository, rules: Mapping[str, Rule], *, strict: bool) -> Iterator[Outcome]:
    for rule in rules.values():
        subjects: Sequence[object] = repository.units if rule.per_unit else (repository,)
        for subject in subjects:
            unit = subject if isinstance(subject, CheckedUnit) else None
            found = 0
            for outcome in _asked(rule, subject, strict=strict):
                if isinstance(outcome, Finding):
                    settled = _placed(outcome, rule, unit, repository)
                    if settled is None:
                        continue
                    found += 1
                    if found > MOST_FINDINGS:
                        break
                    yield settled
                else:
                    yield replace(outcome, rule=rule.id)


def _asked(rule: Rule, subject: object, *, strict: bool) -> Iterator[Outcome]:
    judge: Callable[[object], Iterator[Outcome]] = rule.judge  # type: ignore[assignment]
    try:
        yield from judge(subject)
    except Exception as error:
        if strict:
            raise
        # A rule that stumbles over code it did not foresee must not cost the reader the other rules.
        yield CannotTell(f"{rule.id} failed on this codebase: {type(error).__name__}: {error}")


#: Factors of a process that serves: what a browser runs is none.
_OF_PROCESSES = frozenset(("IV", "VI", "VII", "VIII", "IX", "XI", "XII"))


def _placed(finding: Finding, rule: Rule, unit: CheckedUnit | None, repository: CheckedRepository) -> Finding | None:
    """A finding with what the engine knows; None if its context takes it away."""
    severity = finding.severity or rule.severity
    place = finding.place
    if (
        unit is not None
        and rule.label in _OF_PROCESSES
        and (is_browser_script(unit, place.path) or is_browser_line(unit, place.path, place.line))
    ):
        return None
    if not rule.everywhere and finding.place.path:
        lowered = _lowered(severity, repository.context(finding.place.path))
        if lowered is None:
            return None
        severity = lowered
    snippet = finding.snippet
    if not snippet and finding.place.line is not None and finding.place.commit is None:
        snippet = _line(repository, finding.place.path, finding.place.line)
    root = unit.root if unit is not None else ""
    message, fix = sentence(finding.message), order(finding.fix or rule.fix)
    return replace(finding, message=message, rule=rule.id, severity=severity, fix=fix, unit=root, snippet=snippet)


def _lowered(severity: Severity, context: str) -> Severity | None:
    if context in PRODUCTION:
        return severity
    if context == "dev":
        return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]
    return "note" if context == "ci" else severity if context == "lock" else None


def _line(repository: CheckedRepository, path: str, line: int) -> str:
    text = repository.text(path)
    if text is None:
        return ""
    lines = text.splitlines()
    return lines[line - 1][:400] if 0 < line <= len(lines) else ""


def _factors(
    repository: CheckedRepository, rules: Mapping[str, Rule], outcomes: list[Outcome]
) -> tuple[FactorReport, ...]:
    findings = with_fingerprints(settle([one for one in outcomes if isinstance(one, Finding)]))
    others = [one for one in outcomes if not isinstance(one, Finding)]
    by_label: dict[str, list[Outcome]] = {}
    for outcome in [*findings, *others]:
        by_label.setdefault(outcome.rule.partition("-")[0], []).append(outcome)
    reports = []
    for factor in FACTORS:
        label = factor.label
        own = {id: one for id, one in rules.items() if one.label == label}
        reports.append(judge_factor(factor, by_label.get(label, ()), _unread_for(repository, own), own))
    return tuple(reports)


def _unread_for(repository: CheckedRepository, rules: Mapping[str, Rule]) -> list[Unread]:
    """What was not read and one of the rules would have."""
    materials = {one for rule in rules.values() for one in rule.materials}
    found = []
    for path, unread in repository.unread.items():
        file = repository.survey.by_path.get(path)
        if repository.context(path) not in PRODUCTION:
            continue
        if file is None:  # a directory, or a link: it may hold whatever a rule reads
            language = language_of(path)
            if language in materials or (language is None and not unread.why.startswith(LINK)):
                found.append(unread)
        elif (file.language or "manifests") in materials:
            found.append(unread)
    return found
