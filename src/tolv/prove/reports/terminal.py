"""The report for people: factor by factor a line for each probe, and below it what explains its verdict."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.factors import FACTORS, Factor
from tolv.prove.model import Report, Result, Verdict
from tolv.prove.repeats import in_short
from tolv.prove.reports import View
from tolv.prove.reports.text import commit, counted, few, left_out, missing, replay, seconds, sections, seen
from tolv.reports.terminal import Paper, broken, columns, filled, fitted
from tolv.reports.text import amount, plain

_MARKS = {
    Verdict.PROVED: "✓",
    Verdict.REFUTED: "✗",
    Verdict.ADVISORY: "!",
    Verdict.UNSTABLE: "~",
    Verdict.NOT_PROVABLE: "·",
    Verdict.NOT_APPLICABLE: "·",
}
_COLOURS = {
    Verdict.PROVED: "green",
    Verdict.REFUTED: "red",
    Verdict.ADVISORY: "yellow",
    Verdict.UNSTABLE: "yellow",
    Verdict.NOT_PROVABLE: "cyan",
    Verdict.NOT_APPLICABLE: "dim",
}
#: Verdicts that share a mark are told apart by their word.
_SAID = (Verdict.NOT_PROVABLE, Verdict.NOT_APPLICABLE)
#: Verdicts whose evidence is always shown.
_EXPLAINED = (Verdict.REFUTED, Verdict.UNSTABLE)
#: Verdicts whose reason fits on the line, or is cut.
_BRIEF = (Verdict.PROVED, Verdict.NOT_APPLICABLE)
_ROW, _BELOW = " " * 4, " " * 8
#: Columns: of a verdict as a word, of an id, of a title at most, of a duration, and of a reason at least.
_WORD, _ID, _TITLE, _DURATION, _REASON = 14, 7, 34, 10, 20
_KIND = 8


def render(report: Report, view: View) -> str:
    """The page."""
    return "\n".join(_Page(report, view).lines()) + "\n"


class _Page:
    """A report, and how it is shown."""

    def __init__(self, report: Report, view: View) -> None:
        self.report = report
        self.view = view
        paper = Paper(view.width, view.colour)
        self.width, self.paint = paper.width, paper.paint
        self.dot = " · " if view.unicode else " - "
        self.title = min(max((columns(self.said(one.title)) for one in report.in_tier), default=0), _TITLE)

    def lines(self) -> Iterator[str]:
        waiting = {one.id for one in self.report.waiting}
        yield self.heading()
        if self.report.unready:
            yield ""
            yield from self.hanging("unready", self.report.unready, "  ", "red")
            if number := len(waiting):
                yield f"{' ' * (2 + _KIND)}{amount(number, 'probe')} {'waits' if number == 1 else 'wait'} for that"
        for factor in FACTORS:
            results = tuple(one for one in self.report.in_tier if one.factor == factor.label and one.id not in waiting)
            if results:
                yield ""
                yield self.factor(factor)
                for one in results:
                    yield from self.row(one)
                    yield from self.below(one)
        if self.report.notes:
            yield ""
            for note in self.report.notes:
                yield from self.hanging("note", note, "  ", "yellow")
        yield from self.additions()
        yield ""
        yield from self.end()

    def said(self, text: str) -> str:
        """A text, on one line, as this terminal can show it."""
        text = plain(text)
        return text if self.view.unicode else text.encode("ascii", "backslashreplace").decode()

    def cut(self, text: str, room: int) -> str:
        """A text, cut where it takes more columns than there are."""
        if self.view.unicode or columns(text) <= room:
            return fitted(text, room)
        return fitted(text, room - 2).removesuffix("…") + "..."

    def heading(self) -> str:
        app, sha = self.paint(self.said(self.report.app), "bold"), commit(self.report)
        parts = [
            f"{app} at {self.said(sha)}" if sha else app,
            amount(len(self.report.types), "process type"),
            ", ".join(map(self.said, self.report.services)) or "no services",
            amount(len(self.report.in_tier), "probe"),
        ]
        return self.dot.join([self.paint("tolv prove", "bold"), *parts])

    def factor(self, factor: Factor) -> str:
        return f"  {self.paint(f'{factor.label:<5}{factor.title}', 'bold')}"

    def row(self, one: Result) -> Iterator[str]:
        """The probe's line: with more below it for a reason that is worth its space, or where there is no room."""
        mark = _MARKS[one.verdict] if self.view.unicode else f"{one.verdict:<{_WORD}}"
        name = f" {one.id:<{_ID}} {filled(self.said(one.title), self.title)}"
        reason = self.said(one.outcome.reason)
        if self.view.unicode and one.verdict in _SAID:
            reason = f"{one.verdict}: {reason}"
        took = seconds(one.duration)
        left = len(_ROW) + columns(mark) + columns(name) + 2
        room, painted = self.width - left - _DURATION, _ROW + self.paint(mark, _COLOURS[one.verdict]) + name
        below = ""
        if room < _REASON:
            gap = self.width - left + 2 - columns(took)
            yield f"{painted}{' ' * max(gap, 1)}{self.paint(took, 'dim')}".rstrip()
            below, room = _BELOW, self.width - len(_BELOW)
        brief = one.verdict in _BRIEF and not self.view.verbose
        texts = [self.cut(reason, room)] if brief else broken(reason, room)
        if below:
            yield from (f"{below}{text}" for text in texts if text)
            return
        yield f"{painted}  {filled(texts[0], room)}{self.paint(took.rjust(_DURATION), 'dim') if took else ''}".rstrip()
        yield from (" " * left + text for text in texts[1:])

    def below(self, one: Result) -> Iterator[str]:
        """What explains it: what was done and seen, the causes in the code, and that it was expected."""
        if one.verdict in _EXPLAINED or self.view.verbose:
            whole = self.view.verbose
            for each in one.evidence if whole else in_short(one.evidence, one.outcome.reason):
                at = f"{each.at:7.2f} s  " if self.view.verbose else ""
                yield from self.hanging(each.kind, seen(each), f"{_BELOW}{at}")
        for cause in one.causes:
            yield from self.hanging("cause", f"{cause}  ({cause.rule}, tolv check)", _BELOW, "yellow")
        if one.expected is not None:
            yield from self.hanging("expected", f" {one.expected}", _BELOW, "cyan")
        if one.backend and self.view.verbose:
            yield from self.hanging("backend", one.backend, _BELOW)

    def hanging(self, word: str, text: str, indent: str, style: str = "dim") -> Iterator[str]:
        """A word, and a text in a column of its own behind it."""
        first, *rest = broken(self.said(text), self.width - len(indent) - _KIND)
        yield f"{indent}{self.paint(word, style)}{' ' * (_KIND - len(word))}{first}".rstrip()
        yield from (f"{' ' * (len(indent) + _KIND)}{line}" for line in rest)

    def additions(self) -> Iterator[str]:
        """What is missing, ready to be pasted: not wrapped, and not indented."""
        lines = missing(self.report.results)
        if lines:
            yield ""
            manifest = self.said(self.report.manifest or "tolv.toml")
            yield self.paint(f"To try more, add what holds of the app below [prove] in {manifest}:", "bold")
            yield ""
            for line, ids in lines.items():
                yield f"{self.said(line)}  # {few(ids)}"
        for section, ids in sections(self.report.results).items():
            yield ""
            yield f"# {few(ids)}"
            yield from map(self.said, section)

    def end(self) -> Iterator[str]:
        parts = self.dot.join(counted(self.report)) or "nothing was tried"
        took = seconds(self.report.duration)
        gap = self.width - columns(parts) - columns(took)
        if gap >= 2:
            yield f"{self.paint(parts, 'bold')}{' ' * gap}{took}".rstrip()
        else:
            yield from (self.paint(line.removeprefix(self.dot.lstrip()), "bold") for line in broken(parts, self.width))
            if took:
                yield took
        if more := left_out(self.report):
            yield from broken(more, self.width)
        if command := replay(self.report):
            which = "a refuted" if self.report.counts[Verdict.REFUTED] else "an unstable"
            yield f"replay {which} one:  {self.said(command)}"
