"""Reports: one module per format, each with one function, `render(reports, view) -> str`.

To add a format is to add a module and its line in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module

from tolv.check.model import Report, Severity
from tolv.check.rule import Rule

#: Every format, with what it is for. The module has the format's name.
FORMATS: dict[str, str] = {
    "terminal": "for people at a terminal",
    "json": "for scripts; stable",
    "sarif": "SARIF 2.1.0, for code scanning and editors",
    "markdown": "for a wiki or a pull request",
    "html": "one page that needs nothing else, for who decides",
    "junit": "for CI servers that show tests",
    "github": "annotations in a workflow of GitHub",
    "adr": "an architecture decision record for each factor in debt",
}

#: Formats that the table of many repositories has.
SUMMARIES = ("terminal", "json", "markdown")

Lines = Callable[[Report, str], Sequence[str] | None]
"""Gives the lines of a file of a report's app; None where they cannot be read."""


def no_lines(report: Report, path: str) -> None:
    """`Lines` where no file is at hand."""


@dataclass(frozen=True, slots=True)
class View:
    """How a report is shown, and what a format may ask for beside it."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    lines: Lines = no_lines
    width: int = 100
    """Columns of the terminal."""
    colour: bool = False
    fail_on: Severity | None = "error"
    """What counts as a failure; None: nothing does."""
    today: date | None = None
    """The date of a record; None: not said."""


def render(format: str, reports: Sequence[Report], view: View) -> str:
    """The reports in a format, with a line end at the end."""
    assert format in FORMATS
    text: str = import_module(f"tolv.check.reports.{format}").render(reports, view)
    return text


def render_summary(format: str, reports: Sequence[Report], view: View) -> str:
    """The table of reports and factors, in one of `SUMMARIES`."""
    from tolv.check.reports.summary import render as table

    return table(format, reports, view)
