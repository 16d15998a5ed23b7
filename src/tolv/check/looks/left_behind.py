"""Looks whether a file of the process before is still there, and gives up: a pid file, a lock, a socket."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tolv.check.look import Look
from tolv.check.source import Source

_STALE = re.compile(
    r"(?:exists(?:Sync)?|is_file|isfile|file_exists|File\.exist\?|access(?:Sync)?)\s*\(?.{0,80}?(\.pid|\.lock|\.sock\b|"
    r"pid_?file|lock_?file|sock(et)?_?(file|path))|\[\[?\s+-[ef]\s+\S*(\.pid|\.lock|PIDFILE|LOCKFILE|pidfile|lockfile)",
    re.IGNORECASE,
)
_ABORTS = re.compile(r"sys\.exit|process\.exit|\braise\b|\bthrow\b|\bexit [1-9]|os\._exit|die\(|abort\b")
_TOLERATES = re.compile(
    r"unlink|remove|\brm\b|kill(pg)?\b|-0\b|rmSync|is_running|pid_exists|age|mtime|ps -p|/proc/", re.IGNORECASE
)

left_behind: Look[int] = Look("files left behind")
"""Lines."""


@left_behind.reads(
    "python", "javascript", words=("exists", "existsSync", "is_file", "isfile", "access", "accessSync", "lstat", "stat")
)
def _read(source: Source) -> Iterator[int]:
    lower = source.data.lower()
    if any(sign in lower for sign in (b".pid", b"pidfile", b"pid_file", b".lock", b"lockfile", b"lock_file", b"sock")):
        yield from stale_checks(source.lines)


def stale_checks(lines: Sequence[str]) -> Iterator[int]:
    """The lines, from 1, on which such a file makes the start give up."""
    for number, line in enumerate(lines, start=1):
        lower = line.lower()
        if "pid" not in lower and "lock" not in lower and "sock" not in lower:
            continue
        if len(line) > 400 or not _STALE.search(line) or line.lstrip().startswith(("#", "//", "*")):
            continue
        if re.search(r"\bnot\b[^:]*exist|![\w.]*exist|\[\[?\s+!", line):
            continue  # it wants the file
        block = "\n".join(lines[number - 1 : number + 4])
        if _ABORTS.search(block) and not _TOLERATES.search("\n".join(lines[max(0, number - 4) : number + 6])):
            yield number
