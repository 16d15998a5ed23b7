"""Reports, as `tolv.check.reports` has them: one module per format, each with one function, `render(parity, view)`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from tolv.parity.model import Judgement, Parity

#: Every format, with what it is for. The module has the format's name.
FORMATS: dict[str, str] = {
    "terminal": "for people at a terminal",
    "json": "for scripts; stable",
    "markdown": "for a wiki or a pull request",
    "html": "one page that needs nothing else, for who decides",
    "sarif": "SARIF 2.1.0, for code scanning",
    "junit": "for CI servers that show tests",
    "github": "annotations in a workflow of GitHub",
}


@dataclass(frozen=True, slots=True)
class View:
    """How a report is shown."""

    width: int = 100
    """Columns of the terminal."""
    colour: bool = False
    fail_over: Judgement = "notable"
    """What is worse counts as a failure, where a format has such a thing."""


def render(format: str, parity: Parity, view: View) -> str:
    """The report in a format, with a line end at the end."""
    assert format in FORMATS
    text: str = import_module(f"tolv.parity.reports.{format}").render(parity, view)
    return text
