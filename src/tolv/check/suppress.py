"""Findings that somebody answered for in the code or in `tolv.toml`, and why.

A remark stands on the line of the finding or on the line above, in the comment that the file's language has:

    SECRET_KEY = "x"  # tolv: ignore[III-05] only signs the demo's cookies
    // tolv: ignore[VI-05, VI-01] false positive: /cache is a mounted volume

A finding about a file as a whole is answered for in the comment that the file begins with. The reason is required:
without one the finding stays, and a note says what is missing. A reason that starts with `false positive:` takes the
finding back; with any other it stays true, and accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from tolv.check.answered import set_aside
from tolv.check.fingerprints import with_fingerprints
from tolv.check.model import Finding, Place, Report, State, Suppressed
from tolv.codebase.manifest import CheckSettings

Lines = Callable[[str], Sequence[str] | None]
"""Gives a file's lines; None where it cannot be read."""

#: What starts a comment, at the start of the line or behind what may end a piece of code: inside a text it counts not.
_REMARK = re.compile(
    r"(?:^|(?<=[\s;,(){}\[\]>]))(?:\#+|//+|/\*+|<!--|--|;+|\{\#|\{\{!(?:--)?|<%\#|\*|(?i:rem)\s)"
    r"\s*tolv:\s*ignore\[([^\]\n]{1,200})\](.*)"
)
_CLOSINGS = ("*/", "-->", "#}", "--}}", "}}", "%>")
_COMMENT = re.compile(r"\s*(#|//|/\*|\*|<!--|--|;|\{#|\{\{!|<%#|<\?php\s*$|(?i:rem)\s|$)")
#: Characters before and behind the word `tolv:` that are looked at.
_BEFORE, _AFTER = 20, 600
_FALSE = re.compile(r"false[ -]positive\b[:,;.\s-]*", re.IGNORECASE)
#: Lines that the comment at the top of a file may have.
_TOP = 30
#: Comment lines that may stand between a remark and the line that it is about.
_STACK = 10


@dataclass(frozen=True, slots=True)
class Remark:
    """`tolv: ignore[…] reason` in a file."""

    rules: tuple[str, ...]
    reason: str
    line: int


def suppress(report: Report, settings: CheckSettings, lines: Lines) -> Report:
    """The report without what is answered for in the code and in `tolv.toml`, with a note for each remark without a
    reason.

    Only files with findings are read.
    """
    answers: list[Suppressed] = []
    notes: list[Finding] = []
    known: dict[str, Sequence[str]] = {}
    for finding in report.findings:
        path = finding.place.path
        if path and path not in known:
            known[path] = (lines(path) if finding.place.commit is None else None) or ()
        remark = remark_for(finding, known.get(path, ()))
        if remark is not None and not remark.reason:
            notes.append(_lacking(finding, remark))
        elif remark is not None:
            answers.append(answered_for(finding, remark.reason, "inline"))
        elif reason := _ignored(finding, settings):
            answers.append(answered_for(finding, reason, "tolv.toml"))
    return _with_notes(set_aside(report, answers), with_fingerprints(notes))


def answered_for(finding: Finding, reason: str, by: Literal["inline", "tolv.toml"]) -> Suppressed:
    """A finding with the reason that was given; `false positive: …` takes it back."""
    wrong = _FALSE.match(reason)
    state: State = "false positive" if wrong else "accepted"
    return Suppressed(finding, reason[wrong.end() :] or reason if wrong else reason, by, state)


def remark_for(finding: Finding, lines: Sequence[str]) -> Remark | None:
    """The remark that answers for a finding in a file with these lines."""
    if finding.place.commit is not None:
        return None
    for number in _where(finding.place, lines):
        remark = read_remark(lines[number - 1], number)
        if remark is not None and finding.rule in remark.rules:
            return remark
    return None


def read_remark(line: str, number: int = 1) -> Remark | None:
    """The remark in a line; None if it has none."""
    at = line.find("tolv:")
    # A part of the line is enough, and a line may have millions of characters.
    found = _REMARK.search(line[max(at - _BEFORE, 0) : at + _AFTER]) if at >= 0 else None
    if found is None:
        return None
    rules = tuple(name.strip().upper() for name in found[1].split(","))
    reason = found[2].strip()
    for closing in _CLOSINGS:
        reason = reason.removesuffix(closing).rstrip()
    return Remark(rules, reason.lstrip(":-– "), number)


def covers(glob: str, path: str) -> bool:
    """Whether a glob means a path, or a directory above it; `*` means slashes, too, as in `[build] exclude`."""
    glob = glob.removeprefix("./").rstrip("/")
    if fnmatchcase(path, glob) or glob in ("", ".", "**"):
        return True
    return any(fnmatchcase(path[:at], glob) for at, letter in enumerate(path) if letter == "/")


def _where(place: Place, lines: Sequence[str]) -> Iterator[int]:
    """The lines where a remark about a place may stand."""
    if place.line is None:
        for number, line in enumerate(lines[:_TOP], start=1):
            if not _COMMENT.match(line):
                return
            yield number
        return
    last = min(max(place.end_line or place.line, place.line), len(lines))
    yield from range(place.line, last + 1)
    for number in range(min(place.line, len(lines) + 1) - 1, max(place.line - 1 - _STACK, 0), -1):
        if not lines[number - 1].strip() or not _COMMENT.match(lines[number - 1]):
            return
        yield number


def _ignored(finding: Finding, settings: CheckSettings) -> str | None:
    names = (finding.rule, finding.rule.partition("-")[0])
    for one in settings.ignore:
        if one.rule in names and (one.path is None or covers(one.path, finding.place.path)):
            return one.reason
    return None


def _lacking(finding: Finding, remark: Remark) -> Finding:
    return Finding(
        message=f"The remark that ignores {finding.rule} here gives no reason, so it counts for nothing",
        place=Place(finding.place.path, remark.line),
        severity="note",
        fix=f"Write why: tolv: ignore[{', '.join(remark.rules)}] and the reason",
        subject="remark without a reason",
        rule=finding.rule,
        unit=finding.unit,
    )


def _with_notes(report: Report, notes: Iterable[Finding]) -> Report:
    added: dict[str, dict[Place, Finding]] = {}
    for note in notes:
        added.setdefault(note.rule.partition("-")[0], {}).setdefault(note.place, note)
    if not added:
        return report
    factors = tuple(
        replace(one, findings=(*one.findings, *added.get(one.factor.label, {}).values())) for one in report.factors
    )
    return replace(report, factors=factors)
