"""The report as JSON. Stable: keys are added, never renamed or removed, and values keep their meaning."""

from __future__ import annotations

import json

from tolv.prove.model import Report
from tolv.prove.reports import View


def render(report: Report, view: View) -> str:
    """One object."""
    text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
    # A file's name need not be text: what UTF-8 cannot hold becomes an escape, which JSON reads.
    return text.encode("utf-8", "backslashreplace").decode() + "\n"
