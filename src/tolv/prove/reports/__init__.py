"""Reports: one module per format, each with one function, `render(report, view) -> str`.

To add a format is to add a module and its line in `FORMATS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from tolv.prove.model import Report, Result, Verdict

#: Every format, with what it is for. The module has the format's name.
FORMATS: dict[str, str] = {
    "terminal": "for people at a terminal",
    "json": "for scripts; stable",
    "junit": "for CI servers that show tests",
}


@dataclass(frozen=True, slots=True)
class View:
    """How a report is shown."""

    width: int = 100
    """Columns of the terminal."""
    colour: bool = False
    unicode: bool = True
    """False: with nothing but ASCII, and words in the place of marks."""
    verbose: bool = False
    """With the evidence of every probe, not only of those that need explaining."""
    fail_on: frozenset[Verdict] = frozenset({Verdict.REFUTED})
    """What counts as a failure; a refuted probe that the team expects to be refuted never does."""

    def fails(self, result: Result) -> bool:
        return result.verdict in self.fail_on and (result.verdict is not Verdict.REFUTED or result.unexpected)


def render(format: str, report: Report, view: View) -> str:
    """The report in a format, with a line end at the end."""
    assert format in FORMATS
    text: str = import_module(f"tolv.prove.reports.{format}").render(report, view)
    return text
