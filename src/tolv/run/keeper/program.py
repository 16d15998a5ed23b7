"""The launcher as the keeper hands it to a new process: read and compiled once, kept in memory.

Read once, as an upgrade may put a launcher on disk that does not understand the orders of a keeper that runs on.
Compiled once, as that takes longer than all that the launcher does. An upgrade may put another Python in place of the
keeper's, too: such a one takes the source.
"""

from __future__ import annotations

import fcntl
import marshal
import os
import re
import sys

#: Descriptors below this one are the launcher's: its three, its order, the keeper's word, its program.
_LOWEST = 10
_FUTURE = "from __future__ import annotations\n"
_EACH_OTHER = re.compile(r"^from tolv\.run\.keeper\.[^(\n]*(\([^)]*\))?\n", re.MULTILINE)


def in_memory(name: str, content: bytes) -> int:
    """A descriptor of a file that no disk ever sees, ready to be read from its start."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return high(descriptor)


def high(descriptor: int) -> int:
    """Move a descriptor out of the way of those that the launcher gets."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _LOWEST)
    os.close(descriptor)
    return moved


def _source() -> bytes:
    """Namespaces, what confines, then the launcher, as one program: what one takes from another precedes it."""
    text = _FUTURE
    for name in ("namespaces.py", "confine.py", "launcher.py"):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), encoding="utf-8") as file:
            text += _EACH_OTHER.sub("", file.read().replace(_FUTURE, ""))
    return text.encode()


_SOURCE = _source()
_CODE = marshal.dumps(compile(_SOURCE, "launcher", "exec"))
#: The program, for descriptor 5: source, then code.
LAUNCHER = in_memory("tolv-launcher", _SOURCE + _CODE)
#: What Python is told to run.
STARTER = (
    f"import marshal,os,sys\nt=os.pread(5,{len(_SOURCE) + len(_CODE)},0)\n"
    f"exec(marshal.loads(t[{len(_SOURCE)}:]) if sys.version=={sys.version!r} else t[:{len(_SOURCE)}])"
)
del _SOURCE, _CODE  # it is in memory twice otherwise, for as long as the keeper lives
