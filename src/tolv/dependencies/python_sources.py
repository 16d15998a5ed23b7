"""Where a Python app's dependencies come from: which file, what it holds, and how uv is told to install it.

The first file of this order that is there decides, for it is the most exact: `uv.lock`, `poetry.lock`, `pdm.lock`,
`Pipfile.lock`, `pylock.toml`, `requirements.txt`, `pyproject.toml`, `setup.py`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tolv.dependencies.model import Context
from tolv.dependencies.python_locks import Lock, read_pdm, read_pipfile, read_poetry, read_pylock, read_uv
from tolv.dependencies.python_requirements import read_requirements, requirement_names
from tolv.dependencies.python_runtime import Interpreter, read_toml
from tolv.dependencies.python_venv import uv
from tolv.errors import AppError


@dataclass(frozen=True, slots=True)
class Source:
    """What a lockfile or manifest says, before anything is run."""

    lockfile: str | None
    digest: str
    """Of all that the installation depends on."""
    names: frozenset[str]
    """Normalised names of the packages, as far as they can be read without resolving."""
    notes: tuple[str, ...] = ()
    lock: Lock | None = None
    flags: tuple[str, ...] = ()

    def misfits(self, interpreter: Interpreter) -> int:
        """How many locked packages have wheels, but none for this interpreter."""
        return self.lock.misfits(interpreter.minor) if self.lock else 0

    def command(self, tree: Path, prefix: Path, interpreter: Interpreter, context: Context) -> list[str]:
        """How uv is told to install it into the virtual environment `prefix`."""
        python = str(prefix / "bin" / "python")
        if self.lockfile == "uv.lock" and not any(name in os.environ for name in _INDEX_OVERRIDES):
            return ["sync", "--locked", "--no-default-groups", "--no-install-project", "--no-editable", "-p", python]
        command = ["pip", "install", "--python", python, *self.flags]
        path = context.scratch / "requirements.txt"
        if self.lockfile == "uv.lock":
            path.write_text(_exported(tree, python, context))
            return [*command, "--no-deps", "--requirements", str(path)]
        if self.lock is None or self.lock.requirements is None:
            return [*command, "--requirements", self.lockfile or ""]
        lines = self.lock.requirements(interpreter.version)
        path.write_text("\n".join([*lines, ""]))
        hashed = ["--require-hashes"] if lines and all("--hash=" in one for one in lines) else []
        return [*command, *hashed, "--no-deps", "--requirements", str(path)]


def read_source(tree: Path) -> Source:
    """The dependencies of the app in `tree`.

    Raises `AppError` for a lock that contradicts its manifest, or a manifest that needs a lock and has none.
    """
    for name, read in _LOCKS.items():
        if (tree / name).is_file():
            return _locked(tree, name, read(tree / name))
    if (tree / "requirements.txt").is_file():
        return _requirements(tree)
    if (tree / "Pipfile").is_file():
        raise AppError("Pipfile has no Pipfile.lock", where="Pipfile", remedy="run `pipenv lock` and commit the result")
    if _has_project(tree):
        return _unlocked(tree, "pyproject.toml", "run `uv lock` and commit uv.lock")
    if (tree / "setup.py").is_file():
        return _unlocked(tree, "setup.py", "write a requirements.txt with pinned versions")
    return Source(None, "", frozenset())


#: Whoever runs Tolv has an index of their own.
_INDEX_OVERRIDES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")

_LOCKS: dict[str, Callable[[Path], Lock]] = {
    "uv.lock": read_uv,
    "poetry.lock": read_poetry,
    "pdm.lock": read_pdm,
    "Pipfile.lock": read_pipfile,
    "pylock.toml": read_pylock,
}


def _exported(tree: Path, python: str, context: Context) -> str:
    """`uv.lock` as requirements, for a machine whose index is not the lock's: `uv sync` would call the lock stale."""
    options = ("--frozen", "--no-default-groups", "--no-emit-project", "--no-editable", "--no-header", "--quiet")
    return context.run(
        [uv(), "export", *options, "-p", python],
        cwd=tree,
        failure="uv.lock cannot be read",
        remedy="run `uv lock` and commit uv.lock",
    )


def _locked(tree: Path, name: str, lock: Lock) -> Source:
    manifest = tree / "pyproject.toml"
    content = [(tree / name).read_bytes(), manifest.read_bytes() if manifest.is_file() else b""]
    if not lock.local:
        return Source(name, _digest(*content), lock.names, lock=lock)
    note = f"{name} names paths of this tree: its dependencies are installed again when any file changes"
    return Source(name, _digest(*content, tree_digest(tree)), lock.names, (note,), lock, ("--no-editable",))


def _requirements(tree: Path) -> Source:
    found = read_requirements(tree / "requirements.txt")
    notes = []
    if found.unpinned:
        shown = ", ".join(found.unpinned[:3]) + (" …" if len(found.unpinned) > 3 else "")
        notes.append(f"requirements.txt is not locked: {shown} may differ in the next build")
    if found.local:
        notes.append("requirements.txt names paths of this tree: it is installed again when any file changes")
    return Source(
        "requirements.txt",
        _digest(found.digest.encode(), tree_digest(tree) if found.local else b""),
        found.names,
        tuple(notes),
        flags=(*(("--require-hashes",) if found.hashed else ()), *(("--no-editable",) if found.local else ())),
    )


def _unlocked(tree: Path, name: str, remedy: str) -> Source:
    project = read_toml(tree / "pyproject.toml").get("project", {})
    names = requirement_names(project.get("dependencies", ()))
    note = f"nothing is locked: {name} alone decides, and the next build may differ; {remedy}"
    content = (tree / name).read_bytes()
    dynamic = name == "setup.py" or "dependencies" in project.get("dynamic", ())
    return Source(name, _digest(content, tree_digest(tree) if dynamic else b""), names, (note,))


def _has_project(tree: Path) -> bool:
    data = read_toml(tree / "pyproject.toml")
    if "poetry" in data.get("tool", {}) and "project" not in data:
        raise AppError(
            "pyproject.toml is Poetry's, but there is no poetry.lock",
            where="pyproject.toml",
            remedy="run `poetry lock` and commit the result",
        )
    project = data.get("project", {})
    return bool(project.get("dependencies") or "dependencies" in project.get("dynamic", ()))


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(hashlib.sha256(one).digest() for one in parts)).hexdigest()


def tree_digest(tree: Path) -> bytes:
    """Of every file's path and content, for installations that take in the tree itself."""
    digest = hashlib.sha256()
    for path in sorted(one for one in tree.rglob("*") if one.is_file() and not one.is_symlink()):
        digest.update(str(path.relative_to(tree)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()
