"""What a release that failed left behind: the last lines of its processes, the requests that failed most."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tolv.config.redact import Redactor
from tolv.logs.reader import read
from tolv.run.local.launch import Launch

_LAST_LINES = 10
#: Lines of the request log that are looked at, and requests that are named.
_REQUESTS, _NAMED = 5000, 3
_REQUEST = re.compile(r'method=(\S+) path="((?:[^"\\]|\\.)*)" .* status=(5\d\d) ')


def last_lines(logs: Path, launch: Launch, process: str | None) -> str:
    """The last that a process (None: all of them) wrote, for a message that may travel far: without config's values."""
    lines = read(
        logs, launch.app, launch.environment, process=process, release=f"v{launch.release}", last=_LAST_LINES * 2
    )
    hide = Redactor(launch.config.values())
    own = [line for line in lines if line.stream in ("stdout", "stderr")][-_LAST_LINES:]
    return "\n".join(["its last lines:", *([f"{line.process} | {hide(line.message)}" for line in own] or _NOTHING)])


_NOTHING = ["it wrote nothing"]


def failed_requests(logs: Path, launch: Launch) -> str | None:
    """`most at: GET /checkout (180), POST /cart (32)`: which requests were answered with 5xx; None if none is known."""
    lines = read(logs, launch.app, launch.environment, process="router", release=f"v{launch.release}", last=_REQUESTS)
    found = Counter(f"{match[1]} {match[2]}" for line in lines if (match := _REQUEST.search(line.message)))
    if not found:
        return None
    return "most at: " + ", ".join(f"{request} ({count:,})" for request, count in found.most_common(_NAMED))
