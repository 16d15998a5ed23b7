"""What check says and prove sees, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from check.reports.example import factor, finding, report, rule

from tolv.audit.join import Catalogue, join
from tolv.audit.model import Audit
from tolv.check import model as check
from tolv.check.model import CannotTell, FactorReport, Witness
from tolv.prove.model import Evidence, Outcome, Report, Result, Verdict
from tolv.prove.probe import Mutation, Probe

SAW = (
    Evidence("sent", 'POST /notes {"text": "k-17"} -> 201', 0.2, "web.1"),
    Evidence("signal", "SIGKILL", 0.5, "web.1"),
    Evidence("answer", "GET /notes/17 -> 404", 1.9, "web.2"),
)
LINES = ("""write = 'POST /notes {"text": "{token}"}'""", 'read_back = "GET /notes/{id}"')


async def _never(trial: object) -> Outcome:
    raise AssertionError("no test runs it")


def probe(id: str, *rules: str, title: str = "survives kill -9") -> Probe:
    return Probe(
        id=id,
        title=title,
        tier=1,
        needs=("write", "read_back"),
        does="Writes an item, kills the process, reads the item.",
        proved="The item is there.",
        refuted="It is gone.",
        fix="Keep it in a backing service.",
        run=_never,
        mutation=Mutation("keeps notes in memory"),
        rules=rules,
    )


RULES = {
    one.id: one
    for one in (
        rule("III-05"),
        rule("VI-01", title="A request leaves state in the memory of one process"),
        rule("VI-05", "warning", "A request writes to the local disk"),
        replace(rule("VI-06", "warning", "A cache that only one process knows"), probe="VI-P3"),
        replace(rule("VII-01", title="The port is a literal"), probe="VII-P1"),
    )
}
PROBES = {
    one.id: one
    for one in (
        probe("VI-P2", "VI-01", "VI-05"),
        probe("VI-P3", "VI-01", title="two agree"),
        probe("VII-P1", "VII-01", title="listens where PORT says"),
        probe("VII-P2", title="can be reached"),
    )
}
CATALOGUE = Catalogue(RULES, PROBES)

PROVED, REFUTED, ADVISORY = Verdict.PROVED, Verdict.REFUTED, Verdict.ADVISORY
UNSTABLE, NOT_PROVABLE, NOT_APPLICABLE = Verdict.UNSTABLE, Verdict.NOT_PROVABLE, Verdict.NOT_APPLICABLE

NOTES = finding("VI-01", "app.py", 23, message="NOTES is changed by a request", snippet="NOTES = {}", subject="NOTES")
LOGGED = finding("VI-05", "app.py", 40, "warning", "add() writes a file", snippet='open("notes.json", "w")')
PORT = finding("VII-01", "serve.py", 3, message="The port is 8080", snippet="port = 8080")


def result(id: str, verdict: Verdict = PROVED, reason: str = "as it was seen", **more: object) -> Result:
    made = PROBES.get(id)
    title = made.title if made else "of another catalogue"
    found = Result(id, id.partition("-")[0], title, Outcome(verdict, reason), SAW, "namespaces", 1.5)
    return replace(found, **more)  # type: ignore[arg-type]


def unprovable(id: str, *lines: str) -> Result:
    return result(id, outcome=Outcome(NOT_PROVABLE, "[prove] names no write", lines or LINES), evidence=())


def said(*factors: FactorReport, **more: object) -> check.Report:
    return report(factors=factors, unread=(), suppressed=more.pop("suppressed", ()), **more)


def held(number: int, rule: str = "", why: str = "all is in the database") -> FactorReport:
    return factor(number, "holds", why, witnesses=(Witness(why, rule=rule),))


def unsure(number: int, rule: str, probe: str | None = None) -> FactorReport:
    return factor(number, "cannot tell", "who knows", unsettled=(CannotTell("who knows", probe, rule),))


def seen(*results: Result, **more: object) -> Report:
    made = Report("shop", "a975ef6" + "1" * 33, False, ("web",), ("postgres 16.14",), results, 20.0, root="/srv/shop")
    return replace(made, **more)  # type: ignore[arg-type]


def joined(factors: Sequence[FactorReport], results: Sequence[Result], **more: object) -> Audit:
    return join(said(*factors, **more), seen(*results), CATALOGUE)


def example() -> Audit:
    """One of each: a refuted factor with a cause, a contradiction of each kind, something settled, something to add."""
    factors = (
        factor(3, "findings", "1 error", [finding()]),
        factor(6, "findings", "1 error, 1 warning", [NOTES, LOGGED], unsettled=(CannotTell("a cache", rule="VI-06"),)),
        factor(7, "findings", "1 error", [PORT], witnesses=(Witness("any address", rule="VII-02"),)),
        held(9),
        factor(13, "not applicable", "it answers no requests"),
    )
    results = (
        result("VI-P2", REFUTED, "item 17 is gone, NOTES is empty"),
        result("VI-P3"),
        result("VII-P1", reason="41873, then 52011"),
        unprovable("VII-P2"),
    )
    return joined(factors, results)
