"""The report as JSON. Stable: keys are added, never renamed or removed, and values keep their meaning."""

from __future__ import annotations

import json

from tolv.parity.model import Parity
from tolv.parity.reports import View


def render(parity: Parity, view: View) -> str:
    """One object."""
    return json.dumps(parity.to_dict(), indent=2, ensure_ascii=False) + "\n"
