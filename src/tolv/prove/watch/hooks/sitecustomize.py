"""Runs in the app's own Python, before the app: notes which file of the app's imports which module.

`TOLV_IMPORTS` names the file to write to, `TOLV_IMPORTS_OF` the app's directory. A `sitecustomize` that the
environment has itself runs afterwards, as it would have.
"""

import builtins
import os
import sys

_import = builtins.__import__
_target = os.environ.get("TOLV_IMPORTS", "")
_root = os.environ.get("TOLV_IMPORTS_OF", "") + "/"
_noted = set()  # type: set[tuple[str, str]]


def _noting(name, globals=None, locals=None, fromlist=(), level=0):  # type: ignore[no-untyped-def]
    module = _import(name, globals, locals, fromlist, level)
    if level == 0 and globals:
        file = globals.get("__file__") or ""
        if file.startswith(_root) and "/site-packages/" not in file and "/node_modules/" not in file:
            _note(file, name, fromlist or ())  # type: ignore[no-untyped-call]
    return module


def _note(file, name, fromlist):  # type: ignore[no-untyped-def]
    for one in (name, *(name + "." + part for part in fromlist)):
        module = sys.modules.get(one)
        if module is not None and (file, one) not in _noted:
            _noted.add((file, one))
            origin = getattr(module, "__file__", None) or ""
            with open(_target, "a") as log:
                log.write("\t".join((os.path.relpath(file, _root), one, origin)) + "\n")


if _target:
    builtins.__import__ = _noting

_here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [one for one in sys.path if os.path.abspath(one or ".") != _here]
sys.modules.pop("sitecustomize", None)
try:  # noqa: SIM105 - contextlib would be loaded for it
    import sitecustomize  # type: ignore[import-not-found] # noqa: F401
except ImportError:
    pass
