"""The five questions that an architect asks of a service, answered from the factors."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.check.model import Report, Severity, Verdict
from tolv.check.reports.text import verdict

Answer = Literal["yes", "in part", "no", "cannot tell", "not applicable"]

#: Each with the factors that decide it.
QUESTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Can it be deployed independently to each environment?", ("I", "III", "V")),
    ("Can it scale without shared state?", ("VI", "VIII")),
    ("Does it start and stop in seconds?", ("IX",)),
    ("Does it log to stdout?", ("XI",)),
    ("Does it treat all services as external config?", ("III", "IV")),
)


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with its answer and the evidence."""

    question: str
    answer: Answer
    because: str


def questions(report: Report) -> Iterator[Answered]:
    """Each question: no where one of its factors has an error, in part where one has warnings, yes where all hold."""
    by_label = {one.factor.label: one for one in report.factors}
    for question, labels in QUESTIONS:
        factors = [by_label[label] for label in labels if label in by_label]
        verdicts = {one.verdict for one in factors}
        grave = {finding.severity for one in factors for finding in one.findings}
        because = "; ".join(f"{one.factor.label} {one.factor.title}: {verdict(one)}" for one in factors)
        yield Answered(question, _answer(verdicts, grave), because)


def _answer(verdicts: Collection[Verdict], grave: Collection[Severity | None]) -> Answer:
    if "error" in grave:
        return "no"
    if "findings" in verdicts:
        return "in part"
    if "cannot tell" in verdicts or not verdicts:
        return "cannot tell"
    return "yes" if "holds" in verdicts else "not applicable"


def asked_of(label: str) -> tuple[str, ...]:
    """The questions that a factor helps to decide."""
    return tuple(question for question, labels in QUESTIONS if label in labels)
