"""Reports, as `tolv.check.reports` has them: one module per format, each with one function, `render(audit, view)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module

from tolv.audit.model import Audit
from tolv.check import reports as check
from tolv.check.rule import Rule
from tolv.prove.probe import Probe

#: Every format, with what it is for. The module has the format's name.
FORMATS: dict[str, str] = {
    "terminal": "for people at a terminal",
    "json": "for scripts; stable",
    "sarif": "SARIF 2.1.0, for code scanning and editors",
    "markdown": "for a wiki or a pull request",
    "html": "one page that needs nothing else, for who decides",
    "adr": "an architecture decision record for each factor in debt",
    "badge": "SVG, for a README: how many factors are proved",
}


@dataclass(frozen=True, slots=True)
class View:
    """How a report is shown, and what a format may ask for beside it."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    probes: Mapping[str, Probe] = field(default_factory=dict)
    lines: check.Lines = check.no_lines
    width: int = 100
    """Columns of the terminal."""
    colour: bool = False
    verbose: bool = False
    """With the evidence of every result, not of the refuted alone."""
    today: date | None = None
    """The date of a record; None: not said."""

    @property
    def checked(self) -> check.View:
        """The same for what check's reports show."""
        return check.View(self.rules, self.lines, self.width, self.colour, today=self.today)


def render(format: str, audit: Audit, view: View) -> str:
    """The report in a format, with a line end at the end."""
    assert format in FORMATS
    text: str = import_module(f"tolv.audit.reports.{format}").render(audit, view)
    return text
