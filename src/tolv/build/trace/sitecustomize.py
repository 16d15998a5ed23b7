"""Note which Python files a build step reads: loaded at start by each Python that the step runs (see `build.steps`).

Standard library of Python 3.8 and later only. Appends each path once, as it is opened, to `$TOLV_TRACE`.
"""

import os
import sys
from typing import Any


def _install() -> None:
    trace = os.open(os.environ["TOLV_TRACE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    seen: set[str] = set()

    def note(event: str, arguments: "tuple[Any, ...]") -> None:
        if event == "open" and isinstance(arguments[0], str) and arguments[0].endswith(".py"):
            path = os.path.abspath(arguments[0])
            if path not in seen:
                seen.add(path)
                os.write(trace, os.fsencode(path) + b"\0")

    sys.addaudithook(note)


if "TOLV_TRACE" in os.environ:
    _install()
