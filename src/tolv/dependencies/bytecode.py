"""Compile Python files so that the same source gives the same bytes. Run by the app's interpreter, not by Tolv's.

Standard library of Python 3.6 and later only. Reads JSON from standard input: `root` (what is cut from each path),
`shown` (what stands there instead, in tracebacks of code that lost its source) and `files`. Unlike `compileall` it
writes no path of this machine, checks nothing by time (`unchecked-hash`), and does not depend on what was compiled
before: version 2 of `marshal` writes no references, whose presence follows reference counts.
"""

import _imp
import importlib.util
import json
import marshal
import os
import sys


def compile_file(path, shown):
    """Write the byte code of `path` beside it; a file that is no Python of this version is left alone."""
    try:
        with open(path, "rb") as file:
            source = file.read()
        code = compile(source, shown, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, UnicodeDecodeError, RecursionError):
        return
    header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")
    data = header + _imp.source_hash(importlib.util._RAW_MAGIC_NUMBER, source) + marshal.dumps(code, 2)
    target = importlib.util.cache_from_source(path, optimization="")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(data)


def main():
    """Compile what standard input lists."""
    sys.dont_write_bytecode = True
    import warnings

    warnings.simplefilter("ignore")
    task = json.load(sys.stdin)
    for path in task["files"]:
        compile_file(path, task["shown"] + path[len(task["root"]) :])


if __name__ == "__main__":
    main()
