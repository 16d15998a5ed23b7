"""What must be known before a finding is claimed: who runs the code, what beats it, and who needs what it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_NEXT = '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "^5", "@angular/core": "^20"}}'
_ASK = "(async () => {\n  const info = await fetch('https://api.example.org/info');\n})();\n"

CASES = [
    # Who runs it: a browser.
    ok(
        "IX-04",
        "javascript",
        {"package.json": _NEXT, "server.js": "require('express')().listen(process.env.PORT);\n", "client/main.ts": _ASK},
        "a page that asks while it is loaded",
    ),
    bad(
        "IX-04",
        "javascript",
        {"package.json": _NEXT, "server.js": "require('express')().listen(process.env.PORT);\n", "api/main.ts": _ASK},
        "api/main.ts:2",
        why="a server that asks while it is loaded",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_finding_is_claimed_where_its_facts_are_known(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
