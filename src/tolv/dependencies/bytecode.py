"""Compile Python files so that the same source gives the same bytes. Run by the app's interpreter, not by Tolv's.

Standard library of Python 3.7 and later only, and little of it (`importlib.util` and `warnings` would double the time
that this takes to start): a change to one file waits for it. Reads from standard input, each ended by a NUL: what is
cut from each path, what stands there instead (in tracebacks of code that lost its source), and the files. Unlike
`compileall` it writes no path of this machine, checks nothing by time (`unchecked-hash`), and does not depend on what
was compiled before: version 2 of `marshal` writes no references, whose presence follows reference counts.
"""

import marshal
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER, cache_from_source
from _imp import source_hash


def compile_file(path: str, shown: str) -> None:
    """Write the byte code of `path` beside it; a file that is no Python of this version is left alone."""
    try:
        with open(path, "rb") as file:
            source = file.read()
        code = compile(source, shown, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, UnicodeDecodeError, RecursionError):
        return
    header = MAGIC_NUMBER + (1).to_bytes(4, "little")
    data = header + source_hash(int.from_bytes(MAGIC_NUMBER, "little"), source) + marshal.dumps(code, 2)
    target = cache_from_source(path, optimization="")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(data)


def main() -> None:
    """Compile what standard input lists."""
    sys.dont_write_bytecode = True
    root, shown, *files = os.fsdecode(sys.stdin.buffer.read()).split("\0")[:-1]
    for path in files:
        compile_file(path, shown + path[len(root) :])


if __name__ == "__main__":
    main()
