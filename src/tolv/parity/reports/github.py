"""Workflow commands of GitHub Actions: each difference as an annotation of the run."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.parity.kinds import KINDS
from tolv.parity.model import Parity
from tolv.parity.reports import View
from tolv.parity.reports.text import SEVERITIES, counted, message, remedy, title
from tolv.reports.github import command


def render(parity: Parity, view: View) -> str:
    """A command a line, and a line for the log at the end."""
    return "".join(f"{line}\n" for line in _commands(parity))


def _commands(parity: Parity) -> Iterator[str]:
    for one in parity.differences:
        said = message(one) + (f"\nRemedy: {remedy(one)}" if one.remedy else "")
        yield command(SEVERITIES[one.judgement], {"title": f"{title(parity)}: {KINDS[one.kind]}"}, said)
    yield f"tolv parity: {title(parity)}: {counted(parity)}"
