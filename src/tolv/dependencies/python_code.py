"""What is added to a Python app's own code: its byte code, kept by content so that a small change costs little."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from tolv.dependencies.model import Context, DependencyPlan
from tolv.dependencies.python_runtime import Interpreter
from tolv.dependencies.python_venv import compile_bytecode, python_files

#: Where the app's own console scripts lie, relative to its root.
SCRIPTS = ".tolv/bin"


def compile_code(plan: DependencyPlan, tree: Path, context: Context) -> None:
    """Byte code for every Python file of the tree, from the cache where the same file was compiled before."""
    interpreter = Interpreter(plan.runtime.version, plan.interpreter)
    tag = f"cpython-{interpreter.minor.replace('.', '')}"
    cache = context.cache / "bytecode" / tag
    cache.mkdir(parents=True, exist_ok=True)
    missing = []
    for path in python_files(tree):
        kept = cache / _key(path, tree)
        if not _take(kept, _target(path, tag)):
            missing.append((path, kept))
    if not missing:
        return
    compile_bytecode(interpreter, [path for path, _ in missing], tree, "/app", context)
    for path, kept in missing:
        with contextlib.suppress(FileNotFoundError, FileExistsError):  # no Python of this version; someone was faster
            os.link(_target(path, tag), kept)


def _key(path: Path, tree: Path) -> str:
    name = str(path.relative_to(tree)).encode()
    return hashlib.sha256(name + b"\0" + path.read_bytes()).hexdigest()


def _target(path: Path, tag: str) -> Path:
    return path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc"


def _take(kept: Path, target: Path) -> bool:
    try:
        target.parent.mkdir(exist_ok=True)
        os.link(kept, target)
    except FileNotFoundError:
        return False
    except FileExistsError:
        target.unlink()
        return _take(kept, target)
    return True
