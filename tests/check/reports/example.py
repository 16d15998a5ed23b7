"""A report made by hand: every verdict, every severity, a commit, an absence, hostile text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tolv.check.fingerprints import with_fingerprints
from tolv.check.model import (
    CannotTell,
    FactorReport,
    Finding,
    Place,
    Report,
    Severity,
    Suppressed,
    Unread,
    Verdict,
    Witness,
)
from tolv.check.rule import Rule
from tolv.factors import FACTORS

SECRET = "hunter2-of-the-shop"
CONFIG = [
    "import os",
    "class Config:",
    f"    SECRET_KEY = os.environ.get('SECRET_KEY') or '{SECRET}'",
    "    DEBUG = True",
]
FILES: dict[str, list[str]] = {"config.py": CONFIG, "app/käse.py": ["def write():", "\topen('x', 'w')"]}


def rule(id: str, severity: Severity = "error", title: str = "A secret has a default that anyone can read") -> Rule:
    return Rule(
        id=id,
        severity=severity,
        materials=("python",),
        title=title,
        why="In production an unset variable makes sessions forgeable.",
        fix="Read it without a default.",
        bad='KEY = os.environ.get("KEY", "x")',
        good='KEY = os.environ["KEY"]',
        source="https://12factor.net/config",
        judge=lambda unit: iter(()),
        looks=(),
        probe=None,
        per_unit=True,
        everywhere=False,
    )


RULES = {
    one.id: one
    for one in (
        rule("II-02", "warning", "There is no lock file"),
        rule("III-03", "error", "A secret is in the history"),
        rule("III-05"),
        rule("VI-05", "warning", "A request writes to the local disk"),
        rule("XI-05", "note", "Logs have no structure"),
    )
}


def finding(
    rule: str = "III-05",
    path: str = "config.py",
    line: int | None = 3,
    severity: Severity = "error",
    message: str = "SECRET_KEY has a default that anyone can read",
    snippet: str = "",
    **more: object,
) -> Finding:
    place = Place(path, line, 5 if line else None, commit=more.pop("commit", None))  # type: ignore[arg-type]
    if not snippet and line and path in FILES:
        snippet = FILES[path][line - 1]
    made = Finding(message, place, severity, rule=rule, snippet=snippet, **more)  # type: ignore[arg-type]
    return with_fingerprints([made])[0]


FINDINGS = (
    finding(fix="SECRET_KEY = os.environ['SECRET_KEY'], and name it in .env.example", subject="SECRET_KEY"),
    finding("III-03", ".env", None, message="A private key was committed", commit="a975ef6" + "0" * 33),
    finding("II-02", "", None, "warning", "There is no lock file beside requirements.txt"),
    finding("VI-05", "app/käse.py", 2, "warning", "write() | opens a <file> on `disk`"),
    finding("XI-05", "app/log,ger:x.py", 7, "note", "No log line is structured\n%"),
)
ACCEPTED = finding("VI-05", "config.py", 1, "warning", "Accepted by somebody")


def factor(number: int, verdict: Verdict, why: str, findings: Sequence[Finding] = (), **more: object) -> FactorReport:
    made = FactorReport(FACTORS[number - 1], verdict, why, findings=tuple(findings))
    return replace(made, **more)  # type: ignore[arg-type]


def report(**more: object) -> Report:
    held = factor(1, "holds", "one app, one repo, 14 tags", witnesses=(Witness("one app, one repo, 14 tags"),))
    factors = {
        1: held,
        2: factor(2, "findings", "1 warning", FINDINGS[2:3]),
        3: factor(3, "findings", "2 errors", FINDINGS[0:2]),
        6: factor(6, "findings", "1 warning", FINDINGS[3:4]),
        7: factor(7, "cannot tell", "the port comes from a file", probe="VII-P1", unsettled=(CannotTell("port"),)),
        11: factor(11, "holds", "all goes to stdout", FINDINGS[4:]),
        13: factor(13, "not applicable", "it answers no requests"),
    }
    all_factors = tuple(
        factors.get(n) or factor(n, "holds", "seen", witnesses=(Witness("seen"),)) for n in range(1, 17)
    )
    made = Report(
        app="microblog",
        root="/srv/microblog",
        commit="a975ef6" + "1" * 33,
        languages=("python",),
        processes=("web", "worker"),
        factors=all_factors,
        rules=114,
        unread=(Unread("big.min.js", "200 MB"),),
        suppressed=(Suppressed(ACCEPTED, "one instance until June", "baseline"),),
        files=120,
        lines=14_000,
        duration=0.24,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def lines(path: str) -> Sequence[str] | None:
    return FILES.get(path)
