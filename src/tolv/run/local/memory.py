"""Whether a process that ended says itself that it ran out of memory.

Where a cgroup holds the limit the kernel kills, and the keeper knows. Where each process has a limit (`RLIMIT_DATA`)
an allocation fails, and the runtime ends with words of its own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

#: The last words of CPython, Node, Ruby, the JVM, Go, C++ and of C programs that look at errno.
_SIGN = re.compile(
    r"^(?:MemoryError\b.*|.*JavaScript heap out of memory.*|.*\bNoMemoryError\b.*|.*java\.lang\.OutOfMemoryError.*"
    r"|fatal error: (?:runtime: )?(?:out of|cannot allocate) memory.*|.*std::bad_alloc.*|.*Cannot allocate memory.*)$",
    re.M,
)
#: Bytes at the end of standard error that are looked at: V8 writes a stack of its own after its words.
_TAIL = 4096
_LONGEST = 120


def said_out_of_memory(stderr: Path) -> str | None:
    """The line in which the process said so, from the end of its standard error; None if there is none."""
    try:
        with open(stderr, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return None
    found = _SIGN.findall(text)
    return str(found[-1]).strip()[:_LONGEST] if found else None
