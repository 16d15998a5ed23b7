"""Which environment variables the code of an app reads: told by a hook that Python and Node load before it.

Other runtimes read their environment from memory, which leaves no trace: of them nothing is told.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

_PYTHON = '''\
"""Notes each environment variable that the app's own code asks for, and where; then does what would be done without."""


def install(root, out):
    import os
    import re
    import sys

    plain = os._Environ.__getitem__
    runtime = r"(?:^|[\\\\/])(?:os|_collections_abc)\\.py$|^<frozen "
    readers = r"[\\\\/](?:decouple|environs?|dotenv)(?:[\\\\/.]|$)|starlette[\\\\/]config"
    between = re.compile(runtime + "|" + readers)
    noted = set()

    def write(line):
        file = os.open(out, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def note(key, there):
        frame = sys._getframe(2)
        while frame is not None and between.search(frame.f_code.co_filename):
            frame = frame.f_back
        if frame is None:
            return
        place = os.path.abspath(frame.f_code.co_filename)
        if place.startswith(root + os.sep) and "site-packages" not in place and (key, there) not in noted:
            noted.add((key, there))
            write(f"{key}\\t{os.path.relpath(place, root)}:{frame.f_lineno}\\t{int(there)}\\n")

    def getitem(self, key):
        if isinstance(key, str):
            try:
                note(key, self.encodekey(key) in self._data)
            except Exception:
                pass
        return plain(self, key)

    os._Environ.__getitem__ = getitem
    write(f"\\t{os.getpid()}\\t\\n")


try:
    install(ROOT, OUT)
except Exception:
    pass
import sys

sys.path[:] = [one for one in sys.path if one != HERE]
sys.modules.pop("sitecustomize", None)
try:
    import sitecustomize
except ImportError:
    pass
'''
_NODE = """\
// Notes each environment variable that the app's own code asks for, and where.
"use strict";
const fs = require("fs"), path = require("path");
const noted = new Set(), real = process.env;
function note(key) {
  const there = Object.prototype.hasOwnProperty.call(real, key);
  const lines = String(new Error().stack).split("\\n").slice(1);
  const line = lines.find((one) => !one.includes(__filename));
  const at = line && line.indexOf(ROOT + path.sep);
  if (line === undefined || at < 0 || line.includes("node_modules") || noted.has(key + there)) return;
  noted.add(key + there);
  const place = line.slice(at + ROOT.length + 1).replace(/:\\d+\\)?$/, "");
  fs.appendFileSync(OUT, `${key}\\t${place}\\t${Number(there)}\\n`);
}
process.env = new Proxy(real, {
  get(target, key) {
    if (typeof key === "string") try { note(key); } catch {}
    return target[key];
  },
  set(target, key, value) { target[key] = value; return true; },
});
fs.appendFileSync(OUT, `\\t${process.pid}\\t\\n`);
"""


@dataclass(frozen=True, slots=True)
class Read:
    """A variable that the app's code asks for."""

    name: str
    where: str
    """`config.py:12`."""
    there: bool
    """It was in the environment."""


class EnvReads:
    """The hook in a directory of its own, and what it tells. The app must be able to read and write the directory."""

    def __init__(self, directory: Path, root: Path) -> None:
        """`root`: where the app's code lies."""
        self.directory = directory
        self._out = directory / "reads"
        values = {"ROOT": os.fspath(root), "OUT": os.fspath(self._out), "HERE": os.fspath(directory)}
        directory.mkdir(mode=0o777, exist_ok=True)
        directory.chmod(0o777)
        self._out.touch()
        self._out.chmod(0o666)
        python = "".join(f"{name} = {value!r}\n" for name, value in values.items())
        (directory / "sitecustomize.py").write_text(python + _PYTHON)
        node = "".join(f"const {name} = {value!r};\n" for name, value in values.items())
        (directory / "hook.cjs").write_text(node + _NODE)

    def env(self, given: Mapping[str, str]) -> dict[str, str]:
        """The variables that have it loaded, beside those that are given."""
        python = os.pathsep.join(filter(None, (os.fspath(self.directory), given.get("PYTHONPATH"))))
        node = " ".join(filter(None, (f"--require={self.directory}/hook.cjs", given.get("NODE_OPTIONS"))))
        return {"PYTHONPATH": python, "NODE_OPTIONS": node}

    def loaded(self, pids: Collection[int]) -> bool:
        """Whether one of the processes has loaded it."""
        return any(line[1].isdigit() and int(line[1]) in pids for line in self._lines() if not line[0])

    def reads(self) -> tuple[Read, ...]:
        """What was asked for so far: each variable once, in order."""
        found: dict[str, Read] = {}
        for name, where, there in self._lines():
            if name:
                found.setdefault(name, Read(name, where, there == "1"))
        return tuple(found.values())

    def _lines(self) -> list[list[str]]:
        lines = [line.split("\t") for line in self._out.read_text(errors="replace").splitlines()]
        return [line for line in lines if len(line) == 3]
