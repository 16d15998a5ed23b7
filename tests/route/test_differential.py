"""The router beside nginx: the same bytes to both, and every difference explained."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_every_difference_from_nginx_is_explained_here_and_in_the_docs() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "differential.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (ROOT / "docs" / "router.md").read_text()
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(rows) > 50
    assert [row for row in rows if row not in page] == [], "docs/router.md: put in what `bin/bench differential` prints"
