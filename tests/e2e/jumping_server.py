"""The server on a clock that jumps: by as many seconds as `$TOLV_HOME/clock` says."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

_jump = Path(os.environ["TOLV_HOME"]) / "clock"
_time, _time_ns = time.time, time.time_ns


def _seconds() -> float:
    try:
        return float(_jump.read_text() or 0)
    except FileNotFoundError:
        return 0.0


time.time = lambda: _time() + _seconds()
time.time_ns = lambda: _time_ns() + int(_seconds() * 1e9)

from tolv.server.__main__ import main  # noqa: E402  (the clock first)

if __name__ == "__main__":
    sys.exit(main())
