"""What every log of SARIF 2.1.0 (OASIS Standard, 27 March 2020) has."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tolv import __version__

#: Relative to what places are.
BASE = "%SRCROOT%"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def log(runs: Sequence[dict[str, Any]]) -> str:
    """A log with these runs."""
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": list(runs)}, indent=2) + "\n"


def run(name: str, rules: Sequence[dict[str, Any]], results: Sequence[dict[str, Any]], root: str) -> dict[str, Any]:
    """What every run has. `name` tells runs of the same tool apart (`tolv/check/shop/`), `root` says in words what
    places are relative to."""
    driver = {"name": "Tolv", "semanticVersion": __version__, "version": __version__, "rules": list(rules)}
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": name},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {BASE: {"description": {"text": root}}},
        "results": list(results),
    }


def location(
    path: str, line: int | None = None, *, column: int | None = None, end_line: int | None = None, snippet: str = ""
) -> dict[str, Any]:
    """A place. The repository as a whole is `.`; what is about a file as a whole stands at its first line, as viewers
    show nothing without one."""
    uri = quote(os.fsencode(path)) if path else "."
    first = max(line or 1, 1)
    region: dict[str, Any] = {"startLine": first}
    if line is not None and column is not None:
        region["startColumn"] = max(column, 1)
    if end_line is not None and end_line >= first:
        region["endLine"] = end_line
    if snippet:
        region["snippet"] = {"text": snippet}
    return {"physicalLocation": {"artifactLocation": {"uri": uri, "uriBaseId": BASE}, "region": region}}
