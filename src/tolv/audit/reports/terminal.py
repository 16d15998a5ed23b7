"""The report for people: contradictions, the factors in a table, what was refuted, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.audit.model import Audit, Contradiction, FactorAudit, Step
from tolv.audit.reports import View
from tolv.audit.reports.text import (
    MARKS,
    cause,
    claim,
    facts,
    mark,
    said,
    seen,
    settled,
    summary,
    title,
)
from tolv.prove.model import Result, Verdict
from tolv.prove.repeats import in_short
from tolv.prove.reports.text import seen as evidence
from tolv.reports.terminal import Paper, broken, filled, fitted
from tolv.reports.text import plain

_COLOURS = {"✓": "green", "●": "green", "✗": "red", "!": "yellow", "~": "yellow", "?": "dim", "–": "dim"}
_NAME, _SAID = 23, 16
_LEFT = 4 + 5 + _NAME + _SAID
#: Columns of the word before evidence.
_KIND = 8
#: Lines of evidence of one side of a contradiction.
_EVIDENCE = 6


def render(audit: Audit, view: View) -> str:
    """The page."""
    return "\n".join(_page(audit, Paper(view.width, view.colour), view)) + "\n"


def _page(audit: Audit, paper: Paper, view: View) -> Iterator[str]:
    yield " · ".join([paper.paint("tolv audit", "bold"), paper.paint(title(audit), "bold"), *facts(audit)])
    for note in audit.proved.notes:
        yield from paper.wrapped(note, "  ")
    if audit.contradictions:
        yield ""
        yield paper.paint("CHECK AND PROVE CONTRADICT EACH OTHER", "bold")
        for one in audit.contradictions:
            yield from _contradiction(one, paper)
    yield ""
    heading = f"    {'':<5}{'FACTOR':<{_NAME}}{'SAID':<{_SAID}}SEEN"
    yield paper.paint(heading, "bold")
    for factor in audit.factors:
        yield _row(factor, paper)
    contradicted = {one.seen.id for one in audit.contradictions}
    for factor in audit.factors:
        for result in factor.seen:
            shown = result.verdict is Verdict.REFUTED and result.id not in contradicted
            if shown or view.verbose:
                yield ""
                yield from _result(result, paper)
    yield from _settled(audit, paper)
    yield from _todo(audit, paper)
    yield ""
    yield from paper.wrapped(summary(audit), "", "  ")


def _row(factor: FactorAudit, paper: Paper) -> str:
    sign = mark(factor)
    name = f"{factor.factor.label:<5}{factor.factor.title:<{_NAME}}{said(factor):<{_SAID}}"
    return f"  {paper.paint(sign, _COLOURS[sign])} {name}{fitted(seen(factor), paper.width - _LEFT)}"


def _contradiction(one: Contradiction, paper: Paper) -> Iterator[str]:
    yield ""
    yield from paper.wrapped(f"{one.factor}  said  {claim(one)}", "  ", "            ")
    lead = f"{MARKS[one.seen.verdict]} {one.seen.id} {one.seen.verdict}: {plain(one.seen.outcome.reason)}"
    yield from paper.wrapped(f"seen  {lead}", f"  {' ' * len(one.factor)}  ", "            ")
    yield from _evidence(one.seen, paper, " " * 12, _EVIDENCE)


def _result(one: Result, paper: Paper) -> Iterator[str]:
    sign = MARKS[one.verdict]
    yield f"{paper.paint(sign, _COLOURS[sign])} {paper.paint(one.id, 'bold')}  {plain(one.title)}"
    yield from paper.wrapped(f"{one.verdict}: {one.outcome.reason}" if one.outcome.reason else str(one.verdict))
    if one.expected:
        yield from paper.wrapped(f"expected  {one.expected}", "    ", "              ")
    yield from _evidence(one, paper)
    for found in one.causes:
        yield from _hanging("cause", cause(found), "    ", paper)


def _evidence(one: Result, paper: Paper, left: str = "    ", most: int | None = None) -> Iterator[str]:
    """What was done and seen; of more than `most` lines the last."""
    told = in_short(one.evidence, one.outcome.reason)
    kept = told if most is None else told[-most:]
    if len(kept) < len(told):
        yield f"{left}… {len(told) - len(kept)} before"
    for found in kept:
        yield from _hanging(found.kind, evidence(found), left, paper)


def _hanging(word: str, text: str, left: str, paper: Paper) -> Iterator[str]:
    """A word, and a text in a column of its own behind it."""
    first, *rest = broken(text, paper.width - len(left) - _KIND)
    yield f"{left}{filled(word, _KIND)}{first}"
    yield from (f"{left}{' ' * _KIND}{line}" for line in rest)


def _settled(audit: Audit, paper: Paper) -> Iterator[str]:
    found = [one for factor in audit.factors for one in factor.settled]
    if found:
        yield ""
        yield paper.paint("READING COULD NOT TELL, AND RUNNING DID", "bold")
        for one in found:
            yield from paper.wrapped(f"{MARKS[one.seen.verdict]} {settled(one)}", "  ", "    ")


def _todo(audit: Audit, paper: Paper) -> Iterator[str]:
    if not audit.todo:
        return
    yield ""
    yield paper.paint("TO DO", "bold")
    additions = [one for one in audit.todo if one.kind == "add"]
    steps = [one for one in audit.todo if one.kind != "add"]
    for number, step in enumerate(steps, start=1):
        yield from _step(step, number, paper)
    if additions:
        last = f"{len(steps) + 1}. Add to [prove] of tolv.toml what the app has of these:"
        yield from paper.wrapped(last, "  ", "     ")
        for one in additions:
            yield f"       {plain(one.fix)}"
            yield from paper.wrapped(f"# {one.what}", "         ")


def _step(step: Step, number: int, paper: Paper) -> Iterator[str]:
    head = f"{number}. {step.id}"
    yield from paper.wrapped(f"{head}  {step.what}", "  ", "     ")
    if step.places:
        rules = f" ({', '.join(step.rules)})" if step.rules else ""
        yield from paper.wrapped(f"in {', '.join(step.places)}{rules}", "     ")
    if step.fix:
        yield from paper.wrapped(f"Fix: {step.fix}", "     ")
